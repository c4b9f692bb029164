/*
 * running.c: nobody runs migrations while a history is changed by hand.
 *
 * Never waited for: whoever waits holds a snapshot, and a concurrent index of
 * the run would wait for that.
 */
#include "core/svc.h"

#include "migration/running.h"
#include "migration/tool.h"
#include "miscadmin.h"
#include "runner/lock.h"

/* The name of the lock that a run holds. */
char *
running_lock_name(Oid database, const char *service)
{
	return psprintf("migrate %u %s", database, service);
}

/* Say that the history is in use. */
static void
raise_running(const char *service, const char *who)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("migrations of service \"%s\" are being run", service),
			 errdetail("%s is at work.", who),
			 errhint("Try again when it has ended; svc.migration_progress shows how far it is.")));
}

/* Keep our own runs away. */
void
running_lock(const Service *service)
{
	if (!runner_try_lock(running_lock_name(MyDatabaseId, service->name), false))
		raise_running(service->name, "A session of svc.migrate or a like function");
}

/* Keep the adopted tool away. */
void
running_lock_tool(const History *history)
{
	if (!tool_try_lock(history, false))
		raise_running(history->service->name,
					  psprintf("The %s that made the history",
							   migration_format_name(history->source->format)));
}
