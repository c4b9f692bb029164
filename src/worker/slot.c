/*
 * slot.c: who is at work in which database, and who keeps workers out.
 *
 * A worker takes its slot before it connects and gives it back after the server
 * has taken it out of its list of processes.  So a database without a slot has
 * no worker in it, and a command that wants the database for itself can wait
 * for that.
 */
#include "core/svc.h"

#include <signal.h>

#include "core/shared_memory.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "worker/doorbell.h"
#include "worker/launcher.h"
#include "worker/slot.h"
#include "worker/worker.h"

/* how long a worker stays in a database while others wait, in milliseconds */
#define SLICE 1000

WorkerShared *worker_shared = NULL;

/* The slot of this worker, or NULL in other processes */
static WorkerSlot *my_slot = NULL;

/* The entry of this process, if it is a guest */
static WorkerGuest *my_guest = NULL;

/* The shared memory that this takes. */
static Size
memory_size(void)
{
	return sizeof(WorkerShared);
}

/* Make everything empty, or find it. */
static void
keep_memory(void *memory, LWLockPadded *locks, bool is_new)
{
	worker_shared = memory;
	if (!is_new)
		return;
	memset(worker_shared, 0, sizeof(WorkerShared));
	worker_shared->lock = &locks->lock;
	worker_shared->launcher = NO_PROCESS;
	for (int i = 0; i < MAX_DATABASES; i++)
		pg_atomic_init_u64(&worker_shared->databases[i].bell, 0);
}

static const SharedMemory memory = {SVC_EXTENSION " workers", 1, memory_size, keep_memory};

/* What slots do when the library is preloaded. */
void
SlotInit(void)
{
	svc_share_memory(&memory);
}

/* Wake a process. */
void
slot_wake(int process)
{
	if (process != NO_PROCESS)
		SetLatch(&ProcGlobal->allProcs[process].procLatch);
}

/* Wake the launcher, if there is one. */
void
slot_wake_launcher(void)
{
	slot_wake(worker_shared->launcher);
}

/* The slot of a database's worker, or NULL; with the lock held. */
WorkerSlot *
slot_in_database(Oid database)
{
	for (int i = 0; i < MAX_WORKERS; i++)
	{
		WorkerSlot *slot = &worker_shared->slots[i];

		if (slot->database == database && slot->state != SLOT_FREE)
			return slot;
	}
	return NULL;
}

/* Are workers kept out of a database?  With the lock held. */
bool
slot_is_banned(Oid database)
{
	for (int i = 0; i < MAX_BANS; i++)
		if (worker_shared->bans[i].database == database)
			return true;
	return false;
}

/* Wake those who wait for a database to be left; with the lock held. */
static void
wake_waiting(Oid database)
{
	for (int i = 0; i < MAX_BANS; i++)
		if (worker_shared->bans[i].database == database)
			slot_wake(worker_shared->bans[i].process);
}

/*
 * Give the slot back.  Called when the process ends, whichever way, after the
 * server has forgotten that it was connected: what is registered first is
 * called last.
 */
static void
give_back(int code, Datum arg)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	/* whoever was told to make room did not fail, nor who was told to end and had nothing to do */
	if (code == 0 || slot_is_banned(my_slot->database))
		my_slot->clean = true;
	my_slot->state = SLOT_ENDED;
	my_slot->process = NO_PROCESS;
	my_slot->pid = 0;
	wake_waiting(my_slot->database);
	LWLockRelease(worker_shared->lock);
	slot_wake_launcher();
}

/*
 * Take the slot that the launcher chose, before connecting.  The database to
 * connect to; InvalidOid: to none, since a command wants the database for itself,
 * or the slot is meant for somebody else by now.
 */
Oid
slot_enter(int number, uint32 generation)
{
	WorkerSlot *slot = &worker_shared->slots[number];
	Oid			database = InvalidOid;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	if (slot->state == SLOT_STARTING && slot->generation == generation)
	{
		my_slot = slot;
		slot->process = svc_my_proc_number();
		slot->pid = MyProcPid;
		slot->state = SLOT_AT_WORK;
		database = slot->database;
	}
	LWLockRelease(worker_shared->lock);
	if (my_slot)
		on_shmem_exit(give_back, (Datum) 0);
	return database;
}

/* A guest has left, as give_back does. */
static void
guest_has_left(int code, Datum arg)
{
	Oid			database = my_guest->database;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	*my_guest = (WorkerGuest) {0};
	wake_waiting(database);
	LWLockRelease(worker_shared->lock);
}

