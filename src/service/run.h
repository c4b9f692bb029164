/*
 * run.h: who may have something run as a service's owner role, and when.
 */
#ifndef SVC_RUN_H
#define SVC_RUN_H

extern void run_check_owner(const char *service, Oid owner);
extern void run_check_no_transaction(FunctionCallInfo fcinfo, const char *procedure);

#endif							/* SVC_RUN_H */
