/*
 * execute.c: one statement in a runner.
 *
 * Each goes through a portal, as a client's does, so that those work that
 * cannot run in a transaction block, or that commit.  The transaction around it
 * is the caller's affair: he may have more to do in it.
 */
#include "core/svc.h"

#include "access/printtup.h"
#include "access/xact.h"
#include "parser/analyze.h"
#include "pgstat.h"
#include "runner/execute.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "tcop/tcopprot.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

/*
 * Begin what a client's statement begins: a transaction, unless there is one,
 * and its clocks.  The activity is what pg_stat_activity shows.
 */
void
runner_begin_statement(const char *activity)
{
	debug_query_string = activity;
	pgstat_report_activity(STATE_RUNNING, activity);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	CHECK_FOR_INTERRUPTS();
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
}

/* End it: commits, unless in a transaction block. */
void
runner_end_statement(void)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	CommitTransactionCommand();
}

/*
 * Run one parsed statement to its end, in a transaction that has begun.  What
 * is made of it lives in a memory context that must outlive the transaction:
 * the statement may end it.
 */
void
runner_execute(RawStmt *raw, const char *text, MemoryContext cxt, CommandDest dest,
			   QueryCompletion *completion)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool		snapshot = analyze_requires_snapshot(raw);
	int16		format = 0;
	List	   *plans;
	Portal		portal;
	DestReceiver *receiver;

	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	plans = pg_plan_queries(pg_analyze_and_rewrite_fixedparams(raw, text, NULL, 0, NULL),
							text, CURSOR_OPT_PARALLEL_OK, NULL);
	if (snapshot)
		PopActiveSnapshot();

	portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, text, CreateCommandTag(raw->stmt), plans, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	PortalSetResultFormat(portal, 1, &format);
	receiver = CreateDestReceiver(dest);
	if (dest == DestRemote)
		SetRemoteDestReceiverParams(receiver, portal);
	(void) svc_portal_run(portal, receiver, completion);
	receiver->rDestroy(receiver);
	PortalDrop(portal, false);
	MemoryContextSwitchTo(old);
}
