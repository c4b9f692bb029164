/*
 * wait.h: the one way to wait.
 */
#ifndef SVC_WAIT_H
#define SVC_WAIT_H

extern void svc_wait(long milliseconds);
extern void svc_wait_idle(long milliseconds, int exit_code);

#endif							/* SVC_WAIT_H */
