/*
 * doorbell.h: databases in which there is work; for the module only.
 */
#ifndef SVC_WORKER_DOORBELL_H
#define SVC_WORKER_DOORBELL_H

#include "worker/slot.h"

extern void DoorbellInit(void);
extern bool doorbell_take(void);
extern bool doorbell_rang_here(void);

/* With the lock held */
extern bool doorbell_is_rung(Oid database);
extern WorkerDatabase *doorbell_database(Oid database);
extern WorkerDatabase *doorbell_add(Oid database);
extern Oid	doorbell_of(WorkerDatabase *database, bool *rung);
extern bool doorbell_note_error(WorkerDatabase *database, const char *error);
extern void doorbell_remove(WorkerDatabase *database);

#endif							/* SVC_WORKER_DOORBELL_H */
