/*
 * parked.c: keys that are asked for again later.
 *
 * Rows of svc.reference_parked, which only workers write: keys that could not be
 * asked, again after a while that doubles each time, or as soon as there is reason to
 * hope (forward.c), and keys that are missing, for their second look.  What is due of one reference is asked for in one lookup; what
 * comes of it is written, and the rows go, in one transaction.
 *
 * Keys are kept as text: whoever looks after a reference can read what waits.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/async.h"
#include "reference/forward.h"
#include "reference/lookup.h"
#include "reference/parked.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "worker/worker.h"

/* When a key that is missing is looked at a second time, in milliseconds */
#define SECOND_LOOK 1000

/* When keys that could not be asked are tried again: at first, and at the latest, in milliseconds */
#define FIRST_RETRY 1000
#define LAST_RETRY 300000

/* And where nobody may ask just now, as while a service moves: whoever mends that does not ring */
#define PUT_OFF 10000

/* With more keys than this a reference is swept instead */
#define MAX_PARKED 1000000

/* Rows that are due, of one reference */
typedef struct Due
{
	MemoryContext cxt;
	NameData	reference;
	int			attempts;
	TimestampTz looked;			/* when what was due was looked for */
	TimestampTz moment;			/* what could not be asked before is due whenever it would be */
	TimestampTz since;			/* for how long the first of them waits */
	ArrayType  *rows;			/* their places */
	ArrayType  *times;			/* and when they were due: a row that came there later is another one */
	List	   *keys;			/* text[] each */
	long		next;			/* milliseconds until the first row is due; WORKER_IDLE: there is none */
} Due;

/* A due key set that is to be filled */
typedef struct Filling
{
	const Reference *reference;
	const Due  *due;
	KeySet	   *set;
} Filling;

/* The last moment before which nothing waits that could not be asked */
static TimestampTz forwarded = 0;

/* A moment as a parameter. */
static SqlArg
sql_moment(TimestampTz moment)
{
	return sql_datum(TimestampTzGetDatum(moment), TIMESTAMPTZOID);
}

/* After how many milliseconds keys are asked for again. */
static long
delay(int attempts)
{
	double		base = attempts == 0 ? SECOND_LOOK
		: Min(LAST_RETRY, FIRST_RETRY * (double) (1 << Min(attempts - 1, 20)));

	return attempts == 0 ? SECOND_LOOK
		: (long) (base * (0.75 + 0.5 * pg_prng_double(&pg_global_prng_state)));
}

/* Keys of a set in a state as text[], in the current memory context; NULL: there are none. */
static ArrayType *
texts(const Reference *reference, const KeySet *set, KeyState state)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum	   *values = palloc(sizeof(Datum) * Max(key_set_count(set), 1));
	SqlScope	scope;
	int			n = 0;

	svc_sql_begin_restricted(&scope, reference->run_as);
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == state)
		{
			char	   *text = key_set_text(set, i);

			MemoryContextSwitchTo(cxt);
			values[n++] = CStringGetTextDatum(text);
			pfree(text);
		}
	MemoryContextSwitchTo(cxt);
	svc_sql_end(&scope);
	MemoryContextSwitchTo(cxt);
	return n == 0 ? NULL : construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Has a reference so many parked keys that a sweep is cheaper?  They go, then. */
static bool
overflows(const char *reference)
{
	svc_sql("SELECT coalesce(pg_catalog.sum(pg_catalog.cardinality(p.keys)), 0) > $2"
			"  FROM svc.reference_parked p WHERE p.reference = $1",
			sql_name(reference), sql_datum(Int64GetDatum(MAX_PARKED), INT8OID));
	if (!svc_sql_bool_value(0, 1))
		return false;
	svc_sql("DELETE FROM svc.reference_parked p WHERE p.reference = $1", sql_name(reference));
	return true;
}

