/*
 * sql.c: SQL run by the extension itself.
 *
 * Whoever calls us chose the search_path, and the objects it finds.  So every
 * statement of ours runs inside a scope: a nested settings level with
 * search_path = pg_catalog, pg_temp (the temporary schema last, or its tables
 * would be found first), and, where the statement touches what its caller has
 * no rights on, as another user.  A scope needs no cleaning up on error: the
 * abort of the (sub)transaction restores settings, user and SPI.
 */
#include "core/svc.h"

#include <stdarg.h>

#include "catalog/pg_type.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define SAFE_SEARCH_PATH "pg_catalog, pg_temp"

/*
 * The user that the innermost scope switched to, or 0.  A setting, which nobody
 * can set: so the server puts it back on every way out of a scope.
 */
static int	acting_as = 0;

/* Make the setting; called once when the library is loaded. */
void
SqlInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".acting_as",
							"The role that the extension's own statements run as, while they run.",
							NULL, &acting_as, 0, INT_MIN, INT_MAX, PGC_INTERNAL,
							GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							NULL, NULL, NULL);
}

/* Change a setting until the innermost level of settings ends: a scope, or a level of the caller's own. */
void
svc_sql_set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_INTERNAL, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Switch to a user until the scope ends. */
static void
become(const SqlScope *scope, Oid user, int restriction)
{
	SetUserIdAndSecContext(user, scope->saved_context | SECURITY_LOCAL_USERID_CHANGE | restriction);
	svc_sql_set(SVC_EXTENSION ".acting_as", psprintf("%d", (int) user));
}

/*
 * Begin to run SQL, as the given user or, with InvalidOid, as the caller.
 *
 * SECURITY_LOCAL_USERID_CHANGE forbids SET ROLE inside, and tells the guard of
 * the catalog tables that the write is ours.
 */
void
svc_sql_begin(SqlScope *scope, Oid user)
{
	scope->cxt = CurrentMemoryContext;
	GetUserIdAndSecContext(&scope->saved_user, &scope->saved_context);
	scope->guc_level = NewGUCNestLevel();
	svc_sql_set("search_path", SAFE_SEARCH_PATH);
	/* queries on catalogs look dear to the planner, and compiling them is */
	svc_sql_set("jit", "off");
	if (OidIsValid(user))
		become(scope, user, 0);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/*
 * For the rest of the scope, write and read constants in one way: a condition
 * that is kept as text means the same in every session.
 */
void
svc_sql_fix_formats(void)
{
	svc_sql_set("standard_conforming_strings", "on");
	svc_sql_set("datestyle", "ISO, YMD");
	svc_sql_set("intervalstyle", "postgres");
	svc_sql_set("bytea_output", "hex");
	svc_sql_set("extra_float_digits", "1");
}

/*
 * Begin to run SQL that holds text of a user's, such as a filter: as the user
 * whose text it is, and restricted.  To parse an expression can already run
 * code (a constant of a domain, its CHECK), so it must never be done as the
 * extension's owner.
 */
void
svc_sql_begin_restricted(SqlScope *scope, Oid user)
{
	svc_sql_begin(scope, user);
	become(scope, user, SECURITY_RESTRICTED_OPERATION);
	svc_sql_fix_formats();
}

/*
 * Begin to run SQL that runs code of others, or is theirs: as that user, with a
 * search_path of his.  Nothing of it counts as ours.
 */
void
svc_sql_begin_theirs(SqlScope *scope, Oid user, const char *search_path)
{
	svc_sql_begin(scope, InvalidOid);
	svc_sql_set("search_path", search_path);
	svc_sql_set(SVC_EXTENSION ".acting_as", "0");
	SetUserIdAndSecContext(user, scope->saved_context | SECURITY_LOCAL_USERID_CHANGE);
}

/*
 * For the rest of the scope, leave nothing behind that runs later, as somebody
 * else: no deferred trigger, no cursor that outlives the transaction.
 */
void
svc_sql_restrict(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context | SECURITY_RESTRICTED_OPERATION);
}

