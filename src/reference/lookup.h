/*
 * lookup.h: asking a contract, or a validator, which keys there are.
 */
#ifndef SVC_LOOKUP_H
#define SVC_LOOKUP_H

#include "reference/key_set.h"

/* Keys in one lookup */
#define LOOKUP_KEYS 10000

/*
 * Ask for the pending keys of a set, in this transaction, as the owner role of
 * the referencing service, restricted, with the newest snapshot: each becomes
 * KEY_VALID or KEY_MISSING.  Of a foreign contract only a worker may ask so.
 * Raises what goes wrong.  The reference must be usable (lookup_refusal).
 */
extern void lookup_ask(const Reference *reference, KeySet *set);

/* Why a contract cannot be asked now (it is gone, may not be read), or NULL */
extern const char *lookup_refusal(const Reference *reference);

#endif							/* SVC_LOOKUP_H */
