/*
 * sweep_elsewhere.h: keys that were deleted elsewhere, where nobody tells us, as
 * sweeps find them.
 */
#ifndef SVC_SWEEP_ELSEWHERE_H
#define SVC_SWEEP_ELSEWHERE_H

#include "reference/reference.h"

/*
 * Let what on_delete says be done about them, when a sweep that was begun then
 * has seen all rows, and found that the contract has some of their keys
 */
extern void sweep_act_on_deleted_elsewhere(const Reference *reference, TimestampTz sweep);

#endif							/* SVC_SWEEP_ELSEWHERE_H */
