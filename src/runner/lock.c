/*
 * lock.c: one at a time, in the whole cluster, for jobs of a name.
 *
 * The caller and its runner hold a lock each: the caller may die while its
 * runner is at work.  They are advisory locks of a database that does not
 * exist, so nobody takes them by accident; the server releases them whichever
 * way a process ends, which it does not do for its own locks of a session.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "runner/lock.h"
#include "storage/lock.h"
#include "utils/inval.h"

/* Who holds the lock */
typedef enum Holder
{
	HOLDER_RUNNER = 1,
	HOLDER_CALLER
} Holder;

/* The lock of a name. */
static LOCKTAG
tag_of(const char *name, Holder holder)
{
	LOCKTAG		tag;
	uint32		key = DatumGetUInt32(hash_any((const unsigned char *) name, strlen(name)));

	/* 1 and 2 are those of pg_advisory_lock */
	SET_LOCKTAG_ADVISORY(tag, InvalidOid, key, holder, 3);
	return tag;
}

/*
 * One caller at a time, until the transaction ends; and not before the runner
 * has ended that a caller left behind.
 */
void
runner_lock(const char *name)
{
	LOCKTAG		caller = tag_of(name, HOLDER_CALLER);
	LOCKTAG		runner = tag_of(name, HOLDER_RUNNER);

	(void) LockAcquire(&caller, ExclusiveLock, false, false);
	(void) LockAcquire(&runner, ExclusiveLock, false, false);
	(void) LockRelease(&runner, ExclusiveLock, false);
	/* see what they did whom we waited for */
	AcceptInvalidationMessages();
}

/*
 * The same without waiting: false when somebody else has it, or a runner is at
 * work that nobody waits for any more.  session: until runner_unlock; else until
 * the transaction ends.
 */
bool
runner_try_lock(const char *name, bool session)
{
	LOCKTAG		caller = tag_of(name, HOLDER_CALLER);
	LOCKTAG		runner = tag_of(name, HOLDER_RUNNER);

	if (LockAcquire(&caller, ExclusiveLock, session, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	if (LockAcquire(&runner, ExclusiveLock, session, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		(void) LockRelease(&caller, ExclusiveLock, session);
		return false;
	}
	(void) LockRelease(&runner, ExclusiveLock, session);
	AcceptInvalidationMessages();
	return true;
}

/* Give back what runner_try_lock took. */
void
runner_unlock(const char *name)
{
	LOCKTAG		caller = tag_of(name, HOLDER_CALLER);

	(void) LockRelease(&caller, ExclusiveLock, true);
}

/*
 * One runner at a time, until the process ends.  Inside a transaction: its own
 * lock once more, where something may have released it.
 */
void
runner_lock_self(const char *name)
{
	LOCKTAG		runner = tag_of(name, HOLDER_RUNNER);

	(void) LockAcquire(&runner, ExclusiveLock, true, false);
}

/*
 * A runner's own lock until the transaction ends, besides that of the session:
 * statements of others can release that one (pg_advisory_unlock_all).
 */
void
runner_lock_guard(const char *name)
{
	LOCKTAG		runner = tag_of(name, HOLDER_RUNNER);

	(void) LockAcquire(&runner, ExclusiveLock, false, false);
}
