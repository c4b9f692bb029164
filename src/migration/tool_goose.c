/*
 * tool_goose.c: goose_db_version, as Goose keeps it.
 *
 * A row for each version that is applied, and none for one that was undone.
 * Row 0 marks that the table is Goose's; without it Goose refuses to work.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "core/args.h"
#include "migration/tool.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"

/* CRC-32 of "goose": the lock of its library's session locker */
#define LOCK_KEY INT64CONST(4097083626)

static const ToolColumn columns[] = {
	{"id", {INT4OID, INT8OID}},
	{"version_id", {INT8OID}},
	{"is_applied", {BOOLOID}},
	{"tstamp", {TIMESTAMPOID, TIMESTAMPTZOID}},
	{NULL}
};

/* A version as the table holds it. */
static SqlArg
version_arg(const MigrationFile *file)
{
	return sql_datum(DirectFunctionCall1(int8in, CStringGetDatum(file->version)), INT8OID);
}

/* A row.  Very old Goose wrote one with is_applied = false for an undo. */
static AppliedMigration *
applied_of_tuple(const History *history, HeapTuple tuple, TupleDesc desc)
{
	AppliedMigration *applied = palloc0(sizeof(AppliedMigration));
	Datum		values[4];
	bool		nulls[4];

	heap_deform_tuple(tuple, desc, values, nulls);
	applied->rank = DatumGetInt64(values[0]);
	applied->version = psprintf(INT64_FORMAT, DatumGetInt64(values[1]));
	applied->type = DatumGetBool(values[2]) ? APPLIED_SQL : APPLIED_DELETE;
	applied->type_name = DatumGetBool(values[2]) ? NULL : "UNDO_SQL";
	applied->description = "";
	applied->script = "";
	applied->installed_by = svc_role_name(history->service->owner);
	applied->installed_at = nulls[3] ? 0 : DatumGetTimestampTz(values[3]);
	applied->duration = -1;
	applied->success = true;
	return applied;
}

/* All rows but row 0. */
static List *
read_rows(const History *history, List *past)
{
	static SqlSaved saved;
	List	   *rows = NIL;
	uint64		n = svc_sql_run_saved(&saved,
									  psprintf("SELECT id::int8, version_id, is_applied, tstamp::timestamptz"
											   "  FROM %s WHERE version_id <> 0 ORDER BY id", tool_table(history)),
									  NULL, 0);
	MemoryContext old = svc_sql_keep();

	for (uint64 row = 0; row < n; row++)
		rows = lappend(rows, applied_of_tuple(history, SPI_tuptable->vals[row], SPI_tuptable->tupdesc));
	MemoryContextSwitchTo(old);
	return rows;
}

/* The lock that Goose's library takes where its user asked for one; the command takes none. */
static List *
lock_keys(const History *history)
{
	return tool_add_key(NIL, LOCK_KEY);
}

/* A migration was applied. */
static void
write_applied(const History *history, Attempt *attempt)
{
	static SqlSaved saved;
	uint64		rows = svc_sql_saved(&saved,
									 psprintf("INSERT INTO %s (version_id, is_applied) VALUES ($1, true)"
											  " RETURNING id::int8", tool_table(history)),
									 version_arg(attempt->file));

	attempt->tool_key = tool_key_written(history, rows);
}

/* A migration was undone. */
static void
write_undone(const History *history, Attempt *attempt)
{
	svc_sql(psprintf("DELETE FROM %s WHERE version_id = $1", tool_table(history)),
			version_arg(attempt->file));
	attempt->tool_key = 0;
}

/* Why the rows cannot be adopted. */
static const char *
check_rows(const char *table)
{
	if (svc_sql_run(psprintf("SELECT 1 FROM %s WHERE version_id = 0", table), NULL, 0) == 0)
		return "It has no row of version 0, without which Goose itself does not work.";
	return NULL;
}

const Tool goose_tool = {
	.table_name = "goose_db_version",
	.columns = columns,
	.key = "id",
	.keeps_rows = true,
	.table_lock = ShareRowExclusiveLock,
	.lock_keys = lock_keys,
	.read = read_rows,
	.newest = "SELECT pg_catalog.max(id)::int8 FROM %s",
	.applied = write_applied,
	.undone = write_undone,
	.check = check_rows
};
