/*
 * plan_trial.c: migrations that are tried and taken back.
 *
 * All statements of a plan run in one transaction of a runner, each in a
 * subtransaction, so that one that fails leaves the others to be tried; then
 * everything is rolled back.  What cannot be rolled back, or cannot run in a
 * transaction, is not tried; sequences keep what they advanced.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/sql.h"
#include "migration/plan_visit.h"
#include "migration/plan_statement.h"
#include "migration/plan_trial.h"
#include "migration/statement.h"
#include "nodes/makefuncs.h"
#include "runner/execute.h"
#include "runner/runner.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#define ENTRY "plan_migrations"

/* A trial at work, in its runner */
typedef struct Trial
{
	PlanCatalog *catalog;
	List	   *existing;		/* OIDs of the relations that were there before */
	List	   *rows;			/* a List of char * each, as they go to the caller */
	MemoryContext cxt;			/* where all of that is */
	int			guc_level;		/* of the file */
} Trial;

/* One statement of it */
typedef struct TrialStatement
{
	Trial	   *trial;
	const ScriptStatement *statement;
	char	   *text;
	uint64		rows;
} TrialStatement;

/* The mode of a name as pg_locks has it. */
static LOCKMODE
mode_of_name(const char *name)
{
	for (LOCKMODE mode = AccessShareLock; mode <= AccessExclusiveLock; mode++)
		if (strcmp(GetLockmodeName(DEFAULT_LOCKMETHOD, mode), name) == 0)
			return mode;
	return NoLock;
}

/* The locks that this session holds on relations that others know. */
static List *
held_locks(Trial *trial)
{
	Impact	   *impact;
	SqlScope	scope;
	uint64		rows;
	List	   *locks;

	svc_sql_begin(&scope, svc_extension_owner());
	impact = impact_make(trial->catalog);
	rows = svc_sql("SELECT relation, mode FROM pg_catalog.pg_locks"
				   " WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted"
				   "   AND relation = ANY ($1)", sql_oids(trial->existing, OIDARRAYOID));
	for (uint64 row = 0; row < rows; row++)
		impact_lock(impact, plan_find_oid(trial->catalog, svc_sql_oid_value(row, 1)),
					mode_of_name(svc_sql_value(row, 2)));
	locks = impact_copy_locks(impact, trial->cxt);
	svc_sql_end(&scope);
	return locks;
}

/* How strong a lock of a list is. */
static LOCKMODE
mode_in(List *locks, const PlanRelation *relation)
{
	ListCell   *cell;

	foreach(cell, locks)
	{
		PlannedLock *lock = lfirst(cell);

		if (lock->relation == relation)
			return lock->mode;
	}
	return NoLock;
}

/*
 * The locks that a statement really took, as JSON: those that were not held
 * before, and of those that were, the ones that it was to take.
 */
static char *
taken_locks(Trial *trial, List *planned, List *before, List *after)
{
	Impact	   *impact = impact_make(trial->catalog);
	ListCell   *cell;

	foreach(cell, planned)
	{
		PlannedLock *lock = lfirst(cell);

		if (!OidIsValid(lock->relation->oid) || mode_in(after, lock->relation) >= lock->mode)
			impact->locks = lappend(impact->locks, lock);
	}
	foreach(cell, after)
	{
		PlannedLock *lock = lfirst(cell);
		PlannedLock *known;
		ListCell   *other;

		if (mode_in(before, lock->relation) >= lock->mode ||
			mode_in(impact->locks, lock->relation) >= lock->mode)
			continue;
		foreach(other, impact->locks)
		{
			known = lfirst(other);
			if (known->relation == lock->relation)
				impact->locks = foreach_delete_current(impact->locks, other);
		}
		impact->locks = lappend(impact->locks, lock);
	}
	return impact_locks_json(impact);
}

/* What the plan says of a statement, now that those before it ran. */
static List *
planned_locks(Trial *trial, RawStmt *raw)
{
	SqlScope	scope;
	List	   *locks;

	svc_sql_begin_restricted(&scope, trial->catalog->owner);
	locks = impact_copy_locks(plan_statement(trial->catalog, raw), trial->cxt);
	svc_sql_end(&scope);
	return locks;
}

