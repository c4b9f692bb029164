/*
 * runner_main.c: the runner itself.
 *
 * It attaches the segment, lets everything that it has to say go to the queue,
 * connects, and does its job: statements one by one, each as a client's would
 * be run, or a function of ours in one transaction.  An error ends it: the
 * report reaches the caller through the queue, and the exit rolls back.
 *
 * Its session user is the role of the job.  There is no other one to go back
 * to, whatever a statement tries.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/async.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "core/cancel.h"
#include "core/session.h"
#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "runner/client.h"
#include "runner/execute.h"
#include "runner/job.h"
#include "runner/lock.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ps_status.h"
#include "utils/snapmgr.h"

PGDLLEXPORT void svc_runner_main(Datum arg);

/* The job, for whoever wants the session as it was */
static ReceivedJob *received;

/* The caller's encoding for everything that comes and goes, whatever a statement set. */
static void
set_encoding(int encoding)
{
	if (pg_get_client_encoding() == encoding)
		return;
	StartTransactionCommand();
	svc_session_set("client_encoding", pg_encoding_to_char(encoding));
	CommitTransactionCommand();
}

/* Prepare the session. */
static void
set_up(const ReceivedJob *r)
{
	client_min_messages = r->header.min_messages;
	/* it would end the transaction in which it is set */
	if (!OidIsValid(r->job.role))
		svc_session_set("transaction_timeout", "0");
	StartTransactionCommand();
	if (OidIsValid(r->job.role))
	{
		svc_session_set("role", "none");
		svc_session_set("lock_timeout", psprintf("%d", r->header.lock_timeout));
	}
	else
	{
		svc_session_own_settings();
	}
	CommitTransactionCommand();
	set_encoding(r->header.encoding);
}

/*
 * Make the session what it was when it began, between two pieces of work.  The
 * lock of the job stays: all others of the session go while the transaction
 * holds it, too.
 */
void
runner_reset_session(void)
{
	StartTransactionCommand();
	runner_lock_guard(received->job.lock);
	PortalHashTableDeleteAll();
	/* as RESET SESSION AUTHORIZATION and RESET ALL */
	SetPGVariable("session_authorization", NIL, false);
	ResetAllOptions();
	DropAllPreparedStatements();
	Async_UnlistenAll();
	/* dropping wants one */
	PushActiveSnapshot(GetTransactionSnapshot());
	ResetTempTableNamespace();
	PopActiveSnapshot();
	ResetSequenceCaches();
	LockReleaseSession(USER_LOCKMETHOD);
	runner_lock_self(received->job.lock);
	CommitTransactionCommand();
	set_up(received);
}

/* Refuse what would read from, or write to, a client. */
static void
check_no_client(Node *statement)
{
	CopyStmt   *copy = (CopyStmt *) statement;

	if (IsA(statement, CopyStmt) && !copy->filename)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot COPY to or from a client in a background worker")));
}

/* Run one parsed statement to its end, as a client's is run. */
static void
run_parsed(RawStmt *raw, const char *text, MemoryContext cxt)
{
	QueryCompletion completion;

	check_no_client(raw->stmt);
	runner_begin_statement(text);
	runner_execute(raw, text, cxt, DestRemote, &completion);
	runner_end_statement();
	MemoryContextSwitchTo(cxt);
	EndCommand(&completion, DestRemote, false);
}