/*
 * Do the statements that run now come from a scope, as the user that it
 * switched to?  Not so for what they call as somebody else.
 */
bool
svc_sql_is_own(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	return acting_as != 0 && (Oid) acting_as == user && (context & SECURITY_LOCAL_USERID_CHANGE) != 0;
}

/*
 * For the rest of the scope, join by hash.  Queries over access control lists
 * are estimated to find next to nothing; on 10,000 tables the nested loops that
 * follow from it take minutes where hash joins take half a second.
 */
void
svc_sql_join_by_hash(void)
{
	svc_sql_set("enable_nestloop", "off");
}

/*
 * For the rest of the scope, join in the order of the text.  To look for a better
 * one in views of views takes much longer than to run them on a few rows.
 */
void
svc_sql_join_as_written(void)
{
	svc_sql_set("join_collapse_limit", "1");
	svc_sql_set("from_collapse_limit", "1");
}

/* For the rest of the scope, tell the client of errors only. */
void
svc_sql_quietly(void)
{
	svc_sql_set("client_min_messages", "error");
}

/*
 * End what svc_sql_begin began.  Values read from results are gone after this
 * unless they were copied into the caller's memory context.
 */
void
svc_sql_end(SqlScope *scope)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->saved_user, scope->saved_context);
}

/*
 * Go on in the memory of whoever began the scope, for results that outlive it;
 * returns the context to switch back to.  After each statement the scope's own
 * memory is the current one.
 */
MemoryContext
svc_sql_keep(void)
{
	void	   *chunk = SPI_palloc(1);
	MemoryContext outside = GetMemoryChunkContext(chunk);

	pfree(chunk);
	return MemoryContextSwitchTo(outside);
}

/*
 * For ALTER ROLE ... SET: the server does not let "role" be set, not even for
 * later sessions, while the user is changed locally.  So that mark is lifted
 * for as long as such statements take, which run no code of others.  Returns
 * what svc_sql_close puts back.
 */
int
svc_sql_open(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context & ~SECURITY_LOCAL_USERID_CHANGE);
	return context;
}

/* Put back what svc_sql_open lifted. */
void
svc_sql_close(int context)
{
	SetUserIdAndSecContext(GetUserId(), context);
}

/* A name parameter; NULL is SQL NULL. */
SqlArg
sql_name(const char *value)
{
	SqlArg		arg = {NAMEOID, (Datum) 0, value == NULL};

	if (value)
		arg.value = DirectFunctionCall1(namein, CStringGetDatum(value));
	return arg;
}

/* A text parameter; NULL is SQL NULL. */
SqlArg
sql_text(const char *value)
{
	SqlArg		arg = {TEXTOID, (Datum) 0, value == NULL};

	if (value)
		arg.value = CStringGetTextDatum(value);
	return arg;
}

/* An oid parameter; InvalidOid is SQL NULL. */
SqlArg
sql_oid(Oid value)
{
	return (SqlArg) {OIDOID, ObjectIdGetDatum(value), !OidIsValid(value)};
}

/* A regclass parameter; InvalidOid is SQL NULL. */
SqlArg
sql_regclass(Oid value)
{
	return (SqlArg) {REGCLASSOID, ObjectIdGetDatum(value), !OidIsValid(value)};
}

/* A regrole parameter; InvalidOid is SQL NULL. */
SqlArg
sql_regrole(Oid value)
{
	return (SqlArg) {REGROLEOID, ObjectIdGetDatum(value), !OidIsValid(value)};
}

/* A boolean parameter. */
SqlArg
sql_bool(bool value)
{
	return (SqlArg) {BOOLOID, BoolGetDatum(value), false};
}

/* An array parameter; NULL is SQL NULL. */
SqlArg
sql_array(ArrayType *value, Oid array_type)
{
	return (SqlArg) {array_type, PointerGetDatum(value), value == NULL};
}

/*
 * A list of OIDs as an array parameter, of oid[] or one of its aliases.  The
 * array says itself what its elements are, and so how they are written: as
 * names in a dump, where they are roles or types.
 */
