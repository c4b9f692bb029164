/*
 * tombstone.h: keys that a service deleted, until no reference to them is left
 * or can come.
 */
#ifndef SVC_TOMBSTONE_H
#define SVC_TOMBSTONE_H

#include "reference/key_set.h"

extern void TombstoneInit(void);

/* Triggers on a published table that note lost keys; made with the first reference into it, dropped with the last */
extern void tombstone_watch(Oid published);

/* Keys of a set that have a tombstone become KEY_DELETED.  Costs nothing while there is none. */
extern void tombstone_mark(const Reference *reference, KeySet *set);

/* action.c: do what on_delete says with the rows that hold these keys and no valid parent */
extern void action_on_deleted(const Reference *reference, KeySet *set);

#endif							/* SVC_TOMBSTONE_H */
