/*
 * settle.h: the life of a tombstone.
 */
#ifndef SVC_SETTLE_H
#define SVC_SETTLE_H

extern void SettleInit(void);

#endif							/* SVC_SETTLE_H */