/* Park the keys of a set that are in a state. */
void
parked_add(const Reference *reference, const KeySet *set, KeyState state,
		   const ParkedHistory *history)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next_try = TimestampTzPlusMilliseconds(now, delay(history->attempts));
	const char *name = NameStr(reference->name);
	ArrayType  *keys = texts(reference, set, state);
	SqlScope	scope;
	bool		too_many;

	if (!keys)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("INSERT INTO svc.reference_parked (reference, keys, since, attempts, next_try, asked)"
			" VALUES ($1, $2, $3, $4, $5, $6)",
			sql_name(name), sql_array(keys, TEXTARRAYOID), sql_moment(history->since ? history->since : now),
			sql_datum(Int32GetDatum(history->attempts), INT4OID), sql_moment(next_try),
			sql_moment(history->asked));
	too_many = overflows(name);
	svc_sql_end(&scope);
	if (too_many)
		reference_need_sweep(name);
}

/* Does a reference come forward?  Then it is its turn. */
static bool
find_forward(Due *due)
{
	if (due->moment <= forwarded)
		return false;
	if (svc_sql("SELECT p.reference, p.attempts FROM svc.reference_parked p"
				" WHERE p.attempts > 0 AND p.asked < $1 ORDER BY p.asked LIMIT 1",
				sql_moment(due->moment)) == 0)
	{
		forwarded = due->moment;
		return false;
	}
	namestrcpy(&due->reference, svc_sql_value(0, 1));
	due->attempts = atoi(svc_sql_value(0, 2));
	return true;
}

/* The reference whose turn it is, or until when nobody's is; false: nothing is due. */
static bool
find_turn(Due *due)
{
	int64		wait;
	bool		isnull;

	if (find_forward(due))
		return true;
	if (svc_sql_run("SELECT p.reference, p.attempts,"
					"       (extract(epoch FROM p.next_try - pg_catalog.clock_timestamp()) * 1000)::pg_catalog.int8"
					"  FROM svc.reference_parked p ORDER BY p.next_try LIMIT 1", NULL, 0) == 0)
	{
		due->next = WORKER_IDLE;
		return false;
	}
	wait = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	due->next = Max(wait, 0);
	namestrcpy(&due->reference, svc_sql_value(0, 1));
	due->attempts = atoi(svc_sql_value(0, 2));
	return wait <= 0;
}

/* Take the rows of the last result, as many as one lookup can have keys of. */
static void
take_rows(Due *due, uint64 n)
{
	Datum	   *rows = palloc(sizeof(Datum) * n);
	Datum	   *times = palloc(sizeof(Datum) * n);
	int			taken = 0;
	int64		keys = 0;
	MemoryContext old = MemoryContextSwitchTo(due->cxt);

	for (; taken < n && keys < LOOKUP_KEYS; taken++)
	{
		HeapTuple	row = SPI_tuptable->vals[taken];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		TimestampTz since;
		ArrayType  *texts = DatumGetArrayTypePCopy(SPI_getbinval(row, desc, 3, &isnull));

		rows[taken] = SPI_getbinval(row, desc, 1, &isnull);
		times[taken] = SPI_getbinval(row, desc, 2, &isnull);
		due->attempts = Max(due->attempts, atoi(svc_sql_value(taken, 4)));
		since = DatumGetTimestampTz(SPI_getbinval(row, desc, 5, &isnull));
		due->since = taken == 0 ? since : Min(due->since, since);
		due->keys = lappend(due->keys, texts);
		keys += ArrayGetNItems(ARR_NDIM(texts), ARR_DIMS(texts));
	}
	due->rows = construct_array(rows, taken, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT);
	due->times = construct_array(times, taken, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL,
								 TYPALIGN_DOUBLE);
	MemoryContextSwitchTo(old);
}

/* Find what is due, in a transaction: of one reference, and second looks by themselves. */
static void
find_due(void *argument)
{
	Due		   *due = argument;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	if (find_turn(due))
		take_rows(due, svc_sql("SELECT p.ctid, p.next_try, p.keys, p.attempts, p.since FROM svc.reference_parked p"
							   " WHERE p.reference = $1 AND (p.attempts = 0) = $2"
							   "   AND (p.next_try <= pg_catalog.clock_timestamp() OR p.attempts > 0 AND p.asked < $3)"
							   " ORDER BY p.next_try LIMIT 1000",
							   sql_name(NameStr(due->reference)), sql_bool(due->attempts == 0),
							   sql_moment(due->moment)));
	svc_sql_end(&scope);
}

