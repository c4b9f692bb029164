/*
 * run.c: svc.run, statements as a service's owner role in its database.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "runner/runner.h"
#include "service/place.h"
#include "service/role.h"
#include "service/run.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#define MAX_STATEMENTS 10000

SVC_FUNCTION(svc_run);

/* Append a string, or null, as JSON. */
static void
append_string(StringInfo json, const char *string)
{
	if (string)
		escape_json(json, string);
	else
		appendStringInfoString(json, "null");
}

/* Append a list of strings as JSON. */
static void
append_strings(StringInfo json, List *strings)
{
	ListCell   *cell;

	appendStringInfoChar(json, '[');
	foreach(cell, strings)
	{
		if (cell != list_head(strings))
			appendStringInfoChar(json, ',');
		append_string(json, lfirst(cell));
	}
	appendStringInfoChar(json, ']');
}

/* Append what came of one statement. */
static void
append_result(StringInfo json, const RunnerResult *result)
{
	ListCell   *cell;

	appendStringInfoString(json, "{\"command\":");
	append_string(json, result->tag);
	if (result->columns != NIL)
	{
		appendStringInfoString(json, ",\"columns\":");
		append_strings(json, result->columns);
		appendStringInfoString(json, ",\"rows\":[");
		foreach(cell, result->rows)
		{
			if (cell != list_head(result->rows))
				appendStringInfoChar(json, ',');
			append_strings(json, lfirst(cell));
		}
		appendStringInfoChar(json, ']');
	}
	appendStringInfoChar(json, '}');
}

/* What came of all statements. */
static Datum
results_to_jsonb(List *results)
{
	StringInfoData json;
	ListCell   *cell;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(cell, results)
	{
		if (cell != list_head(results))
			appendStringInfoChar(&json, ',');
		append_result(&json, lfirst(cell));
	}
	appendStringInfoChar(&json, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* Refuse callers who could not become the owner role. */
void
run_check_owner(const char *service, Oid owner)
{
	if (!svc_acts_for_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of service \"%s\"", service),
				 errhint("Members of role \"%s\" own it; svc.grant_role makes one.",
						 svc_role_name(owner))));
}

/* Refuse to go on inside a transaction that is not ours to end; under the name that the user called. */
void
run_check_no_transaction(FunctionCallInfo fcinfo, const char *procedure)
{
	if (!fcinfo->context || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot be called inside a transaction block or a function", procedure),
				 errdetail("The statements run in a session of their own, and are not undone with the caller's transaction."),
				 errhint("CALL it by itself.")));
}

/* The statements to be run. */
static List *
statements_arg(FunctionCallInfo fcinfo, int i)
{
	List	   *statements = NIL;
	int			n;
	Datum	   *elements = svc_arg_array(fcinfo, i, "statements", TEXTOID, MAX_STATEMENTS, &n);

	for (int k = 0; k < n; k++)
		statements = lappend(statements, TextDatumGetCString(elements[k]));
	return statements;
}

/* The result of the procedure, whose one output is what came of the statements. */
static Datum
output(FunctionCallInfo fcinfo, List *results)
{
	TupleDesc	desc;
	Datum		value = results_to_jsonb(results);
	bool		isnull = false;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), &value, &isnull));
}

/*
 * svc.run(statements, service, INOUT results): a procedure.
 *
 * It ends the caller's transaction before it waits, so that no snapshot is held
 * meanwhile; what it needs then lives in the memory of SPI, which such a
 * procedure keeps.
 */
Datum
svc_run(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	RunnerJob	job = {.what = "svc.run"};
	char	   *service;
	List	   *results;
	Datum		result;

	svc_check_writable("svc.run()");
	run_check_no_transaction(fcinfo, "svc.run");
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	job.items = statements_arg(fcinfo, 0);
	service = svc_arg_name(fcinfo, 1, "service");
	job.database = service_place(service, &job.role);
	role_check_limited(job.role);
	run_check_owner(service, job.role);
	SPI_commit();
	results = runner_results(&job);
	MemoryContextSwitchTo(cxt);
	result = output(fcinfo, results);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
