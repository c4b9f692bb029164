/*
 * store.c: migrations as the database keeps them.
 *
 * A service hands over all of its files whenever it starts, and mostly nothing
 * is new.  So what is kept is read with one query and compared here; what
 * differs is written with a few statements, whatever the number of files.
 * Texts are kept in parts: a file may be larger than what fits a value, and at
 * no time is there more than one copy of it in memory.
 */
#include "core/svc.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "migration/private_text.h"
#include "migration/store.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define PART_LENGTH (256 * 1024)
#define BATCH_PARTS 1000
#define BATCH_LENGTH (1024 * 1024)

/* Of rows of svc.migration_history: they are about what was really run */
#define WAS_APPLIED "h.service = $1 AND h.outcome <> 'rolled back'"

/* svc.migration_file, in this order everywhere */
typedef enum FileColumn
{
	FILE_SCRIPT,
	FILE_KIND,
	FILE_VERSION,
	FILE_DESCRIPTION,
	FILE_EVENT,
	FILE_POSITION,
	FILE_CHECKSUM,
	FILE_CREATED_AT,
	FILE_HAS_UNDO,
	FILE_TRANSACTIONAL,
	FILE_PLACEHOLDERS,
	FILE_SIZE,
	FILE_COLUMNS
} FileColumn;

#define FILE_COLUMN_NAMES \
	"script, kind, version, description, event, position, checksum, created_at," \
	" has_undo, transactional, placeholders, size"

static const Oid file_column_types[FILE_COLUMNS] = {
	[FILE_SCRIPT] = TEXTOID,
	[FILE_KIND] = TEXTOID,
	[FILE_VERSION] = TEXTOID,
	[FILE_DESCRIPTION] = TEXTOID,
	[FILE_EVENT] = TEXTOID,
	[FILE_POSITION] = INT4OID,
	[FILE_CHECKSUM] = TEXTOID,
	[FILE_CREATED_AT] = INT8OID,
	[FILE_HAS_UNDO] = BOOLOID,
	[FILE_TRANSACTIONAL] = BOOLOID,
	[FILE_PLACEHOLDERS] = BOOLOID,
	[FILE_SIZE] = INT8OID
};

/* A file as it is kept */
typedef struct Kept
{
	MigrationFile file;
	bool		has_text;
} Kept;

/* What is to be done to make the kept files those of a set; lists of MigrationFile */
typedef struct Difference
{
	List	   *written;		/* new, or anything about them differs */
	List	   *texts;			/* their texts are to be written */
	List	   *stale;			/* scripts whose kept texts are to go first */
	List	   *gone;			/* scripts that are not in the set, and were before */
	int			changed;		/* how many are new or have another content or meaning */
} Difference;

/* Parts of texts that are written together */
typedef struct Batch
{
	const char *service;
	MemoryContext cxt;			/* what is in the batch */
	int			n;
	Size		length;
	Datum		scripts[BATCH_PARTS];
	Datum		parts[BATCH_PARTS];
	Datum		contents[BATCH_PARTS];
} Batch;

/* svc_ownership.migration_text */
static bool keep_text = true;

/* Are the texts of files kept? */
bool
store_keeps_text(void)
{
	return keep_text;
}

/* A column of a row as text, or NULL. */
static char *
text_of(const Datum *values, const bool *nulls, int column)
{
	return nulls[column] ? NULL : TextDatumGetCString(values[column]);
}

/* A file of a row that begins with FILE_COLUMN_NAMES and present. */
static void
read_file_row(MigrationFile *file, const Datum *values, const bool *nulls)
{
	memset(file, 0, sizeof(MigrationFile));
	file->script = text_of(values, nulls, FILE_SCRIPT);
	file->kind = migration_kind_of(text_of(values, nulls, FILE_KIND));
	file->version = text_of(values, nulls, FILE_VERSION);
	file->description = text_of(values, nulls, FILE_DESCRIPTION);
	file->event = text_of(values, nulls, FILE_EVENT);
	file->position = DatumGetInt32(values[FILE_POSITION]);
	file->checksum = text_of(values, nulls, FILE_CHECKSUM);
	file->created_at = DatumGetInt64(values[FILE_CREATED_AT]);
	file->has_undo = DatumGetBool(values[FILE_HAS_UNDO]);
	file->transactional = nulls[FILE_TRANSACTIONAL] ? -1 : DatumGetBool(values[FILE_TRANSACTIONAL]);
	file->placeholders = DatumGetBool(values[FILE_PLACEHOLDERS]);
	file->size = DatumGetInt64(values[FILE_SIZE]);
	file->present = DatumGetBool(values[FILE_COLUMNS]);
}