/* Remove the rows that were due, as part of a transaction. */
static void
remove_rows(void *argument)
{
	const Due  *due = argument;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("DELETE FROM svc.reference_parked p"
			" USING ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS d (row, due)"
			" WHERE p.ctid = d.row AND p.next_try = d.due",
			sql_array(due->rows, TIDARRAYOID), sql_array(due->times, TIMESTAMPTZARRAYOID));
	svc_sql_end(&scope);
}

/* The same, and the reference is swept instead: its type has changed so that keys cannot be read. */
static void
sweep_instead(void *argument)
{
	const Due  *due = argument;

	remove_rows(argument);
	reference_need_sweep(NameStr(due->reference));
}

/* Nobody may look these keys up, or record them; or the reference is gone, and they with it. */
static void
put_off(void *argument)
{
	const Due  *due = argument;
	SqlScope	scope;

	worker_wait_briefly();
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("DELETE FROM svc.reference_parked p WHERE p.reference = $1"
			"   AND NOT EXISTS (SELECT FROM svc.reference r WHERE r.reference = p.reference)",
			sql_name(NameStr(due->reference)));
	svc_sql("UPDATE svc.reference_parked p SET next_try = greatest(p.next_try, $2), asked = $3"
			" WHERE p.reference = $1 AND (p.next_try < $2 OR p.asked < $4)",
			sql_name(NameStr(due->reference)),
			sql_moment(TimestampTzPlusMilliseconds(due->looked, PUT_OFF)), sql_moment(due->looked),
			sql_moment(due->moment));
	svc_sql_end(&scope);
}

/* Read the keys that are due into a set, with the rights that input functions of others may have. */
static void
fill(void *argument)
{
	Filling    *filling = argument;
	MemoryContext cxt = filling->due->cxt;
	SqlScope	scope;
	Oid			input;
	Oid			parameter;
	ListCell   *cell;

	MemoryContextSwitchTo(cxt);
	filling->set = key_set_make(filling->reference);
	svc_sql_begin_restricted(&scope, filling->reference->run_as);
	getTypeInputInfo(filling->reference->key_type, &input, &parameter);
	foreach(cell, filling->due->keys)
	{
		ArrayIterator all = array_create_iterator(lfirst(cell), 0, NULL);
		Datum		key;
		bool		isnull;

		while (array_iterate(all, &key, &isnull))
			(void) key_set_add(filling->set,
							   OidInputFunctionCall(input, TextDatumGetCString(key), parameter, -1),
							   NULL);
	}
	svc_sql_end(&scope);
}

/* Ask again for what is due; false: it is due still. */
static bool
look_at_due(Due *due)
{
	Filling		filling = {.reference = async_reference(NameStr(due->reference)), .due = due};
	AsyncLook	look = {
		.source = SOURCE_WORKER, .attempts = due->attempts, .second = due->attempts == 0,
		.since = due->since,
		.also = remove_rows, .argument = due
	};
	ErrorData  *error = NULL;

	if (!filling.reference)
		error = worker_transaction(XACT_READ_COMMITTED, put_off, due);
	else if (worker_transaction(XACT_READ_COMMITTED, fill, &filling) != NULL)
		error = worker_transaction(XACT_READ_COMMITTED, sweep_instead, due);
	else
	{
		MemoryContextSwitchTo(due->cxt);
		look.reference = filling.reference;
		look.set = filling.set;
		if (!async_look(&look))
			error = worker_transaction(XACT_READ_COMMITTED, put_off, due);
	}
	if (error)
		worker_failed(ASYNC_JOB, error);
	return error == NULL;
}

/* The job: ask again for what is due, reference after reference. */
static long
run_parked(void)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership parked keys",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Due			due;

	for (;;)
	{
		ErrorData  *error;

		MemoryContextReset(cxt);
		due = (Due) {.cxt = cxt, .looked = GetCurrentTimestamp(), .moment = forward_moment()};
		error = worker_transaction(XACT_READ_COMMITTED, find_due, &due);
		MemoryContextSwitchTo(cxt);
		if (error)
			worker_failed(ASYNC_JOB, error);
		if (error || due.keys == NIL || worker_must_leave())
			break;
		if (!look_at_due(&due))
			break;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return due.next;
}

static const WorkerJob parked_job = {ASYNC_JOB, run_parked};

/* What parked keys do when the library is loaded. */
void
ParkedInit(void)
{
	worker_register_job(&parked_job);
}
