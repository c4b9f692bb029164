/*
 * journal_run.c: the job that gives entries to consumers.
 *
 * Each consumer has its own cursor, and what it does with entries is its own
 * work: one that fails is asked again later, and the others go on meanwhile.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/journal_batch.h"
#include "worker/journal_rotate.h"
#include "worker/journal_run.h"
#include "worker/worker.h"

#define MAX_CONSUMERS 16

/* How long one consumer is given entries before the others are, in milliseconds */
#define TURN 1000

/* How long a consumer that failed is left alone, at first and at most, in milliseconds */
#define MIN_REST 1000
#define MAX_REST 60000

/* A consumer, and how it goes in this process */
typedef struct Reader
{
	const JournalConsumer *consumer;
	int			failures;		/* in a row */
	TimestampTz rests_until;
} Reader;

static Reader readers[MAX_CONSUMERS];
static int	n_readers = 0;

/* One transaction of a reader's */
typedef struct Step
{
	JournalBatch *batch;
	List	   *entries;
} Step;

/* Make a consumer known; called when the library is loaded. */
void
journal_register_consumer(const JournalConsumer *consumer)
{
	if (n_readers == MAX_CONSUMERS)
		elog(ERROR, "too many consumers of the journal");
	readers[n_readers++].consumer = consumer;
}

/* All of them. */
List *
journal_consumers(void)
{
	List	   *consumers = NIL;

	for (int i = 0; i < n_readers; i++)
		consumers = lappend(consumers, (void *) readers[i].consumer);
	return consumers;
}

/* Are entries of a kind a consumer's? */
bool
journal_is_consumed_by(const JournalConsumer *consumer, JournalKind kind)
{
	return kind != '\0' && strchr(consumer->kinds, kind) != NULL;
}

/* Write down how far the consumer is, and fetch what is next. */
static void
fetch_next(void *argument)
{
	Step	   *step = argument;

	step->entries = journal_batch_next(step->batch);
}

/* Write down how far it is. */
static void
save(void *argument)
{
	journal_batch_save(((Step *) argument)->batch);
}

/*
 * Give entries to a consumer; false if it could not do what there is to do.  It
 * catches its errors itself; one that slips through must not stop the others.
 */
static bool
consume(const JournalConsumer *consumer, List *entries)
{
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;
	volatile bool done = false;

	PG_TRY();
	{
		done = consumer->consume(entries);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	if (error && svc_is_interruption(error))
		ReThrowError(error);
	if (error)
		worker_complain(JOURNAL_JOB, error);
	return done;
}

/* Give a consumer its entries, for a while; false if something failed.  more: there are others. */
static bool
read_for(const JournalConsumer *consumer, Step *step, bool *more)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TURN);
	ErrorData  *error;

	*more = false;
	do
	{
		error = worker_transaction(XACT_READ_COMMITTED, fetch_next, step);
		if (!error && step->entries == NIL)
			return true;
		if (error || !consume(consumer, step->entries))
			break;
		journal_batch_done(step->batch);
		*more = true;
	} while (!worker_must_leave() && GetCurrentTimestamp() < end);

	if (!error && *more)
		error = worker_transaction(XACT_READ_COMMITTED, save, step);
	if (error)
		worker_complain(JOURNAL_JOB, error);
	return !error && *more;
}

/* A consumer failed: leave it alone, longer each time. */
static void
let_rest(Reader *reader)
{
	int			rest = Min(MAX_REST, MIN_REST << Min(reader->failures, 10));

	reader->failures++;
	reader->rests_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), rest);
}

/* It is a consumer's turn.  Returns after how many milliseconds it wants another one. */
static long
take_turn(Reader *reader)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext cxt;
	Step		step = {NULL, NIL};
	TimestampTz now = GetCurrentTimestamp();
	bool		more;

	if (reader->rests_until > now)
	{
		worker_error_stands(JOURNAL_JOB);
		return TimestampDifferenceMilliseconds(now, reader->rests_until) + 1;
	}
	cxt = AllocSetContextCreate(old, "svc_ownership journal turn", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	step.batch = journal_batch_make(reader->consumer);
	if (read_for(reader->consumer, &step, &more))
		reader->failures = 0;
	else
		let_rest(reader);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	if (reader->failures > 0)
		return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), reader->rests_until) + 1;
	return more ? 0 : WORKER_IDLE;
}

/* The sooner of two times to wait. */
static long
sooner(long a, long b)
{
	if (a == WORKER_IDLE || b == WORKER_IDLE)
		return Max(a, b);
	return Min(a, b);
}

/* The job: a turn for each consumer, and what they all have read goes. */
static long
run_journal(void)
{
	long		wait = WORKER_IDLE;

	for (int i = 0; i < n_readers && !worker_must_leave(); i++)
		wait = sooner(wait, take_turn(&readers[i]));
	if (!worker_must_leave())
		wait = sooner(wait, journal_rotate());
	return wait;
}

static const WorkerJob journal_job = {
	.name = JOURNAL_JOB, .run = run_journal
};

/* What the job needs when the library is loaded. */
void
JournalRunInit(void)
{
	worker_register_job(&journal_job);
}
