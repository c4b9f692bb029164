/*
 * round.c: the jobs of a database, done one after the other.
 *
 * A round is the same in a database worker and in the session of
 * svc.run_pending().  One process at a time does it: a lock of the session, and
 * in each transaction once more, since code of others that a job calls can
 * release locks of the session.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "core/session.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "worker/doorbell.h"
#include "worker/launcher.h"
#include "worker/round.h"
#include "worker/slot.h"
#include "worker/worker.h"

#define MAX_JOBS 16

/* how many errors of a job are remembered, so that each is logged once */
#define MAX_LOGGED 16

/* how long a job that failed rests, at first and at most, in milliseconds */
#define MIN_REST 1000
#define MAX_REST 60000

/*
 * How long a piece waits for a lock, in milliseconds.  Others may wait for what it
 * has locked: before the server calls that a deadlock, and makes a user's command
 * fail, the piece has given way, and comes again.  Nor can a service's owner, who
 * holds rows of our catalog that are about it, hold up others' work for longer.
 */
#define LOCK_PATIENCE 500

/* 1 and 2 are those of pg_advisory_lock, 3 those of runners */
#define WORK_LOCK 4

/* A job, and how it goes in this process */
typedef struct JobState
{
	const WorkerJob *job;
	TimestampTz due;			/* when it wants to be called although nobody rings */
	TimestampTz rests_until;	/* not before, after a failure */
	int			failures;		/* in a row */
	bool		complained;		/* something went wrong the last time, */
	bool		failed;			/* and the job is to rest */
	bool		complained_before;	/* or the time before that */
	uint32		logged[MAX_LOGGED];
	int			n_logged;
} JobState;

static JobState jobs[MAX_JOBS];
static int	n_jobs = 0;

/* Ends pieces that run code of others, and whether it did */
static TimeoutId time_limit;
static volatile sig_atomic_t out_of_time = false;

/* Who is told what goes wrong */
static RoundReader reader = READER_LOG;

/* When somebody called who waits for it; 0: nobody does */
static TimestampTz called_at = 0;

/* Whether the extension was to be had the last time: ROUND_DONE, ROUND_HELD or ROUND_ABSENT */
static RoundResult extension = ROUND_DONE;

/* For the log: the name of the database, when the session began */
static char database_name[NAMEDATALEN];

/* Register a job; called when the library is loaded. */
void
worker_register_job(const WorkerJob *job)
{
	if (n_jobs == MAX_JOBS)
		elog(ERROR, "too many jobs for workers");
	jobs[n_jobs++].job = job;
}

/* A session that does rounds begins: everything is due. */
void
round_begin_session(RoundReader told)
{
	reader = told;
	called_at = told == READER_LOG ? 0 : GetCurrentTimestamp();
	extension = ROUND_DONE;
	for (int i = 0; i < n_jobs; i++)
		jobs[i] = (JobState) {.job = jobs[i].job};
	StartTransactionCommand();
	strlcpy(database_name, get_database_name(MyDatabaseId), NAMEDATALEN);
	CommitTransactionCommand();
}

/* The lock of whoever is at work in this database. */
static LOCKTAG
work_lock(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, hash_bytes((const unsigned char *) SVC_EXTENSION,
													   strlen(SVC_EXTENSION)),
						 0, WORK_LOCK);
	return tag;
}

/*
 * Keep the extension as it is until the transaction ends, if it is there and
 * nobody is about to change it.
 */
