/*
 * status.h: one screen that says how things are.
 */
#ifndef SVC_STATUS_H
#define SVC_STATUS_H

extern void StatusInit(void);

#endif							/* SVC_STATUS_H */
