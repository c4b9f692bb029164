/*
 * trigger.h: triggers that we make, and what they call, changed in place.
 */
#ifndef SVC_TRIGGER_H
#define SVC_TRIGGER_H

#include "commands/trigger.h"
#include "nodes/pg_list.h"

extern TriggerData *svc_trigger_data(FunctionCallInfo fcinfo, const char *function);
pg_noreturn extern void svc_refuse_trigger(const TriggerData *data, const char *function, const char *hint);
extern bool svc_trigger_knows_columns(const TriggerData *data);
extern char *svc_quote_trigger_arguments(List *args);
extern bool svc_has_trigger(Oid relation, const char *name, int16 type, Oid function);
extern bool svc_is_trigger_clone(Oid relation, const char *name);
extern void svc_set_trigger_call(Oid relation, const char *trigger, Oid function, List *arguments);
extern void svc_set_trigger_state(Oid relation, const char *trigger, char state);

#endif							/* SVC_TRIGGER_H */
