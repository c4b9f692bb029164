/*
 * history.c: what was run, read into memory.
 *
 * Without an adopted tool the rows of svc.migration_history say what is applied.
 * With one its table does, since the tool reads no other, and our rows add what
 * it has no column for.  golang-migrate keeps a number only, so there ours
 * count, and the number tells whether it went on without us.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "core/extension.h"
#include "core/sql.h"
#include "migration/attempt.h"
#include "migration/formats.h"
#include "migration/history.h"
#include "migration/tool.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* Columns of svc.migration_history, in the order of its definition, from 0 */
enum
{
	COL_SERVICE,
	COL_ATTEMPT,
	COL_ACTION,
	COL_OUTCOME,
	COL_KIND,
	COL_VERSION,
	COL_DESCRIPTION,
	COL_SCRIPT,
	COL_CHECKSUM,
	COL_STATEMENT,
	COL_STATEMENTS,
	COL_DONE_HASH,
	COL_SQLSTATE,
	COL_ERROR,
	COL_INSTALLED_BY,
	COL_STARTED_AT,
	COL_DURATION,
	COL_TOOL_KEY,
	N_COLUMNS
};

/* A row, taken apart at once */
typedef struct Row
{
	Datum		values[N_COLUMNS];
	bool		nulls[N_COLUMNS];
} Row;

