/*
 * flyway_name.c: names of Flyway's migrations and callbacks.
 *
 * <prefix><version>__<description>.sql, with a table of prefixes: a letter for
 * migrations, the event for callbacks.  Of those that fit the longest counts.
 */
#include "core/svc.h"

#include "migration/flyway_name.h"
#include "migration/folder.h"
#include "migration/utf8.h"
#include "migration/version.h"

typedef struct FlywayPrefix
{
	const char *prefix;
	MigrationKind kind;
} FlywayPrefix;

static const FlywayPrefix prefixes[] = {
	{"V", KIND_VERSIONED},
	{"R", KIND_REPEATABLE},
	{"B", KIND_BASELINE},
	{"U", KIND_UNDO},
	{"beforeMigrate", KIND_CALLBACK},
	{"beforeRepeatables", KIND_CALLBACK},
	{"beforeEachMigrate", KIND_CALLBACK},
	{"beforeEachMigrateStatement", KIND_CALLBACK},
	{"afterEachMigrateStatement", KIND_CALLBACK},
	{"afterEachMigrateStatementError", KIND_CALLBACK},
	{"afterEachMigrate", KIND_CALLBACK},
	{"afterEachMigrateError", KIND_CALLBACK},
	{"afterMigrate", KIND_CALLBACK},
	{"afterMigrateApplied", KIND_CALLBACK},
	{"afterVersioned", KIND_CALLBACK},
	{"afterMigrateError", KIND_CALLBACK},
	{"beforeUndo", KIND_CALLBACK},
	{"beforeEachUndo", KIND_CALLBACK},
	{"beforeEachUndoStatement", KIND_CALLBACK},
	{"afterEachUndoStatement", KIND_CALLBACK},
	{"afterEachUndoStatementError", KIND_CALLBACK},
	{"afterEachUndo", KIND_CALLBACK},
	{"afterEachUndoError", KIND_CALLBACK},
	{"afterUndo", KIND_CALLBACK},
	{"afterUndoError", KIND_CALLBACK},
	{"beforeClean", KIND_CALLBACK},
	{"afterClean", KIND_CALLBACK},
	{"afterCleanError", KIND_CALLBACK},
	{"beforeInfo", KIND_CALLBACK},
	{"afterInfo", KIND_CALLBACK},
	{"afterInfoError", KIND_CALLBACK},
	{"beforeValidate", KIND_CALLBACK},
	{"afterValidate", KIND_CALLBACK},
	{"afterValidateError", KIND_CALLBACK},
	{"beforeBaseline", KIND_CALLBACK},
	{"afterBaseline", KIND_CALLBACK},
	{"afterBaselineError", KIND_CALLBACK},
	{"beforeRepair", KIND_CALLBACK},
	{"afterRepair", KIND_CALLBACK},
	{"afterRepairError", KIND_CALLBACK},
	{"beforeDeploy", KIND_CALLBACK},
	{"afterDeploy", KIND_CALLBACK},
	{"afterDeployError", KIND_CALLBACK},
	{"beforeCreateSchema", KIND_CALLBACK},
	{"createSchema", KIND_CALLBACK},
	{"beforeConnect", KIND_CALLBACK},
	{"afterConnect", KIND_CALLBACK}
};

/* The longest prefix that a name begins with, or NULL. */
static const FlywayPrefix *
prefix_of(const char *base)
{
	const FlywayPrefix *found = NULL;

	for (int i = 0; i < lengthof(prefixes); i++)
	{
		const char *prefix = prefixes[i].prefix;

		if (strncmp(base, prefix, strlen(prefix)) == 0 &&
			(!found || strlen(prefix) > strlen(found->prefix)))
			found = &prefixes[i];
	}
	return found;
}

/*
 * Flyway takes a sign, and a word that its settings use, for a version, and
 * would run the file at an unexpected place.
 */
void
flyway_check_version(const char *name, const char *version)
{
	if (((*version == '-' || *version == '+') && version_is_valid(version + 1)) ||
		pg_strcasecmp(version, "current") == 0 || pg_strcasecmp(version, "next") == 0 ||
		pg_strcasecmp(version, "latest") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not have the version \"%s\"",
						utf8_shown(name), utf8_shown(version)),
				 errhint("A version is whole numbers with dots or underscores between them.")));
	if (version_is_valid(version) && strlen(version) > FLYWAY_MAX_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the version of \"%s\" is too long", utf8_shown(name)),
				 errdetail("Flyway's history holds %d characters.", FLYWAY_MAX_VERSION)));
}

/* Take the version; false where it is none. */
static bool
take_version(const char *text, Size length, FlywayName *parts)
{
	parts->version = pnstrdup(text, length);
	if (!version_is_valid(parts->version))
		return false;
	for (char *c = parts->version; *c; c++)
		if (*c == '_')
			*c = '.';
	return true;
}

/* Take a name apart; false for one that Flyway passes over. */
bool
flyway_parse_name(const char *name, FlywayName *parts)
{
	const char *base = file_base_name(name);
	const FlywayPrefix *prefix = prefix_of(base);
	const char *end;
	const char *version;
	const char *separator;

	memset(parts, 0, sizeof(*parts));
	if (!prefix || !file_name_ends_anyhow(base, ".sql"))
		return false;
	end = base + strlen(base) - strlen(".sql");
	parts->kind = prefix->kind;
	if (prefix->kind == KIND_CALLBACK)
		parts->event = prefix->prefix;
	version = base + strlen(prefix->prefix);
	separator = strstr(version, "__");
	if (!separator || separator > end)
		separator = end;
	parts->description = separator == end ? pstrdup("") :
		description_of(separator + 2, end > separator + 2 ? end - separator - 2 : 0);
	if (prefix->kind == KIND_REPEATABLE || prefix->kind == KIND_CALLBACK)
		return separator == version;
	return take_version(version, separator - version, parts);
}
