/*
 * tool_golang_migrate.c: schema_migrations, as golang-migrate keeps it.
 *
 * One row with a number: everything up to it is taken for applied.  Whether that
 * is so only our own rows know, so they count; the number is kept right for the
 * tool, and tells whether it went on without us.
 *
 * The tool replaces its row by TRUNCATE, which would lock its readers out until
 * the migration is done; DELETE and INSERT do not.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "core/args.h"
#include "executor/spi.h"
#include "migration/formats.h"
#include "migration/tool.h"
#include "miscadmin.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/pg_crc.h"

#define LOCK_SALT 1486364155U

static const ToolColumn columns[] = {
	{"version", {INT8OID}},
	{"dirty", {BOOLOID}},
	{NULL}
};

/* What the table says */
typedef struct Mark
{
	bool		found;
	int64		version;
	bool		dirty;
} Mark;

/* Read it. */
static Mark
read_mark(const History *history)
{
	Mark		mark = {false, -1, false};
	bool		isnull;

	if (svc_sql_run(psprintf("SELECT version, dirty FROM %s LIMIT 1", tool_table(history)), NULL, 0) == 0)
		return mark;
	mark.found = true;
	mark.version = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	mark.dirty = svc_sql_bool_value(0, 2);
	return mark;
}

/* Replace what the table says. */
static void
write_mark(const History *history, int64 version, bool dirty)
{
	static SqlSaved saved_delete;
	static SqlSaved saved_insert;
	char	   *table = tool_table(history);

	svc_sql_run_saved(&saved_delete, psprintf("DELETE FROM %s", table), NULL, 0);
	if (version >= 0 || dirty)
		svc_sql_saved(&saved_insert, psprintf("INSERT INTO %s (version, dirty) VALUES ($1, $2)", table),
					  sql_datum(Int64GetDatum(version), INT8OID), sql_bool(dirty));
}

/* A version as a number. */
static int64
number_of(const char *version)
{
	return strtoll(version, NULL, 10);
}

/* What is known of a version */
typedef struct Version
{
	int64		number;			/* the key */
	AppliedMigration *live;		/* NULL: it was undone */
} Version;

/* The versions of rows, with the live row of each: the last one says. */
static HTAB *
versions_of(List *rows)
{
	HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(Version),
		.hcxt = CurrentMemoryContext};
	HTAB	   *versions = hash_create("svc_ownership versions", Max(list_length(rows), 16), &control,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, rows)
	{
		AppliedMigration *applied = lfirst(cell);
		int64		number = applied->version ? number_of(applied->version) : -1;

		if (number >= 0)
			((Version *) hash_search(versions, &number, HASH_ENTER, NULL))->live =
				applied->type == APPLIED_DELETE ? NULL : applied;
	}
	return versions;
}

/* The live row of a version; NULL: it is not applied. */
static AppliedMigration *
live_row(HTAB *versions, int64 number)
{
	Version    *version = hash_search(versions, &number, HASH_FIND, NULL);

	return version ? version->live : NULL;
}

/* The highest version that is applied, below a limit; -1: none. */
static int64
highest_below(List *rows, int64 limit)
{
	HTAB	   *versions = versions_of(rows);
	HASH_SEQ_STATUS scan;
	Version    *version;
	int64		highest = -1;

	hash_seq_init(&scan, versions);
	while ((version = hash_seq_search(&scan)) != NULL)
		if (version->live && version->number > highest && version->number < limit)
			highest = version->number;
	hash_destroy(versions);
	return highest;
}

/* Add a row for what the tool did. */
static void
add_row(History *history, AppliedType type, const char *version, const char *description,
		const char *script, bool success)
{
	AppliedMigration *applied = palloc0(sizeof(AppliedMigration));

	applied->rank = history->applied == NIL ? 1
		: ((AppliedMigration *) llast(history->applied))->rank + 1;
	applied->type = type;
	applied->version = pstrdup(version);
	applied->description = pstrdup(description);
	applied->script = pstrdup(script);
	applied->installed_by = svc_role_name(history->service->owner);
	applied->duration = -1;
	applied->success = success;
	applied->type_name = type == APPLIED_DELETE ? "UNDO_SQL" : NULL;
	history->applied = lappend(history->applied, applied);
}

/* The tool went up: all files up to its number count as applied. */
static void
follow_up(History *history, int64 number)
{
	HTAB	   *versions = versions_of(history->applied);
	bool		found = false;
	ListCell   *cell;

	foreach(cell, history->files)
	{
		MigrationFile *file = lfirst(cell);

		if (file->kind != KIND_VERSIONED || number_of(file->version) > number)
			continue;
		found = found || number_of(file->version) == number;
		if (!live_row(versions, number_of(file->version)))
			add_row(history, APPLIED_SQL, file->version, file->description, file->script, true);
	}
	if (!found)
		add_row(history, APPLIED_SQL, psprintf(INT64_FORMAT, number), "", "", true);
	hash_destroy(versions);
}

