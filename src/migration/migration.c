/*
 * migration.c: the names of formats and kinds, and the module's list of parts.
 */
#include "core/svc.h"

#include "migration/catalog.h"
#include "migration/input.h"
#include "migration/migrate.h"
#include "migration/migration.h"
#include "migration/plan_trial.h"
#include "migration/store.h"

/* By MigrationFormat; what users write */
static const char *const format_names[] = {
	[FORMAT_AUTO] = "auto",
	[FORMAT_PLAIN] = "plain",
	[FORMAT_FLYWAY] = "flyway",
	[FORMAT_GOOSE] = "goose",
	[FORMAT_DRIZZLE] = "drizzle",
	[FORMAT_GOLANG_MIGRATE] = "golang-migrate"
};

/* By MigrationKind; what svc.migrations() shows */
static const char *const kind_names[] = {
	[KIND_VERSIONED] = "versioned",
	[KIND_REPEATABLE] = "repeatable",
	[KIND_BASELINE] = "baseline",
	[KIND_UNDO] = "undo",
	[KIND_CALLBACK] = "callback"
};

/* The place of a name in a list, or -1. */
static int
place_of(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* What a format is called. */
const char *
migration_format_name(MigrationFormat format)
{
	return format_names[format];
}

/* The format that a user names. */
MigrationFormat
migration_format_of(const char *name)
{
	int			format = place_of(name, format_names, lengthof(format_names));

	if (format < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no format of migrations \"%s\"", name),
				 errhint("The formats are plain, flyway, goose, drizzle and golang-migrate; auto finds out.")));
	return (MigrationFormat) format;
}

/* What a kind is called. */
const char *
migration_kind_name(MigrationKind kind)
{
	return kind_names[kind];
}

/* The kind that a row of the catalog names. */
MigrationKind
migration_kind_of(const char *name)
{
	int			kind = place_of(name, kind_names, lengthof(kind_names));

	if (kind < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("there is no kind of migrations \"%s\"", name)));
	return (MigrationKind) kind;
}

/* What migrations do when the library is loaded. */
void
MigrationInit(void)
{
	InputInit();
	MigrateInit();
	StoredMigrationsInit();
	MigrationCatalogInit();
	TrialInit();
}
