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

/* Note deleted keys (NULL: which ones is not known), as part of the current transaction */
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
