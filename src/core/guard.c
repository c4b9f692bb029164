/*
 * guard.c: who may write the extension's catalog tables.
 *
 * Rows are power: what a row says is granted, by us, with all rights.  REVOKE
 * keeps ordinary roles out, but not a member of pg_write_all_data.
 */
#include "core/svc.h"

#include "commands/trigger.h"
#include "core/extension.h"
#include "core/sql.h"
#include "utils/rel.h"

SVC_FUNCTION(svc_guard_catalog);

/*
 * svc.guard_catalog(): BEFORE trigger, for each row, and for TRUNCATE.
 */
Datum
svc_guard_catalog(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	if (!superuser() && !(svc_sql_is_own() && GetUserId() == svc_extension_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", RelationGetRelationName(data->tg_relation)),
				 errdetail("Only functions of %s and superusers write its catalog.", SVC_EXTENSION),
				 errhint("Call the function for what you want to change; docs/ lists them.")));
	if (TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple
						   : data->tg_trigtuple);
}
