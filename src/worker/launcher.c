/*
 * launcher.c: one process that starts workers for databases that have work.
 *
 * It is connected to no database, and reads only the list of databases.  A
 * cluster may have hundreds of them: workers come where somebody rang, where
 * time has come for what is due, and now and then everywhere, since a bell may
 * not have been heard.  Of several databases that wait, the one whose last
 * visit is the longest ago is the next.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "core/wait.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "worker/doorbell.h"
#include "worker/launcher.h"
#include "worker/slot.h"

PGDLLEXPORT void svc_launcher_main(Datum arg);

/* longer than any wait between two tries, in milliseconds */
#define MAX_DELAY 60000
#define MAX_WAIT_FOR_WORKER 10000

/* a worker that was asked for and did not come in this time will not, in milliseconds */
#define START_TIME 60000

/* What this process knows of a worker that it asked for */
static BackgroundWorkerHandle *handles[MAX_WORKERS];

/* When to ask for a worker again, after the server had none, and how often that was */
static TimestampTz ask_again = 0;
static int	refusals = 0;

/* How long to wait after so many failures, in milliseconds: twice as long each time. */
static int
delay_after(int failures, int longest)
{
	return Min(longest, 1000 << Min(failures - 1, 10));
}

/* A moment some milliseconds from now. */
static TimestampTz
in(int milliseconds)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
}

/* The parts of a worker's description that launcher and workers share. */
void
worker_describe(BackgroundWorker *worker, const char *function, const char *type)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, SVC_EXTENSION, sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_name, type, BGW_MAXLEN);
	strlcpy(worker->bgw_type, type, BGW_MAXLEN);
}

