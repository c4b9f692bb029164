/*
 * restore.h: services that their own users restore.
 */
#ifndef SVC_RESTORE_H
#define SVC_RESTORE_H

#include "core/guard.h"
#include "service/service.h"

extern bool restore_admit(Relation rel, HeapTuple row);
extern Service *restore_service(Relation rel, HeapTuple row);
extern void restore_begin(Relation rel);
extern void restore_service_came(const char *service);
extern void restore_forget(const char *service);

#endif							/* SVC_RESTORE_H */