/* Run the statements of one item, each by itself. */
static void
run_text(const char *text, int encoding)
{
	MemoryContext cxt = AllocSetContextCreate(TopMemoryContext, "svc_ownership statement",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ListCell   *cell;

	text = pg_client_to_server(text, strlen(text));
	foreach(cell, pg_parse_query(text))
	{
		run_parsed(lfirst_node(RawStmt, cell), text, cxt);
		set_encoding(encoding);
	}
	debug_query_string = NULL;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Send one row that a function gave. */
static void
send_row(List *row)
{
	StringInfoData message;
	ListCell   *cell;

	pq_beginmessage(&message, 'D');
	pq_sendint16(&message, list_length(row));
	foreach(cell, row)
	{
		if (!lfirst(cell))
			pq_sendint32(&message, -1);
		else
			svc_pq_sendcountedtext(&message, lfirst(cell), strlen(lfirst(cell)));
	}
	pq_endmessage(&message);
}

/* Send what a function gave; returns how many rows. */
static int
send_rows(List *rows)
{
	ListCell   *cell;

	foreach(cell, rows)
		send_row(lfirst(cell));
	return list_length(rows);
}

/* Call a function of ours in one transaction, with which its rows are gone; returns their number. */
static int
call_entry(RunnerEntry function, List *items)
{
	List	   *converted = NIL;
	int			n;
	ListCell   *cell;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(cell, items)
		converted = lappend(converted, lfirst(cell) ?
							pg_client_to_server(lfirst(cell), strlen(lfirst(cell))) : NULL);
	n = send_rows(function(converted));
	PopActiveSnapshot();
	CommitTransactionCommand();
	return n;
}

/* Call the function that a job names. */
static void
call_function(const RunnerJob *job)
{
	const RunnerFunction *function = runner_find_function(job->entry);
	QueryCompletion completion;
	int			n;

	debug_query_string = job->what;
	pgstat_report_activity(STATE_RUNNING, job->what);
	if (function->entry)
		n = call_entry(function->entry, job->items);
	else
		n = send_rows(function->session(job->items));
	SetQueryCompletion(&completion, CMDTAG_SELECT, n);
	EndCommand(&completion, DestRemote, false);
}

/*
 * Take the lock of the job's name.  Until we have it nothing keeps the next
 * caller out but our own: if that is gone, the job is not ours to do any more.
 */
static void
take_lock(const char *name, shm_mq_handle *queue)
{
	StartTransactionCommand();
	runner_lock_self(name);
	CommitTransactionCommand();
	if (shm_mq_wait_for_attach(queue) == SHM_MQ_DETACHED)
		proc_exit(0);
}

/* Do the job. */
static void
work(const ReceivedJob *r, shm_mq_handle *queue)
{
	const RunnerJob *job = &r->job;
	ListCell   *cell;

	if (job->lock)
		take_lock(job->lock, queue);
	if (job->entry)
		call_function(job);
	else
		foreach(cell, job->items)
			run_text(lfirst(cell), r->header.encoding);
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("the statements left a transaction open"),
				 errdetail("What they did in it is rolled back."),
				 errhint("End it with COMMIT.")));
}

/*
 * The main function of the background worker.
 */
void
svc_runner_main(Datum arg)
{
	dsm_segment *segment;
	shm_mq_handle *queue;

	pqsignal(SIGTERM, die);
	svc_cancel_count();
	BackgroundWorkerUnblockSignals();

	MemoryContextSwitchTo(TopMemoryContext);
	MessageContext = AllocSetContextCreate(TopMemoryContext, "MessageContext", ALLOCSET_DEFAULT_SIZES);
	segment = dsm_attach(DatumGetUInt32(arg));
	/* the caller is gone already */
	if (!segment)
		proc_exit(0);
	received = job_read(segment);
	shm_mq_set_sender(received->queue, MyProc);
	queue = shm_mq_attach(received->queue, segment, NULL);
	pq_redirect_to_shm_mq(segment, queue);

	/* without a role it is the bootstrap superuser, also one that may not log in */
	BackgroundWorkerInitializeConnectionByOid(received->job.database, received->job.role,
											  SVC_BYPASS_ROLE_LOGIN |
											  (received->job.any_database ? BGWORKER_BYPASS_ALLOWCONN : 0));
	set_up(received);
	client_make();
	work(received, queue);
	pgstat_report_activity(STATE_IDLE, NULL);
	pgstat_report_stat(true);
	pq_putemptymessage('Z');
	proc_exit(0);
}
