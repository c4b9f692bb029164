/*
 * far_session.c: what a checker's sessions at foreign servers are like.
 *
 * A server that is asked for some thousands of keys of a large table reads the
 * whole table where its settings say that to jump about is dear, and compiles that
 * scan first.  A question that somebody waits for is about few pages, which others
 * ask for, too; so sessions that ask begin with settings that say so.
 *
 * postgres_fdw has no place for that which would not be the server's for
 * everybody; libpq takes from the environment what a connection does not say
 * itself.  Poolers often refuse a session that comes with settings of its own,
 * so where one cannot be had it is tried without.
 */
#include "core/svc.h"

#include <stdlib.h>

#include "reference/far_session.h"

#define VARIABLE "PGOPTIONS"
#define WISHES "-c random_page_cost=1 -c jit=off"

/* Does this process wish anything, and do its sessions begin with it? */
static bool wishes = false;
static bool wished = false;

/* Put the wishes into the environment, or take them out. */
static void
set_wished(bool wish)
{
	if (wish)
		setenv(VARIABLE, WISHES, 1);
	else
		unsetenv(VARIABLE);
	wished = wish;
}

/* Have this process's sessions begin with the wishes, if whoever started the server has none of his own. */
void
far_session_wish(void)
{
	wishes = getenv(VARIABLE) == NULL;
	if (wishes)
		set_wished(true);
}

/*
 * Was a session not to be had, with or without the wishes?  The next one is tried
 * the other way, so that a server which was merely down gets them in the end.
 * true: there was one with them, and what failed may be tried again.
 */
bool
far_session_was_refused(const ErrorData *error)
{
	if (!wishes || error->sqlerrcode != ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION)
		return false;
	set_wished(!wished);
	return !wished;
}
