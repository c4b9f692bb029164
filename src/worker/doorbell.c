/*
 * doorbell.c: a transaction that left work rings when it has committed.
 *
 * The producer pays one compare-and-swap, and wakes somebody only if nobody has
 * rung since a worker looked last.  There is no NOTIFY: that would make all
 * committing transactions of the cluster wait for each other.
 *
 * What rings and is not heard (a crash right after the commit, a server whose
 * launcher has not started) is found when the launcher looks at all databases.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "worker/doorbell.h"
#include "worker/leave.h"
#include "worker/worker.h"

#define RUNG ((uint64) 1)

/* The current transaction left work */
static bool wanted = false;

/* A transaction of this process did; for whoever does the work in its own session */
static bool rang_here = false;

/* The bell of our database, as a place in the table */
static int	my_bell = 0;

/* The value of a bell that nobody rang. */
static uint64
quiet(Oid database)
{
	return (uint64) database << 32;
}

/* The database of an entry, InvalidOid if it has none, and whether somebody rang. */
Oid
doorbell_of(WorkerDatabase *database, bool *rung)
{
	uint64		value = pg_atomic_read_u64(&database->bell);

	if (rung)
		*rung = (value & RUNG) != 0;
	return (Oid) (value >> 32);
}

/* The entry of a database, or NULL; with the lock held. */
WorkerDatabase *
doorbell_database(Oid database)
{
	for (int i = 0; i < MAX_DATABASES; i++)
		if (doorbell_of(&worker_shared->databases[i], NULL) == database)
			return &worker_shared->databases[i];
	return NULL;
}

/* Did somebody ring?  With the lock held. */
bool
doorbell_is_rung(Oid database)
{
	WorkerDatabase *entry = doorbell_database(database);
	bool		rung = false;

	if (entry)
		(void) doorbell_of(entry, &rung);
	return rung;
}

/*
 * An entry that can be given to another database: nobody rang, nothing is known
 * of it but that.  Not if no worker has been there yet: where there are more
 * databases than entries they would take the place from each other, and the same
 * ones would always be left out.
 */
static WorkerDatabase *
find_room(void)
{
	WorkerDatabase *oldest = NULL;

	for (int i = 0; i < MAX_DATABASES; i++)
	{
		WorkerDatabase *entry = &worker_shared->databases[i];
		bool		rung;
		Oid			database = doorbell_of(entry, &rung);

		if (!OidIsValid(database))
			return entry;
		if (!rung && entry->visited > 0 && !slot_in_database(database) &&
			(!oldest || entry->visited < oldest->visited))
			oldest = entry;
	}
	return oldest;
}

/*
 * The entry of a database, made if there is none; NULL if there is no room.
 * With the lock held exclusively.
 */
WorkerDatabase *
doorbell_add(Oid database)
{
	WorkerDatabase *entry = doorbell_database(database);
	uint64		old;

	if (entry)
		return entry;
	if (!(entry = find_room()))
		return NULL;
	/* somebody may ring the old one's bell at this moment, without the lock */
	old = pg_atomic_read_u64(&entry->bell);
	if ((old & RUNG) || !pg_atomic_compare_exchange_u64(&entry->bell, &old, quiet(database)))
		return NULL;
	entry->visited = entry->due = entry->retry = 0;
	entry->failures = 0;
	entry->error[0] = '\0';
	return entry;
}

/*
 * Keep what went wrong in a database, our own, for svc.workers; false: it is what
 * is known already.  With the lock held exclusively.
 */
bool
doorbell_note_error(WorkerDatabase *database, const char *error)
{
	char		shown[MAX_ERROR];
	bool		is_new;

	/* a character is not cut in two */
	strlcpy(shown, error, pg_mbcliplen(error, strlen(error), MAX_ERROR - 1) + 1);
	is_new = strcmp(database->error, shown) != 0;
	strlcpy(database->error, shown, MAX_ERROR);
	database->encoding = GetDatabaseEncoding();
	return is_new;
}

/* Forget a database; with the lock held exclusively. */
void
doorbell_remove(WorkerDatabase *database)
{
	pg_atomic_write_u64(&database->bell, 0);
}

/* Ring, where the bell is where it was; false: it is not. */
static bool
ring_known(void)
{
	pg_atomic_uint64 *bell = &worker_shared->databases[my_bell].bell;
	uint64		expected = quiet(MyDatabaseId);

	/* what we wrote must be seen by whoever takes the bell */
	pg_memory_barrier();
	if (pg_atomic_read_u64(bell) == (expected | RUNG))
		return true;
	if (!pg_atomic_compare_exchange_u64(bell, &expected, expected | RUNG))
		return expected == (quiet(MyDatabaseId) | RUNG);
	/* nobody had rung: somebody must come, or is there and must look */
	LWLockAcquire(worker_shared->lock, LW_SHARED);
	{
		WorkerSlot *slot = slot_in_database(MyDatabaseId);

		slot_wake(slot && slot->state == SLOT_AT_WORK ? slot->process : worker_shared->launcher);
	}
	LWLockRelease(worker_shared->lock);
	return true;
}

/* Find our bell, or make it; false: there is no room. */
static bool
find_bell(void)
{
	WorkerDatabase *entry;

	LWLockAcquire(worker_shared->lock, LW_EXCLUSIVE);
	entry = doorbell_add(MyDatabaseId);
	if (entry)
		my_bell = (int) (entry - worker_shared->databases);
	else
		worker_shared->look = true;
	LWLockRelease(worker_shared->lock);
	return entry != NULL;
}

/* There is work now, whatever becomes of this transaction. */
void
worker_ring_now(void)
{
	rang_here = true;
	if (!worker_shared || ring_known())
		return;
	if (!find_bell() || !ring_known())
		slot_wake_launcher();
}

/* When this transaction has committed there is work. */
void
worker_ring(void)
{
	wanted = true;
}

/*
 * Hear whether somebody rang in this database since the last time.  Whoever
 * rings after this finds the worker looking, and it will look once more.
 */
bool
doorbell_take(void)
{
	WorkerDatabase *entry;
	bool		rung = false;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	entry = doorbell_database(MyDatabaseId);
	if (entry)
		rung = (pg_atomic_fetch_and_u64(&entry->bell, ~RUNG) & RUNG) != 0;
	LWLockRelease(worker_shared->lock);
	return rung;
}

/* Has a transaction of this process left work since the last time? */
bool
doorbell_rang_here(void)
{
	bool		rang = rang_here;

	rang_here = false;
	return rang;
}

/*
 * The end of a transaction.  What a prepared one left is rung for by COMMIT
 * PREPARED.
 */
static void
at_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (wanted)
				worker_ring_now();
			/* FALLTHROUGH */
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			wanted = false;
			leave_at_end();
			break;
		default:
			break;
	}
}

/* What the doorbell does when the library is loaded: once, for all transactions of the session. */
void
DoorbellInit(void)
{
	RegisterXactCallback(at_end, NULL);
}
