/*
 * attempt.c: svc.migration_history, written.
 *
 * A migration that is one transaction writes one row in it, when it is done.
 * One that takes several writes its row before it begins, and the number of
 * statements that are done in the transaction of each, so that it can go on
 * after anything that may happen.  The adopted tool's table is written along, in
 * the same transactions.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/sql.h"
#include "migration/attempt.h"
#include "migration/private_text.h"
#include "migration/tool.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* Microseconds as a parameter; -1 is NULL. */
static SqlArg
sql_duration(int64 duration)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = duration;
	return duration < 0 ? sql_null(INTERVALOID)
		: sql_datum(IntervalPGetDatum(interval), INTERVALOID);
}

/* A time as a parameter; 0 is NULL. */
static SqlArg
sql_time(TimestampTz time)
{
	return time == 0 ? sql_null(TIMESTAMPTZOID)
		: sql_datum(TimestampTzGetDatum(time), TIMESTAMPTZOID);
}

/* A key as a parameter; 0 is NULL. */
static SqlArg
sql_key(int64 key)
{
	return key == 0 ? sql_null(INT8OID) : sql_datum(Int64GetDatum(key), INT8OID);
}

/* A number as a parameter. */
static SqlArg
sql_int(int number)
{
	return sql_datum(Int32GetDatum(number), INT4OID);
}

/*
 * The number of the next attempt.  Looked up in the index and not by a query: a
 * plan that was made while the table was empty would read all of it for each.
 */
static int
next_number(const char *service)
{
	Relation	rel = table_open(svc_catalog_relation("migration_history"), AccessShareLock);
	Relation	index = index_open(svc_catalog_relation("migration_history_pkey"), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	last;
	NameData	name;
	int			number = 1;
	bool		isnull;

	namestrcpy(&name, service);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
	scan = systable_beginscan_ordered(rel, index, NULL, 1, &key);
	last = systable_getnext_ordered(scan, BackwardScanDirection);
	if (HeapTupleIsValid(last))
		number = DatumGetInt32(heap_getattr(last, 2, RelationGetDescr(rel), &isnull)) + 1;
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return number;
}

/* Write a row; returns its number. */
int
attempt_insert(const char *service, const AttemptRow *row)
{
	static SqlSaved saved;
	const Attempt *attempt = row->attempt;
	int			number = next_number(service);
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_saved(&saved,
				  "INSERT INTO svc.migration_history (service, attempt, action, outcome, kind, version,"
				  "  description, script, checksum, statement, statements, done_hash, sqlstate, error,"
				  "  installed_by, started_at, duration, tool_key)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
				  sql_name(service), sql_int(number), sql_text(row->action), sql_text(row->outcome),
				  sql_text(migration_kind_name(row->kind)), sql_text(row->version),
				  sql_text(row->description), sql_text(row->script), sql_text(row->checksum),
				  attempt ? sql_int(attempt->done) : sql_null(INT4OID),
				  attempt ? sql_int(attempt->statements) : sql_null(INT4OID),
				  sql_text(attempt ? attempt->done_hash : NULL), sql_text(row->sqlstate),
				  sql_private_text(service, row->error), sql_name(row->installed_by),
				  sql_time(row->started_at), sql_duration(row->duration), sql_key(row->tool_key));
	svc_sql_end(&scope);
	return number;
}

/* How long an attempt has taken. */
static int64
attempt_duration(const Attempt *attempt)
{
	return attempt->started_at == 0 ? -1 : GetCurrentTimestamp() - attempt->started_at;
}

/* The first row of an attempt. */
static void
insert_attempt(const History *history, Attempt *attempt, const char *outcome,
			   const char *sqlstate, const char *error)
{
	const MigrationFile *file = attempt->file;
	AttemptRow	row = {
		.action = attempt->direction == DIRECTION_UP ? "apply" : "undo",
		.outcome = outcome, .kind = file->kind, .version = file->version,
		.description = file->description, .script = file->script, .checksum = file->checksum,
		.attempt = attempt, .sqlstate = sqlstate, .error = error,
		.installed_by = attempt->asked_by, .started_at = attempt->started_at,
		.duration = attempt_duration(attempt), .tool_key = attempt->tool_key
	};

	attempt->number = attempt_insert(history->service->name, &row);
}

/* Change the row of an attempt. */
static void
update_attempt(const History *history, const Attempt *attempt, const char *outcome,
			   const char *sqlstate, const char *error)
{
	static SqlSaved saved;
	const char *service = history->service->name;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql_saved(&saved,
					  "UPDATE svc.migration_history SET outcome = $3, checksum = $4, statement = $5,"
					  "  statements = $6, done_hash = $7, sqlstate = $8, error = $9, duration = $10,"
					  "  tool_key = $11"
					  " WHERE service = $1 AND attempt = $2 RETURNING 1",
					  sql_name(service), sql_int(attempt->number), sql_text(outcome),
					  sql_text(attempt->file->checksum), sql_int(attempt->done),
					  sql_int(attempt->statements), sql_text(attempt->done_hash), sql_text(sqlstate),
					  sql_private_text(service, error), sql_duration(attempt_duration(attempt)),
					  sql_key(attempt->tool_key)) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the record of migration \"%s\" of service \"%s\" is gone",
						attempt->file->script, service),
				 errdetail("Somebody changed svc.migration_history while it ran.")));
	svc_sql_end(&scope);
}

