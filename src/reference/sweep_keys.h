/*
 * sweep_keys.h: keys that a sweep asks for.
 */
#ifndef SVC_SWEEP_KEYS_H
#define SVC_SWEEP_KEYS_H

#include "reference/key_set.h"

typedef struct SweepKeys
{
	MemoryContext cxt;			/* outlives the steps */
	MemoryContext step;			/* for one step */
	bool		asking;			/* a contract is being asked, or failed to answer */

	/* keys of the ranges until now */
	MemoryContext known_cxt;
	KeySet	   *known;
	Oid			known_type;
} SweepKeys;

/* Ask for the pending keys of a set; raises SV001 where a contract elsewhere cannot be asked */
extern void sweep_keys_ask(SweepKeys *keys, const Reference *reference, KeySet *set);

/*
 * Of the missing keys, ask again for those that rows still hold; the others are
 * set aside as unknown, and are pending again afterwards
 */
extern void sweep_keys_ask_again(SweepKeys *keys, const Reference *reference, KeySet *set,
								 const int64 *rows);

/* The set of the ranges until now, or a new one, if that takes too much of so much memory */
extern KeySet *sweep_keys_known(SweepKeys *keys, const Reference *reference, Size memory);

#endif							/* SVC_SWEEP_KEYS_H */
