/*
 * parked.h: keys that are asked for again later.
 */
#ifndef SVC_PARKED_H
#define SVC_PARKED_H

#include "reference/key_set.h"

extern void ParkedInit(void);

/*
 * Park the keys of a set that are in a state, as part of the current
 * transaction.  They were asked for so many times: 0 means that they wait for a
 * second look, more that they could not be asked.
 */
extern void parked_add(const Reference *reference, const KeySet *set, KeyState state, int attempts);

#endif							/* SVC_PARKED_H */