/* Add a row for the caller. */
static void
add_row(Trial *trial, const TrialRow *row)
{
	MemoryContext old = MemoryContextSwitchTo(trial->cxt);

	trial->rows = lappend(trial->rows,
						  list_make5(pstrdup(row->tried ? "t" : "f"),
									 psprintf(INT64_FORMAT, row->duration),
									 psprintf(INT64_FORMAT, row->rows),
									 row->locks ? pstrdup(row->locks) : NULL,
									 row->note ? pstrdup(row->note) : NULL));
	MemoryContextSwitchTo(old);
}

/* The sequences that a statement advanced, which they stay; NULL: none */
static char *
advanced_sequences(List *planned)
{
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, planned)
	{
		PlannedLock *lock = lfirst(cell);

		if (lock->relation->kind == RELKIND_SEQUENCE && lock->mode == RowExclusiveLock &&
			OidIsValid(lock->relation->oid))
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", lock->name);
	}
	return names.len > 0 ? psprintf("not undone: what it took from %s", names.data) : NULL;
}

/* COPY ... TO STDOUT? */
static bool
copies_to_client(Node *statement)
{
	CopyStmt   *copy = (CopyStmt *) statement;

	return IsA(statement, CopyStmt) && !copy->is_from && !copy->filename;
}

/* Why a statement cannot be tried; NULL: it can */
static char *
why_not(const MigrationFile *file, Node *statement)
{
	const char *reason;

	if (IsA(statement, NotifyStmt))
		return pstrdup("not tried: NOTIFY reaches nobody before a commit");
	if (statement_controls_transaction(statement) || IsA(statement, TransactionStmt))
		return pstrdup("not tried: it begins or ends a transaction");
	if (!statement_is_transactional(statement, &reason))
		return psprintf("not tried: %s cannot run in a transaction; what follows may miss it", reason);
	if (file->transactional == 0)
		return pstrdup("not tried: its file is to run without a transaction");
	if (copies_to_client(statement))
		return pstrdup("not tried: there is no client to copy to");
	return NULL;
}

/* Run one statement. */
static void
run(void *argument)
{
	TrialStatement *s = argument;
	RawStmt    *raw = s->statement->raw;
	CopyData	data = {s->statement->copy_data, s->statement->copy_length};
	QueryCompletion completion;

	InitializeQueryCompletion(&completion);
	if (s->statement->copy_data)
		completion.nprocessed = runner_copy(castNode(CopyStmt, raw->stmt), s->text, data);
	else
		runner_execute(raw, s->text, CurrentMemoryContext, DestNone, &completion);
	CommandCounterIncrement();
	s->rows = completion.nprocessed;
}

/* Try one statement, and measure it. */
static void
try_statement(void *argument, const MigrationFile *file, const ScriptStatement *statement)
{
	Trial	   *trial = argument;
	TrialStatement s = {trial, statement, pnstrdup(statement->text, statement->length)};
	TrialRow	row = {.rows = -1, .note = why_not(file, statement->raw->stmt)};
	List	   *planned = planned_locks(trial, statement->raw);
	List	   *before;
	TimestampTz since;
	ErrorData  *error;

	if (!row.note)
	{
		before = held_locks(trial);
		since = GetCurrentTimestamp();
		error = svc_try(run, &s);
		if (error && svc_is_interruption(error))
			ReThrowError(error);
		row.tried = true;
		row.duration = GetCurrentTimestamp() - since;
		row.note = error ? psprintf("it failed: %s", error->message) : advanced_sequences(planned);
		row.rows = error ? -1 : (int64) s.rows;
		row.locks = error ? NULL : taken_locks(trial, planned, before, held_locks(trial));
	}
	add_row(trial, &row);
}

/* A file without text: there is nothing to try. */
static void
no_text(void *argument, const MigrationFile *file)
{
	TrialRow	row = {.rows = -1};

	add_row(argument, &row);
}