/* The columns of a file; the order of file_column_types. */
static void
write_file_row(const MigrationFile *file, Datum *values, bool *nulls)
{
	memset(nulls, 0, sizeof(bool) * FILE_COLUMNS);
	values[FILE_SCRIPT] = CStringGetTextDatum(file->script);
	values[FILE_KIND] = CStringGetTextDatum(migration_kind_name(file->kind));
	nulls[FILE_VERSION] = file->version == NULL;
	values[FILE_VERSION] = file->version ? CStringGetTextDatum(file->version) : (Datum) 0;
	values[FILE_DESCRIPTION] = CStringGetTextDatum(file->description ? file->description : "");
	nulls[FILE_EVENT] = file->event == NULL;
	values[FILE_EVENT] = file->event ? CStringGetTextDatum(file->event) : (Datum) 0;
	values[FILE_POSITION] = Int32GetDatum(file->position);
	values[FILE_CHECKSUM] = CStringGetTextDatum(file->checksum);
	values[FILE_CREATED_AT] = Int64GetDatum(file->created_at);
	values[FILE_HAS_UNDO] = BoolGetDatum(file->has_undo);
	nulls[FILE_TRANSACTIONAL] = file->transactional < 0;
	values[FILE_TRANSACTIONAL] = BoolGetDatum(file->transactional > 0);
	values[FILE_PLACEHOLDERS] = BoolGetDatum(file->placeholders);
	values[FILE_SIZE] = Int64GetDatum((int64) file->size);
}

/*
 * The settings in the row that store_source has read, with the placeholders:
 * those have a column of their own, since others who read the catalog must not
 * see what is in them.
 */
static char *
settings_of_row(void)
{
	char	   *settings = svc_sql_value(0, 2);
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4, &isnull);
	const char *placeholders;
	Size		length;

	if (isnull)
		return settings;
	placeholders = private_text_open(value, &length);
	return psprintf("{\"placeholders\": %.*s%s%s", (int) length, placeholders,
					strcmp(settings, "{}") == 0 ? "" : ", ", settings + 1);
}

/* The migrations of a service as a whole, or NULL. */
MigrationSource *
store_source(const char *service)
{
	MigrationSource *source;

	if (svc_sql("SELECT s.format, s.settings::pg_catalog.text, c.oid, s.placeholders"
				"  FROM svc.migration_source s LEFT JOIN pg_catalog.pg_class c ON c.oid = s.history"
				" WHERE s.service = $1", sql_name(service)) == 0)
		return NULL;
	source = SPI_palloc(sizeof(MigrationSource));
	source->format = migration_format_of(svc_sql_value(0, 1));
	source->settings = MemoryContextStrdup(GetMemoryChunkContext(source), settings_of_row());
	source->history = svc_sql_oid_value(0, 3);
	return source;
}

/* The files of a service, by position. */
List *
store_files(const char *service)
{
	uint64		rows = svc_sql("SELECT " FILE_COLUMN_NAMES ", present FROM svc.migration_file"
							   " WHERE service = $1 ORDER BY position, present DESC, script COLLATE \"C\"",
							   sql_name(service));
	MigrationFile *files = SPI_palloc(sizeof(MigrationFile) * Max(rows, 1));
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(files));
	List	   *list = NIL;
	Datum		values[FILE_COLUMNS + 1];
	bool		nulls[FILE_COLUMNS + 1];

	for (uint64 row = 0; row < rows; row++)
	{
		heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, values, nulls);
		read_file_row(&files[row], values, nulls);
		list = lappend(list, &files[row]);
	}
	MemoryContextSwitchTo(old);
	return list;
}

/* Was anything of the service's migrations run? */
static bool
has_history(const char *service)
{
	return svc_sql("SELECT 1 FROM svc.migration_history h WHERE " WAS_APPLIED
				   " UNION ALL SELECT 1 FROM svc.migration_source s WHERE s.service = $1 AND s.history IS NOT NULL"
				   " LIMIT 1", sql_name(service)) > 0;
}

