/*
 * plan.c: svc.plan_migrations, what migrations will do before they run.
 *
 * By default nothing is run or locked: each statement that is pending is
 * compared with the catalog, and with what the statements before it change.
 * With execute they are also tried, all in one transaction that is rolled back,
 * by a runner.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "funcapi.h"
#include "migration/plan_visit.h"
#include "migration/plan_statement.h"
#include "migration/plan_trial.h"
#include "migration/statement.h"
#include "service/role.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_plan_migrations);

/* The columns of the result */
enum
{
	COLUMN_VERSION,
	COLUMN_SCRIPT,
	COLUMN_NUMBER,
	COLUMN_STATEMENT,
	COLUMN_TRIED,
	COLUMN_DURATION,
	COLUMN_ROWS,
	COLUMN_LOCKS,
	COLUMN_REWRITES,
	COLUMN_FINDINGS,
	COLUMN_TRANSACTIONAL,
	COLUMN_NOTE,
	N_COLUMNS
};

/* A row of the result */
typedef struct PlanRow
{
	Datum		values[N_COLUMNS];
	bool		nulls[N_COLUMNS];
	char	   *note;
} PlanRow;

/* A plan that is made */
typedef struct Planning
{
	const Service *service;
	PlanCatalog *catalog;
	List	   *rows;			/* PlanRow */
} Planning;

/* Set a column of a row. */
static void
set_column(PlanRow *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

/* Set a column of type jsonb. */
static void
set_json(PlanRow *row, int column, const char *json)
{
	set_column(row, column, DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

/* A row about a file; all but its name is unknown so far. */
static PlanRow *
add_row(Planning *plan, const MigrationFile *file)
{
	PlanRow    *row = palloc0(sizeof(PlanRow));

	memset(row->nulls, true, sizeof(row->nulls));
	if (file->version)
		set_column(row, COLUMN_VERSION, CStringGetTextDatum(file->version));
	set_column(row, COLUMN_SCRIPT, CStringGetTextDatum(file->script));
	set_column(row, COLUMN_TRIED, BoolGetDatum(false));
	plan->rows = lappend(plan->rows, row);
	return row;
}

/* A file begins: its session is as any other's at its beginning. */
static void
begin_file(void *argument, const MigrationFile *file)
{
	plan_catalog_reset(((Planning *) argument)->catalog);
}

/* Nothing is to be done at the end of a file. */
static void
end_file(void *argument, const MigrationFile *file)
{
}

/* A file whose text was not kept. */
static void
no_text(void *argument, const MigrationFile *file)
{
	PlanRow    *row = add_row(argument, file);

	row->note = "its text was not kept: hand the files over with svc.load_migrations, with svc_ownership.migration_text on";
}

/* What a statement does, found out as the service's owner role, which runs nothing. */
static void
analyze(Planning *plan, PlanRow *row, RawStmt *raw)
{
	MemoryContext cxt = CurrentMemoryContext;
	SqlScope	scope;
	Impact	   *impact;

	svc_sql_begin_restricted(&scope, plan->service->owner);
	impact = plan_statement(plan->catalog, raw);
	MemoryContextSwitchTo(cxt);
	set_json(row, COLUMN_LOCKS, impact_locks_json(impact));
	set_json(row, COLUMN_REWRITES, impact_works_json(impact));
	row->note = impact_notes_text(impact);
	svc_sql_end(&scope);
}

/* One statement. */
static void
add_statement(void *argument, const MigrationFile *file, const ScriptStatement *statement)
{
	Planning   *plan = argument;
	PlanRow    *row = add_row(plan, file);
	const char *reason;
	bool		transactional = file->transactional != 0 &&
		statement_is_transactional(statement->raw->stmt, &reason);

	set_column(row, COLUMN_NUMBER, Int32GetDatum(statement->number));
	set_column(row, COLUMN_STATEMENT,
			   PointerGetDatum(cstring_to_text_with_len(statement->text, statement->length)));
	set_column(row, COLUMN_TRANSACTIONAL, BoolGetDatum(transactional));
	analyze(plan, row, statement->raw);
}

/* A plan without running anything. */
static List *
make_plan(const Service *service, List *variables)
{
	Planning	plan = {.service = service};
	PlanVisitor visitor = {begin_file, add_statement, no_text, end_file, &plan};

	plan.catalog = plan_catalog_make(service);
	plan_visit(service, variables, &visitor);
	return plan.rows;
}

/* Add what a runner found to the row of its statement. */
static void
merge_trial(PlanRow *row, const TrialRow *trial)
{
	Interval   *duration = palloc0(sizeof(Interval));

	duration->time = trial->duration;
	set_column(row, COLUMN_TRIED, BoolGetDatum(trial->tried));
	if (trial->tried)
		set_column(row, COLUMN_DURATION, IntervalPGetDatum(duration));
	if (trial->rows >= 0)
		set_column(row, COLUMN_ROWS, Int64GetDatum(trial->rows));
	if (trial->locks)
		set_json(row, COLUMN_LOCKS, trial->locks);
	if (trial->note)
		row->note = row->note ? psprintf("%s; %s", trial->note, row->note) : trial->note;
}

/* Try the statements of a plan. */
static void
try_plan(const Service *service, Datum variables, List *rows)
{
	List	   *trials = trial_run(service, variables);
	ListCell   *cell;
	ListCell   *other;

	if (list_length(trials) != list_length(rows))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the migrations of service \"%s\" changed while they were tried", service->name),
				 errhint("Call svc.plan_migrations again.")));
	forboth(cell, rows, other, trials)
		merge_trial(lfirst(cell), lfirst(other));
}

/*
 * A runner sees what is committed, and waits for locks that the caller holds
 * until its time is up.
 */
static void
check_nothing_changed(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("migrations cannot be tried in a transaction that has changed something"),
				 errdetail("They are tried in a session of their own, which does not see what is not committed."),
				 errhint("Commit first.")));
}

/* Give the rows to the caller. */
static void
put_rows(FunctionCallInfo fcinfo, List *rows)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, rows)
	{
		PlanRow    *row = lfirst(cell);

		if (row->note)
			set_column(row, COLUMN_NOTE, CStringGetTextDatum(row->note));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
	}
}

/*
 * svc.plan_migrations(service, execute, variables)
 */
Datum
svc_plan_migrations(PG_FUNCTION_ARGS)
{
	Service    *service = service_arg(fcinfo, 0);
	bool		execute = svc_arg_bool(fcinfo, 1, "execute");
	List	   *rows;

	svc_arg_check_given(fcinfo, 2, "variables");
	if (execute)
	{
		svc_check_writable("svc.plan_migrations()");
		check_nothing_changed();
		role_check_limited(service->owner);
	}
	rows = make_plan(service, variables_of_jsonb(PG_GETARG_DATUM(2)));
	if (execute)
		try_plan(service, PG_GETARG_DATUM(2), rows);
	put_rows(fcinfo, rows);
	return (Datum) 0;
}