/* Set a setting until the file ends. */
static void
set(const char *name, const char *value)
{
	if (value)
		(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
}

/* A file begins, with settings as they are at the beginning of a session. */
static void
begin_file(void *argument, const MigrationFile *file)
{
	Trial	   *trial = argument;

	plan_catalog_reset(trial->catalog);
	trial->guc_level = NewGUCNestLevel();
	set("search_path", trial->catalog->default_path);
	set("lock_timeout", GetConfigOption(SVC_EXTENSION ".migration_lock_timeout", true, false));
}

/* Let constraints be checked that wait for the end of a transaction. */
static void
check_constraints(void *argument)
{
	/* no names: of all constraints */
	AfterTriggerSetState(makeNode(ConstraintsSetStmt));
}

/* Let those wait again that do so from the beginning. */
static void
defer_constraints(void *argument)
{
	ConstraintsSetStmt *stmt = makeNode(ConstraintsSetStmt);
	SqlScope	scope;
	uint64		rows;

	svc_sql_begin(&scope, svc_extension_owner());
	stmt->deferred = true;
	rows = svc_sql_run("SELECT n.nspname, c.conname FROM pg_catalog.pg_constraint c"
					   "  JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace WHERE c.condeferred",
					   NULL, 0);
	for (uint64 row = 0; row < rows; row++)
		stmt->constraints = lappend(stmt->constraints,
									makeRangeVar(svc_sql_value(row, 1), svc_sql_value(row, 2), -1));
	if (stmt->constraints != NIL)
		AfterTriggerSetState(stmt);
	svc_sql_end(&scope);
}

/* A file ends: its transaction would. */
static void
end_file(void *argument, const MigrationFile *file)
{
	Trial	   *trial = argument;
	ErrorData  *error = svc_try(check_constraints, NULL);

	/* a name that others have, too, may make it fail: then they are checked at once */
	(void) svc_try(defer_constraints, NULL);
	if (error && trial->rows != NIL)
	{
		List	   *row = llast(trial->rows);
		MemoryContext old = MemoryContextSwitchTo(trial->cxt);

		llast(row) = psprintf("at the end of its file: %s", error->message);
		MemoryContextSwitchTo(old);
	}
	AtEOXact_GUC(false, trial->guc_level);
}

/* The relations that are there before anything runs. */
static List *
existing_relations(void)
{
	SqlScope	scope;
	List	   *oids;

	svc_sql_begin(&scope, svc_extension_owner());
	oids = plan_catalog_oids("SELECT oid FROM pg_catalog.pg_class WHERE oid >= 16384", NULL, 0);
	MemoryContextSwitchTo(scope.cxt);
	oids = list_copy(oids);
	svc_sql_end(&scope);
	return oids;
}

/* In the runner: try everything, and take it back. */
static List *
trial_entry(List *items)
{
	Service    *service = service_lookup(linitial(items), false);
	Datum		variables = DirectFunctionCall1(jsonb_in, CStringGetDatum(lsecond(items)));
	Trial		trial = {.cxt = CurrentMemoryContext};
	PlanVisitor visitor = {begin_file, try_statement, no_text, end_file, &trial};
	ResourceOwner owner = CurrentResourceOwner;

	trial.catalog = plan_catalog_make(service);
	trial.existing = existing_relations();
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(trial.cxt);
	plan_visit(service, variables_of_jsonb(variables), &visitor);
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(trial.cxt);
	CurrentResourceOwner = owner;
	return trial.rows;
}

/* Make the trial known to runners. */
void
TrialInit(void)
{
	runner_register_entry(ENTRY, trial_entry);
}

/* Let a runner try what is pending; a TrialRow for each row of the plan. */
List *
trial_run(const Service *service, Datum variables)
{
	RunnerJob	job = {.what = "svc.plan_migrations", .database = MyDatabaseId,
	.role = service->owner, .entry = ENTRY};
	List	   *rows = NIL;
	ListCell   *cell;

	job.items = list_make2(service->name,
						   DatumGetCString(DirectFunctionCall1(jsonb_out, variables)));
	foreach(cell, runner_run(&job))
	{
		List	   *values = lfirst(cell);
		TrialRow   *row = palloc0(sizeof(TrialRow));

		row->tried = strcmp(linitial(values), "t") == 0;
		row->duration = strtoll(lsecond(values), NULL, 10);
		row->rows = strtoll(lthird(values), NULL, 10);
		row->locks = lfourth(values);
		row->note = llast(values);
		rows = lappend(rows, row);
	}
	return rows;
}
