/*
 * runner.c: the caller's side of a runner: start it, wait, relay, stop it.
 *
 * A runner is a background worker with a session of its own: nothing that runs
 * in it can get at the caller's rights, and no setting of it stays behind in
 * the caller's connection.  What it has to say comes through a queue in shared
 * memory, as the messages that it would send to a client; so errors arrive with
 * all their fields, and notices when they are raised.
 *
 * The caller that is cancelled stops its runner.  The caller that dies does
 * not: the runner finds nobody at the other end of the queue, and goes on.
 */
#include "core/svc.h"

#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "core/wait.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "nodes/params.h"
#include "postmaster/bgworker.h"
#include "runner/job.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* more rows, or more bytes, than this are not relayed: results are kept in memory */
#define MAX_ROWS 10000
#define MAX_SIZE ((Size) 100 * 1024 * 1024)

/* what a value takes besides its characters, about */
#define VALUE_SIZE 16

#define MAX_FUNCTIONS 32

/* how long a runner may take to stop, in milliseconds, before it is told to end */
#define STOP_PATIENCE 5000

/* svc_ownership.worker_wait, in milliseconds */
static int	worker_wait;

static RunnerFunction functions[MAX_FUNCTIONS];
static int	n_functions = 0;

/* A runner at work, as its caller sees it */
typedef struct Run
{
	const RunnerJob *job;
	BackgroundWorkerHandle *handle;
	shm_mq_handle *queue;
	List	   *results;		/* RunnerResult */
	RunnerResult *current;
	int			n_rows;
	Size		size;			/* of all rows */
	bool		done;			/* it said that it is */
	bool		catch;			/* errors are kept, not raised */
	ErrorData  *error;			/* the one that was */
} Run;

/* The settings of runners. */
void
RunnerInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".worker_wait",
							"How long to wait for a free background worker.",
							NULL, &worker_wait, 30000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
}

/* Make a function known to runners. */
static void
register_function(RunnerFunction function)
{
	if (n_functions == MAX_FUNCTIONS)
		elog(ERROR, "too many functions for runners");
	functions[n_functions++] = function;
}

/* Make a function known to runners; called when the library is loaded. */
void
runner_register_entry(const char *name, RunnerEntry function)
{
	register_function((RunnerFunction) {name, function, NULL});
}

/* The same for one that has transactions of its own. */
void
runner_register_session(const char *name, RunnerSession function)
{
	register_function((RunnerFunction) {name, NULL, function});
}

/* The registered function of a name. */
const RunnerFunction *
runner_find_function(const char *name)
{
	for (int i = 0; i < n_functions; i++)
		if (strcmp(functions[i].name, name) == 0)
			return &functions[i];
	elog(ERROR, "no function \"%s\" for runners", name);
}

/*
 * Does a function of some language call us?  Each of them leaves a mark: SPI is
 * connected, or there is a context for errors.  A portal of the extended
 * protocol has one, too, that says what its parameters are.
 */
static bool
called_by_function(void)
{
	ErrorContextCallback *context = error_context_stack;

	while (context && context->callback == ParamsErrorCallback)
		context = context->previous;
	return context != NULL || SPI_unregister_relation("") != SPI_ERROR_UNCONNECTED;
}

/*
 * Refuse to go on in a transaction block or in a function, under the name that
 * the user called: what a runner does is not undone with the caller's
 * transaction.
 */
void
runner_check_top_level(const char *function)
{
	PreventInTransactionBlock(!called_by_function(), function);
}

/* Say how to start a runner for a segment. */
static void
describe_worker(BackgroundWorker *worker, dsm_segment *segment, const char *type)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, SVC_EXTENSION, sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "svc_runner_main", BGW_MAXLEN);
	strlcpy(worker->bgw_name, type ? type : SVC_EXTENSION " runner", BGW_MAXLEN);
	strlcpy(worker->bgw_type, worker->bgw_name, BGW_MAXLEN);
	worker->bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	worker->bgw_notify_pid = MyProcPid;
}