static RoundResult
hold_extension(void)
{
	Oid			oid = get_extension_oid(SVC_EXTENSION, true);
	LOCKTAG		tag;

	if (!OidIsValid(oid))
		return ROUND_ABSENT;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, oid, 0);
	if (LockAcquire(&tag, AccessShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return ROUND_HELD;
	return get_extension_oid(SVC_EXTENSION, true) == oid ? ROUND_DONE : ROUND_ABSENT;
}

/* Are we still the one at work here?  Inside a transaction. */
static bool
is_ours_to_do(void)
{
	LOCKTAG		tag = work_lock();

	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* When somebody called who waits for what is done, or 0. */
TimestampTz
worker_called_at(void)
{
	return called_at;
}

/* Is the process asked to leave its database, or to end? */
bool
worker_must_leave(void)
{
	CHECK_FOR_INTERRUPTS();
	return extension != ROUND_DONE || (worker_shared && slot_must_leave());
}

/* What worker_transaction does, to be caught */
typedef struct Piece
{
	int			isolation;
	ProtectedWork work;
	void	   *argument;
} Piece;

/*
 * Begin each piece with the same settings, whatever code of others did in the
 * last one.
 */
static void
reset_session(void)
{
	svc_session_reset();
	svc_session_set("application_name", SVC_EXTENSION " worker");
	svc_session_set("transaction_timeout", "0");
	svc_session_set("lock_timeout", psprintf("%d", Min(LOCK_PATIENCE, Max(DeadlockTimeout / 2, 1))));
	/* nor is a stranger told what code of other services says */
	if (reader == READER_STRANGER)
		client_min_messages = ERROR;
}

/* Do a piece of work from the beginning of its transaction to the end. */
static void
do_piece(const Piece *piece)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	/* not what code of others made the default of the session */
	XactIsoLevel = piece->isolation;
	XactReadOnly = XactDeferrable = false;
	extension = hold_extension();
	if (extension != ROUND_DONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" is not there, or is being changed", SVC_EXTENSION)));
	if (!is_ours_to_do())
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("somebody else does the pending work of this database")));
	reset_session();
	PushActiveSnapshot(GetTransactionSnapshot());
	piece->work(piece->argument);
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Try a piece of work in a transaction of its own; NULL, or the error with which it was rolled back. */
static ErrorData *
try_piece(int isolation, ProtectedWork work, void *argument)
{
	Piece		piece = {isolation, work, argument};
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		do_piece(&piece);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	return error;
}

/* Do a piece of work in a transaction of its own. */
ErrorData *
worker_transaction(int isolation, ProtectedWork work, void *argument)
{
	ErrorData  *error = try_piece(isolation, work, argument);

	if (error && svc_is_interruption(error))
		ReThrowError(error);
	return error;
}

/* The time of a piece is over: what runs is cancelled.  Runs in a signal handler. */
static void
run_out(void)
{
	out_of_time = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* Let a piece take no longer than others can wait. */
static void
begin_time(void)
{
	static bool registered = false;

	if (!registered)
		time_limit = RegisterTimeout(USER_TIMEOUT, run_out);
	registered = true;
	out_of_time = false;
	enable_timeout_after(time_limit, worker_patience);
}

/* It has come back.  What was cancelled for its time is a failure, and no interruption. */
static void
end_time(ErrorData *error)
{
	disable_timeout(time_limit, false);
	if (!out_of_time)
		return;
	QueryCancelPending = false;
	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		error->sqlerrcode = WORKER_OUT_OF_TIME;
		error->message = pstrdup("it took longer than " SVC_EXTENSION ".worker_patience");
	}
}

/*
 * The same for a piece that runs code of a service's: triggers, a contract, a
 * validator.  One that does not end would keep the worker from all others.
 */
ErrorData *
worker_transaction_of_theirs(int isolation, ProtectedWork work, void *argument)
{
	ErrorData  *error;

	if (worker_patience == 0)
		return worker_transaction(isolation, work, argument);
	begin_time();
	error = try_piece(isolation, work, argument);
	end_time(error);
	if (error && svc_is_interruption(error))
		ReThrowError(error);
	return error;
}

/* The state of a job. */
static JobState *
state_of(const char *name)
{
	for (int i = 0; i < n_jobs; i++)
		if (strcmp(jobs[i].job->name, name) == 0)
			return &jobs[i];
	elog(ERROR, "no job \"%s\" for workers", name);
}

/* Is this the first time that a job has this error in this session? */
static bool
is_new_here(JobState *state, const char *text)
{
	uint32		hash = hash_bytes((const unsigned char *) text, strlen(text));
	int			n = Min(state->n_logged, MAX_LOGGED);

	for (int i = 0; i < n; i++)
		if (state->logged[i] == hash)
			return false;
	state->logged[state->n_logged % MAX_LOGGED] = hash;
	state->n_logged++;
	return true;
}

/* Remember an error for svc.workers; false: it is the one that the last worker had, too. */
static bool
remember(const char *text)
{
	WorkerDatabase *entry;
	bool		is_new = true;

	if (!worker_shared)
		return true;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = doorbell_add(MyDatabaseId);
	if (entry)
		is_new = doorbell_note_error(entry, text);
	LWLockRelease(worker_shared->lock);
	return is_new;
}

/* Say what went wrong in full: to the caller, or only to the log. */
static void
say_all(int level, const char *job, const ErrorData *error)
{
	ereport(level,
			(errcode(error->sqlerrcode),
			 level == WARNING ? errmsg("%s: %s", job, error->message) :
			 errmsg("%s in database \"%s\": %s", job, database_name, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0,
			 error->context ? errcontext("%s", error->context) : 0));
}

/* Say that something went wrong to a caller who may not read what belongs to other services. */
static void
say_little(const char *job, const ErrorData *error)
{
	client_min_messages = WARNING;
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("%s: not everything could be done", job),
			 errdetail("What failed stays pending."),
			 errhint("The server's log and svc.workers say why; the owner of the database may read that.")));
	client_min_messages = ERROR;
}

