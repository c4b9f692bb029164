/*
 * tombstone.h: keys that a service deleted, until no reference to them is left
 * or can come.
 */
#ifndef SVC_TOMBSTONE_H
#define SVC_TOMBSTONE_H

#include "reference/key_set.h"

/* Keys of one tombstone at most */
#define TOMBSTONE_KEYS 10000

extern void TombstoneInit(void);

/*
 * watch.c: make, change or drop the triggers that note lost keys on a published
 * table and all that is part of it, as the references into it want them.
 * Triggers on svc.reference and svc.entity call it.
 */
extern void WatchInit(void);
extern void tombstone_watch(Oid published);
extern List *tombstone_family(Oid relation);
extern char *tombstone_key_column(const Reference *reference);

/* tombstone.c: note deleted keys (NULL: which ones is not known), as part of the current transaction */
extern void tombstone_add(const char *reference, ArrayType *keys);

/*
 * Keys of a set that are missing and have a tombstone become KEY_DELETED.
 * Costs nothing while there is no tombstone.  A key that was found, or could not
 * be asked, is left alone: it may have been made again.
 */
extern void tombstone_mark(const Reference *reference, KeySet *set);

/*
 * Let what on_delete says be done with the rows that hold the missing and
 * deleted keys of a set: by the worker, when this transaction has committed.
 */
extern void action_on_deleted(const Reference *reference, KeySet *set);

#endif							/* SVC_TOMBSTONE_H */
