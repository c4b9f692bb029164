/*
 * states.c: what launcher and workers do, for svc.workers.
 */
#include "core/svc.h"

#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "worker/doorbell.h"
#include "worker/slot.h"
#include "worker/states.h"

#define COLUMNS 7

SVC_FUNCTION(svc_worker_states);

/* A row of the result */
typedef struct StateRow
{
	int			pid;			/* 0: none */
	const char *kind;
	Oid			database;
	const char *state;
	const char *job;			/* empty: none */
	TimestampTz started;		/* 0: it is not */
	char	   *error;			/* NULL: none */
	int			encoding;		/* of the error */
} StateRow;

/* May the user read errors of a database's jobs?  Whoever may read what its sessions do, and its owner. */
bool
worker_may_read_errors(Oid database)
{
	HeapTuple	row;
	Oid			owner;

	if (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		return true;
	row = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	if (!HeapTupleIsValid(row))
		return false;
	owner = ((Form_pg_database) GETSTRUCT(row))->datdba;
	ReleaseSysCache(row);
	return svc_acts_for_role(GetUserId(), owner);
}

/* What can be shown here of an error that was written in another database's encoding. */
static const char *
readable(char *error, int encoding)
{
	for (char *c = error; *c && encoding != GetDatabaseEncoding(); c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	return error;
}

/* Add a row. */
static void
add_row(ReturnSetInfo *result, StateRow *row)
{
	bool		shown = row->error && row->error[0] && worker_may_read_errors(row->database);
	Datum		values[COLUMNS] = {
		Int32GetDatum(row->pid), CStringGetTextDatum(row->kind), ObjectIdGetDatum(row->database),
		CStringGetTextDatum(row->state), CStringGetTextDatum(row->job),
		TimestampTzGetDatum(row->started), shown ? CStringGetTextDatum(readable(row->error, row->encoding)) : (Datum) 0
	};
	bool		nulls[COLUMNS] = {
		row->pid == 0, false, !OidIsValid(row->database), false, row->job[0] == '\0',
		row->started == 0, !shown
	};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The state of a slot, as people read it. */
static const char *
state_name(const WorkerSlot *slot)
{
	switch (slot->state)
	{
		case SLOT_STARTING:
			return "starting";
		case SLOT_AT_WORK:
			return NameStr(slot->job)[0] ? "working" : "idle";
		default:
			return "leaving";
	}
}

/* A row about the launcher. */
static List *
collect_launcher(List *rows)
{
	StateRow   *row = palloc0(sizeof(StateRow));

	row->pid = worker_shared->launcher_pid;
	row->kind = "launcher";
	row->state = worker_shared->no_free_worker ? "no free worker" : "waiting";
	row->job = "";
	row->started = worker_shared->launcher_started;
	return worker_shared->launcher == NO_PROCESS ? rows : lappend(rows, row);
}

/* A row about a worker, with the last error of its database. */
static List *
collect_slot(List *rows, const WorkerSlot *slot)
{
	WorkerDatabase *entry = doorbell_database(slot->database);
	StateRow   *row = palloc0(sizeof(StateRow));

	row->pid = slot->pid;
	row->kind = "worker";
	row->database = slot->database;
	row->state = state_name(slot);
	row->job = pstrdup(NameStr(slot->job));
	row->started = slot->started;
	if (entry)
	{
		row->error = pstrdup(entry->error);
		row->encoding = entry->encoding;
	}
	return lappend(rows, row);
}

/* A row about a database whose last worker failed, and where none is now. */
static List *
collect_database(List *rows, WorkerDatabase *entry)
{
	Oid			database = doorbell_of(entry, NULL);
	StateRow   *row;

	if (!OidIsValid(database) || entry->error[0] == '\0' || slot_in_database(database))
		return rows;
	row = palloc0(sizeof(StateRow));
	row->kind = "worker";
	row->database = database;
	row->state = "failed";
	row->job = "";
	row->error = pstrdup(entry->error);
	row->encoding = entry->encoding;
	return lappend(rows, row);
}

/* Rows about everything; in one look, without catalogs, which are not read with a lock held. */
static List *
collect(void)
{
	List	   *rows;

	LWLockAcquire(worker_shared->lock, LW_SHARED);
	rows = collect_launcher(NIL);
	for (int i = 0; i < MAX_WORKERS; i++)
		if (worker_shared->slots[i].state != SLOT_FREE)
			rows = collect_slot(rows, &worker_shared->slots[i]);
	for (int i = 0; i < MAX_DATABASES; i++)
		rows = collect_database(rows, &worker_shared->databases[i]);
	LWLockRelease(worker_shared->lock);
	return rows;
}

/*
 * svc.worker_states() → pid, kind, database, state, job, started, last_error
 */
Datum
svc_worker_states(PG_FUNCTION_ARGS)
{
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	if (worker_shared)
		foreach(cell, collect())
			add_row((ReturnSetInfo *) fcinfo->resultinfo, lfirst(cell));
	PG_RETURN_NULL();
}