/* Does a database let workers in?  Templates are copied, and so left alone. */
static bool
lets_in(Form_pg_database database)
{
	return database->datallowconn && !database->datistemplate &&
		database->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

/* The databases that let workers in. */
static List *
list_databases(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	row;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((row = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(row);

		if (lets_in(database))
		{
			MemoryContext old = MemoryContextSwitchTo(cxt);

			databases = lappend_oid(databases, database->oid);
			MemoryContextSwitchTo(old);
		}
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
	return databases;
}

/*
 * Look at the list of databases: forget those that are gone, learn of new ones,
 * which are visited once.
 */
static List *
look(void)
{
	List	   *databases = list_databases();
	ListCell   *cell;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->look = false;
	for (int i = 0; i < MAX_DATABASES; i++)
	{
		WorkerDatabase *entry = &worker_shared->databases[i];
		Oid			database = doorbell_of(entry, NULL);

		if (OidIsValid(database) && !list_member_oid(databases, database))
			doorbell_remove(entry);
	}
	foreach(cell, databases)
		(void) doorbell_add(lfirst_oid(cell));
	LWLockRelease(worker_shared->lock);
	return databases;
}

/* An interval that is shorter now counts from now, also where the last worker reckoned with a longer one. */
static void
visit_sooner(void)
{
	TimestampTz latest = in(worker_interval);

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_DATABASES; i++)
		worker_shared->databases[i].due = Min(worker_shared->databases[i].due, latest);
	LWLockRelease(worker_shared->lock);
}

/* Note that a database's worker failed; with the lock held. */
static void
note_failure(Oid database)
{
	WorkerDatabase *entry = doorbell_database(database);

	if (!entry)
		return;
	entry->failures++;
	entry->retry = in(delay_after(entry->failures, MAX_DELAY));
	if (entry->error[0] == '\0')
		strlcpy(entry->error, "the worker ended; the server's log says why", MAX_ERROR);
	/* there is still to do what it came for */
	entry->due = entry->retry;
}

/* Will a worker that was asked for not come?  The server forgets those of a launcher that ended. */
static bool
will_not_come(int number)
{
	pid_t		pid;

	if (handles[number])
		return GetBackgroundWorkerPid(handles[number], &pid) == BGWH_STOPPED;
	return TimestampDifferenceExceeds(worker_shared->slots[number].started, GetCurrentTimestamp(),
									  START_TIME);
}

/* Take the slots of workers that are gone. */
static void
reap(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_WORKERS; i++)
	{
		WorkerSlot *slot = &worker_shared->slots[i];

		if (slot->state != SLOT_ENDED && !(slot->state == SLOT_STARTING && will_not_come(i)))
			continue;
		if (!slot->clean)
			note_failure(slot->database);
		slot->state = SLOT_FREE;
		slot->database = InvalidOid;
		slot->pid = 0;
		if (handles[i])
			pfree(handles[i]);
		handles[i] = NULL;
	}
	LWLockRelease(worker_shared->lock);
}

/* Does a database wait for a worker?  With the lock held. */
static bool
waits(WorkerDatabase *entry, TimestampTz now)
{
	bool		rung;
	Oid			database = doorbell_of(entry, &rung);

	return OidIsValid(database) && (rung || entry->due <= now) && entry->retry <= now &&
		!slot_is_banned(database) && !slot_in_database(database);
}

/* The one that has waited longest, or NULL; with the lock held. */
static WorkerDatabase *
next_database(TimestampTz now)
{
	WorkerDatabase *next = NULL;

	for (int i = 0; i < MAX_DATABASES; i++)
	{
		WorkerDatabase *entry = &worker_shared->databases[i];

		if (waits(entry, now) && (!next || entry->visited < next->visited))
			next = entry;
	}
	return next;
}

/* A free slot, or -1 if there are as many workers as there may be; with the lock held. */
static int
free_slot(void)
{
	int			used = 0;
	int			unused = -1;

	for (int i = MAX_WORKERS - 1; i >= 0; i--)
	{
		if (worker_shared->slots[i].state == SLOT_FREE)
			unused = i;
		else
			used++;
	}
	return used < worker_max ? unused : -1;
}

/* Ask workers with nothing to do to make room; with the lock held. */
static void
wake_workers(void)
{
	for (int i = 0; i < MAX_WORKERS; i++)
		if (worker_shared->slots[i].state == SLOT_AT_WORK)
			slot_wake(worker_shared->slots[i].process);
}

/* Reserve a slot for the database that is the next; returns its number, or -1. */
static int
reserve(void)
{
	TimestampTz now = GetCurrentTimestamp();
	WorkerDatabase *entry;
	int			number;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = next_database(now);
	number = entry ? free_slot() : -1;
	worker_shared->wanted = entry && number < 0;
	if (worker_shared->wanted)
		wake_workers();
	if (number >= 0)
	{
		WorkerSlot *slot = &worker_shared->slots[number];

		slot->state = SLOT_STARTING;
		slot->generation++;
		slot->clean = false;
		slot->database = doorbell_of(entry, NULL);
		slot->process = NO_PROCESS;
		slot->pid = 0;
		slot->started = now;
		slot->job.data[0] = '\0';
		entry->visited = now;
	}
	LWLockRelease(worker_shared->lock);
	return number;
}

/* Give up a slot for which there will be no worker.  The bell stays as it is. */
static void
give_up(int number)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->slots[number].state = SLOT_FREE;
	worker_shared->slots[number].database = InvalidOid;
	LWLockRelease(worker_shared->lock);
}

/* The server has no worker for us: say so once, and ask again later. */
static void
note_refusal(void)
{
	if (refusals++ == 0)
		ereport(LOG,
				(errmsg("no background worker is free for databases in which there is work"),
				 errdetail("All of max_worker_processes (%s) are in use.",
						   GetConfigOption("max_worker_processes", false, false)),
				 errhint("Raise max_worker_processes.")));
	ask_again = in(delay_after(refusals, MAX_WAIT_FOR_WORKER));
	worker_shared->no_free_worker = true;
}

