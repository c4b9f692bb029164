/*
 * trigger.h: what a trigger calls, changed in place.
 */
#ifndef SVC_TRIGGER_H
#define SVC_TRIGGER_H

#include "nodes/pg_list.h"

extern void svc_set_trigger_call(Oid relation, const char *trigger, Oid function, List *arguments);

#endif							/* SVC_TRIGGER_H */
