/*
 * check_references.c: sweeps that people ask for.
 *
 * The procedures sweep in transactions of their own, in the caller's session: a
 * contract that is elsewhere is asked in them as well, never in a transaction
 * that somebody does other work in.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/sql.h"
#include "core/wait.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "reference/sweep.h"
#include "service/ownership.h"
#include "service/service.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_validate_reference);
SVC_FUNCTION(svc_check_references);

/* Refuse to go on inside a transaction that is not ours to end. */
static void
check_no_transaction(FunctionCallInfo fcinfo, const char *procedure)
{
	if (!fcinfo->context || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot be called inside a transaction block or a function", procedure),
				 errdetail("Rows are looked at in transactions of its own, range by range."),
				 errhint("CALL it by itself.")));
}

/* There is no such reference. */
static void
refuse_unknown(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("reference \"%s\" does not exist", name),
			 errhint("svc.references_declared lists them.")));
}

/* Refuse callers who do not own the service that a reference's relation belongs to. */
void
sweep_check_owner(const char *name)
{
	NameData	service;
	Oid			relation;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("SELECT r.relation::pg_catalog.oid FROM svc.reference r WHERE r.reference = $1",
				sql_name(name)) == 0)
		refuse_unknown(name);
	relation = svc_sql_oid_value(0, 1);
	svc_sql_end(&scope);
	if (!get_rel_name(relation))
		refuse_unknown(name);
	if (ownership_of(relation, &service) != OWNED_NOT)
		(void) svc_check_service_owner(NameStr(service));
	else if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to check reference \"%s\"", name),
				 errdetail("Relation \"%s\" belongs to no service.", get_rel_name(relation))));
}

/* References that the caller may sweep, in the memory of a scope's caller. */
static List *
references_of_caller(void)
{
	List	   *names = NIL;
	SqlScope	scope;
	uint64		rows;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT r.reference FROM svc.reference r"
				   "  LEFT JOIN svc.service s ON s.service = svc.owner_of(r.relation)"
				   " WHERE r.mode <> 'off' AND pg_catalog.pg_has_role($1, s.owner, 'MEMBER')"
				   " ORDER BY 1", sql_oid(scope.saved_user));
	MemoryContextSwitchTo(scope.cxt);
	for (uint64 row = 0; row < rows; row++)
		names = lappend(names, pstrdup(svc_sql_value(row, 1)));
	svc_sql_end(&scope);
	return names;
}

/* Start the next transaction, in which each statement sees what was committed before it. */
static void
next_transaction(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

/* Do a piece of a sweep and commit it; NULL, or the error with which it was undone. */
static ErrorData *
do_piece(ProtectedWork work, Sweep *sweep)
{
	ErrorData  *error;

	PushActiveSnapshot(GetTransactionSnapshot());
	error = svc_try(work, sweep);
	PopActiveSnapshot();
	next_transaction();
	if (error && svc_is_interruption(error))
		ReThrowError(error);
	return error;
}

/* Sweep a reference in the caller's session; NULL, or what went wrong. */
static ErrorData *
sweep_in_session(Sweep *sweep)
{
	ErrorData  *error = do_piece(sweep_begin, sweep);

	while (!error && !sweep_is_done(sweep))
	{
		error = do_piece(sweep_step, sweep);
		if (error && sweep_gave_way(error))
		{
			FreeErrorData(error);
			error = NULL;
			sweep_rest_for_others(NULL);
		}
		else if (!error && !sweep_is_done(sweep))
			sweep_rest(NULL);
	}
	return error;
}

/* Raise what went wrong; that nobody could be asked has a code of its own. */
static void
raise_failure(const char *name, const Sweep *sweep, ErrorData *error)
{
	if (!sweep_was_asking(sweep))
		ReThrowError(error);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('S', 'V', '0', '0', '1')),
			 errmsg("keys of reference \"%s\" could not be looked up", name),
			 errdetail_internal("%s", error->message),
			 errhint("What was looked at until now counts; the next call goes on there.")));
}

