/*
 * tool_flyway.c: flyway_schema_history, as Flyway keeps it.
 *
 * Rows are numbered by installed_rank, in the order in which they were written:
 * Flyway reads those above the highest that it has seen, so none is ever written
 * below.  No type of our own is written, since Flyway dies of one it does not
 * know; an undone version gets the row that its repair writes for a file that is
 * gone.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "migration/tool.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* "Flyway" */
#define LOCK_BASE INT64CONST(0x466C79776179)

#define MAX_DESCRIPTION 200
#define MAX_SCRIPT 1000

static const ToolColumn columns[] = {
	{"installed_rank", {INT4OID}},
	{"version", {VARCHAROID}},
	{"description", {VARCHAROID}},
	{"type", {VARCHAROID}},
	{"script", {VARCHAROID}},
	{"checksum", {INT4OID}},
	{"installed_by", {VARCHAROID}},
	{"installed_on", {TIMESTAMPOID}},
	{"execution_time", {INT4OID}},
	{"success", {BOOLOID}},
	{NULL}
};

/* The types that Flyway writes, and what they mean to us */
static const struct
{
	const char *name;
	AppliedType type;
}			types[] = {
	{"SQL", APPLIED_SQL},
	{"BASELINE", APPLIED_BASELINE},
	{"SQL_BASELINE", APPLIED_SQL_BASELINE},
	{"DELETE", APPLIED_DELETE},
	{"SCHEMA", APPLIED_SCHEMA},
	{"UNDO_SQL", APPLIED_DELETE},
	{"UNDO_SCRIPT", APPLIED_DELETE},
	{"JDBC_BASELINE", APPLIED_BASELINE},
	{"JDBC", APPLIED_OTHER},
	{"SPRING_JDBC", APPLIED_OTHER},
	{"SCRIPT", APPLIED_OTHER},
	{"CUSTOM", APPLIED_OTHER}
};

/* What a type means; an error where Flyway would not know it either. */
static AppliedType
type_of(const char *name)
{
	for (int i = 0; i < lengthof(types); i++)
		if (name && strcmp(types[i].name, name) == 0)
			return types[i].type;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the history table has a row of unknown type \"%s\"", name ? name : "NULL"),
			 errdetail("Flyway itself cannot read it, either.")));
}

/* A text of a row; NULL for SQL NULL. */
static char *
text_at(Datum *values, bool *nulls, int i)
{
	return nulls[i] ? NULL : TextDatumGetCString(values[i]);
}

/* The same of a column that Flyway makes NOT NULL; its owner may have changed that. */
static char *
text_there(Datum *values, bool *nulls, int i)
{
	return nulls[i] ? pstrdup("") : TextDatumGetCString(values[i]);
}

/* A row. */
static AppliedMigration *
applied_of_tuple(HeapTuple tuple, TupleDesc desc)
{
	AppliedMigration *applied = palloc0(sizeof(AppliedMigration));
	Datum		values[lengthof(columns)];
	bool		nulls[lengthof(columns)];

	heap_deform_tuple(tuple, desc, values, nulls);
	applied->rank = DatumGetInt32(values[0]);
	applied->version = text_at(values, nulls, 1);
	applied->description = text_there(values, nulls, 2);
	applied->type_name = text_at(values, nulls, 3);
	applied->type = type_of(applied->type_name);
	applied->script = text_there(values, nulls, 4);
	applied->checksum = nulls[5] ? NULL : psprintf("%d", DatumGetInt32(values[5]));
	applied->installed_by = text_there(values, nulls, 6);
	applied->installed_at = nulls[7] ? 0 : DatumGetTimestampTz(values[7]);
	applied->duration = DatumGetInt32(values[8]) * INT64CONST(1000);
	applied->success = DatumGetBool(values[9]);
	return applied;
}

/* All rows. */
static List *
read_rows(const History *history, List *past)
{
	static SqlSaved saved;
	List	   *rows = NIL;
	uint64		n = svc_sql_run_saved(&saved,
									  psprintf("SELECT installed_rank, version, description, type, script, checksum,"
											   "       installed_by, installed_on::timestamptz, execution_time, success"
											   "  FROM %s ORDER BY installed_rank", tool_table(history)),
									  NULL, 0);
	MemoryContext old = svc_sql_keep();

	for (uint64 row = 0; row < n; row++)
		rows = lappend(rows, applied_of_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc));
	MemoryContextSwitchTo(old);
	return rows;
}

