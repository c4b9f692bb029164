/*
 * client.c: a client for sessions that have none.
 *
 * C code of others may take it for granted that a session has a client, and
 * look at it without asking: ssl_is_used() of sslinfo, which everybody may call,
 * would bring the server down.  So a runner has one, of whom nothing is known
 * but the names of user and database, which the server's log then shows.
 *
 * Everything that the server does with a client goes through the queue.
 */
#include "core/svc.h"

/*
 * The headers of what the server was built with need not be here.  What comes
 * before the fields of OpenSSL lies where it lies either way, and these are last.
 */
#undef ENABLE_GSS
#undef USE_OPENSSL

#include <sys/socket.h>

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "libpq/libpq-be.h"
#include "runner/client.h"
#include "utils/memutils.h"

/* room for the fields of OpenSSL */
#define MORE 256

/* Give this session a client. */
void
client_make(void)
{
	Port	   *port = MemoryContextAllocZero(TopMemoryContext, sizeof(Port) + MORE);

	port->sock = PGINVALID_SOCKET;
	port->laddr.addr.ss_family = AF_UNIX;
	port->raddr.addr.ss_family = AF_UNIX;
	StartTransactionCommand();
	port->database_name = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
	port->user_name = MemoryContextStrdup(TopMemoryContext,
										  GetUserNameFromId(GetSessionUserId(), false));
	CommitTransactionCommand();
	MyProcPort = port;
}