/* Ask the server for a worker in a slot; false: there is none. */
static bool
ask_for_worker(int number)
{
	BackgroundWorker worker;
	uint32		generation = worker_shared->slots[number].generation;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool		asked;

	worker_describe(&worker, "svc_worker_main", SVC_EXTENSION " worker");
	worker.bgw_main_arg = Int32GetDatum(number);
	memcpy(worker.bgw_extra, &generation, sizeof(generation));
	worker.bgw_notify_pid = MyProcPid;
	asked = RegisterDynamicBackgroundWorker(&worker, &handles[number]);
	MemoryContextSwitchTo(old);
	if (!asked)
	{
		handles[number] = NULL;
		give_up(number);
		note_refusal();
		return false;
	}
	refusals = 0;
	worker_shared->no_free_worker = false;
	return true;
}

/* A database let nobody in: nothing is to be done there. */
static void
forget(int number)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	{
		WorkerDatabase *entry = doorbell_database(worker_shared->slots[number].database);

		if (entry)
			doorbell_remove(entry);
	}
	LWLockRelease(worker_shared->lock);
	give_up(number);
}

/* Start workers for databases that wait, as many as there may be. */
static void
start_workers(void)
{
	List	   *databases = NIL;
	int			number;

	if (ask_again > GetCurrentTimestamp())
		return;
	while ((number = reserve()) >= 0)
	{
		if (databases == NIL)
			databases = list_databases();
		if (!list_member_oid(databases, worker_shared->slots[number].database))
			forget(number);
		else if (!ask_for_worker(number))
			break;
	}
}

/* How long there is nothing to do, in milliseconds, if nobody wakes us. */
static long
time_to_wait(TimestampTz next_look)
{
	TimestampTz next = next_look;
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < MAX_DATABASES; i++)
	{
		WorkerDatabase *entry = &worker_shared->databases[i];
		bool		rung;

		/* of those that wait already, workers that go will tell */
		if (OidIsValid(doorbell_of(entry, &rung)) && !waits(entry, now))
		{
			TimestampTz from = Max(entry->retry, rung ? 0 : entry->due);

			if (from > now)
				next = Min(next, from);
		}
	}
	LWLockRelease(worker_shared->lock);
	if (ask_again > now)
		next = Min(next, ask_again);
	return Max(TimestampDifferenceMilliseconds(now, next), 10);
}

/* The launcher ends: nobody is to wake it. */
static void
sign_off(int code, Datum arg)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->launcher = NO_PROCESS;
	worker_shared->launcher_pid = 0;
	LWLockRelease(worker_shared->lock);
}

/* The launcher begins. */
static void
sign_on(void)
{
	on_shmem_exit(sign_off, (Datum) 0);
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	worker_shared->launcher = svc_my_proc_number();
	worker_shared->launcher_pid = MyProcPid;
	worker_shared->launcher_started = GetCurrentTimestamp();
	worker_shared->no_free_worker = false;
	LWLockRelease(worker_shared->lock);
}

/*
 * The main function of the launcher.
 */
void
svc_launcher_main(Datum arg)
{
	MemoryContext cxt = AllocSetContextCreate(TopMemoryContext, "svc_ownership launcher",
											  ALLOCSET_DEFAULT_SIZES);
	TimestampTz next_look = 0;
	int			interval = worker_interval;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	sign_on();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	for (;;)
	{
		MemoryContextSwitchTo(cxt);
		MemoryContextReset(cxt);
		if (worker_reload() && worker_interval < interval)
		{
			next_look = Min(next_look, in(worker_interval));
			visit_sooner();
		}
		interval = worker_interval;
		reap();
		if (worker_shared->look || next_look <= GetCurrentTimestamp())
		{
			(void) look();
			next_look = in(worker_interval);
		}
		start_workers();
		svc_wait_idle(time_to_wait(next_look), 1);
	}
}

/* What the launcher does when the library is preloaded. */
void
LauncherInit(void)
{
	BackgroundWorker launcher;

	worker_describe(&launcher, "svc_launcher_main", SVC_EXTENSION " launcher");
	launcher.bgw_restart_time = 1;
	RegisterBackgroundWorker(&launcher);
}
