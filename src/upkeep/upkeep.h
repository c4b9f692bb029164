/*
 * upkeep.h: what every service database repeats: timestamps, counters, retention.
 */
#ifndef SVC_UPKEEP_H
#define SVC_UPKEEP_H

extern void UpkeepInit(void);
extern int	upkeep_begin_path_of(Oid relation);
extern void CounterInit(void);
extern void RetentionInit(void);
extern void UpdatedAtTriggerInit(void);

#endif							/* SVC_UPKEEP_H */
