/*
 * worker.c: the module's settings and parts.
 */
#include "core/svc.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "utils/guc.h"
#include "worker/doorbell.h"
#include "worker/launcher.h"
#include "worker/leave.h"
#include "worker/pending.h"
#include "worker/slot.h"
#include "worker/worker.h"

/* svc_ownership.max_workers */
int			worker_max;

/* svc_ownership.worker_interval, .worker_idle_timeout and .worker_patience, in milliseconds */
int			worker_interval;
int			worker_idle_timeout;
int			worker_patience;

/* Is there, or can there be, a worker for this database? */
bool
worker_available(void)
{
	return worker_shared != NULL && worker_max > 0;
}

/* After how long a job looks again at something, in milliseconds. */
long
worker_next_look(void)
{
	return worker_interval;
}

/* Read the configuration again if somebody asked for it; true if so. */
bool
worker_reload(void)
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	return true;
}

/* The settings of workers. */
static void
define_settings(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".max_workers",
							"How many databases workers may be in at the same time.",
							"0: none, and svc.run_pending() does the work.",
							&worker_max, 2, 0, MAX_WORKERS, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable(SVC_EXTENSION ".worker_idle_timeout",
							"How long a worker stays in a database after it has done its work.",
							NULL, &worker_idle_timeout, 30000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable(SVC_EXTENSION ".worker_interval",
							"How often workers look at each database although nobody called them.",
							NULL, &worker_interval, 60000, 100, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable(SVC_EXTENSION ".worker_patience",
							"For how long a worker waits for code of a service's, such as triggers of rows that it deletes.",
							"0: for ever; other services' work waits.",
							&worker_patience, 300000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
}

/* What the module does when the library is loaded. */
void
WorkerInit(void)
{
	define_settings();
	DoorbellInit();
	PendingInit();
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	SlotInit();
	LeaveInit();
	LauncherInit();
}
