/*
 * parked.h: keys that are asked for again later.
 */
#ifndef SVC_PARKED_H
#define SVC_PARKED_H

#include "reference/key_set.h"

/* What came before keys are parked */
typedef struct ParkedHistory
{
	int			attempts;		/* 0: they wait for a second look; more: they could not be asked */
	TimestampTz asked;			/* when the last look began */
	TimestampTz since;			/* when they were parked first; 0: they were not */
} ParkedHistory;

extern void ParkedInit(void);

/* Park the keys of a set that are in a state, as part of the current transaction */
extern void parked_add(const Reference *reference, const KeySet *set, KeyState state,
					   const ParkedHistory *history);

#endif							/* SVC_PARKED_H */