/* By which rules to read files that come. */
MigrationFormat
store_format(const char *service, MigrationFormat asked)
{
	MigrationSource *source;

	if (asked != FORMAT_AUTO || !has_history(service))
		return asked;
	source = store_source(service);
	return source ? source->format : asked;
}

/*
 * Refuse a set that contradicts what was run: nothing at all, as if a folder
 * had not been mounted, or files that are read by other rules, to which
 * everything would be new.
 */
static void
check_history(const char *service, const MigrationSet *set)
{
	MigrationSource *source = store_source(service);

	if (!has_history(service))
		return;
	if (set->files == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are no migrations among the files, and service \"%s\" has a history of them",
						service),
				 errhint("Look whether the folder is the right one; files => NULL means those that are in the database.")));
	if (source && source->format != set->format)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the history of service \"%s\" is one of %s migrations, and the files are %s", service,
						migration_format_name(source->format), migration_format_name(set->format)),
				 errhint("Read by the rules of %s, all of them would be run again.",
						 migration_format_name(set->format))));
}

/* Order of scripts, byte by byte; of Kept as well, which begins with a file. */
static int
compare_scripts(const void *a, const void *b)
{
	return strcmp((*(MigrationFile *const *) a)->script, (*(MigrationFile *const *) b)->script);
}

/* The kept files of a service, in the order of their scripts. */
static MigrationFile **
kept_files(const char *service, int *n)
{
	uint64		rows = svc_sql("SELECT " FILE_COLUMN_NAMES ", present,"
							   "       script IN (SELECT c.script FROM svc.migration_content c"
							   "                   WHERE c.service = $1 AND c.part = 1)"
							   "  FROM svc.migration_file WHERE service = $1", sql_name(service));
	Kept	   *kept = palloc(sizeof(Kept) * Max(rows, 1));
	MigrationFile **files = palloc(sizeof(MigrationFile *) * Max(rows, 1));
	Datum		values[FILE_COLUMNS + 2];
	bool		nulls[FILE_COLUMNS + 2];

	for (uint64 row = 0; row < rows; row++)
	{
		heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, values, nulls);
		read_file_row(&kept[row].file, values, nulls);
		kept[row].has_text = DatumGetBool(values[FILE_COLUMNS + 1]);
		files[row] = &kept[row].file;
	}
	SPI_freetuptable(SPI_tuptable);
	qsort(files, rows, sizeof(MigrationFile *), compare_scripts);
	*n = rows;
	return files;
}

/* The files of a set, in the order of their scripts. */
static MigrationFile **
new_files(const MigrationSet *set, int *n)
{
	MigrationFile **files = palloc(sizeof(MigrationFile *) * Max(list_length(set->files), 1));
	ListCell   *cell;

	*n = 0;
	foreach(cell, set->files)
		files[(*n)++] = lfirst(cell);
	qsort(files, *n, sizeof(MigrationFile *), compare_scripts);
	return files;
}

/* Are two strings the same, or both NULL? */
static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Have two files the same text?  Flyway's checksum leaves out how lines end; the size tells. */
static bool
same_text(const MigrationFile *a, const MigrationFile *b)
{
	return a->size == b->size && same(a->checksum, b->checksum);
}

/* Do two files of the same text mean the same? */
static bool
same_meaning(const MigrationFile *a, const MigrationFile *b)
{
	return a->kind == b->kind && same(a->version, b->version) &&
		same(a->description ? a->description : "", b->description) &&
		same(a->event, b->event) && a->created_at == b->created_at &&
		a->has_undo == b->has_undo && a->transactional == b->transactional &&
		a->placeholders == b->placeholders;
}

/* Note what is to be done about a file of the set, and what is kept of it (NULL: nothing). */
static void
compare_file(Difference *difference, MigrationFile *file, const MigrationFile *kept)
{
	bool		has_text = kept && ((const Kept *) kept)->has_text;
	bool		text_differs = !kept || !same_text(file, kept);
	bool		differs = text_differs || !same_meaning(file, kept) || !kept->present;

	if (differs)
		difference->changed++;
	if (differs || file->position != kept->position)
		difference->written = lappend(difference->written, file);
	if (keep_text && (text_differs || !has_text))
		difference->texts = lappend(difference->texts, file);
	if (has_text && (text_differs || !keep_text))
		difference->stale = lappend(difference->stale, file->script);
}