SqlArg
sql_oids(List *oids, Oid array_type)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(oids), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, oids)
		elements[n++] = ObjectIdGetDatum(lfirst_oid(cell));
	return sql_array(construct_array(elements, n, get_element_type(array_type), sizeof(Oid), true,
									 TYPALIGN_INT),
					 array_type);
}

/* A list of strings as a parameter of type name[]. */
SqlArg
sql_names(List *strings)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, strings)
		elements[n++] = DirectFunctionCall1(namein, CStringGetDatum(lfirst(cell)));
	return sql_array(construct_array(elements, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR),
					 NAMEARRAYOID);
}

/* A list of integers as a parameter of type integer[]. */
SqlArg
sql_ints(List *integers)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(integers), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, integers)
		elements[n++] = Int32GetDatum(lfirst_int(cell));
	return sql_array(construct_array(elements, n, INT4OID, sizeof(int32), true, TYPALIGN_INT),
					 INT4ARRAYOID);
}

/* A parameter of any other type, not NULL. */
SqlArg
sql_datum(Datum value, Oid type)
{
	return (SqlArg) {type, value, false};
}

/* SQL NULL of a type. */
SqlArg
sql_null(Oid type)
{
	return (SqlArg) {type, (Datum) 0, true};
}

/* Parameters as SPI takes them */
typedef struct SpiArgs
{
	Oid		   *types;
	Datum	   *values;
	char	   *nulls;
} SpiArgs;

/* Make them. */
static SpiArgs
spi_args(const SqlArg *args, int nargs)
{
	SpiArgs		spi;

	spi.types = palloc(sizeof(Oid) * Max(nargs, 1));
	spi.values = palloc(sizeof(Datum) * Max(nargs, 1));
	spi.nulls = palloc(Max(nargs, 1));
	for (int i = 0; i < nargs; i++)
	{
		spi.types[i] = args[i].type;
		spi.values[i] = args[i].value;
		spi.nulls[i] = args[i].isnull ? 'n' : ' ';
	}
	return spi;
}

/*
 * Run one statement with parameters; returns the number of rows.
 */
uint64
svc_sql_run(const char *query, const SqlArg *args, int nargs)
{
	SpiArgs		spi = spi_args(args, nargs);
	int			result = SPI_execute_with_args(query, nargs, spi.types, spi.values, spi.nulls,
											   false, 0);

	if (result < 0)
		elog(ERROR, "%s: %s", SPI_result_code_string(result), query);
	return SPI_processed;
}

/* Is what was kept the plan of this statement?  A type has another OID once the extension was made anew. */
static bool
is_plan_of(const SqlSaved *saved, const char *query, const Oid *types, int nargs)
{
	return saved->plan && saved->nargs == nargs && strcmp(saved->query, query) == 0 &&
		memcmp(saved->types, types, sizeof(Oid) * nargs) == 0;
}

/* Plan a statement, and keep that for the session. */
static void
save_plan(SqlSaved *saved, const char *query, Oid *types, int nargs)
{
	SPIPlanPtr	plan = SPI_prepare(query, nargs, types);

	if (!plan)
		elog(ERROR, "%s: %s", SPI_result_code_string(SPI_result), query);
	if (saved->plan)
	{
		SPI_freeplan(saved->plan);
		pfree(saved->query);
		pfree(saved->types);
		saved->plan = NULL;
	}
	saved->query = MemoryContextStrdup(TopMemoryContext, query);
	saved->types = MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * Max(nargs, 1));
	memcpy(saved->types, types, sizeof(Oid) * nargs);
	saved->nargs = nargs;
	SPI_keepplan(plan);
	saved->plan = plan;
}

/*
 * Run one statement with parameters by a plan that is kept: for what runs once
 * for each of many migrations.  Returns the number of rows.
 */
uint64
svc_sql_run_saved(SqlSaved *saved, const char *query, const SqlArg *args, int nargs)
{
	SpiArgs		spi = spi_args(args, nargs);
	int			result;

	if (!is_plan_of(saved, query, spi.types, nargs))
		save_plan(saved, query, spi.types, nargs);
	result = SPI_execute_plan(saved->plan, spi.values, spi.nulls, false, 0);
	if (result < 0)
		elog(ERROR, "%s: %s", SPI_result_code_string(result), query);
	return SPI_processed;
}

