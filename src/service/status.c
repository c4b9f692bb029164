/*
 * status.c: one screen that says what is loaded, and how each service is.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "commands/extension.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "service/status.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* set by _PG_init */
static bool preloaded = false;

SVC_FUNCTION(svc_version);
SVC_FUNCTION(svc_status);

/* Note whether the postmaster loaded the library. */
void
StatusInit(void)
{
	preloaded = process_shared_preload_libraries_in_progress;
}

/* The version of the extension's SQL objects in this database. */
static char *
sql_version(void)
{
	SqlScope	scope;
	MemoryContext cxt = CurrentMemoryContext;
	char	   *version;

	svc_sql_begin(&scope, InvalidOid);
	svc_sql("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = $1",
			sql_name(SVC_EXTENSION));
	version = MemoryContextStrdup(cxt, svc_sql_value(0, 1));
	svc_sql_end(&scope);
	return version;
}

/*
 * svc.version() → library, sql, server
 */
Datum
svc_version(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(SVC_VERSION);
	values[1] = CStringGetTextDatum(sql_version());
	values[2] = CStringGetTextDatum(GetConfigOption("server_version", false, false));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Add one row to the result. */
static void
add_row(FunctionCallInfo fcinfo, const char *item, const char *state, const char *detail,
		const char *hint)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[4] = {CStringGetTextDatum(item), CStringGetTextDatum(state),
		CStringGetTextDatum(detail), hint ? CStringGetTextDatum(hint) : (Datum) 0};
	bool		nulls[4] = {false, false, false, hint == NULL};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The library's own rows. */
static void
add_library_rows(FunctionCallInfo fcinfo)
{
	char	   *sql = sql_version();

	if (strcmp(sql, SVC_VERSION) == 0)
		add_row(fcinfo, "library", "ok", psprintf("version %s, as its SQL objects", SVC_VERSION), NULL);
	else
		add_row(fcinfo, "library", "error",
				psprintf("version %s, but its SQL objects are of version %s", SVC_VERSION, sql),
				"ALTER EXTENSION svc_ownership UPDATE; if the library is the older one, restart the server.");
	if (preloaded)
		add_row(fcinfo, "preload", "ok", "in shared_preload_libraries", NULL);
	else
		add_row(fcinfo, "preload", "ok",
				"not in shared_preload_libraries: there are no workers, and what is left for later stays pending",
				"CALL svc.run_pending() does it. For workers, and checks against other databases: add svc_ownership to shared_preload_libraries, and restart.");
	if (RecoveryInProgress())
		add_row(fcinfo, "server", "warning", "standby: everything can be read, nothing changed",
				"Make changes on the primary.");
}

/*
 * svc.status() → item, state, detail, hint
 */
Datum
svc_status(PG_FUNCTION_ARGS)
{
	SqlScope	scope;

	InitMaterializedSRF(fcinfo, 0);
	add_library_rows(fcinfo);
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_join_by_hash();
	svc_sql_append(fcinfo,
				   "SELECT s.item, s.state, s.detail, s.hint FROM ("
				   "  SELECT * FROM svc.event_trigger_status"
				   "  UNION ALL SELECT * FROM svc.service_status"
				   "  UNION ALL SELECT * FROM svc.connection_status"
				   "  UNION ALL SELECT * FROM svc.upkeep_status"
				   "  UNION ALL SELECT * FROM svc.references_status) s"
				   " WHERE s.owner IS NULL OR pg_catalog.pg_has_role($1, s.owner, 'MEMBER')"
				   " ORDER BY s.rank, s.item, s.state, s.detail",
				   (const SqlArg[]){sql_oid(scope.saved_user)}, 1);
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}
