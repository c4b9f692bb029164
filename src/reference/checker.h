/*
 * checker.h: keys of foreign contracts, asked by a worker for the sessions that
 * wait; what it heard is remembered in shared memory.
 */
#ifndef SVC_CHECKER_H
#define SVC_CHECKER_H

#include "reference/key_set.h"

extern void CheckerInit(void);

/*
 * Ask for the pending keys of a set: from the cache, or by a worker, for at most
 * svc_ownership.reference_budget.  Each becomes KEY_VALID, KEY_MISSING,
 * KEY_DELETED or KEY_UNKNOWN.  Raises interruptions only.
 */
extern void checker_ask(const Reference *reference, KeySet *set);

/* Keys that are gone: nothing that was asked before says otherwise from now on */
extern void checker_forget(const Reference *reference, ArrayType *keys);

#endif							/* SVC_CHECKER_H */
