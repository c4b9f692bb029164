/*
 * inval.c: one callback of the server's for all caches of ours.
 *
 * A process has room for ten callbacks about relations, and the server itself
 * takes half of them: with one for each of our caches logical decoding would end
 * for want of a place ("out of relcache_callback_list slots"), as would the next
 * library that has a cache.
 */
#include "core/svc.h"

#include "core/inval.h"
#include "utils/inval.h"

#define MAX_CACHES 16

static RelationChanged caches[MAX_CACHES];
static int	n_caches = 0;

/* A relation changed: tell all caches. */
static void
tell_caches(Datum arg, Oid relation)
{
	for (int i = 0; i < n_caches; i++)
		caches[i] (relation);
}

/* Have a cache hear of changes. */
void
svc_on_relation_change(RelationChanged changed)
{
	if (n_caches == MAX_CACHES)
		elog(ERROR, "too many caches that follow relations");
	if (n_caches == 0)
		CacheRegisterRelcacheCallback(tell_caches, (Datum) 0);
	caches[n_caches++] = changed;
}
