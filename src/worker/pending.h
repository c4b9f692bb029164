/*
 * pending.h: svc.run_pending().
 */
#ifndef SVC_WORKER_PENDING_H
#define SVC_WORKER_PENDING_H

extern void PendingInit(void);

#endif							/* SVC_WORKER_PENDING_H */
