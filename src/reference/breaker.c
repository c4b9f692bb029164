/*
 * breaker.c: foreign servers that did not answer are left alone for a while.
 *
 * A server that is down costs everybody who asks it the time until he gives up.
 * After some failures in a row its breaker opens, and whoever would ask knows at
 * once that there is no answer.  After a while one process may try: its answer
 * closes the breaker, its failure opens it again.  The states lie in shared
 * memory; without the library preloaded there are none, and every question is
 * asked.
 *
 *     CLOSED --(FAILURES in a row)--> OPEN --(COOLDOWN)--> HALF_OPEN --(an answer)--> CLOSED
 *                                      ^------(a failure)------|
 */
#include "core/svc.h"

#include "core/shared_memory.h"
#include "miscadmin.h"
#include "reference/breaker.h"
#include "utils/timestamp.h"

/* Servers that fail at once, in all databases; a further one has no breaker */
#define BREAKERS 256

/* So many in a row */
#define FAILURES 3

/* For so long, in milliseconds, nobody asks */
#define COOLDOWN 5000

/* Whoever tries, and says nothing for so long, has ended: another one tries */
#define TRIAL 60000

/* After so long without a question its place may be another server's */
#define ABANDONED 600000

typedef enum BreakerState
{
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN			/* one tries */
} BreakerState;

typedef struct Breaker
{
	Oid			database;		/* InvalidOid: this one is free */
	Oid			server;
	BreakerState state;
	int			failures;		/* in a row */
	TimestampTz until;			/* open: nobody asks; half open: nobody else */
} Breaker;

typedef struct BreakerShared
{
	int			n;				/* of those at the front, some may be free */
	Breaker		breakers[BREAKERS];
} BreakerShared;

static BreakerShared *shared = NULL;
static LWLock *lock = NULL;

/* The shared memory that this takes. */
static Size
memory_size(void)
{
	return sizeof(BreakerShared);
}

/* Make the table empty, or find it. */
static void
keep_memory(void *memory, LWLockPadded *locks, bool is_new)
{
	shared = memory;
	lock = &locks->lock;
	if (is_new)
		memset(shared, 0, sizeof(BreakerShared));
}

static const SharedMemory memory = {SVC_EXTENSION " breakers", 1, memory_size, keep_memory};

/* Ask for shared memory where that can still be had. */
void
BreakerInit(void)
{
	svc_share_memory(&memory);
}

/* The breaker of a server of this database, or NULL: none of its questions failed. */
static Breaker *
find(Oid server)
{
	for (int i = 0; i < shared->n; i++)
		if (shared->breakers[i].database == MyDatabaseId && shared->breakers[i].server == server)
			return &shared->breakers[i];
	return NULL;
}

/* Did nobody ask for long?  The server, or the database, may be gone. */
static bool
is_abandoned(const Breaker *breaker)
{
	return TimestampDifferenceExceeds(breaker->until, GetCurrentTimestamp(), ABANDONED);
}

/* A new one, or NULL where there is no room. */
static Breaker *
add(Oid server)
{
	Breaker    *breaker = NULL;

	for (int i = 0; i < shared->n && !breaker; i++)
		if (!OidIsValid(shared->breakers[i].database) || is_abandoned(&shared->breakers[i]))
			breaker = &shared->breakers[i];
	if (!breaker && shared->n < BREAKERS)
		breaker = &shared->breakers[shared->n++];
	if (breaker)
		*breaker = (Breaker) {
			.database = MyDatabaseId, .server = server, .state = BREAKER_CLOSED,
			.until = GetCurrentTimestamp()
		};
	return breaker;
}

/* Does a breaker keep everybody away at a time? */
static bool
keeps_away(const Breaker *breaker, TimestampTz now)
{
	return breaker && breaker->state != BREAKER_CLOSED && now < breaker->until;
}

/* Would a question be asked now? */
bool
breaker_is_open(Oid server)
{
	bool		open;

	/* without the lock: it may have opened just now, as it may just after */
	if (!shared || shared->n == 0)
		return false;
	LWLockAcquire(lock, LW_SHARED);
	open = keeps_away(find(server), GetCurrentTimestamp());
	LWLockRelease(lock);
	return open;
}

/* May this process ask now?  The first one after the cooldown tries for all. */
bool
breaker_enter(Oid server)
{
	TimestampTz now = GetCurrentTimestamp();
	Breaker    *breaker;
	bool		may;

	if (!shared || shared->n == 0)
		return true;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	breaker = find(server);
	may = !keeps_away(breaker, now);
	if (may && breaker && breaker->state != BREAKER_CLOSED)
	{
		breaker->state = BREAKER_HALF_OPEN;
		breaker->until = TimestampTzPlusMilliseconds(now, TRIAL);
	}
	LWLockRelease(lock);
	return may;
}

/* Another failure. */
static void
fail(Breaker *breaker)
{
	breaker->failures++;
	if (breaker->state == BREAKER_CLOSED && breaker->failures < FAILURES)
		return;
	breaker->state = BREAKER_OPEN;
	breaker->until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), COOLDOWN);
}

/* What came of a question: was it answered?  true: for the first time since the breaker had opened. */
bool
breaker_leave(Oid server, bool answered)
{
	Breaker    *breaker;
	bool		closes;

	if (!shared || (answered && shared->n == 0))
		return false;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	breaker = find(server);
	closes = answered && breaker && breaker->state != BREAKER_CLOSED;
	if (!answered && !breaker)
		breaker = add(server);
	if (breaker && answered)
		breaker->database = InvalidOid;
	else if (breaker)
		fail(breaker);
	LWLockRelease(lock);
	return closes;
}

/* The servers of this database may be others now: ask them. */
void
breaker_forget(void)
{
	if (!shared)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->n; i++)
		if (shared->breakers[i].database == MyDatabaseId)
			shared->breakers[i].database = InvalidOid;
	LWLockRelease(lock);
}