/* Say what went wrong. */
static void
say(const char *job, const ErrorData *error)
{
	if (reader == READER_CALLER)
		say_all(WARNING, job, error);
	else
		say_all(LOG_SERVER_ONLY, job, error);
	if (reader == READER_STRANGER)
		say_little(job, error);
}

/* An error of a job that goes on with other pieces. */
void
worker_complain(const char *job, const ErrorData *error)
{
	JobState   *state = state_of(job);
	char	   *text = psprintf("%s: %s", job, error->message);
	bool		is_new;

	/* asked to leave: not worth a word */
	if (extension != ROUND_DONE)
		return;
	state->complained = true;
	is_new = remember(text);
	if (is_new_here(state, text) && (is_new || reader != READER_LOG))
		say(job, error);
}

/* An error after which a job rests. */
void
worker_failed(const char *job, const ErrorData *error)
{
	worker_complain(job, error);
	if (extension == ROUND_DONE)
		state_of(job)->failed = true;
}

/* A job did not try what it failed to do the last time. */
void
worker_error_stands(const char *job)
{
	JobState   *state = state_of(job);

	state->complained |= state->complained_before;
}

/* A moment some milliseconds from now. */
static TimestampTz
in(long milliseconds)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
}

/* A job failed: when it is called again. */
static void
let_rest(JobState *state)
{
	int			rest = Min(MAX_REST, MIN_REST << Min(state->failures, 10));

	state->failures++;
	state->rests_until = in(rest);
	state->due = state->due == DT_NOEND ? state->rests_until : Max(state->due, state->rests_until);
}

/* Call a job. */
static void
call(JobState *state)
{
	long		wants;

	slot_show_job(state->job->name);
	pgstat_report_activity(STATE_RUNNING, psprintf(SVC_EXTENSION ": %s", state->job->name));
	state->complained_before = state->complained;
	state->failed = state->complained = false;
	wants = state->job->run();
	state->due = wants == WORKER_IDLE ? DT_NOEND : in(wants);
	if (state->failed)
		let_rest(state);
	else
		state->failures = 0;
}

/* Is a job to be called in this round? */
static bool
is_called(JobState *state, bool rung, TimestampTz now)
{
	if (rung || state->due <= now)
		state->due = Min(state->due, Max(now, state->rests_until));
	return state->due <= now && state->rests_until <= now;
}

/* Call the jobs that are to be called; returns when the next one is. */
static TimestampTz
call_jobs(bool rung)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < n_jobs; i++)
	{
		if (is_called(&jobs[i], rung, GetCurrentTimestamp()) && !worker_must_leave())
			call(&jobs[i]);
		next = Min(next, jobs[i].due);
	}
	slot_show_job(NULL);
	return next;
}

/* Begin a round: is the extension there, and nobody else at work? */
static RoundResult
begin(void)
{
	LOCKTAG		tag = work_lock();
	RoundResult result;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	result = extension = hold_extension();
	if (result == ROUND_DONE &&
		LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		result = ROUND_BUSY;
	CommitTransactionCommand();
	return result;
}

/* End a round: others may work here. */
static void
end(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	/* ours, and those that code of others took */
	LockReleaseSession(USER_LOCKMETHOD);
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Forget the error that is shown, if no job is failing. */
static void
forget_errors(void)
{
	WorkerDatabase *entry;

	if (!worker_shared || round_failed())
		return;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = doorbell_database(MyDatabaseId);
	if (entry)
	{
		entry->error[0] = '\0';
		entry->failures = 0;
	}
	LWLockRelease(worker_shared->lock);
}

/* Did something go wrong the last time that the jobs were called? */
bool
round_failed(void)
{
	for (int i = 0; i < n_jobs; i++)
		if (jobs[i].complained)
			return true;
	return false;
}

/*
 * Do one round: all jobs if somebody rang, else those that are due.  next: when
 * another one is wanted although nobody rings.
 */
RoundResult
round_do(bool rung, TimestampTz *next)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext cxt;
	RoundResult result = begin();

	*next = DT_NOEND;
	if (result != ROUND_DONE)
		return result;
	cxt = AllocSetContextCreate(old, "svc_ownership round", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	*next = call_jobs(rung);
	end();
	forget_errors();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return extension;
}
