/*
 * pending.c: svc.run_pending(), the work of a database's worker while somebody
 * waits for it.
 *
 * It runs in a runner: a session of its own, as superuser, as a worker's is.
 * So jobs find the same in both, and no setting, lock or prepared transaction
 * of the caller's is in their way.
 */
#include "core/svc.h"

#include "core/extension.h"
#include "core/sql.h"
#include "core/wait.h"
#include "runner/runner.h"
#include "service/run.h"
#include "worker/doorbell.h"
#include "worker/pending.h"
#include "worker/round.h"
#include "worker/states.h"

#define ENTRY "run_pending"

/* The argument of the entry: what the caller is told of errors */
#define TELL_ALL "all"
#define TELL_LITTLE "little"

/* how long to wait for somebody else who is at work in the database, in milliseconds */
#define BUSY_DELAY 20

SVC_FUNCTION(svc_run_pending);

/* Refuse who has nothing to do with any service here. */
static void
check_caller(void)
{
	SqlScope	scope;
	bool		member;
	Oid			caller = GetUserId();

	svc_sql_begin(&scope, svc_extension_owner());
	member = superuser_arg(caller) ||
		svc_sql("SELECT 1 FROM svc.service s JOIN pg_catalog.pg_roles r ON r.oid = s.owner"
				" WHERE pg_catalog.pg_has_role($1, r.oid, 'MEMBER') LIMIT 1", sql_oid(caller)) > 0;
	svc_sql_end(&scope);
	if (!member)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of a service in this database"),
				 errhint("svc.grant_role makes a role a member of a service's owner role.")));
}

/*
 * Do rounds until one finds nothing more: what was pending when the caller
 * called is done then, or has failed with a warning.
 */
static List *
run_pending(List *items)
{
	RoundResult result;
	TimestampTz next;

	round_begin_session(strcmp(linitial(items), TELL_ALL) == 0 ? READER_CALLER : READER_STRANGER);
	do
	{
		(void) doorbell_rang_here();
		result = round_do(true, &next);
		if (result == ROUND_BUSY)
			svc_wait(BUSY_DELAY);
	} while (result == ROUND_BUSY ||
			 (result == ROUND_DONE && !round_failed() &&
			  (next <= GetCurrentTimestamp() || doorbell_rang_here())));
	if (result != ROUND_DONE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" is not there, or is being changed", SVC_EXTENSION),
				 errhint("Call svc.run_pending() again.")));
	return NIL;
}

/*
 * CALL svc.run_pending()
 */
Datum
svc_run_pending(PG_FUNCTION_ARGS)
{
	RunnerJob	job = {
		.what = "svc.run_pending",
		.database = MyDatabaseId,
		.entry = ENTRY,
		.items = list_make1(worker_may_read_errors(MyDatabaseId) ? TELL_ALL : TELL_LITTLE),
		.type = SVC_EXTENSION " runner"
	};

	svc_check_writable("svc.run_pending()");
	run_check_no_transaction(fcinfo, "svc.run_pending()");
	check_caller();
	(void) runner_results(&job);
	PG_RETURN_VOID();
}

/* What this does when the library is loaded. */
void
PendingInit(void)
{
	runner_register_session(ENTRY, run_pending);
}
