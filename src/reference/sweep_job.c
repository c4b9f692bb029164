/*
 * sweep_job.c: sweeps that the worker does by itself: of references that need
 * one, since a journal was full or a database was restored, and now and then of
 * those into foreign contracts, where nobody tells us what was deleted.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/reference.h"
#include "reference/sweep.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "worker/worker.h"

/* How soon a sweep that failed is tried again, seconds: as long as it has failed, but between these */
#define RETRY_SOON 1
#define RETRY_AFTER 60

/* How often a step is tried that others' locks keep from going on */
#define MAX_TRIES 20

/* The references whose sweep is due */
typedef struct Due
{
	MemoryContext cxt;
	List	   *names;
} Due;

/* A sweep and what became of it */
typedef struct Attempt
{
	const char *name;
	const ErrorData *error;
} Attempt;

/* Is a reference's contract elsewhere? */
static bool
is_foreign(const char *name)
{
	Reference  *reference = reference_lookup(name);

	return reference && reference->is_foreign;
}

/* Find the references whose sweep is due. */
static void
find_due(void *argument)
{
	Due		   *due = argument;
	List	   *by_time = NIL;
	SqlScope	scope;
	uint64		rows;
	ListCell   *cell;
	MemoryContext old;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT r.reference, d.needs_sweep"
				   "  FROM svc.reference r"
				   "  JOIN svc.reference_debt d ON d.reference = r.reference"
				   "  LEFT JOIN svc.reference_sweep w ON w.reference = r.reference"
				   " WHERE r.mode <> 'off'"
				   "   AND coalesce(w.retry_at < pg_catalog.now(), true)"
				   "   AND (d.needs_sweep OR $1 > 0 AND coalesce(w.seen < pg_catalog.now() - pg_catalog.make_interval(secs => $1), true))"
				   " ORDER BY 1", sql_datum(Float8GetDatum(sweep_interval()), FLOAT8OID));
	old = MemoryContextSwitchTo(due->cxt);
	for (uint64 row = 0; row < rows; row++)
	{
		if (svc_sql_bool_value(row, 2))
			due->names = lappend(due->names, pstrdup(svc_sql_value(row, 1)));
		else
			by_time = lappend(by_time, pstrdup(svc_sql_value(row, 1)));
	}
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	foreach(cell, by_time)
		if (is_foreign(lfirst(cell)))
		{
			old = MemoryContextSwitchTo(due->cxt);
			due->names = lappend(due->names, lfirst(cell));
			MemoryContextSwitchTo(old);
		}
}

/* Note how an attempt ended: when to try again, and why it failed. */
static void
note_attempt(void *argument)
{
	Attempt    *attempt = argument;
	SqlScope	scope;

	worker_wait_briefly();
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.reference_sweep"
			"   SET retry_at = CASE WHEN $2 THEN pg_catalog.clock_timestamp()"
			"         + greatest(pg_catalog.make_interval(secs => $3),"
			"                    least(pg_catalog.make_interval(secs => $4), pg_catalog.clock_timestamp() - seen)) END"
			" WHERE reference = $1 AND ($2 OR retry_at IS NOT NULL)",
			sql_name(attempt->name), sql_bool(attempt->error != NULL),
			sql_datum(Float8GetDatum(RETRY_SOON), FLOAT8OID),
			sql_datum(Float8GetDatum(RETRY_AFTER), FLOAT8OID));
	svc_sql_end(&scope);
	reference_noted_error(attempt->name, attempt->error ? attempt->error->message : NULL);
}

/* Do the steps of a sweep, as long as there is time; NULL, or what went wrong. */
static ErrorData *
do_steps(Sweep *sweep)
{
	ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, sweep_begin, sweep);
	int			tries = 0;

	while (!error && !sweep_is_done(sweep) && !worker_must_leave())
	{
		error = worker_transaction(XACT_READ_COMMITTED, sweep_step, sweep);
		if (error && sweep_gave_way(error) && ++tries < MAX_TRIES)
		{
			error = NULL;
			sweep_rest_for_others(worker_must_leave);
		}
		else if (!error)
		{
			tries = 0;
			if (!sweep_is_done(sweep))
				sweep_rest(worker_must_leave);
		}
	}
	return error;
}

/* Sweep one reference, as far as there is time; false if that failed. */
static bool
sweep_reference(const char *name)
{
	Sweep	   *sweep = sweep_make(name);
	ErrorData  *error = do_steps(sweep);
	Attempt		attempt = {name};

	sweep_free(sweep);
	if (error)
		worker_complain("sweep", error);
	attempt.error = error;
	(void) worker_transaction(XACT_READ_COMMITTED, note_attempt, &attempt);
	return error == NULL;
}

/* The worker's job. */
static long
sweep_run(void)
{
	Due			due = {AllocSetContextCreate(CurrentMemoryContext, "svc_ownership sweeps",
											 ALLOCSET_DEFAULT_SIZES), NIL};
	ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, find_due, &due);
	bool		failed = error != NULL;
	MemoryContext old = MemoryContextSwitchTo(due.cxt);
	ListCell   *cell;

	if (error)
		worker_complain("sweep", error);
	foreach(cell, due.names)
		if (!worker_must_leave() && !sweep_reference(lfirst(cell)))
			failed = true;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(due.cxt);
	/* what needs a sweep need not ring: a restore does not */
	return failed ? Min(RETRY_AFTER * 1000L, worker_next_look()) : worker_next_look();
}

static const WorkerJob sweep_job = {.name = "sweep", .run = sweep_run};

/* What it does when the library is loaded. */
void
SweepJobInit(void)
{
	worker_register_job(&sweep_job);
}