/*
 * Take over from an earlier attempt that stopped half-way: its row in the
 * tool's table, and its place as the one that is to be finished.
 */
static void
supersede(const History *history, Attempt *attempt)
{
	Attempt    *before = attempt->number != 0 ? NULL
		: history_unfinished(history, attempt->file, attempt->direction);

	if (!before)
		return;
	attempt->tool_key = before->tool_key;
	attempt_abandon(history->service->name, before->number);
}

/* Give an attempt up that is half done. */
void
attempt_abandon(const char *service, int number)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.migration_history SET outcome = 'abandoned' WHERE service = $1 AND attempt = $2",
			sql_name(service), sql_int(number));
	svc_sql_end(&scope);
}

/* What a file's row says is right as it is now. */
void
attempt_align(const char *service, int number, const MigrationFile *file)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.migration_history SET description = $3, script = $4, checksum = $5"
			" WHERE service = $1 AND attempt = $2",
			sql_name(service), sql_int(number), sql_text(file->description), sql_text(file->script),
			sql_text(file->checksum));
	svc_sql_end(&scope);
}

/* A migration was done in one transaction, this one. */
void
history_record(const History *history, Attempt *attempt)
{
	supersede(history, attempt);
	if (attempt->direction == DIRECTION_UP)
		tool_write_applied(history, attempt);
	else
		tool_write_undone(history, attempt);
	insert_attempt(history, attempt, "success", NULL, NULL);
}

/* A migration of several transactions begins, or goes on. */
void
history_begin(const History *history, Attempt *attempt)
{
	supersede(history, attempt);
	tool_write_begun(history, attempt);
	if (attempt->number == 0)
		insert_attempt(history, attempt, "running", NULL, NULL);
	else
		update_attempt(history, attempt, "running", NULL, NULL);
}

/* One more of its statements is done. */
void
history_progress(const History *history, Attempt *attempt)
{
	update_attempt(history, attempt, "running", NULL, NULL);
}

/* It is done. */
void
history_finish(const History *history, Attempt *attempt)
{
	if (attempt->direction == DIRECTION_UP)
		tool_write_applied(history, attempt);
	else
		tool_write_undone(history, attempt);
	update_attempt(history, attempt, "success", NULL, NULL);
}

/* An error as one text: what it says, and where. */
static char *
error_text(const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, error->message ? error->message : "unknown error");
	if (error->detail)
		appendStringInfo(&text, "\nDETAIL: %s", error->detail);
	if (error->hint)
		appendStringInfo(&text, "\nHINT: %s", error->hint);
	if (error->context)
		appendStringInfo(&text, "\nCONTEXT: %s", error->context);
	return text.data;
}

/*
 * It failed.  Half done, it is to be resumed, and stays in the tool's table as
 * what it is; otherwise nothing of it is left there.  If it failed before
 * anybody looked how a killed runner's last statement ended, that is to be
 * looked at still.
 */
void
history_fail(const History *history, Attempt *attempt, const ErrorData *error, bool half_done)
{
	const char *outcome = !half_done ? "rolled back" : attempt->interrupted ? "running" : "failed";
	const char *sqlstate = unpack_sql_state(error->sqlerrcode);

	if (attempt->number != 0 && !half_done)
		tool_write_withdrawn(history, attempt);
	/* it failed before it went on: still one is to be finished, and no more */
	if (half_done)
		supersede(history, attempt);
	if (attempt->number == 0)
		insert_attempt(history, attempt, outcome, sqlstate, error_text(error));
	else
		update_attempt(history, attempt, outcome, sqlstate, error_text(error));
}

