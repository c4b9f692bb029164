/*
 * breaker.h: foreign servers that did not answer are left alone for a while.
 */
#ifndef SVC_BREAKER_H
#define SVC_BREAKER_H

extern void BreakerInit(void);

/* Would a question to this server of this database be asked now? */
extern bool breaker_is_open(Oid server);

/* May this process ask it now?  Then it says afterwards what came of it. */
extern bool breaker_enter(Oid server);
extern bool breaker_leave(Oid server, bool answered);	/* true: it had opened, and is closed again */

/* The servers of this database may be others now: ask them */
extern void breaker_forget(void);

#endif							/* SVC_BREAKER_H */