/* Start a runner; wait for a free slot if there is none. */
static BackgroundWorkerHandle *
start(dsm_segment *segment, const char *type)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	TimestampTz since = GetCurrentTimestamp();

	describe_worker(&worker, segment, type);
	while (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		if (TimestampDifferenceExceeds(since, GetCurrentTimestamp(), worker_wait))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("no background worker is free"),
					 errdetail("All of max_worker_processes (%s) were in use for %d ms.",
							   GetConfigOption("max_worker_processes", false, false), worker_wait),
					 errhint("Raise max_worker_processes, or wait longer with %s.worker_wait.",
							 SVC_EXTENSION)));
		svc_wait(20);
	}
	return handle;
}

/*
 * Make a string valid that somebody wrote for people to read.  What a statement
 * sends while it changes the client's encoding is in none that we know.
 */
static void
make_valid(char *string)
{
	if (pg_verify_mbstr(GetDatabaseEncoding(), string, strlen(string), true))
		return;
	for (; *string; string++)
		if (IS_HIGHBIT_SET(*string))
			*string = '?';
}

/* The next string of a message. */
static char *
read_string(StringInfo message)
{
	char	   *string = pstrdup(pq_getmsgrawstring(message));

	make_valid(string);
	return string;
}

/* The names of the columns of a result. */
static void
read_columns(Run *run, StringInfo message)
{
	int			n = pq_getmsgint(message, 2);

	for (int i = 0; i < n; i++)
	{
		run->current->columns = lappend(run->current->columns, read_string(message));
		/* table, column, type, length, modifier, format */
		(void) pq_getmsgbytes(message, 4 + 2 + 4 + 2 + 4 + 2);
	}
}

/* Refuse more rows, or larger ones, than can be kept. */
static void
count_row(Run *run, StringInfo message)
{
	run->size += message->len;
	if (++run->n_rows > MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("statements gave more than %d rows", MAX_ROWS),
				 errhint("Results are kept in memory; ask for fewer rows.")));
	if (run->size > MAX_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("statements gave more than %d MB", (int) (MAX_SIZE / 1024 / 1024)),
				 errhint("Results are kept in memory; ask for less.")));
}

/* The next value of a row, or NULL. */
static char *
read_value(StringInfo message)
{
	int			length = (int) pq_getmsgint(message, 4);
	const char *value;

	if (length < 0)
		return NULL;
	value = pq_getmsgbytes(message, length);
	(void) pg_verify_mbstr(GetDatabaseEncoding(), value, length, false);
	return pnstrdup(value, length);
}

/* A row of a result. */
static void
read_row(Run *run, StringInfo message)
{
	int			n = pq_getmsgint(message, 2);
	List	   *row = NIL;

	run->size += (Size) n * VALUE_SIZE;
	count_row(run, message);
	for (int i = 0; i < n; i++)
		row = lappend(row, read_value(message));
	run->current->rows = lappend(run->current->rows, row);
}

/* Where the runner is, for the context of an error. */
static char *
place(const Run *run)
{
	const RunnerJob *job = run->job;
	char	   *database = get_database_name(job->database);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, job->what);
	if (!job->entry && list_length(job->items) > 1)
		appendStringInfo(&text, ", statement %d", list_length(run->results) + 1);
	if (job->database != MyDatabaseId && database)
		appendStringInfo(&text, ", in database \"%s\"", database);
	return text.data;
}

/* Make all strings of a notice or an error valid: each follows a byte that says what it is. */
static void
make_all_valid(StringInfo message)
{
	for (int at = message->cursor; at < message->len && message->data[at];
		 at += strlen(message->data + at) + 1)
		make_valid(message->data + at);
}

/* The error that the runner raised, as one of ours. */
static ErrorData *
read_error(const Run *run, StringInfo message)
{
	ErrorData  *error = palloc0(sizeof(ErrorData));

	make_all_valid(message);
	pq_parse_errornotice(message, error);
	error->elevel = Min(error->elevel, ERROR);
	if (error->elevel == ERROR)
		error->context = error->context ? psprintf("%s\n%s", error->context, place(run)) : place(run);
	/* the place is one in the runner's statement */
	error->cursorpos = 0;
	return error;
}

/*
 * Raise what the runner raised: a notice, or an error, as our own.  There may be
 * many notices, so nothing of them stays in memory.
 */
