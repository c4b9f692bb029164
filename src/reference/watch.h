/*
 * watch.h: published tables whose lost keys are noted.
 */
#ifndef SVC_WATCH_H
#define SVC_WATCH_H

#include "reference/reference.h"

/*
 * watch_trigger.c: make, change or drop the triggers that note lost keys on a
 * published table and all that is part of it, as the references into it want
 * them.
 */
extern void watch_published(Oid published);
extern void watch_mend_states(Oid relation);

/*
 * A relation, everything that it is a part of by inheritance or partitioning,
 * and everything that is a part of one of those; what is above comes first
 */
extern List *watch_family(Oid relation);
extern bool watch_can(Oid relation);
extern char *watch_key_column(const Reference *reference);

/*
 * watch.c: note the keys of a table that leaves a published one, by the
 * arguments of its own trigger, and as keys of one that stays.
 */
extern void watch_note_leaving(Oid relation, Oid parent);

/* watch_follow.c */
extern void WatchFollowInit(void);

#endif							/* SVC_WATCH_H */
