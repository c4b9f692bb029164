/*
 * patience.c: foreign servers that do not answer do not hold a worker.
 *
 * A server that hangs takes what is sent to it and says nothing.  A timeout of
 * ours would only raise an error: postgres_fdw then asks that server to cancel
 * the query, and waits for it to answer; up to 15 that, and connecting, wait in
 * libpq, where no interruption is looked at.  So when the time is over, or the
 * worker is cancelled or told to end, the connections themselves are cut: whoever
 * waits for one finds it closed at once, and knows that no cancel can be sent.
 * What is not a wait for a server is cancelled a little later, as any statement is.
 *
 * Only in background workers of ours, where nothing but foreign data wrappers has
 * sockets: a client's session would lose its client.
 */
#include "core/svc.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/cancel.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "reference/patience.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* How often it looks, in milliseconds */
#define TICK 50

/* When cutting did not help after so many looks, what runs is not a wait for a server */
#define CUTS 4

/* Descriptors up to here: more connections than a worker has */
#define MAX_DESCRIPTOR 1024

static TimeoutId timeout;
static bool registered = false;

/* How often the process was cancelled before */
static int	cancels = 0;

/* Looks until the connections are cut, and since */
static volatile sig_atomic_t ticks_left = 0;
static volatile sig_atomic_t cuts = 0;

/* Is a descriptor a connection, made or about to be? */
static bool
is_connection(int descriptor)
{
	int			type = 0;
	int			listens = 0;
	socklen_t	size = sizeof(int);

	if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
		return false;
	size = sizeof(int);
	return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && !listens;
}

/* Cut all connections of this process; calls only what a signal handler may. */
static void
cut_connections(void)
{
	for (int descriptor = 3; descriptor < MAX_DESCRIPTOR; descriptor++)
		if (is_connection(descriptor))
			(void) shutdown(descriptor, SHUT_RDWR);
}

/*
 * Look at the time.  Runs in a signal handler.  A process that ends forgets that
 * it was told to, and still has a transaction to abort.
 */
static void
look(void)
{
	if (ticks_left > 0 && !ProcDiePending && !proc_exit_inprogress && svc_cancels() == cancels)
	{
		ticks_left--;
		return;
	}
	cuts++;
	cut_connections();
	if (cuts > CUTS)
	{
		InterruptPending = true;
		QueryCancelPending = true;
	}
	SetLatch(MyLatch);
}

/* Let what follows take so long at most. */
void
patience_begin(long milliseconds)
{
	if (MyBackendType != B_BG_WORKER)
		return;
	if (!registered)
	{
		timeout = RegisterTimeout(USER_TIMEOUT, look);
		registered = true;
	}
	ticks_left = Max(milliseconds, TICK) / TICK;
	cuts = 0;
	cancels = svc_cancels();
	enable_timeout_every(timeout, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TICK), TICK);
}

/* It has come back; did it take longer than it should have? */
bool
patience_end(void)
{
	if (MyBackendType != B_BG_WORKER)
		return false;
	disable_timeout(timeout, false);
	if (cuts > CUTS && svc_cancels() == cancels)
		QueryCancelPending = false;
	return cuts > 0;
}
