/*
 * flyway.c: folders as Flyway reads them.
 *
 * Names tell what a file is; a file of settings beside it (x.sql.conf) and one
 * for all (flyway.conf) tell the rest.  Settings that would make Flyway see
 * other migrations than we do are refused; what is of no concern here, such as
 * the password, is not even kept.
 */
#include "core/svc.h"

#include "utils/json.h"

#include "migration/flyway.h"
#include "migration/flyway_name.h"
#include "migration/properties.h"
#include "migration/utf8.h"
#include "migration/version.h"

#define CONFIGURATION "flyway.conf"
#define PLACEHOLDER_KEY "placeholders."

/* What is done with a setting */
typedef enum SettingUse
{
	USE_TEXT,					/* kept, as a string */
	USE_BOOL,					/* kept, as true or false */
	USE_VERSION,				/* kept, as a string */
	USE_DEFAULT_SCHEMA,
	USE_SCHEMAS,
	USE_PLACEHOLDERS,			/* placeholderReplacement */
	USE_NAMING,					/* validateMigrationNaming */
	ONLY_DEFAULT				/* refused if it is something else */
} SettingUse;

typedef struct FlywaySetting
{
	const char *key;
	SettingUse	use;
	const char *only;
} FlywaySetting;

/* What flyway.conf says and matters here; the keys begin with "flyway." */
static const FlywaySetting settings[] = {
	{"table", USE_TEXT},
	{"defaultSchema", USE_DEFAULT_SCHEMA},
	{"schemas", USE_SCHEMAS},
	{"baselineOnMigrate", USE_BOOL},
	{"baselineVersion", USE_VERSION},
	{"baselineDescription", USE_TEXT},
	{"outOfOrder", USE_BOOL},
	{"placeholderReplacement", USE_PLACEHOLDERS},
	{"validateMigrationNaming", USE_NAMING},
	{"sqlMigrationPrefix", ONLY_DEFAULT, "V"},
	{"baselineMigrationPrefix", ONLY_DEFAULT, "B"},
	{"undoSqlMigrationPrefix", ONLY_DEFAULT, "U"},
	{"repeatableSqlMigrationPrefix", ONLY_DEFAULT, "R"},
	{"sqlMigrationSeparator", ONLY_DEFAULT, "__"},
	{"sqlMigrationSuffixes", ONLY_DEFAULT, ".sql"},
	{"placeholderPrefix", ONLY_DEFAULT, "${"},
	{"placeholderSuffix", ONLY_DEFAULT, "}"},
	{"placeholderSeparator", ONLY_DEFAULT, ":"},
	{"encoding", ONLY_DEFAULT, "UTF-8"},
	{"skipDefaultCallbacks", ONLY_DEFAULT, "false"},
	{"skipExecutingMigrations", ONLY_DEFAULT, "false"},
	{"target", ONLY_DEFAULT, "latest"}
};

/* What a folder's flyway.conf says */
typedef struct FlywayConfiguration
{
	char	   *default_schema;
	char	   *schemas;		/* with commas */
	bool		replace;		/* placeholders */
	bool		strict_names;
	StringInfoData placeholders;	/* members of a JSON object */
} FlywayConfiguration;

/* Does a name tell that the folder is Flyway's? */
bool
flyway_recognizes(const InputFile *input)
{
	FlywayName	parts;

	return strcmp(file_base_name(input->name), CONFIGURATION) == 0 ||
		flyway_parse_name(input->name, &parts);
}

/* Begin another member of a JSON object. */
static void
add_member(StringInfo object, const char *key)
{
	if (object->len > 0)
		appendStringInfoString(object, ", ");
	escape_json(object, key);
	appendStringInfoString(object, ": ");
}

/* Add a member that is a string. */
static void
add_text(StringInfo object, const char *key, const char *value)
{
	add_member(object, key);
	escape_json(object, value);
}

/* Flyway takes ${NAME} out of its environment, which a server must not. */
static void
check_no_environment(const Properties *at)
{
	if (strstr(at->value, "${"))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s refers to the environment in \"%s\", line %d",
						utf8_shown(at->key), utf8_shown(at->file->name), at->line),
				 errhint("Write the value itself; values of placeholders can be handed over as variables => '{\"name\": \"value\"}'.")));
}

