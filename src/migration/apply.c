/*
 * apply.c: one migration inside the caller's transaction: svc.apply_migration.
 *
 * For tests, which apply a migration, look, and roll back.  The statements run
 * as the owner role, but in the caller's session: he must be somebody who could
 * run them himself, and no superuser, whose session would be a prize.
 */
#include "core/svc.h"

#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "migration/formats.h"
#include "migration/history.h"
#include "migration/repeatable.h"
#include "migration/run.h"
#include "migration/running.h"
#include "migration/script.h"
#include "migration/statement.h"
#include "runner/execute.h"
#include "service/service.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_apply_migration);

/* The pending migration of a version; one that was undone has another entry for what it was. */
static const MigrationFile *
pending_file(const History *history, const char *version)
{
	MigrateOptions options = {.out_of_order = true};
	MigrationInfo *other = NULL;
	ListCell   *cell;

	foreach(cell, history_infos(history, &options))
	{
		MigrationInfo *info = lfirst(cell);

		if (!info->file || !info->file->version ||
			migration_compare(history->source->format, info->file->version, info->file->created_at,
							  version, info->file->created_at) != 0)
			continue;
		if (info->state == STATE_PENDING)
			return info->file;
		other = info;
	}
	if (other)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("migration \"%s\" is not pending", other->file->script),
				 errdetail("Its state is: %s.", migration_state_name(other->state))));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("service \"%s\" has no migration of version \"%s\"", history->service->name,
					version)));
}

/* Refuse a statement that needs a session or a transaction of its own. */
static void
check_statement(const MigrationFile *file, const ScriptStatement *statement)
{
	const char *reason = "a transaction of its own";

	if (statement_controls_transaction(statement->raw->stmt) ||
		!statement_is_transactional(statement->raw->stmt, &reason))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("migration \"%s\" cannot run in the caller's transaction", file->script),
				 errdetail("Line %d has %s.", statement->line, reason),
				 errhint("CALL svc.migrate().")));
}

/* Run one statement, as the user that the scope switched to. */
static void
run_statement(const MigrationFile *file, const ScriptStatement *statement)
{
	char	   *text = pnstrdup(statement->text, statement->length);
	int			result;

	check_statement(file, statement);
	if (statement->copy_data)
	{
		runner_copy(castNode(CopyStmt, statement->raw->stmt), text,
					(CopyData) {statement->copy_data, statement->copy_length});
		return;
	}
	result = SPI_execute(text, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
	SPI_freetuptable(SPI_tuptable);
}

/* The text of a file, in the current memory context. */
static char *
file_text(const char *service, const MigrationFile *file, Size *length)
{
	char	   *text = store_content(service, file->script, length);

	if (!text)
		store_raise_no_content(file->script);
	return text;
}

/* Run all statements of a file; returns how many. */
static int
run_file(const History *history, const MigrationFile *file)
{
	ScriptStatement statement = {0};
	Script	   *script;
	Size		length;
	char	   *text = file_text(history->service->name, file, &length);
	int			n = 0;
	SqlScope	scope;

	svc_sql_begin_theirs(&scope, history->service->owner, run_search_path(history->service));
	script = script_open(history->source->format, file, DIRECTION_UP, text, length,
						 migration_variables(history, NIL));
	while (script_next(script, &statement))
	{
		n = statement.number;
		run_statement(file, &statement);
		CommandCounterIncrement();
	}
	script_close(script);
	svc_sql_end(&scope);
	return n;
}

/*
 * svc.apply_migration(service, version)
 */
Datum
svc_apply_migration(PG_FUNCTION_ARGS)
{
	Service    *service;
	History    *history;
	Attempt		attempt = {0};
	char	   *version;

	svc_check_writable("svc.apply_migration()");
	service = service_arg(fcinfo, 0);
	version = svc_arg_text(fcinfo, 1, "version");
	if (superuser() || superuser_arg(GetSessionUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a superuser cannot apply a migration inside a transaction"),
				 errdetail("Its statements would run in a superuser's session."),
				 errhint("CALL svc.migrate(), or log in as a member of the service's owner role.")));
	running_lock(service);
	history = history_read(service->name, true);
	running_lock_tool(history);
	attempt.file = pending_file(history, version);
	attempt.asked_by = GetUserNameFromId(GetSessionUserId(), false);
	attempt.started_at = GetCurrentTimestamp();
	attempt.statements = attempt.done = run_file(history, attempt.file);
	run_check_service_stays(history->service->name, attempt.file);
	history_record(history, &attempt);
	PG_RETURN_VOID();
}