/* Java's String.hashCode, over UTF-16. */
static int32
java_hash(const char *text)
{
	const unsigned char *p = (const unsigned char *) tool_utf8(text);
	uint32		hash = 0;

	for (; *p; p += pg_utf_mblen(p))
	{
		uint32		c = utf8_to_unicode(p);

		if (c >= 0x10000)
		{
			hash = 31 * hash + 0xD800 + ((c - 0x10000) >> 10);
			c = 0xDC00 + ((c - 0x10000) & 0x3FF);
		}
		hash = 31 * hash + c;
	}
	return (int32) hash;
}

/* A name in double quotes, always. */
static char *
quoted(const char *name)
{
	StringInfoData quoted;

	initStringInfo(&quoted);
	appendStringInfoChar(&quoted, '"');
	for (const char *p = name; *p; p++)
	{
		if (*p == '"')
			appendStringInfoChar(&quoted, '"');
		appendStringInfoChar(&quoted, *p);
	}
	appendStringInfoChar(&quoted, '"');
	return quoted.data;
}

/* Flyway's lock, whose key comes from the table's name. */
static List *
lock_keys(const History *history)
{
	Oid			table = history->source->history;
	char	   *schema = get_namespace_name(get_rel_namespace(table));
	char	   *name = get_rel_name(table);

	return tool_add_key(NIL, LOCK_BASE + java_hash(psprintf("%s.%s", quoted(schema), quoted(name))));
}

/* A description as long as the column takes it. */
char *
flyway_description(const char *text)
{
	int			length = pg_mbstrlen(text);

	if (length <= MAX_DESCRIPTION)
		return pstrdup(text);
	return psprintf("%.*s...", pg_mbcharcliplen(text, strlen(text), MAX_DESCRIPTION - 3), text);
}

/* The end of a script's name that the column takes. */
static char *
short_script(const char *text)
{
	if (pg_mbstrlen(text) <= MAX_SCRIPT)
		return pstrdup(text);
	return psprintf("...%s", text + pg_mbcharcliplen(text, strlen(text), pg_mbstrlen(text) - MAX_SCRIPT + 3));
}

/* Milliseconds since a migration began. */
static int32
execution_time(const Attempt *attempt)
{
	int64		elapsed = attempt->started_at ? GetCurrentTimestamp() - attempt->started_at : 0;

	return (int32) Min(elapsed / 1000, PG_INT32_MAX);
}

/* A checksum as the column keeps it. */
static SqlArg
checksum_arg(const char *checksum)
{
	return checksum ? sql_datum(Int32GetDatum(pg_strtoint32(checksum)), INT4OID) : sql_null(INT4OID);
}

/* Write the row of a migration that was applied, or of one that has begun. */
static void
insert_row(const History *history, Attempt *attempt, bool success)
{
	static SqlSaved saved;
	const MigrationFile *file = attempt->file;
	char	   *query = psprintf("INSERT INTO %s (installed_rank, version, description, type, script,"
								 "  checksum, installed_by, execution_time, success)"
								 " SELECT COALESCE(pg_catalog.max(installed_rank), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8"
								 "   FROM %s RETURNING installed_rank::int8",
								 tool_table(history), tool_table(history));
	uint64		rows = svc_sql_saved(&saved, query,
									 sql_text(file->version),
									 sql_text(flyway_description(file->description)),
									 sql_text(file->kind == KIND_BASELINE ? "SQL_BASELINE" : "SQL"),
									 sql_text(short_script(file->script)),
									 checksum_arg(file->checksum), sql_text(attempt->asked_by),
									 sql_datum(Int32GetDatum(execution_time(attempt)), INT4OID),
									 sql_bool(success));

	attempt->tool_key = tool_key_written(history, rows);
}

/* A migration of several transactions begins: as Flyway with one connection writes it. */
static void
write_begun(const History *history, Attempt *attempt)
{
	if (attempt->direction == DIRECTION_UP && attempt->tool_key == 0)
		insert_row(history, attempt, false);
}

/* A migration was applied. */
static void
write_applied(const History *history, Attempt *attempt)
{
	static SqlSaved saved;
	uint64		rows;

	if (attempt->tool_key == 0)
	{
		insert_row(history, attempt, true);
		return;
	}
	rows = svc_sql_saved(&saved,
						 psprintf("UPDATE %s SET success = true, checksum = $2, execution_time = $3"
								  " WHERE installed_rank = $1 RETURNING installed_rank::int8",
								  tool_table(history)),
						 sql_datum(Int32GetDatum((int32) attempt->tool_key), INT4OID),
						 checksum_arg(attempt->file->checksum),
						 sql_datum(Int32GetDatum(execution_time(attempt)), INT4OID));
	(void) tool_key_written(history, rows);
}