/* Admit a process of another module to a database, before it connects. */
bool
worker_admit(Oid database)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_GUESTS && !my_guest && !slot_is_banned(database); i++)
		if (!OidIsValid(worker_shared->guests[i].database))
		{
			my_guest = &worker_shared->guests[i];
			*my_guest = (WorkerGuest) {database, svc_my_proc_number(), MyProcPid};
		}
	LWLockRelease(worker_shared->lock);
	if (my_guest)
		on_shmem_exit(guest_has_left, (Datum) 0);
	return my_guest != NULL;
}

/* Do commands keep workers out of this database just now? */
bool
worker_kept_out(void)
{
	bool		banned;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	banned = slot_is_banned(MyDatabaseId);
	LWLockRelease(worker_shared->lock);
	return banned;
}

/*
 * Is the worker to leave its database: since a command wants it, or since other
 * databases have waited for long enough?
 */
bool
slot_must_leave(void)
{
	if (worker_shared->wanted && my_slot &&
		TimestampDifferenceExceeds(my_slot->started, GetCurrentTimestamp(), SLICE))
		return true;
	return worker_kept_out();
}

/*
 * Take no more work: whoever rings from now on wakes the launcher.  false:
 * somebody rang just now, and the worker must go on, unless it was told to
 * leave.  due: when a worker is wanted again although nobody rings.
 */
bool
slot_leave(TimestampTz due, bool must)
{
	bool		leaves;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	leaves = must || !doorbell_is_rung(MyDatabaseId);
	if (leaves)
	{
		WorkerDatabase *database = doorbell_database(MyDatabaseId);

		my_slot->state = SLOT_LEAVING;
		my_slot->clean = true;
		if (database)
			database->due = due;
	}
	LWLockRelease(worker_shared->lock);
	return leaves;
}

/* Show what the worker does; NULL: nothing. */
void
slot_show_job(const char *job)
{
	if (!my_slot)
		return;
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	namestrcpy(&my_slot->job, job ? job : "");
	LWLockRelease(worker_shared->lock);
}

/*
 * Where to note that this process keeps workers out of a database: where it did,
 * or else where there is room; NULL if there is none.  With the lock held.
 */
static WorkerBan *
find_ban(Oid database)
{
	WorkerBan  *room = NULL;

	for (int i = 0; i < MAX_BANS; i++)
	{
		WorkerBan  *ban = &worker_shared->bans[i];

		if (ban->database == database && ban->pid == MyProcPid)
			return ban;
		if (!OidIsValid(ban->database))
			room = ban;
	}
	return room;
}

/*
 * A worker that the launcher asked for and that has not come yet is not to come:
 * when it does, the database may be gone.  With the lock held.
 */
static void
turn_back(Oid database)
{
	WorkerSlot *slot = slot_in_database(database);

	if (!slot || slot->state != SLOT_STARTING)
		return;
	slot->state = SLOT_ENDED;
	slot->clean = true;
}

/*
 * Keep workers out of a database, until slot_unban.  Where there is no room to
 * note it, those who are sent away may come again.
 */
void
slot_ban(Oid database)
{
	WorkerBan  *ban;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	if ((ban = find_ban(database)))
		*ban = (WorkerBan) {.database = database, .process = svc_my_proc_number(), .pid = MyProcPid};
	turn_back(database);
	LWLockRelease(worker_shared->lock);
}

/* Let workers into all databases that this process kept them out of. */
void
slot_unban(void)
{
	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_BANS; i++)
		if (worker_shared->bans[i].pid == MyProcPid)
			worker_shared->bans[i] = (WorkerBan) {0};
	LWLockRelease(worker_shared->lock);
	slot_wake_launcher();
}

/* Wake a process that is to leave, and send it a signal if one is given. */
static void
send_process_away(int process, int pid, int signal)
{
	slot_wake(process);
	if (signal)
		kill(pid, signal);
}

/*
 * Ask the worker in a database to leave, and guests, with a signal if one is
 * given.  Returns the process id of one of them, or 0 if there is none.  One
 * that has not begun to connect will not.
 */
int
slot_send_away(Oid database, int signal)
{
	int			pid = 0;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	for (int i = 0; i < MAX_WORKERS; i++)
	{
		WorkerSlot *slot = &worker_shared->slots[i];

		if (slot->database != database ||
			(slot->state != SLOT_AT_WORK && slot->state != SLOT_LEAVING))
			continue;
		pid = slot->pid;
		send_process_away(slot->process, pid, signal);
	}
	for (int i = 0; i < MAX_GUESTS; i++)
		if (worker_shared->guests[i].database == database)
		{
			pid = worker_shared->guests[i].pid;
			send_process_away(worker_shared->guests[i].process, pid, signal);
		}
	LWLockRelease(worker_shared->lock);
	return pid;
}
