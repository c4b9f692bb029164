/*
 * ask.h: one question to a foreign contract, by a worker.
 */
#ifndef SVC_ASK_H
#define SVC_ASK_H

#include "reference/key_set.h"

/*
 * Ask for the pending keys of a set, outside of a transaction, for so many
 * milliseconds at most.  false: something went wrong; what it was is in *error,
 * in the current memory context, and keys that are not known to be valid are
 * KEY_UNKNOWN.  Raises a cancel of a session only.
 */
extern bool ask_contract(const Reference *reference, KeySet *set, long milliseconds, char **error);

/* For so long a lookup elsewhere may take where no session waits for it, in milliseconds */
#define ASK_LIMIT 10000

/*
 * lookup_ask() of a worker or a sweep that is in a transaction already: of a
 * contract elsewhere, and of a validator, with an end to the waiting.  Raises
 * what goes wrong.
 */
extern void ask_within(const Reference *reference, KeySet *set);

#endif							/* SVC_ASK_H */