/*
 * Run one utility statement, which can take no parameters: the caller quotes
 * every identifier and literal that it formats in.
 */
void
svc_sql_do(const char *format, ...)
{
	StringInfoData statement;
	int			needed;
	int			result;

	initStringInfo(&statement);
	for (;;)
	{
		va_list		args;

		va_start(args, format);
		needed = appendStringInfoVA(&statement, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&statement, needed);
	}
	result = SPI_execute(statement.data, false, 0);
	if (result < 0)
		elog(ERROR, "%s: %s", SPI_result_code_string(result), statement.data);
	pfree(statement.data);
}

/* Run every statement that a query of one text column gives; returns how many. */
int
svc_sql_do_each(const char *query, const SqlArg *args, int nargs)
{
	List	   *statements = NIL;
	uint64		rows;
	ListCell   *cell;

	rows = svc_sql_run(query, args, nargs);
	for (uint64 row = 0; row < rows; row++)
		statements = lappend(statements, svc_sql_value(row, 1));
	foreach(cell, statements)
		svc_sql_do("%s", (char *) lfirst(cell));
	return list_length(statements);
}

/* A column of the last result as text, or NULL; lives as long as the scope. */
char *
svc_sql_value(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* An oid-like column of the last result, InvalidOid for NULL. */
Oid
svc_sql_oid_value(uint64 row, int column)
{
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	return isnull ? InvalidOid : DatumGetObjectId(value);
}

/* A boolean column of the last result, false for NULL. */
bool
svc_sql_bool_value(uint64 row, int column)
{
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	return !isnull && DatumGetBool(value);
}

/* The elements of an array column of the last result, which has no nulls in it. */
Datum *
svc_sql_array_value(uint64 row, int column, int *n)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	ArrayType  *array;
	Datum	   *elements;
	int16		length;
	bool		by_value;
	char		align;

	*n = 0;
	if (isnull)
		return NULL;
	array = DatumGetArrayTypeP(value);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &elements, NULL, n);
	return elements;
}

/* The same of type name[], as a list of strings. */
List *
svc_sql_names_value(uint64 row, int column)
{
	List	   *strings = NIL;
	int			n;
	Datum	   *elements = svc_sql_array_value(row, column, &n);

	for (int i = 0; i < n; i++)
		strings = lappend(strings, pstrdup(NameStr(*DatumGetName(elements[i]))));
	return strings;
}

/* The same of type oid[] or one of its aliases, as a list of OIDs. */
List *
svc_sql_oids_value(uint64 row, int column)
{
	List	   *oids = NIL;
	int			n;
	Datum	   *elements = svc_sql_array_value(row, column, &n);

	for (int i = 0; i < n; i++)
		oids = lappend_oid(oids, DatumGetObjectId(elements[i]));
	return oids;
}

/* The same of type integer[], as a list of integers. */
List *
svc_sql_ints_value(uint64 row, int column)
{
	List	   *integers = NIL;
	int			n;
	Datum	   *elements = svc_sql_array_value(row, column, &n);

	for (int i = 0; i < n; i++)
		integers = lappend_int(integers, DatumGetInt32(elements[i]));
	return integers;
}

/*
 * Run a query inside the caller's scope and add its rows to the result of a
 * set-returning function that has begun one.
 */
void
svc_sql_append(FunctionCallInfo fcinfo, const char *query, const SqlArg *args, int nargs)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	uint64		rows = svc_sql_run(query, args, nargs);
	int			natts = SPI_tuptable->tupdesc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);

	for (uint64 row = 0; row < rows; row++)
	{
		heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* Run a query inside the caller's scope: its rows are the function's result. */
void
svc_sql_report(FunctionCallInfo fcinfo, const char *query, const SqlArg *args, int nargs)
{
	InitMaterializedSRF(fcinfo, 0);
	svc_sql_append(fcinfo, query, args, nargs);
}
