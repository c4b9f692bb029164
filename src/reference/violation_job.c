/*
 * violation_job.c: keys of violations that are there again.
 *
 * Nobody tells us when a key comes: whoever makes rows of a published table
 * pays nothing for the references to it.  So the worker asks again, from time
 * to time, for the keys that were not there.  What rows hold them is for sweeps
 * to say; here violations are only resolved.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/sql.h"
#include "reference/sweep_keys.h"
#include "reference/violation.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define JOB "violations"

/* Keys that are asked for together */
#define BATCH 10000

/* References that have violations, and how far one of them was looked through */
typedef struct LookAgain
{
	MemoryContext cxt;			/* outlives the transactions */
	List	   *references;
	const char *reference;
	char	   *last;			/* hash of the last key that was asked for, as hexadecimal digits */
	bool		more;
	SweepKeys	keys;
} LookAgain;

/* When it is time again; 0: at once */
static TimestampTz next_look = 0;

/* One transaction: find the references that have violations. */
static void
find_violated(void *argument)
{
	LookAgain  *look = argument;
	uint64		rows;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql_run("SELECT r.reference FROM svc.reference r"
					   " WHERE r.mode <> 'off'"
					   "   AND EXISTS (SELECT 1 FROM svc.reference_violation v WHERE v.reference = r.reference AND v.state <> 'resolved')"
					   " ORDER BY 1", NULL, 0);
	MemoryContextSwitchTo(look->cxt);
	for (uint64 row = 0; row < rows; row++)
		look->references = lappend(look->references, svc_sql_value(row, 1));
	svc_sql_end(&scope);
}

/* The next keys of a reference's violations, as texts. */
static List *
next_texts(LookAgain *look)
{
	List	   *texts = NIL;
	uint64		rows;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT v.key, pg_catalog.encode(v.key_hash, 'hex') FROM svc.reference_violation v"
				   " WHERE v.reference = $1 AND v.state <> 'resolved'"
				   "   AND v.key_hash > pg_catalog.decode($2, 'hex')"
				   "   AND pg_catalog.length(v.key) < " VIOLATION_KEY_TEXT
				   " ORDER BY v.key_hash LIMIT $3",
				   sql_name(look->reference), sql_text(look->last),
				   sql_datum(Int64GetDatum(BATCH), INT8OID));
	look->more = rows == BATCH;
	if (rows > 0)
		look->last = MemoryContextStrdup(look->cxt, svc_sql_value(rows - 1, 2));
	MemoryContextSwitchTo(scope.cxt);
	for (uint64 row = 0; row < rows; row++)
		texts = lappend(texts, pstrdup(svc_sql_value(row, 1)));
	svc_sql_end(&scope);
	return texts;
}

/* One transaction: ask for some keys again. */
static void
ask_again(void *argument)
{
	LookAgain  *look = argument;
	Reference  *reference = reference_lookup(look->reference);
	TimestampTz asked = GetCurrentTimestamp();
	KeySet	   *set;
	List	   *texts;

	look->more = false;
	look->keys = (SweepKeys){.cxt = CurrentMemoryContext,.step = CurrentMemoryContext};
	if (!reference)
		return;
	texts = next_texts(look);
	if (texts == NIL)
		return;
	set = violation_keys(reference, texts, KEY_PENDING);
	sweep_keys_ask(&look->keys, reference, set);
	if (key_set_first(set, KEY_VALID, 0) >= 0)
		violation_resolve(reference, set, asked, "it is there again");
}

/*
 * Ask for all keys of a reference's violations.  A contract that cannot be asked
 * is told of by those who have to; here it is asked the next time.
 */
static void
look_through(LookAgain *look)
{
	look->last = "";
	do
	{
		ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, ask_again, look);

		if (error && !look->keys.asking)
			worker_complain(JOB, error);
		if (error)
			return;
	} while (look->more && !worker_must_leave());
}

/* The worker's job. */
static long
run(void)
{
	LookAgain	look = {AllocSetContextCreate(CurrentMemoryContext, "svc_ownership violations",
											  ALLOCSET_DEFAULT_SIZES)};
	MemoryContext old = CurrentMemoryContext;
	TimestampTz now = GetCurrentTimestamp();
	ErrorData  *error;
	ListCell   *cell;

	if (now < next_look)
	{
		worker_error_stands(JOB);
		return TimestampDifferenceMilliseconds(now, next_look);
	}
	next_look = TimestampTzPlusMilliseconds(now, worker_next_look());
	error = worker_transaction(XACT_READ_COMMITTED, find_violated, &look);
	if (error)
		worker_complain(JOB, error);
	foreach(cell, look.references)
	{
		if (worker_must_leave())
			break;
		look.reference = lfirst(cell);
		look_through(&look);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(look.cxt);
	return worker_next_look();
}

static const WorkerJob job = {.name = JOB,.run = run};

/* What it does when the library is loaded. */
void
ViolationJobInit(void)
{
	worker_register_job(&job);
}