/* A setting that only its default value is allowed for. */
static void
check_default(const Properties *at, const FlywaySetting *setting)
{
	if (pg_strcasecmp(at->value, setting->only) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s can only be %s, in \"%s\", line %d",
						at->key, setting->only, utf8_shown(at->file->name), at->line)));
}

/* A version that flyway.conf names. */
static char *
configured_version(const Properties *at)
{
	if (!version_is_valid(at->value) || strlen(at->value) > FLYWAY_MAX_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a version in \"%s\", line %d",
						at->key, utf8_shown(at->file->name), at->line)));
	for (char *c = at->value; *c; c++)
		if (*c == '_')
			*c = '.';
	return at->value;
}

/* Take a setting that we know. */
static void
apply_setting(Folder *folder, FlywayConfiguration *configuration, const Properties *at,
			  const FlywaySetting *setting)
{
	if (setting->use != ONLY_DEFAULT)
		check_no_environment(at);
	switch (setting->use)
	{
		case USE_TEXT:
			add_text(&folder->settings, setting->key, at->value);
			break;
		case USE_BOOL:
			add_member(&folder->settings, setting->key);
			appendStringInfoString(&folder->settings, properties_bool(at) ? "true" : "false");
			break;
		case USE_VERSION:
			add_text(&folder->settings, setting->key, configured_version(at));
			break;
		case USE_DEFAULT_SCHEMA:
			configuration->default_schema = at->value;
			break;
		case USE_SCHEMAS:
			configuration->schemas = at->value;
			break;
		case USE_PLACEHOLDERS:
			configuration->replace = properties_bool(at);
			break;
		case USE_NAMING:
			configuration->strict_names = properties_bool(at);
			break;
		case ONLY_DEFAULT:
			check_default(at, setting);
			break;
	}
}

/* Take a setting, if it is one that matters. */
static void
read_setting(Folder *folder, FlywayConfiguration *configuration, const Properties *at)
{
	const char *key = at->key;

	if (strncmp(key, "flyway.", 7) != 0)
		return;
	key += 7;
	if (strncmp(key, PLACEHOLDER_KEY, strlen(PLACEHOLDER_KEY)) == 0)
	{
		check_no_environment(at);
		add_text(&configuration->placeholders, key + strlen(PLACEHOLDER_KEY), at->value);
		return;
	}
	for (int i = 0; i < lengthof(settings); i++)
		if (strcmp(key, settings[i].key) == 0)
			apply_setting(folder, configuration, at, &settings[i]);
}

/* Write the schemas, the one with the history first. */
static void
add_schemas(Folder *folder, FlywayConfiguration *configuration)
{
	char	   *names = configuration->schemas ? configuration->schemas : "";
	bool		first = true;

	if (!configuration->schemas && !configuration->default_schema)
		return;
	add_member(&folder->settings, "schemas");
	appendStringInfoChar(&folder->settings, '[');
	if (configuration->default_schema)
	{
		escape_json(&folder->settings, configuration->default_schema);
		first = false;
	}
	for (char *at = names; *at; at += strspn(at, ", \t"))
	{
		char	   *name = pnstrdup(at, strcspn(at, ", \t"));

		at += strlen(name);
		if (*name == '\0' || (configuration->default_schema &&
							  strcmp(name, configuration->default_schema) == 0))
			continue;
		if (!first)
			appendStringInfoString(&folder->settings, ", ");
		escape_json(&folder->settings, name);
		first = false;
	}
	appendStringInfoChar(&folder->settings, ']');
}

/* The file with the settings of all migrations, or NULL. */
static const InputFile *
find_configuration(const Folder *folder)
{
	const InputFile *found = NULL;
	ListCell   *cell;

	foreach(cell, folder->inputs)
	{
		const InputFile *input = lfirst(cell);

		if (strcmp(file_base_name(input->name), CONFIGURATION) != 0)
			continue;
		if (found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is more than one %s", CONFIGURATION),
					 errdetail("They are \"%s\" and \"%s\".", utf8_shown(found->name),
							   utf8_shown(input->name))));
		found = input;
	}
	return found;
}

