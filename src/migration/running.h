/*
 * running.h: nobody runs migrations while a history is changed by hand.
 */
#ifndef SVC_MIGRATION_RUNNING_H
#define SVC_MIGRATION_RUNNING_H

#include "migration/history.h"

/* Until the transaction ends; 55P03 while migrations are run, by us or by the adopted tool */
extern void running_lock(const Service *service);
extern void running_lock_tool(const History *history);

/* The name of the lock that a run holds */
extern char *running_lock_name(Oid database, const char *service);

#endif							/* SVC_MIGRATION_RUNNING_H */
