/*
 * tool_drizzle.c: drizzle.__drizzle_migrations, as Drizzle keeps it.
 *
 * Two generations.  The older one knows a migration by the time that its journal
 * gives it, and runs what is later than the latest row; the newer one by the
 * name of its folder, in a column that the older one's table does not have.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "executor/spi.h"
#include "migration/setting.h"
#include "migration/tool.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

static const ToolColumn columns[] = {
	{"id", {INT4OID, INT8OID}},
	{"hash", {TEXTOID}},
	{"created_at", {INT8OID, NUMERICOID}},
	{"name", {TEXTOID}, true},
	{"applied_at", {TIMESTAMPTZOID, TIMESTAMPOID}, true},
	{NULL}
};

/* A file under its time */
typedef struct TimedFile
{
	int64		created_at;		/* the key */
	MigrationFile *file;
} TimedFile;

/* The files by their times. */
static HTAB *
files_by_time(List *files)
{
	HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(TimedFile),
		.hcxt = CurrentMemoryContext};
	HTAB	   *table = hash_create("svc_ownership files", Max(list_length(files), 16), &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, files)
	{
		MigrationFile *file = lfirst(cell);
		TimedFile  *entry = hash_search(table, &file->created_at, HASH_ENTER, NULL);

		entry->file = file;
	}
	return table;
}

/* The file of a time, NULL where there is none. */
static MigrationFile *
file_of_time(HTAB *files, int64 time)
{
	TimedFile  *entry = hash_search(files, &time, HASH_FIND, NULL);

	return entry ? entry->file : NULL;
}

/* The version of a row: the name in it, else the file's of its time, else the time itself. */
static char *
version_of_row(HTAB *files, int64 created_at, Datum name, bool no_name, bool by_name)
{
	MigrationFile *file = NULL;

	if (!no_name)
		return TextDatumGetCString(name);
	if (!by_name)
		file = file_of_time(files, created_at);
	if (!file && !by_name)
		file = file_of_time(files, created_at / 1000 * 1000);
	return file ? pstrdup(file->version) : psprintf(INT64_FORMAT, created_at);
}

/* A row. */
static AppliedMigration *
applied_of_tuple(const History *history, HTAB *files, bool by_name, HeapTuple tuple, TupleDesc desc)
{
	AppliedMigration *applied = palloc0(sizeof(AppliedMigration));
	Datum		values[5];
	bool		nulls[5];

	heap_deform_tuple(tuple, desc, values, nulls);
	applied->rank = DatumGetInt64(values[0]);
	applied->type = APPLIED_SQL;
	applied->checksum = nulls[1] ? NULL : TextDatumGetCString(values[1]);
	applied->created_at = nulls[2] ? 0 : DatumGetInt64(values[2]);
	applied->version = version_of_row(files, applied->created_at, values[3], nulls[3], by_name);
	applied->description = "";
	applied->script = "";
	applied->installed_by = svc_role_name(history->service->owner);
	applied->installed_at = nulls[4] ? 0 : DatumGetTimestampTz(values[4]);
	applied->duration = -1;
	applied->success = true;
	return applied;
}

/* All rows. */
static List *
read_rows(const History *history, List *past)
{
	static SqlSaved saved;
	bool		named = tool_has_column(history, "name");
	char	   *generation = setting_text(history->source, "generation");
	bool		by_name = named && generation && strcmp(generation, "1") == 0;
	HTAB	   *files = files_by_time(history->files);
	List	   *rows = NIL;
	uint64		n = svc_sql_run_saved(&saved,
									  psprintf("SELECT id::int8, hash, created_at::int8, %s FROM %s ORDER BY id",
											   named ? "name, applied_at::timestamptz"
											   : "NULL::text, NULL::timestamptz",
											   tool_table(history)),
									  NULL, 0);
	MemoryContext old = svc_sql_keep();

	for (uint64 row = 0; row < n; row++)
		rows = lappend(rows, applied_of_tuple(history, files, by_name, SPI_tuptable->vals[row],
											  SPI_tuptable->tupdesc));
	MemoryContextSwitchTo(old);
	hash_destroy(files);
	return rows;
}

/* A migration was applied. */
static void
write_applied(const History *history, Attempt *attempt)
{
	static SqlSaved saved;
	const MigrationFile *file = attempt->file;
	bool		named = tool_has_column(history, "name");
	uint64		rows = svc_sql_saved(&saved,
									 psprintf("INSERT INTO %s (hash, created_at%s) SELECT $1, $2%s RETURNING id::int8",
											  tool_table(history), named ? ", name" : "",
											  named ? ", $3" : " WHERE $3 IS NOT NULL"),
									 sql_text(file->checksum),
									 sql_datum(Int64GetDatum(file->created_at), INT8OID),
									 sql_text(file->version));

	attempt->tool_key = tool_key_written(history, rows);
}

/* A migration was undone. */
static void
write_undone(const History *history, Attempt *attempt)
{
	const AppliedMigration *live = history_live(history, attempt->file);

	if (!live)
		elog(ERROR, "migration \"%s\" is not applied", attempt->file->script);
	svc_sql(psprintf("DELETE FROM %s WHERE id = $1", tool_table(history)),
			sql_datum(Int64GetDatum(live->rank), INT8OID));
	attempt->tool_key = 0;
}

/* Repair: a file is right as it is. */
static void
repair_mismatch(const History *history, const AppliedMigration *applied, const MigrationFile *file)
{
	svc_sql(psprintf("UPDATE %s SET hash = $2 WHERE id = $1", tool_table(history)),
			sql_datum(Int64GetDatum(applied->rank), INT8OID), sql_text(file->checksum));
}

/* Why the rows cannot be adopted. */
static const char *
check_rows(const char *table)
{
	if (svc_sql_run(psprintf("SELECT 1 FROM %s WHERE created_at IS NULL", table), NULL, 0) > 0)
		return "A row has no created_at: Drizzle would run everything again.";
	return NULL;
}

const Tool drizzle_tool = {
	.table_name = "__drizzle_migrations",
	.schema_name = "drizzle",
	.columns = columns,
	.key = "id",
	.keeps_rows = true,
	.table_lock = ShareRowExclusiveLock,
	.read = read_rows,
	.newest = "SELECT pg_catalog.max(id)::int8 FROM %s",
	.applied = write_applied,
	.undone = write_undone,
	.align = repair_mismatch,
	.check = check_rows
};