/* Read flyway.conf, and write what matters as the set's settings. */
static void
read_configuration(Folder *folder, FlywayConfiguration *configuration)
{
	const InputFile *file = find_configuration(folder);
	Properties	properties;
	StringInfo	out = &folder->settings;
	char	   *members;

	configuration->replace = true;
	initStringInfo(&configuration->placeholders);
	if (!file)
		return;
	properties_begin(&properties, file);
	while (properties_next(&properties))
		read_setting(folder, configuration, &properties);
	add_schemas(folder, configuration);
	if (configuration->placeholders.len > 0)
	{
		add_member(out, "placeholders");
		appendStringInfo(out, "{%s}", configuration->placeholders.data);
	}
	members = pstrdup(out->data);
	resetStringInfo(out);
	appendStringInfo(out, "{%s}", members);
}

/* Take a setting of one file. */
static void
read_file_setting(MigrationFile *file, const Properties *at)
{
	static const FlywaySetting encoding = {"encoding", ONLY_DEFAULT, "UTF-8"};
	static const FlywaySetting execution = {"shouldExecute", ONLY_DEFAULT, "true"};

	if (strcmp(at->key, "executeInTransaction") == 0)
		file->transactional = properties_bool(at) ? 1 : 0;
	else if (strcmp(at->key, "placeholderReplacement") == 0)
		file->placeholders = properties_bool(at);
	else if (strcmp(at->key, encoding.key) == 0)
		check_default(at, &encoding);
	else if (strcmp(at->key, execution.key) == 0)
		check_default(at, &execution);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no setting \"%s\" of a migration, in \"%s\", line %d",
						utf8_shown(at->key), utf8_shown(at->file->name), at->line),
				 errhint("The settings are executeInTransaction, placeholderReplacement, encoding and shouldExecute.")));
}

/* Read the settings beside a file. */
static void
read_file_configuration(Folder *folder, MigrationFile *file)
{
	const InputFile *input = folder_find(folder, psprintf("%s.conf", file->script));
	Properties	properties;

	if (!input)
		return;
	properties_begin(&properties, input);
	while (properties_next(&properties))
		read_file_setting(file, &properties);
}

/* Is there a placeholder to be replaced? */
static bool
has_placeholder(const InputFile *input)
{
	const char *at = input->content;
	const char *end = at + input->length;

	for (; (at = memchr(at, '$', end - at)); at++)
		if (at + 1 < end && at[1] == '{')
			return true;
	return false;
}

/* A file's name is not a migration's: it is passed over, or refused if flyway.conf wants that. */
static void
handle_other_file(Folder *folder, const InputFile *input, bool strict_names)
{
	if (strcmp(file_base_name(input->name), "flyway.toml") != 0 &&
		!file_name_ends_anyhow(input->name, ".sql"))
		return;
	if (strict_names && file_name_ends_anyhow(input->name, ".sql"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not the name of a migration", utf8_shown(input->name)),
				 errhint("Flyway's names are V<version>__<description>.sql, R__<description>.sql and the like. With validateMigrationNaming = false in flyway.conf, others are passed over.")));
	folder_pass_over(folder, input);
}

/* Read a folder and its subfolders. */
void
flyway_read(Folder *folder)
{
	FlywayConfiguration configuration = {0};
	ListCell   *cell;

	read_configuration(folder, &configuration);
	foreach(cell, folder->inputs)
	{
		const InputFile *input = lfirst(cell);
		FlywayName	parts;
		MigrationFile *file;
		bool		good = flyway_parse_name(input->name, &parts);

		if (parts.version)
			flyway_check_version(input->name, parts.version);
		if (!good)
		{
			handle_other_file(folder, input, configuration.strict_names);
			continue;
		}
		file = folder_add(folder, input, parts.kind, parts.version, parts.description);
		file->event = (char *) parts.event;
		file->placeholders = configuration.replace;
		read_file_configuration(folder, file);
		file->placeholders = file->placeholders && has_placeholder(input);
	}
}
