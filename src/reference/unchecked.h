/*
 * unchecked.h: rows that nobody saw, since triggers were disabled or not there.
 */
#ifndef SVC_UNCHECKED_H
#define SVC_UNCHECKED_H

extern void UncheckedInit(void);

#endif							/* SVC_UNCHECKED_H */