/* The tool went down: nothing above its number is applied any more. */
static void
follow_down(History *history, int64 number)
{
	HTAB	   *versions = versions_of(history->applied);
	List	   *rows = list_copy(history->applied);

	for (int i = list_length(rows) - 1; i >= 0; i--)
	{
		AppliedMigration *applied = list_nth(rows, i);
		int64		version = applied->version ? number_of(applied->version) : -1;

		if (version > number && live_row(versions, version) == applied)
			add_row(history, APPLIED_DELETE, applied->version, applied->description,
					applied->script, true);
	}
	hash_destroy(versions);
}

/* Is a migration of ours half done? */
static bool
is_ours(List *past)
{
	ListCell   *cell;

	foreach(cell, past)
		if (((PastAttempt *) lfirst(cell))->unfinished)
			return true;
	return false;
}

/* Our rows, and what follows from the tool's number. */
static List *
read_rows(const History *history, List *past)
{
	History		now = *history;
	Mark		mark = read_mark(history);
	MemoryContext old = svc_sql_keep();
	bool		ours_runs = is_ours(past);	/* then the number is where our run stands */
	int64		ours;
	ListCell   *cell;

	now.applied = NIL;
	foreach(cell, past)
		now.applied = lappend(now.applied, ((PastAttempt *) lfirst(cell))->applied);
	ours = highest_below(now.applied, PG_INT64_MAX);
	if (mark.dirty && !ours_runs)
		add_row(&now, APPLIED_SQL, psprintf(INT64_FORMAT, mark.version), "", "", false);
	else if (mark.version > ours && !ours_runs)
		follow_up(&now, mark.version);
	else if (mark.version < ours && !ours_runs)
		follow_down(&now, mark.version);
	MemoryContextSwitchTo(old);
	return now.applied;
}

/* The key of the tool's lock, from a name of the database. */
static int64
lock_key(const History *history, const char *database)
{
	Oid			table = history->source->history;
	const char *parts[] = {get_namespace_name(get_rel_namespace(table)), get_rel_name(table), database};
	pg_crc32	crc;

	INIT_TRADITIONAL_CRC32(crc);
	for (int i = 0; i < lengthof(parts); i++)
	{
		char	   *part = tool_utf8(parts[i]);

		/* with the zero at its end, but for the last one */
		COMP_TRADITIONAL_CRC32(crc, part, strlen(part) + (i + 1 < lengthof(parts) ? 1 : 0));
	}
	FIN_TRADITIONAL_CRC32(crc);
	return (int64) (uint32) (crc * LOCK_SALT);
}

/* Opened by an address, the tool takes its path for the database's name, slash and all. */
static List *
lock_keys(const History *history)
{
	char	   *database = get_database_name(MyDatabaseId);
	List	   *keys = tool_add_key(NIL, lock_key(history, database));

	return tool_add_key(keys, lock_key(history, psprintf("/%s", database)));
}

/* Where a migration leads to. */
static int64
target_of(const History *history, const Attempt *attempt)
{
	int64		version = number_of(attempt->file->version);

	if (attempt->direction == DIRECTION_DOWN)
		return highest_below(history->applied, version);
	return Max(version, read_mark(history).version);
}

/* A migration of several transactions begins. */
static void
write_begun(const History *history, Attempt *attempt)
{
	write_mark(history, target_of(history, attempt), true);
}

/* A migration was applied, or undone. */
static void
write_done(const History *history, Attempt *attempt)
{
	write_mark(history, target_of(history, attempt), false);
}

/* A migration that had begun left nothing. */
static void
write_withdrawn(const History *history, Attempt *attempt)
{
	int64		version = number_of(attempt->file->version);

	write_mark(history, attempt->direction == DIRECTION_UP ? highest_below(history->applied, version) : version,
			   false);
}

/* Repair: a migration failed, and is to be run again. */
static void
repair_failed(const History *history, const AppliedMigration *applied)
{
	write_mark(history, highest_below(history->applied, read_mark(history).version), false);
}

/* What the tool's force does. */
static void
force(const History *history, const char *version)
{
	write_mark(history, number_of(version), false);
}

/* Why the row cannot be adopted. */
static const char *
check_rows(const char *table)
{
	if (svc_sql_run(psprintf("SELECT 1 FROM %s WHERE dirty", table), NULL, 0) > 0)
		return "It is dirty: a migration of golang-migrate failed half-way.";
	return NULL;
}

const Tool golang_migrate_tool = {
	.table_name = "schema_migrations",
	.columns = columns,
	.key = "version",
	.table_lock = NoLock,
	.lock_keys = lock_keys,
	.read = read_rows,
	.newest = "SELECT version FROM %s LIMIT 1",
	.begun = write_begun,
	.applied = write_done,
	.undone = write_done,
	.withdrawn = write_withdrawn,
	.forget = repair_failed,
	.force = force,
	.check = check_rows
};
