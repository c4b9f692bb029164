/*
 * retention_job.c: expired rows go by themselves.
 *
 * Every batch is a transaction, so that no row is locked for long and no dead
 * one is kept.  What is declared, and whose table it is, is read again for each.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "core/extension.h"
#include "core/inval.h"
#include "core/relation.h"
#include "upkeep/retention.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define JOB "retention"

/* A table that is being cleaned */
typedef struct Cleaning
{
	Oid			relation;
	char	   *name;			/* quoted */
	Retention	at;				/* how far it came */
} Cleaning;

/* When the tables of this database are to be cleaned next */
static TimestampTz next_look = 0;

/* svc.retention, to notice that something was declared */
static Oid	retention_relid = InvalidOid;

/* Something was declared, or may have been: look at once.  Only sets flags, as a callback must. */
static void
declarations_changed(Oid relid)
{
	if (!OidIsValid(relid) || relid == retention_relid)
		next_look = 0;
}

/* The tables to be cleaned, in the memory of the caller of worker_transaction. */
typedef struct Plan
{
	MemoryContext cxt;
	List	   *cleanings;
} Plan;

/* List them. */
static void
list_tables(void *argument)
{
	Plan	   *plan = argument;
	List	   *retentions;
	ListCell   *cell;

	retention_relid = svc_catalog_relation("retention");
	retentions = retention_list(BOOTSTRAP_SUPERUSERID, InvalidOid);
	foreach(cell, retentions)
	{
		Oid			relation = ((Retention *) lfirst(cell))->relation;
		char	   *name = svc_quote_relation(relation);
		MemoryContext old = MemoryContextSwitchTo(plan->cxt);
		Cleaning   *cleaning = palloc0(sizeof(Cleaning));

		cleaning->relation = relation;
		cleaning->name = pstrdup(name);
		plan->cleanings = lappend(plan->cleanings, cleaning);
		MemoryContextSwitchTo(old);
	}
}

/* Delete a batch, if its rows are still to expire. */
static void
clean_batch(void *argument)
{
	Cleaning   *cleaning = argument;
	List	   *retentions = retention_list(BOOTSTRAP_SUPERUSERID, cleaning->relation);
	Retention  *r;

	cleaning->at.done = retentions == NIL;
	if (cleaning->at.done)
		return;
	r = linitial(retentions);
	r->one_batch = true;
	/* an age of another type is of another column */
	r->goes_on = cleaning->at.goes_on && r->type == cleaning->at.type;
	r->from = cleaning->at.from;
	retention_expire(r);
	cleaning->at = *r;
}

/* Say which table it was that could not be cleaned. */
static void
complain(const Cleaning *cleaning, ErrorData *error)
{
	error->message = psprintf("expired rows of %s were not deleted: %s", cleaning->name,
							  error->message);
	worker_complain(JOB, error);
}

/* Clean a table; false: asked to leave before the end. */
static bool
clean(Cleaning *cleaning)
{
	ErrorData  *error;

	do
	{
		if (worker_must_leave())
			return false;
		error = worker_transaction_of_theirs(XACT_READ_COMMITTED, clean_batch, cleaning);
		if (error)
			complain(cleaning, error);
		/* rows that a trigger or a rule keeps must not keep us */
	} while (!error && !cleaning->at.done && (cleaning->at.deleted > 0 || !cleaning->at.stands));
	return true;
}

/* Clean all tables; false: asked to leave before the end. */
static bool
clean_all(List *cleanings)
{
	ListCell   *cell;

	foreach(cell, cleanings)
		if (!clean(lfirst(cell)))
			return false;
	return true;
}

/*
 * The job.  Others ring much more often than rows expire, so time has to come,
 * unless something was declared.
 */
static long
run(void)
{
	TimestampTz now = GetCurrentTimestamp();
	Plan		plan = {.cxt = CurrentMemoryContext};
	ErrorData  *error;

	if (now < next_look)
	{
		worker_error_stands(JOB);
		return TimestampDifferenceMilliseconds(now, next_look);
	}
	next_look = TimestampTzPlusMilliseconds(now, worker_next_look());
	error = worker_transaction(XACT_READ_COMMITTED, list_tables, &plan);
	if (error)
		worker_failed(JOB, error);
	else if (!clean_all(plan.cleanings))
	{
		next_look = 0;
		return 0;
	}
	return worker_next_look();
}

static const WorkerJob retention_job = {.name = JOB, .run = run};

/* What this does when the library is loaded. */
void
RetentionJobInit(void)
{
	worker_register_job(&retention_job);
	svc_on_relation_change(declarations_changed);
}
