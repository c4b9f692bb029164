/*
 * far_session.c: what our processes' sessions at foreign servers are like.
 *
 * A server that is asked for some thousands of keys of a large table reads the
 * whole table where its settings say that to jump about is dear, and compiles that
 * scan first.  A question for keys is about few pages, which others ask for, too; so
 * sessions that are made to ask one begin with settings that say so.
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

/* Do sessions that are made now begin with the wishes? */
static bool wished = false;

/* Was the last one refused that did, and is the next one tried without? */
static bool refused = false;

/* Begin to wish, unless whoever started the server has wishes of his own. */
void
far_session_begin(void)
{
	wished = !refused && getenv(VARIABLE) == NULL && setenv(VARIABLE, WISHES, 0) == 0;
}

/* End to wish. */
void
far_session_end(void)
{
	if (wished)
		unsetenv(VARIABLE);
	wished = false;
}

/*
 * Was a session not to be had, with or without the wishes?  The next one is tried
 * the other way, so that a server which was merely down gets them in the end.
 * true: there was one with them, and what failed may be tried again.
 */
bool
far_session_was_refused(const ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION)
		return false;
	refused = wished;
	far_session_end();
	return refused;
}
