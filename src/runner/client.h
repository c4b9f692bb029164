/*
 * client.h: a client for sessions that have none.
 */
#ifndef SVC_RUNNER_CLIENT_H
#define SVC_RUNNER_CLIENT_H

extern void client_make(void);

#endif							/* SVC_RUNNER_CLIENT_H */