/* Is the row in ours already?  What failed in the tool's hands is not ours to resume. */
static bool
is_to_be_taken_over(const AppliedMigration *applied)
{
	return applied->attempt == 0 && applied->success;
}

/* What a row of a tool's is in ours. */
static const char *
action_of(const AppliedMigration *applied)
{
	switch (applied->type)
	{
		case APPLIED_DELETE:
			return applied->type_name && strncmp(applied->type_name, "UNDO", 4) == 0 ? "undo" : "delete";
		case APPLIED_BASELINE:
			return "baseline";
		default:
			return "apply";
	}
}

/* Write a row that a tool wrote, or that follows from what it did. */
static int
insert_applied(const History *history, const AppliedMigration *applied, const char *action,
			   int64 tool_key)
{
	AttemptRow	row = {
		.action = action, .outcome = "success",
		.kind = applied->type == APPLIED_SQL_BASELINE ? KIND_BASELINE
		: applied->version ? KIND_VERSIONED : KIND_REPEATABLE,
		.version = applied->version, .description = applied->description,
		.script = applied->script, .checksum = applied->checksum,
		.installed_by = applied->installed_by, .started_at = applied->installed_at,
		.duration = applied->duration, .tool_key = tool_key
	};

	return attempt_insert(history->service->name, &row);
}

/* Fill in what tools have no column for: what files say of rows that have none of ours yet. */
static void
describe_by_files(const History *history)
{
	StateOptions options = {.target = NULL};
	ListCell   *cell;

	foreach(cell, migration_states(history->source->format, history->files, history->applied, &options))
	{
		MigrationInfo *info = lfirst(cell);

		if (!info->applied || !info->file || info->applied->attempt != 0)
			continue;
		if (!info->applied->script || info->applied->script[0] == '\0')
			info->applied->script = info->file->script;
		if (!info->applied->description || info->applied->description[0] == '\0')
			info->applied->description = info->file->description;
	}
}

/* Rows of ours that count, and whose row the tool took away: it undid them. */
static List *
undone_by_tool(List *past)
{
	List	   *gone = NIL;
	ListCell   *cell;

	foreach(cell, past)
	{
		const PastAttempt *ours = lfirst(cell);

		if (ours->applied->type == APPLIED_SQL && ours->attempt.tool_key != 0 && !ours->in_tool)
			gone = lappend(gone, lfirst(cell));
	}
	return gone;
}

/* Was it undone in ours, too?  Then a later row says so. */
static bool
is_undone_in_ours(List *past, const PastAttempt *gone)
{
	for (int i = list_length(past) - 1; i >= 0; i--)
	{
		const PastAttempt *ours = list_nth(past, i);

		if (ours == gone)
			return false;
		if (ours->applied->type == APPLIED_DELETE && ours->applied->version && gone->applied->version &&
			strcmp(ours->applied->version, gone->applied->version) == 0)
			return true;
	}
	return false;
}

/* Follow what a tool took out of its table. */
static void
take_over_undone(const History *history, List *past)
{
	ListCell   *cell;

	foreach(cell, undone_by_tool(past))
	{
		const PastAttempt *gone = lfirst(cell);

		if (!gone->applied->success)
			attempt_abandon(history->service->name, gone->attempt.number);
		else if (!is_undone_in_ours(past, gone))
		{
			AppliedMigration undone = *gone->applied;

			undone.installed_at = 0;
			undone.duration = -1;
			(void) insert_applied(history, &undone, "undo", 0);
		}
	}
}

/* Write what a tool did without us. */
void
attempt_take_over(const History *history, List *past)
{
	bool		described = false;
	ListCell   *cell;

	if (tool_keeps_rows(history))
		take_over_undone(history, past);
	foreach(cell, history->applied)
	{
		AppliedMigration *applied = lfirst(cell);

		if (!is_to_be_taken_over(applied))
			continue;
		if (!described)
			describe_by_files(history);
		described = true;
		applied->attempt = insert_applied(history, applied, action_of(applied),
										  tool_keeps_rows(history) ? applied->rank : 0);
	}
}