/* What is to be done; both are walked through side by side. */
static Difference *
compare_sets(const char *service, const MigrationSet *set)
{
	Difference *difference = palloc0(sizeof(Difference));
	int			n_old;
	int			n_new;
	MigrationFile **old = kept_files(service, &n_old);
	MigrationFile **new = new_files(set, &n_new);

	for (int o = 0, n = 0; o < n_old || n < n_new;)
	{
		int			order = o == n_old ? 1 : n == n_new ? -1 : strcmp(old[o]->script, new[n]->script);

		if (order < 0 && old[o]->present)
			difference->gone = lappend(difference->gone, old[o]->script);
		if (order < 0 && ((Kept *) old[o])->has_text && !keep_text)
			difference->stale = lappend(difference->stale, old[o]->script);
		if (order >= 0)
			compare_file(difference, new[n], order == 0 ? old[o] : NULL);
		o += order <= 0;
		n += order >= 0;
	}
	return difference;
}

/* Strings as a parameter of type text[]. */
static SqlArg
sql_texts(List *strings)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, strings)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	return sql_array(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT), TEXTARRAYOID);
}

/* One column of many files as an array parameter; values are by file, then by column. */
static SqlArg
column_array(int column, const Datum *values, const bool *nulls, int n)
{
	Oid			type = file_column_types[column];
	Datum	   *elements = palloc(sizeof(Datum) * n);
	bool	   *missing = palloc(sizeof(bool) * n);
	int			lower_bound = 1;
	int16		length;
	bool		by_value;
	char		align;

	for (int i = 0; i < n; i++)
	{
		elements[i] = values[i * FILE_COLUMNS + column];
		missing[i] = nulls[i * FILE_COLUMNS + column];
	}
	get_typlenbyvalalign(type, &length, &by_value, &align);
	return sql_array(construct_md_array(elements, missing, 1, &n, &lower_bound, type, length,
										by_value, align), get_array_type(type));
}

/* Write all that is kept of files but their texts. */
static void
write_files(const char *service, List *files)
{
	int			n = list_length(files);
	Datum	   *values = palloc(sizeof(Datum) * FILE_COLUMNS * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * FILE_COLUMNS * Max(n, 1));
	SqlArg		args[FILE_COLUMNS + 1];

	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
		write_file_row(list_nth(files, i), values + i * FILE_COLUMNS, nulls + i * FILE_COLUMNS);
	for (int column = 0; column < FILE_COLUMNS; column++)
		args[column] = column_array(column, values, nulls, n);
	args[FILE_COLUMNS] = sql_name(service);
	svc_sql_run("INSERT INTO svc.migration_file AS f (" FILE_COLUMN_NAMES ", service, present)"
				" SELECT u.*, $13, true"
				"   FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
				"                   pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6),"
				"                   pg_catalog.unnest($7), pg_catalog.unnest($8), pg_catalog.unnest($9),"
				"                   pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12)) u"
				" ON CONFLICT (service, script) DO UPDATE SET kind = excluded.kind,"
				" version = excluded.version, description = excluded.description,"
				" event = excluded.event, position = excluded.position, checksum = excluded.checksum,"
				" created_at = excluded.created_at, has_undo = excluded.has_undo,"
				" transactional = excluded.transactional, placeholders = excluded.placeholders,"
				" size = excluded.size, present = true, loaded_at = excluded.loaded_at",
				args, lengthof(args));
}

/*
 * Let go what is not in the set.  What was run stays, and what undoes it: it is
 * known by its script, or by its version.
 */