/* What is not valid, as a sentence. */
static char *
describe(SweepResult result)
{
	return psprintf(INT64_FORMAT " %s in " INT64_FORMAT " %s %s not there.",
					result.keys, result.keys == 1 ? "key" : "keys",
					result.rows, result.rows == 1 ? "row" : "rows",
					result.keys == 1 ? "is" : "are");
}

/* What a sweep found, in a transaction of its own. */
static SweepResult
read_result(const char *name)
{
	SweepResult result;

	PushActiveSnapshot(GetTransactionSnapshot());
	result = sweep_result(name);
	PopActiveSnapshot();
	return result;
}

/* Note that all rows are valid. */
static void
mark_validated(const char *name)
{
	SqlScope	scope;

	PushActiveSnapshot(GetTransactionSnapshot());
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.reference SET validated = true WHERE reference = $1 AND NOT validated",
			sql_name(name));
	svc_sql("UPDATE svc.reference_state SET validated_at = pg_catalog.clock_timestamp() WHERE reference = $1",
			sql_name(name));
	svc_sql_end(&scope);
	PopActiveSnapshot();
	next_transaction();
}

/* Begin a procedure whose values outlive its transactions. */
static void
begin_procedure(FunctionCallInfo fcinfo, const char *procedure)
{
	svc_check_writable(psprintf("%s()", procedure));
	check_no_transaction(fcinfo, procedure);
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/*
 * svc.validate_reference(name): a procedure.
 */
Datum
svc_validate_reference(PG_FUNCTION_ARGS)
{
	char	   *name;
	Sweep	   *sweep;
	ErrorData  *error;
	SweepResult result;

	begin_procedure(fcinfo, "svc.validate_reference");
	name = svc_arg_name(fcinfo, 0, "name");
	sweep_check_owner(name);
	sweep = sweep_make(name);
	next_transaction();
	error = sweep_in_session(sweep);
	if (error)
		raise_failure(name, sweep, error);
	result = read_result(name);
	if (result.keys > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("reference \"%s\" is violated by existing rows", name),
				 errdetail_internal("%s", describe(result)),
				 errhint("svc.reference_violations lists the keys; svc.waive_violation accepts one.")));
	mark_validated(name);
	SPI_finish();
	PG_RETURN_VOID();
}

/* Sweep one of several; false if it could not be done, which a warning says. */
static bool
sweep_one_of(const char *name)
{
	Sweep	   *sweep = sweep_make(name);
	ErrorData  *error = sweep_in_session(sweep);

	sweep_free(sweep);
	if (error)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("reference \"%s\" was not checked to the end: %s", name, error->message)));
	return error == NULL;
}

/* Say what a sweep found. */
static void
tell_result(const char *name)
{
	SweepResult result = read_result(name);

	if (result.keys > 0)
		ereport(NOTICE,
				(errmsg("reference \"%s\" is violated", name),
				 errdetail_internal("%s", describe(result)),
				 errhint("svc.reference_violations lists the keys.")));
}

/* Sweep all references that the caller may; those that cannot be swept do not stop the others. */
static void
sweep_all(void)
{
	List	   *names = references_of_caller();
	int			failed = 0;
	ListCell   *cell;

	next_transaction();
	foreach(cell, names)
	{
		if (sweep_one_of(lfirst(cell)))
			tell_result(lfirst(cell));
		else
			failed++;
	}
	if (failed > 0)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('S', 'V', '0', '0', '1')),
				 errmsg("%d of %d references could not be checked", failed, list_length(names)),
				 errhint("The warnings say why; the next call goes on where each stopped.")));
}

/*
 * svc.check_references(name): a procedure.
 */
Datum
svc_check_references(PG_FUNCTION_ARGS)
{
	char	   *name;
	Sweep	   *sweep;
	ErrorData  *error;

	begin_procedure(fcinfo, "svc.check_references");
	name = svc_arg_name_or_null(fcinfo, 0, "name");
	if (!name)
		sweep_all();
	else
	{
		sweep_check_owner(name);
		sweep = sweep_make(name);
		next_transaction();
		error = sweep_in_session(sweep);
		if (error)
			raise_failure(name, sweep, error);
		tell_result(name);
	}
	SPI_finish();
	PG_RETURN_VOID();
}
