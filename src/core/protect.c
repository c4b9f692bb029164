/*
 * protect.c: work whose failure must not reach the user's command.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/protect.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* Errors that mean the session is to stop: never turned into a warning. */
bool
svc_is_interruption(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

/* Errors that go away when the command is repeated, or that will hit whatever comes next. */
static bool
is_passing(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
}

/* Turn the current error into a warning. */
static void
warn_instead(ErrorData *error, const char *failure, const char *hint)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("%s: %s", failure, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 errhint("%s", hint)));
}

/*
 * Do work in a subtransaction.  If it fails, what it did is undone, and the
 * error is returned; NULL if it does not.
 */
ErrorData *
svc_try(ProtectedWork work, void *argument)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		work(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * Do work in a subtransaction.  If it fails a warning says so, and false is
 * returned; errors that pass (a lock timeout, a deadlock) are raised if
 * raise_passing.
 */
bool
svc_run_protected(ProtectedWork work, void *argument, bool raise_passing,
				  const char *failure, const char *hint)
{
	ErrorData  *error = svc_try(work, argument);

	if (!error)
		return true;
	if (svc_is_interruption(error) || (raise_passing && is_passing(error->sqlerrcode)))
		ReThrowError(error);
	warn_instead(error, failure, hint);
	return false;
}
