/*
 * wait.c: the one way to wait.
 */
#include "core/svc.h"

#include "core/wait.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/wait_event.h"

/*
 * Wait until somebody sets our latch, or for a time.  Whoever calls this looks
 * again at what it waits for, whichever it was.  Ends with the postmaster, and
 * by an error when the statement is cancelled.
 */
void
svc_wait(long milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * The same for a background worker between two pieces of work: told to end, it
 * does so without a word, since nothing was interrupted.  After exit code 0 the
 * server does not start it again.
 */
void
svc_wait_idle(long milliseconds, int exit_code)
{
	if (!ProcDiePending)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
						 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	if (ProcDiePending)
		proc_exit(exit_code);
	CHECK_FOR_INTERRUPTS();
}