static void
remove_files(const char *service, List *scripts)
{
	SqlArg		gone = sql_texts(scripts);

	if (scripts == NIL)
		return;
	svc_sql("DELETE FROM svc.migration_file f WHERE f.service = $1 AND f.script = ANY ($2)"
			"   AND f.script NOT IN (SELECT h.script FROM svc.migration_history h WHERE " WAS_APPLIED ")"
			"   AND (f.version IS NULL OR f.version NOT IN (SELECT h.version FROM svc.migration_history h"
			"         WHERE " WAS_APPLIED " AND h.version IS NOT NULL))",
			sql_name(service), gone);
	svc_sql("UPDATE svc.migration_file SET present = false WHERE service = $1 AND script = ANY ($2)",
			sql_name(service), gone);
	svc_sql("DELETE FROM svc.migration_content c WHERE c.service = $1 AND c.script = ANY ($2)"
			"   AND c.script NOT IN (SELECT f.script FROM svc.migration_file f WHERE f.service = $1)",
			sql_name(service), gone);
}

/* Write the parts of a batch, and begin another. */
static void
flush(Batch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->cxt);
	Oid			type = private_text_type();

	if (batch->n > 0)
		svc_sql("INSERT INTO svc.migration_content (service, script, part, content)"
				" SELECT $1, u.*"
				"   FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) u",
				sql_name(batch->service),
				sql_array(construct_array(batch->scripts, batch->n, TEXTOID, -1, false, TYPALIGN_INT),
						  TEXTARRAYOID),
				sql_array(construct_array(batch->parts, batch->n, INT4OID, sizeof(int32), true,
										  TYPALIGN_INT), INT4ARRAYOID),
				sql_array(construct_array(batch->contents, batch->n, type, -1, false, TYPALIGN_INT),
						  private_text_array_type()));
	MemoryContextSwitchTo(old);
	MemoryContextReset(batch->cxt);
	batch->n = 0;
	batch->length = 0;
}

/* Add a part of a file's text to a batch, in the database's encoding. */
static void
add_part(Batch *batch, const char *script, int part, const char *text, Size length)
{
	MemoryContext old;
	char	   *converted;

	if (batch->n == BATCH_PARTS || batch->length + length > BATCH_LENGTH)
		flush(batch);
	old = MemoryContextSwitchTo(batch->cxt);
	converted = pg_any_to_server(text, (int) length, PG_UTF8);
	batch->scripts[batch->n] = CStringGetTextDatum(script);
	batch->parts[batch->n] = Int32GetDatum(part);
	batch->contents[batch->n] = private_text_make(batch->service, converted,
												  converted == text ? length : strlen(converted));
	batch->n++;
	batch->length += length;
	MemoryContextSwitchTo(old);
}

/* How much of a text is a part: whole characters of UTF-8. */
static Size
part_length(const char *text, Size length)
{
	Size		n = PART_LENGTH;

	if (length <= n)
		return length;
	while (n > 1 && ((unsigned char) text[n] & 0xC0) == 0x80)
		n--;
	return n;
}

/* Name the file whose text is converted when that fails. */
static void
name_file(void *script)
{
	errcontext("file \"%s\"", (const char *) script);
}

/* Add a file's text to a batch: at least one part, or it would seem not to be kept. */
static void
add_text(Batch *batch, const MigrationFile *file)
{
	const char *text = file->content;
	Size		left = file->size;
	int			part = 1;
	ErrorContextCallback context;

	context.callback = name_file;
	context.arg = file->script;
	context.previous = error_context_stack;
	error_context_stack = &context;
	do
	{
		Size		length = part_length(text, left);

		CHECK_FOR_INTERRUPTS();
		add_part(batch, file->script, part++, text, length);
		text += length;
		left -= length;
	} while (left > 0);
	error_context_stack = context.previous;
}

/* Write the texts of files. */
static void
write_texts(const char *service, List *files)
{
	Batch	   *batch;
	ListCell   *cell;

	if (files == NIL)
		return;
	batch = palloc(sizeof(Batch));
	batch->service = service;
	batch->cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership texts",
									   ALLOCSET_DEFAULT_SIZES);
	batch->n = 0;
	batch->length = 0;
	foreach(cell, files)
		add_text(batch, lfirst(cell));
	flush(batch);
	MemoryContextDelete(batch->cxt);
}

/* Is what is kept of a set as a whole what the set says? */
static bool
is_same_source(const MigrationSource *kept, const MigrationSet *set, const char *settings)
{
	return kept && kept->format == set->format &&
		svc_sql("SELECT 1 WHERE $1::pg_catalog.jsonb = $2::pg_catalog.jsonb",
				sql_text(kept->settings), sql_text(settings)) > 0;
}

