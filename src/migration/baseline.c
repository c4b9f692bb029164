/*
 * baseline.c: what was there before the first migration.
 *
 * A schema that somebody else filled begins with a row that says up to which
 * version its migrations need not be run.
 */
#include "core/svc.h"

#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "migration/attempt.h"
#include "migration/baseline.h"
#include "migration/formats.h"
#include "migration/running.h"
#include "migration/setting.h"
#include "migration/tool.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* What Flyway writes as long as nobody says otherwise */
#define DEFAULT_VERSION "1"
#define DEFAULT_DESCRIPTION "<< Flyway Baseline >>"

SVC_FUNCTION(svc_baseline);

/* A setting, or what it is without. */
static const char *
setting_or(const MigrationSource *source, const char *name, const char *otherwise)
{
	char	   *value = setting_text(source, name);

	return value ? value : otherwise;
}

/* Does the service's schema hold anything that is not an extension's? */
static bool
has_objects(const Service *service)
{
	SqlScope	scope;
	bool		found;

	if (!service->schema)
		return false;
	svc_sql_begin(&scope, svc_extension_owner());
	found = svc_sql("WITH n AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)"
					" SELECT 1 FROM (SELECT c.tableoid, c.oid FROM pg_catalog.pg_class c, n"
					"                 WHERE c.relnamespace = n.oid AND c.relkind <> 'i' AND c.relkind <> 'I'"
					"                UNION ALL SELECT p.tableoid, p.oid FROM pg_catalog.pg_proc p, n"
					"                 WHERE p.pronamespace = n.oid"
					"                UNION ALL SELECT t.tableoid, t.oid FROM pg_catalog.pg_type t, n"
					"                 WHERE t.typnamespace = n.oid AND t.typcategory NOT IN ('A', 'C')) o"
					"  WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d"
					"                     WHERE d.classid = o.tableoid AND d.objid = o.oid AND d.deptype = 'e')"
					"  LIMIT 1", sql_name(service->schema)) > 0;
	svc_sql_end(&scope);
	return found;
}

/* Write the row, and add it to the history in memory. */
static void
write_baseline(History *history, const char *version, const char *description)
{
	AppliedMigration *applied = palloc0(sizeof(AppliedMigration));
	AttemptRow	row = {
		.action = "baseline", .outcome = "success", .kind = KIND_VERSIONED, .version = version,
		.description = description, .script = description,
		.installed_by = GetUserNameFromId(GetSessionUserId(), false),
		.started_at = GetCurrentTimestamp(), .duration = 0
	};

	applied->attempt = attempt_insert(history->service->name, &row);
	applied->rank = applied->attempt;
	applied->type = APPLIED_BASELINE;
	applied->version = pstrdup(version);
	applied->description = pstrdup(description);
	applied->script = pstrdup(description);
	applied->installed_by = pstrdup(row.installed_by);
	applied->installed_at = row.started_at;
	applied->success = true;
	history->applied = lappend(history->applied, applied);
}

/* Before the first migration of a schema that is not empty: write a baseline, or refuse. */
void
baseline_check(History *history, const MigrateOptions *options)
{
	const MigrationSource *source = history->source;
	bool		wanted = options->baseline_on_migrate || setting_bool(source, "baselineOnMigrate");

	if (history->applied != NIL || tool_is_adopted(history) ||
		(!wanted && source->format != FORMAT_FLYWAY) || !has_objects(history->service))
		return;
	if (!wanted)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("schema \"%s\" of service \"%s\" is not empty, and there is no history of migrations",
						history->service->schema, history->service->name),
				 errdetail("Migrations would be run over what is there."),
				 errhint("svc.adopt_history takes over the history of the tool that made it; with baseline_on_migrate => true, or after svc.baseline, later migrations are run.")));
	write_baseline(history, setting_or(source, "baselineVersion", DEFAULT_VERSION),
				   setting_or(source, "baselineDescription", DEFAULT_DESCRIPTION));
}

/* Refuse a history that has begun; true: with this very baseline. */
static bool
check_not_begun(const History *history, const char *version, const char *description)
{
	const AppliedMigration *first;

	if (history->applied == NIL)
		return false;
	first = linitial(history->applied);
	if (first->type == APPLIED_BASELINE && version_compare(first->version, version) == 0 &&
		strcmp(first->description, description) == 0)
		return true;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("service \"%s\" already has a history of migrations", history->service->name),
			 errdetail("A baseline comes before everything else."),
			 errhint("SELECT * FROM svc.migrations('%s') lists it.", history->service->name)));
}

/* An adopted table without baselines: the files up to the version count as applied. */
static void
write_applied_files(const History *history, const char *version)
{
	ListCell   *cell;

	foreach(cell, history->files)
	{
		MigrationFile *file = lfirst(cell);
		Attempt		attempt = {.file = file, .direction = DIRECTION_UP,
			.asked_by = GetUserNameFromId(GetSessionUserId(), false)};

		if (file->kind != KIND_VERSIONED || !file->present)
			continue;
		history_record(history, &attempt);
		if (version_compare(file->version, version) == 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("service \"%s\" has no migration of version \"%s\"", history->service->name, version),
			 errhint("SELECT * FROM svc.migrations('%s') lists them.", history->service->name)));
}

/* What golang-migrate's force does, and what follows from it for our own rows. */
static void
force_version(History *history, const char *version)
{
	SqlScope	scope;

	tool_begin(history, &scope, true);
	tool_adopted(history)->force(history, version);
	svc_sql_end(&scope);
	(void) history_read(history->service->name, true);
}

/* Refuse a version that is none. */
static void
check_version(const History *history, const char *version)
{
	if (history->source->format != FORMAT_DRIZZLE && !version_is_valid(version))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid version \"%s\"", version),
				 errhint("A version is made of numbers, with dots between them.")));
}

/*
 * svc.baseline(service, version, description)
 */
Datum
svc_baseline(PG_FUNCTION_ARGS)
{
	Service    *service;
	History    *history;
	const char *version;
	const char *description;

	svc_check_writable("svc.baseline()");
	service = service_arg(fcinfo, 0);
	running_lock(service);
	history = history_read(service->name, true);
	version = svc_arg_text_or_null(fcinfo, 1, "version");
	description = svc_arg_text_or_null(fcinfo, 2, "description");
	version = version ? version : setting_or(history->source, "baselineVersion", DEFAULT_VERSION);
	description = description ? description
		: setting_or(history->source, "baselineDescription", DEFAULT_DESCRIPTION);
	check_version(history, version);

	if (tool_is_adopted(history) && tool_adopted(history)->force)
		force_version(history, version);
	else if (check_not_begun(history, version, description))
		ereport(NOTICE,
				(errmsg("service \"%s\" has this baseline already", service->name)));
	else if (tool_is_adopted(history))
		write_applied_files(history, version);
	else
		write_baseline(history, version, description);
	PG_RETURN_VOID();
}
