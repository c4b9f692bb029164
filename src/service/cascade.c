/*
 * cascade.c: what belongs to a service comes and goes with it in our catalog.
 *
 * Foreign keys would do the same, but pg_restore with several jobs loads tables
 * in any order, and they would refuse what comes before its service.
 */
#include "core/svc.h"

#include "commands/trigger.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "service/restore.h"
#include "service/service.h"
#include "utils/builtins.h"
#include "utils/rel.h"

SVC_FUNCTION(svc_service_cascade);

/* Tables with a column "service" that names one */
static const char *const dependents[] = {"member", "assignment", "store", "entity", "consumer", "link",
	"migration_source", "migration_file", "migration_content", "migration_history"};

/* The service's name in a row of svc.service. */
static SqlArg
name_in_row(HeapTuple row, TupleDesc desc)
{
	return sql_name(SPI_getvalue(row, desc, SPI_fnumber(desc, "service")));
}

/* What a service is connected to goes along with its name. */
static void
rename_consumer(SqlArg before, SqlArg after)
{
	svc_sql("UPDATE svc.connection SET consumer = $2 WHERE consumer = $1", before, after);
	svc_sql("UPDATE svc.remote_entity SET consumers = pg_catalog.array_replace(consumers, $1, $2)"
			" WHERE $1 = ANY (consumers)", before, after);
}

/*
 * svc.service_cascade(): row trigger on svc.service, AFTER INSERT, UPDATE OR DELETE.
 */
Datum
svc_service_cascade(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	SqlScope	scope;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		RelationGetRelid(data->tg_relation) != svc_catalog_relation("service"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	desc = RelationGetDescr(data->tg_relation);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
	{
		restore_service_came(SPI_getvalue(data->tg_trigtuple, desc, SPI_fnumber(desc, "service")));
		return PointerGetDatum(NULL);
	}
	svc_sql_begin(&scope, svc_extension_owner());
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		restore_forget(SPI_getvalue(data->tg_newtuple, desc, SPI_fnumber(desc, "service")));
	for (int i = 0; i < lengthof(dependents); i++)
		if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
			svc_sql(psprintf("DELETE FROM svc.%s WHERE service = $1", dependents[i]),
					name_in_row(data->tg_trigtuple, desc));
		else
			svc_sql(psprintf("UPDATE svc.%s SET service = $2 WHERE service = $1", dependents[i]),
					name_in_row(data->tg_trigtuple, desc), name_in_row(data->tg_newtuple, desc));
	if (!TRIGGER_FIRED_BY_DELETE(data->tg_event))
		rename_consumer(name_in_row(data->tg_trigtuple, desc), name_in_row(data->tg_newtuple, desc));
	svc_sql_end(&scope);
	return PointerGetDatum(NULL);
}

/*
 * Keep a service as it is until the transaction ends, for what is about to be
 * written about it.  Inside a scope of the extension's owner.
 */
void
service_hold(const char *service)
{
	if (svc_sql("SELECT 1 FROM svc.service WHERE service = $1 FOR KEY SHARE", sql_name(service)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("service \"%s\" does not exist", service)));
}
