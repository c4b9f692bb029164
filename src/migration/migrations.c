/*
 * migrations.c: svc.migrations, what is applied and what is to come.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "migration/history.h"
#include "migration/private_text.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_migrations);

/* What our attempts at a script came to; the key must be first */
typedef struct Tries
{
	const char *script;
	int			attempts;
	int			done;			/* statements, of the last one */
	int			statements;
	char	   *error;			/* of the last one */
} Tries;

/* Columns of the result */
enum
{
	OUT_VERSION,
	OUT_DESCRIPTION,
	OUT_KIND,
	OUT_STATE,
	OUT_SCRIPT,
	OUT_CHECKSUM,
	OUT_INSTALLED_BY,
	OUT_INSTALLED_AT,
	OUT_DURATION,
	OUT_ATTEMPTS,
	OUT_STATEMENT,
	OUT_STATEMENTS,
	OUT_ERROR,
	N_OUT
};

/* Hash of a script. */
static uint32
script_hash(const void *key, Size size)
{
	const char *script = *(const char *const *) key;

	return hash_bytes((const unsigned char *) script, strlen(script));
}

/* Comparison of scripts. */
static int
script_match(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Note an attempt, a row of the query below. */
static void
note_attempt(HTAB *tries, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[5];
	bool		nulls[5];
	bool		found;
	char	   *script;
	const char *error;
	Size		length;
	Tries	   *entry;

	heap_deform_tuple(tuple, desc, values, nulls);
	script = TextDatumGetCString(values[0]);
	entry = hash_search(tries, &script, HASH_ENTER, &found);
	if (!found)
		entry->attempts = 0;
	if (DatumGetBool(values[4]))
		entry->attempts++;
	entry->done = nulls[1] ? 0 : DatumGetInt32(values[1]);
	entry->statements = nulls[2] ? 0 : DatumGetInt32(values[2]);
	entry->error = NULL;
	if (nulls[3])
		return;
	error = private_text_open(values[3], &length);
	entry->error = pnstrdup(error, length);
}

/* What our attempts came to, by script. */
static HTAB *
read_tries(const char *service)
{
	HASHCTL		control = {.keysize = sizeof(char *), .entrysize = sizeof(Tries),
		.hash = script_hash, .match = script_match, .hcxt = CurrentMemoryContext};
	HTAB	   *tries = hash_create("svc_ownership attempts", 256, &control,
									HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	MemoryContext old;
	SqlScope	scope;
	uint64		rows;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT script, statement, statements, error, action = 'apply' FROM svc.migration_history"
				   " WHERE service = $1 ORDER BY attempt", sql_name(service));
	old = MemoryContextSwitchTo(scope.cxt);
	for (uint64 row = 0; row < rows; row++)
		note_attempt(tries, SPI_tuptable->vals[row], SPI_tuptable->tupdesc);
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	return tries;
}

/* A text of the result; NULL is SQL NULL. */
static void
put_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	values[column] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* What the row that was written says. */
static void
put_applied(Datum *values, bool *nulls, const AppliedMigration *applied)
{
	Interval   *duration = palloc0(sizeof(Interval));

	duration->time = applied->duration;
	put_text(values, nulls, OUT_INSTALLED_BY, applied->installed_by);
	values[OUT_INSTALLED_AT] = TimestampTzGetDatum(applied->installed_at);
	nulls[OUT_INSTALLED_AT] = applied->installed_at == 0;
	values[OUT_DURATION] = IntervalPGetDatum(duration);
	nulls[OUT_DURATION] = applied->duration < 0;
}

/* What our attempts came to.  An error that something else came after is past. */
static void
put_tries(Datum *values, bool *nulls, const Tries *tries, bool done)
{
	values[OUT_ATTEMPTS] = Int32GetDatum(tries ? tries->attempts : 0);
	nulls[OUT_ATTEMPTS] = false;
	if (!tries)
		return;
	values[OUT_STATEMENT] = Int32GetDatum(tries->done);
	values[OUT_STATEMENTS] = Int32GetDatum(tries->statements);
	nulls[OUT_STATEMENT] = nulls[OUT_STATEMENTS] = tries->statements == 0;
	put_text(values, nulls, OUT_ERROR, done ? NULL : tries->error);
}

/* The kind of a migration. */
static const char *
kind_of(const MigrationInfo *info)
{
	if (info->file)
		return migration_kind_name(info->file->kind);
	switch (info->applied->type)
	{
		case APPLIED_BASELINE:
		case APPLIED_SQL_BASELINE:
			return migration_kind_name(KIND_BASELINE);
		default:
			return migration_kind_name(info->applied->version ? KIND_VERSIONED : KIND_REPEATABLE);
	}
}

/* The text of a row where it has one, else the file's. */
static const char *
either(const char *of_row, const char *of_file)
{
	return of_row && of_row[0] ? of_row : of_file ? of_file : of_row;
}

/* Add a migration to the result. */
static void
report(FunctionCallInfo fcinfo, const MigrationInfo *info, HTAB *tries)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MigrationFile none = {0};
	AppliedMigration nothing = {0};
	const MigrationFile *file = info->file ? info->file : &none;
	const AppliedMigration *applied = info->applied ? info->applied : &nothing;
	const char *script = either(applied->script, file->script);
	Datum		values[N_OUT];
	bool		nulls[N_OUT];

	memset(nulls, true, sizeof(nulls));
	put_text(values, nulls, OUT_VERSION, either(applied->version, file->version));
	put_text(values, nulls, OUT_DESCRIPTION, either(applied->description, file->description));
	put_text(values, nulls, OUT_KIND, kind_of(info));
	put_text(values, nulls, OUT_STATE, migration_state_name(info->state));
	put_text(values, nulls, OUT_SCRIPT, script);
	put_text(values, nulls, OUT_CHECKSUM, info->applied ? applied->checksum : file->checksum);
	if (info->applied)
		put_applied(values, nulls, applied);
	put_tries(values, nulls, script ? hash_search(tries, &script, HASH_FIND, NULL) : NULL,
			  info->applied && applied->success);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * svc.migrations(service) → a row for each migration
 */
Datum
svc_migrations(PG_FUNCTION_ARGS)
{
	Service    *service = service_arg(fcinfo, 0);
	History    *history;
	HTAB	   *tries;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	history = history_read(service->name, false);
	tries = read_tries(service->name);
	foreach(cell, history_infos(history, NULL))
		report(fcinfo, lfirst(cell), tries);
	PG_RETURN_NULL();
}
