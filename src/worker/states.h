/*
 * states.h: who may read what workers say; for the module only.
 */
#ifndef SVC_WORKER_STATES_H
#define SVC_WORKER_STATES_H

extern bool worker_may_read_errors(Oid database);

#endif							/* SVC_WORKER_STATES_H */