/* The row that Flyway's repair writes for a version that is gone; returns its rank. */
static int64
delete_version(const History *history, const AppliedMigration *live, const char *installed_by,
			   int32 milliseconds)
{
	static SqlSaved saved;
	uint64		rows;

	rows = svc_sql_saved(&saved,
						 psprintf("INSERT INTO %s (installed_rank, version, description, type, script,"
								  "  checksum, installed_by, execution_time, success)"
								  " SELECT (SELECT pg_catalog.max(m.installed_rank) FROM %s m) + 1, l.version,"
								  "        l.description, 'DELETE', l.script, l.checksum, $2, $3, l.success"
								  "   FROM %s l WHERE l.installed_rank = $1 RETURNING installed_rank::int8",
								  tool_table(history), tool_table(history), tool_table(history)),
						 sql_datum(Int32GetDatum((int32) live->rank), INT4OID),
						 sql_text(installed_by), sql_datum(Int32GetDatum(milliseconds), INT4OID));
	return tool_key_written(history, rows);
}

/* A version was undone. */
static void
write_undone(const History *history, Attempt *attempt)
{
	const AppliedMigration *live = history_live(history, attempt->file);

	if (!live)
		elog(ERROR, "migration \"%s\" is not applied", attempt->file->script);
	attempt->tool_key = delete_version(history, live, attempt->asked_by, execution_time(attempt));
}

/* A failed row goes. */
static void
forget_rank(const History *history, int64 rank)
{
	svc_sql(psprintf("DELETE FROM %s WHERE installed_rank = $1 AND NOT success", tool_table(history)),
			sql_datum(Int32GetDatum((int32) rank), INT4OID));
}

/* A migration that had begun left nothing. */
static void
write_withdrawn(const History *history, Attempt *attempt)
{
	forget_rank(history, attempt->tool_key);
	attempt->tool_key = 0;
}

/* Repair: a migration failed. */
static void
repair_failed(const History *history, const AppliedMigration *applied)
{
	forget_rank(history, applied->rank);
}

/* Repair: a file is gone. */
static int64
repair_missing(const History *history, const AppliedMigration *applied)
{
	return delete_version(history, applied, GetUserNameFromId(GetSessionUserId(), false), 0);
}

/* Repair: a file is right as it is. */
static void
repair_mismatch(const History *history, const AppliedMigration *applied, const MigrationFile *file)
{
	svc_sql(psprintf("UPDATE %s SET description = $2, checksum = $3 WHERE installed_rank = $1",
					 tool_table(history)),
			sql_datum(Int32GetDatum((int32) applied->rank), INT4OID),
			sql_text(flyway_description(file->description)), checksum_arg(file->checksum));
}

/* Why the rows cannot be adopted. */
static const char *
check_rows(const char *table)
{
	if (svc_sql_run(psprintf("SELECT 1 FROM %s d WHERE d.type = 'DELETE' AND d.success AND d.version IS NOT NULL"
							 "   AND EXISTS (SELECT 1 FROM %s e WHERE e.type = 'DELETE' AND e.success"
							 "                  AND e.version = d.version AND e.installed_rank > d.installed_rank"
							 "                  AND NOT EXISTS (SELECT 1 FROM %s l"
							 "                        WHERE l.version = d.version AND l.type <> 'DELETE'"
							 "                          AND l.installed_rank > d.installed_rank"
							 "                          AND l.installed_rank < e.installed_rank))",
							 table, table, table), NULL, 0) > 0)
		return "A version is deleted twice: Flyway itself cannot read it, either.";
	return NULL;
}

const Tool flyway_tool = {
	.table_name = "flyway_schema_history",
	.columns = columns,
	.key = "installed_rank",
	.keeps_rows = true,
	.table_lock = NoLock,
	.lock_keys = lock_keys,
	.read = read_rows,
	.newest = "SELECT pg_catalog.max(installed_rank)::int8 FROM %s",
	.begun = write_begun,
	.applied = write_applied,
	.undone = write_undone,
	.withdrawn = write_withdrawn,
	.forget = repair_failed,
	.missing = repair_missing,
	.align = repair_mismatch,
	.check = check_rows
};
