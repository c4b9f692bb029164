/*
 * cancel.c: was a process of ours cancelled?
 *
 * A statement that is cancelled at another server and one that is cancelled here raise
 * the same error.  The first is no reason for us to stop; so processes of ours
 * that ask others count the signals which cancel them.
 */
#include "core/svc.h"

#include <signal.h>

#include "core/cancel.h"
#include "libpq/pqsignal.h"
#include "tcop/tcopprot.h"

static volatile sig_atomic_t cancels = 0;

/* A signal that cancels: a user's, or that of a timeout. */
static void
cancelled(SIGNAL_ARGS)
{
	cancels++;
	StatementCancelHandler(postgres_signal_arg);
}

/* Count cancels from now on. */
void
svc_cancel_count(void)
{
	pqsignal(SIGINT, cancelled);
}

/* How many there were. */
int
svc_cancels(void)
{
	return cancels;
}
