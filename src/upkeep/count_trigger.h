/*
 * count_trigger.h: the trigger that keeps counters.
 */
#ifndef SVC_COUNT_TRIGGER_H
#define SVC_COUNT_TRIGGER_H

extern void CountTriggerInit(void);

#endif							/* SVC_COUNT_TRIGGER_H */
