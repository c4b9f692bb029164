/*
 * database_worker.c: the process that does the work of one database.
 *
 * It comes when the launcher starts it, does round after round while somebody
 * rings or something is due, and goes when there was nothing to do for a while,
 * when other databases wait, or when somebody wants the database for himself.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/cancel.h"
#include "core/session.h"
#include "core/wait.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "postmaster/interrupt.h"
#include "worker/doorbell.h"
#include "worker/launcher.h"
#include "worker/round.h"
#include "worker/slot.h"
#include "worker/worker.h"

PGDLLEXPORT void svc_worker_main(Datum arg);

/* how long to wait for somebody else who is at work in the database, in milliseconds */
#define BUSY_DELAY 100

/* how long to stay away where somebody is about to change the extension, in milliseconds */
#define HELD_DELAY 1000

/* how many times less often a database without the extension is looked at */
#define ABSENT_FACTOR 10

/* What a worker is about to do */
typedef struct Stay
{
	TimestampTz busy_until;		/* when the idle timeout began */
	TimestampTz next;			/* when a round is wanted although nobody rings */
	bool		rung;			/* somebody rang, and it was not heard yet */
	bool		called;			/* somebody rang, since it came */
} Stay;

/* Prepare the session. */
static void
set_up(void)
{
	svc_session_set("application_name", SVC_EXTENSION " worker");
	svc_session_set("transaction_timeout", "0");
	StartTransactionCommand();
	svc_session_own_settings();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* A moment some milliseconds from another one. */
static TimestampTz
later(TimestampTz moment, int milliseconds)
{
	return TimestampTzPlusMilliseconds(moment, milliseconds);
}

/* When a worker is wanted again although nobody rings. */
static TimestampTz
next_visit(const Stay *stay, RoundResult result)
{
	TimestampTz now = GetCurrentTimestamp();

	if (result == ROUND_ABSENT)
		return later(now, Min((int64) worker_interval * ABSENT_FACTOR, INT_MAX));
	if (result == ROUND_HELD)
		return later(now, HELD_DELAY);
	if (stay->rung)
		return now;
	return Min(stay->next, later(now, worker_interval));
}

/*
 * Leave, if there is a reason to.  One who came only to look does not wait for
 * more; others give it some time, unless somebody else waits for them to go, or
 * there are to be no workers any more.
 */
static void
leave_if_done(Stay *stay, RoundResult result)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		must = worker_must_leave();
	TimestampTz end;

	/* the round may have taken long; when to come again is reckoned with the interval of now */
	(void) worker_reload();
	end = stay->called ? later(stay->busy_until, worker_idle_timeout) : now;
	if (worker_shared->wanted || worker_max == 0)
		end = now;
	if (!must && (stay->rung || stay->next <= now || end > now))
		return;
	if (slot_leave(next_visit(stay, result), must))
		proc_exit(0);
	stay->rung = stay->called = true;
}

/* How long there is nothing to do, in milliseconds, if nobody wakes us. */
static long
time_to_wait(const Stay *stay, RoundResult result)
{
	TimestampTz now = GetCurrentTimestamp();

	if (result == ROUND_BUSY)
		return BUSY_DELAY;
	return TimestampDifferenceMilliseconds(now, Min(stay->next, later(stay->busy_until,
																	  worker_idle_timeout)));
}

/* Do what is to be done, as long as there is something. */
static void
work(void)
{
	Stay		stay = {.busy_until = GetCurrentTimestamp()};
	RoundResult result;

	for (;;)
	{
		bool		rang = doorbell_take();

		(void) worker_reload();
		stay.called |= rang;
		stay.rung |= rang;
		result = round_do(stay.rung, &stay.next);
		if (result == ROUND_DONE)
		{
			if (stay.rung)
				stay.busy_until = GetCurrentTimestamp();
			stay.rung = false;
		}
		leave_if_done(&stay, result);
		if (result == ROUND_BUSY || !stay.rung)
			svc_wait_idle(time_to_wait(&stay, result), 0);
	}
}

/* Remember, for svc.workers, the error with which the worker ends. */
static void
remember_end(Oid database)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	ErrorData  *error = CopyErrorData();
	WorkerDatabase *entry;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = doorbell_database(database);
	if (entry)
		(void) doorbell_note_error(entry, error->message);
	LWLockRelease(worker_shared->lock);
	MemoryContextSwitchTo(old);
}

/*
 * The main function of a worker; its argument is the number of its slot.
 */
void
svc_worker_main(Datum arg)
{
	uint32		generation;
	Oid			database;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	svc_cancel_count();
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	database = slot_enter(DatumGetInt32(arg), generation);
	if (!OidIsValid(database))
		proc_exit(0);
	PG_TRY();
	{
		BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
		set_up();
		round_begin_session(READER_LOG);
		work();
	}
	PG_CATCH();
	{
		remember_end(database);
		PG_RE_THROW();
	}
	PG_END_TRY();
}