static void
relay(Run *run, StringInfo message)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership message",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ErrorData  *error = read_error(run, message);

	if (error->elevel < ERROR || !run->catch)
	{
		ThrowErrorData(error);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(cxt);
		return;
	}
	MemoryContextSwitchTo(old);
	run->error = error;
	run->done = true;
}

/* Take one message of the runner's. */
static void
take_message(Run *run, char *data, Size length)
{
	StringInfoData message;

	initStringInfo(&message);
	appendBinaryStringInfo(&message, data, length);
	if (!run->current)
		run->current = palloc0(sizeof(RunnerResult));
	switch (pq_getmsgbyte(&message))
	{
		case 'E':
		case 'N':
			relay(run, &message);
			break;
		case 'T':
			read_columns(run, &message);
			break;
		case 'D':
			read_row(run, &message);
			break;
		case 'C':
			run->current->tag = read_string(&message);
			run->results = lappend(run->results, run->current);
			run->current = NULL;
			break;
		case 'Z':
			run->done = true;
			break;
		default:				/* a client would be told more */
			break;
	}
	pfree(message.data);
}

/* The runner has ended without a word. */
static void
report_end(Run *run)
{
	ErrorData  *error = palloc0(sizeof(ErrorData));

	error->elevel = ERROR;
	error->sqlerrcode = ERRCODE_OPERATOR_INTERVENTION;
	error->message = "the background worker ended before its work was done";
	error->hint = "The server's log says why.";
	error->context = place(run);
	error->assoc_context = CurrentMemoryContext;
	if (!run->catch)
		ThrowErrorData(error);
	run->error = error;
	run->done = true;
}

/* Take messages until the runner says that it is done, or is gone. */
static void
take_all(Run *run)
{
	while (!run->done)
	{
		Size		length;
		void	   *data;
		shm_mq_result result = shm_mq_receive(run->queue, &length, &data, true);

		if (result == SHM_MQ_SUCCESS)
			take_message(run, data, length);
		else if (result == SHM_MQ_DETACHED)
			report_end(run);
		else
			svc_wait(1000);
	}
}

/*
 * Stop a runner that nobody waits for any more: cancel its statement, and when
 * that does not help, tell it to end.  Whoever calls again finds it gone, or
 * waits for its lock.
 */
static void
stop(BackgroundWorkerHandle *handle)
{
	pid_t		pid;
	BgwHandleStatus status;

	HOLD_INTERRUPTS();
	for (int waited = 0; waited < 2 * STOP_PATIENCE; waited += 20)
	{
		status = GetBackgroundWorkerPid(handle, &pid);
		if (status == BGWH_STOPPED)
			break;
		if (status != BGWH_STARTED || waited == STOP_PATIENCE)
			TerminateBackgroundWorker(handle);
		else if (waited % 1000 == 0)
			(void) kill(pid, SIGINT);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	RESUME_INTERRUPTS();
}

/* Let a runner do a job. */
static void
run_job(Run *run)
{
	const RunnerJob *job = run->job;
	shm_mq	   *queue;
	dsm_segment *segment;

	PreventCommandDuringRecovery(job->what);
	segment = job_write(job, &queue);
	run->handle = start(segment, job->type);
	run->queue = shm_mq_attach(queue, segment, run->handle);
	PG_TRY();
	{
		take_all(run);
		(void) WaitForBackgroundWorkerShutdown(run->handle);
	}
	PG_CATCH();
	{
		stop(run->handle);
		PG_RE_THROW();
	}
	PG_END_TRY();
	dsm_detach(segment);
}

/* Let a runner do a job; returns a RunnerResult a statement. */
List *
runner_results(const RunnerJob *job)
{
	Run			run = {.job = job};

	run_job(&run);
	return run.results;
}

/* The same; returns the runner's error, or NULL, instead of raising it. */
ErrorData *
runner_try(const RunnerJob *job, List **results)
{
	Run			run = {.job = job, .catch = true};

	run_job(&run);
	if (results)
		*results = run.results;
	return run.error;
}

/* The same; returns the rows of the last statement. */
List *
runner_run(const RunnerJob *job)
{
	List	   *results = runner_results(job);

	return results == NIL ? NIL : ((RunnerResult *) llast(results))->rows;
}