/* A text, NULL for SQL NULL. */
static char *
row_text(const Row *row, int column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

/* An integer, 0 for NULL. */
static int
row_int(const Row *row, int column)
{
	return row->nulls[column] ? 0 : DatumGetInt32(row->values[column]);
}

/* Is a text this one? */
static bool
row_is(const Row *row, int column, const char *string)
{
	text	   *value = DatumGetTextPP(row->values[column]);

	return VARSIZE_ANY_EXHDR(value) == strlen(string) &&
		memcmp(VARDATA_ANY(value), string, strlen(string)) == 0;
}

/* What a row is in the terms of a tool's table. */
static AppliedType
applied_type(const Row *row)
{
	if (row_is(row, COL_ACTION, "baseline"))
		return APPLIED_BASELINE;
	if (!row_is(row, COL_ACTION, "apply"))
		return APPLIED_DELETE;
	return row_is(row, COL_KIND, "baseline") ? APPLIED_SQL_BASELINE : APPLIED_SQL;
}

/* The same with all that it says. */
static AppliedMigration *
applied_of_row(const Row *row)
{
	AppliedMigration *applied = palloc0(sizeof(AppliedMigration));

	applied->attempt = row_int(row, COL_ATTEMPT);
	applied->rank = applied->attempt;
	applied->type = applied_type(row);
	applied->version = row_text(row, COL_VERSION);
	applied->description = row_text(row, COL_DESCRIPTION);
	applied->script = row_text(row, COL_SCRIPT);
	applied->checksum = row_text(row, COL_CHECKSUM);
	applied->installed_by = pstrdup(NameStr(*DatumGetName(row->values[COL_INSTALLED_BY])));
	applied->installed_at = row->nulls[COL_STARTED_AT] ? 0
		: DatumGetTimestampTz(row->values[COL_STARTED_AT]);
	applied->duration = row->nulls[COL_DURATION] ? -1
		: DatumGetIntervalP(row->values[COL_DURATION])->time;
	applied->success = row_is(row, COL_OUTCOME, "success");
	applied->resumable = !applied->success;
	if (row_is(row, COL_ACTION, "undo"))
		applied->type_name = "UNDO_SQL";
	return applied;
}

/*
 * May its last statement have come to its end?  That of a runner which was
 * killed, or cancelled (class 57) after it but before that was written down.
 */
static bool
was_interrupted(const Row *row)
{
	char	   *sqlstate = row_text(row, COL_SQLSTATE);

	return row_is(row, COL_OUTCOME, "running") || (sqlstate && strncmp(sqlstate, "57", 2) == 0);
}

/* A row of ours. */
static PastAttempt *
past_of_row(const Row *row)
{
	PastAttempt *past = palloc0(sizeof(PastAttempt));

	past->applied = applied_of_row(row);
	past->unfinished = !past->applied->success;
	past->attempt.number = past->applied->attempt;
	past->attempt.interrupted = was_interrupted(row);
	past->attempt.direction = row_is(row, COL_ACTION, "undo") ? DIRECTION_DOWN : DIRECTION_UP;
	past->attempt.asked_by = past->applied->installed_by;
	past->attempt.started_at = past->applied->installed_at;
	past->attempt.statements = row_int(row, COL_STATEMENTS);
	past->attempt.done = row_int(row, COL_STATEMENT);
	past->attempt.done_hash = row_text(row, COL_DONE_HASH);
	past->attempt.tool_key = row->nulls[COL_TOOL_KEY] ? 0 : DatumGetInt64(row->values[COL_TOOL_KEY]);
	return past;
}

/* Does a row count?  Not if nothing of what was tried is there. */
static bool
row_counts(const Row *row)
{
	return !row_is(row, COL_OUTCOME, "rolled back") && !row_is(row, COL_OUTCOME, "abandoned");
}

/*
 * All rows of ours that count, as PastAttempt.  Read by the index and not by a
 * query, which copies each row twice: histories have thousands, and are read
 * whenever a service starts.
 */
List *
history_past(const char *service)
{
	Relation	rel = table_open(svc_catalog_relation("migration_history"), AccessShareLock);
	Relation	index = index_open(svc_catalog_relation("migration_history_pkey"), AccessShareLock);
	List	   *past = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	NameData	name;

	Assert(RelationGetDescr(rel)->natts == N_COLUMNS);
	namestrcpy(&name, service);
	ScanKeyInit(&key, COL_SERVICE + 1, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
	scan = systable_beginscan_ordered(rel, index, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		Row			row;

		heap_deform_tuple(tuple, RelationGetDescr(rel), row.values, row.nulls);
		if (row_counts(&row))
			past = lappend(past, past_of_row(&row));
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return past;
}

/* The rows of ours as if they were a tool's. */
static List *
applied_of_past(List *past)
{
	List	   *applied = NIL;
	ListCell   *cell;

	foreach(cell, past)
		applied = lappend(applied, ((PastAttempt *) lfirst(cell))->applied);
	return applied;
}

/* Those of them that are half done. */
static List *
unfinished_of_past(List *past)
{
	List	   *unfinished = NIL;
	ListCell   *cell;

	foreach(cell, past)
		if (((PastAttempt *) lfirst(cell))->unfinished)
			unfinished = lappend(unfinished, lfirst(cell));
	return unfinished;
}

/* What was half done, and the tool has taken out of its table, as its repair does: nothing to resume. */
static void
forget_withdrawn(List *past)
{
	ListCell   *cell;

	foreach(cell, past)
	{
		PastAttempt *ours = lfirst(cell);

		if (ours->attempt.tool_key != 0 && !ours->in_tool)
			ours->unfinished = false;
	}
}

/* The source of a service for which nothing was loaded. */
static MigrationSource *
no_source(void)
{
	MigrationSource *source = palloc0(sizeof(MigrationSource));

	source->format = FORMAT_PLAIN;
	source->settings = "{}";
	return source;
}

/*
 * An undo that is half done is no row of its own: the version that it undoes is
 * neither there nor gone, and nothing else may be run until it is.
 */
static void
follow_unfinished_undo(History *history)
{
	ListCell   *cell;

	foreach(cell, history->unfinished)
	{
		PastAttempt *past = lfirst(cell);
		MigrationFile file = {.kind = KIND_VERSIONED, .version = past->applied->version,
			.description = past->applied->description};
		AppliedMigration *live;

		if (past->attempt.direction != DIRECTION_DOWN)
			continue;
		history->applied = list_delete_ptr(history->applied, past->applied);
		live = history_live(history, &file);
		if (live)
		{
			live->success = false;
			live->resumable = true;
		}
	}
}

/*
 * Read the history of a service.  With take_over, what an adopted tool has done
 * meanwhile is written into ours first.
 */
History *
history_read(const char *service, bool take_over)
{
	History    *history = palloc0(sizeof(History));
	List	   *past;
	SqlScope	scope;

	history->service = service_lookup(service, false);
	history->newest = palloc(sizeof(int64));
	*history->newest = -1;
	svc_sql_begin(&scope, svc_extension_owner());
	history->source = store_source(service);
	history->files = store_files(service);
	svc_sql_end(&scope);

	past = history_past(service);
	if (!history->source)
		history->source = no_source();
	history->applied = tool_is_adopted(history) ? tool_applied(history, past)
		: applied_of_past(past);
	if (tool_keeps_rows(history))
		forget_withdrawn(past);
	history->unfinished = unfinished_of_past(past);
	if (take_over && tool_is_adopted(history))
		attempt_take_over(history, past);
	follow_unfinished_undo(history);
	return history;
}

/* Do a row and a file stand for the same migration? */
static bool
is_row_of(const History *history, const AppliedMigration *applied, const MigrationFile *file)
{
	if (file->version == NULL || applied->version == NULL)
		return file->version == NULL && applied->version == NULL &&
			strcmp(file->description, applied->description) == 0;
	return migration_compare(history->source->format, applied->version, applied->created_at,
							 file->version, applied->created_at) == 0;
}

/* The live row of a file's version: the last one, unless it was deleted. */
AppliedMigration *
history_live(const History *history, const MigrationFile *file)
{
	for (int i = list_length(history->applied) - 1; i >= 0; i--)
	{
		AppliedMigration *applied = list_nth(history->applied, i);

		if (!is_row_of(history, applied, file))
			continue;
		if (applied->type != APPLIED_DELETE)
			return applied;
		if (applied->success)
			return NULL;
	}
	return NULL;
}

/* The attempt that was not finished, for a file that is to be resumed; NULL: start at the beginning. */
Attempt *
history_unfinished(const History *history, const MigrationFile *file, MigrationDirection direction)
{
	ListCell   *cell;

	foreach(cell, history->unfinished)
	{
		PastAttempt *past = lfirst(cell);

		if (past->unfinished && past->attempt.direction == direction &&
			is_row_of(history, past->applied, file))
		{
			past->attempt.file = file;
			return &past->attempt;
		}
	}
	return NULL;
}

/* Has an adopted tool written something since history was read? */
bool
history_changed(const History *history)
{
	return tool_is_adopted(history) && tool_newest(history) != *history->newest;
}