/* Write the format and settings of a set, where they are not the same already. */
static void
write_source(const char *service, const MigrationSet *set)
{
	const char *settings = set->settings ? set->settings : "{}";
	char	   *placeholders;

	if (is_same_source(store_source(service), set, settings))
		return;
	service_hold(service);
	svc_sql("SELECT ($1::pg_catalog.jsonb -> 'placeholders')::pg_catalog.text", sql_text(settings));
	placeholders = svc_sql_value(0, 1);
	svc_sql("INSERT INTO svc.migration_source (service, format, settings, placeholders)"
			" VALUES ($1, $2, $3::pg_catalog.jsonb - 'placeholders'::pg_catalog.text, $4)"
			" ON CONFLICT (service) DO UPDATE SET format = excluded.format, settings = excluded.settings,"
			"  placeholders = excluded.placeholders",
			sql_name(service), sql_text(migration_format_name(set->format)), sql_text(settings),
			sql_private_text(service, placeholders));
}

/*
 * One at a time for a service: who comes second compares with what the first has
 * written.  Two services of the same hash merely wait for each other.
 */
static void
lock_set(const char *service)
{
	uint32		hash = DatumGetUInt32(hash_any((const unsigned char *) service, strlen(service)));

	LockDatabaseObject(RelationRelationId, svc_catalog_relation("migration_source"),
					   (uint16) hash, ExclusiveLock);
}

/* Keep a set; returns how many files are new or changed. */
int
store_set(const char *service, const MigrationSet *set)
{
	Difference *difference;

	lock_set(service);
	check_history(service, set);
	difference = compare_sets(service, set);
	write_source(service, set);
	if (difference->written != NIL || difference->texts != NIL || difference->stale != NIL ||
		difference->gone != NIL)
		service_hold(service);
	if (difference->stale != NIL)
		svc_sql("DELETE FROM svc.migration_content WHERE service = $1 AND script = ANY ($2)",
				sql_name(service), sql_texts(difference->stale));
	remove_files(service, difference->gone);
	write_files(service, difference->written);
	write_texts(service, difference->texts);
	return difference->changed;
}

/* How many bytes the values in the last result's first column have together. */
static Size
total_length(uint64 rows)
{
	Size		total = 0;

	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Datum		part = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);

		total = add_size(total, toast_raw_datum_size(part));
	}
	return total;
}

/* The parts of a text that a statement found, as one, in a memory context. */
static char *
join_parts(uint64 rows, MemoryContext result, Size *length)
{
	/* with what each part holds besides: a little more than there is */
	char	   *text = MemoryContextAllocHuge(result, total_length(rows) + 1);
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership part",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);

	*length = 0;
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);
		Size		n;
		const char *part = private_text_open(value, &n);

		memcpy(text + *length, part, n);
		*length += n;
		MemoryContextReset(own);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(own);
	text[*length] = '\0';
	return text;
}

/* The text of a file, or NULL where it was not kept. */
char *
store_content(const char *service, const char *script, Size *length)
{
	MemoryContext result = CurrentMemoryContext;
	SqlScope	scope;
	uint64		rows;
	char	   *text = NULL;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT content FROM svc.migration_content"
				   " WHERE service = $1 AND script = $2 ORDER BY part",
				   sql_name(service), sql_text(script));
	if (rows > 0)
		text = join_parts(rows, result, length);
	svc_sql_end(&scope);
	return text;
}

/* Refuse to go on without the text of a file. */
void
store_raise_no_content(const char *script)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the text of migration \"%s\" is not here", script),
			 errdetail("Texts are not kept where %s.migration_text is off.", SVC_EXTENSION),
			 errhint("Hand the files over to svc.migrate(), or load them with svc.load_migrations() while it is on.")));
}

/* What the store does when the library is loaded. */
void
StoredMigrationsInit(void)
{
	DefineCustomBoolVariable(SVC_EXTENSION ".migration_text",
							 "Whether the text of migrations is kept in the database.",
							 "Off: only names and checksums are; files with secrets stay out of dumps, and undo needs the files.",
							 &keep_text, true, PGC_SUSET, 0, NULL, NULL, NULL);
}
