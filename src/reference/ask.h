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

/*
 * lookup_ask() of a worker that is in a transaction already, for so many
 * milliseconds at most.  Raises what goes wrong.
 */
extern void ask_contract_within(const Reference *reference, KeySet *set, long milliseconds);

#endif							/* SVC_ASK_H */
