/*
 * plan_impact.c: what one statement does to relations.
 *
 * Locks are those of relations that others use: not of system catalogs, of our
 * own tables, of TOAST tables (they go with their table) and of temporary
 * tables.  Of indexes count those that keep somebody out of the index alone;
 * whoever reads or writes a table locks its indexes weakly.
 */
#include "core/svc.h"

#include <sys/stat.h>

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "migration/plan_impact.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Schemas whose relations do not count */
static const char *const passed_over[] = {
	"pg_catalog", "pg_toast", "pg_temp", "information_schema", SVC_SCHEMA
};

/* Nothing, so far. */
Impact *
impact_make(PlanCatalog *catalog)
{
	Impact	   *impact = palloc0(sizeof(Impact));

	impact->catalog = catalog;
	return impact;
}

/* Does a lock on a relation count? */
static bool
counts(const PlanRelation *relation, LOCKMODE mode)
{
	for (int i = 0; i < lengthof(passed_over); i++)
		if (strcmp(relation->schema, passed_over[i]) == 0)
			return false;
	if (relation->kind == RELKIND_COMPOSITE_TYPE)
		return false;
	return mode > RowExclusiveLock || (relation->kind != RELKIND_INDEX &&
									   relation->kind != RELKIND_PARTITIONED_INDEX);
}

/* A relation's name: always with its schema, so that it means the same to every reader. */
static char *
plan_name(const PlanRelation *relation)
{
	return quote_qualified_identifier(relation->schema, relation->name);
}

/* A relation is locked; NULL: there is none. */
void
impact_lock(Impact *impact, PlanRelation *relation, LOCKMODE mode)
{
	PlannedLock *lock;
	ListCell   *cell;

	if (!relation || relation->gone || !counts(relation, mode))
		return;
	foreach(cell, impact->locks)
	{
		lock = lfirst(cell);
		if (lock->relation == relation)
		{
			lock->mode = Max(lock->mode, mode);
			return;
		}
	}
	lock = palloc(sizeof(PlannedLock));
	lock->relation = relation;
	lock->name = plan_name(relation);
	lock->mode = mode;
	impact->locks = lappend(impact->locks, lock);
}

/* Relations of the catalog are locked. */
void
impact_lock_oids(Impact *impact, List *oids, LOCKMODE mode)
{
	ListCell   *cell;

	foreach(cell, oids)
		impact_lock(impact, plan_find_oid(impact->catalog, lfirst_oid(cell)), mode);
}

/* A relation is locked, and those that inherit from it. */
void
impact_lock_tree(Impact *impact, PlanRelation *relation, bool children, LOCKMODE mode)
{
	List	   *relations = children && relation ? plan_descendants(impact->catalog, relation) :
		list_make1(relation);
	ListCell   *cell;

	foreach(cell, relations)
		impact_lock(impact, lfirst(cell), mode);
}

/* All rows of a relation are read, or written anew. */
static void
add_work(Impact *impact, PlanRelation *relation, bool rewrite)
{
	PlannedWork *work;
	ListCell   *cell;

	if (!relation || !plan_has_rows(relation) || strcmp(relation->schema, "pg_temp") == 0)
		return;
	foreach(cell, impact->works)
	{
		work = lfirst(cell);
		if (work->relation == relation)
		{
			work->rewrite |= rewrite;
			return;
		}
	}
	work = palloc(sizeof(PlannedWork));
	work->relation = relation;
	work->name = plan_name(relation);
	work->rewrite = rewrite;
	impact->works = lappend(impact->works, work);
}

/* All rows of a relation are read. */
void
impact_scan(Impact *impact, PlanRelation *relation)
{
	add_work(impact, relation, false);
}

/* All rows of a relation are written anew. */
void
impact_rewrite(Impact *impact, PlanRelation *relation)
{
	add_work(impact, relation, true);
}

/* The same of a relation and those that inherit from it. */
static void
add_work_to_tree(Impact *impact, PlanRelation *relation, bool children, bool rewrite)
{
	List	   *relations = children ? plan_descendants(impact->catalog, relation) :
		list_make1(relation);
	ListCell   *cell;

	foreach(cell, relations)
		add_work(impact, lfirst(cell), rewrite);
}

/* All rows of a relation, and of those that inherit from it, are read. */
void
impact_scan_tree(Impact *impact, PlanRelation *relation, bool children)
{
	add_work_to_tree(impact, relation, children, false);
}

/* All rows of a relation, and of those that inherit from it, are written anew. */
void
impact_rewrite_tree(Impact *impact, PlanRelation *relation, bool children)
{
	add_work_to_tree(impact, relation, children, true);
}

/* Something that a reader should know; once. */
void
impact_note(Impact *impact, const char *note)
{
	ListCell   *cell;

	foreach(cell, impact->notes)
		if (strcmp(lfirst(cell), note) == 0)
			return;
	impact->notes = lappend(impact->notes, pstrdup(note));
}

/* A relation that is named does not exist. */
void
impact_missing(Impact *impact, const RangeVar *name)
{
	impact_note(impact, psprintf("there is no relation %s",
								 name->schemaname ? quote_qualified_identifier(name->schemaname, name->relname)
								 : quote_identifier(name->relname)));
}

/* Begin an object about a relation. */
static void
append_relation(StringInfo json, const char *name)
{
	if (json->len > 1)
		appendStringInfoString(json, ", ");
	appendStringInfoString(json, "{\"relation\": ");
	escape_json(json, name);
}

/* The locks, in memory that outlives the analysis. */
List *
impact_copy_locks(const Impact *impact, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	List	   *copy = NIL;
	ListCell   *cell;

	foreach(cell, impact->locks)
	{
		PlannedLock *lock = palloc(sizeof(PlannedLock));

		*lock = *(PlannedLock *) lfirst(cell);
		lock->name = pstrdup(lock->name);
		copy = lappend(copy, lock);
	}
	MemoryContextSwitchTo(old);
	return copy;
}

/* The locks as a JSON array. */
char *
impact_locks_json(const Impact *impact)
{
	StringInfoData json;
	ListCell   *cell;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(cell, impact->locks)
	{
		PlannedLock *lock = lfirst(cell);

		append_relation(&json, lock->name);
		appendStringInfo(&json, ", \"mode\": \"%s\"}",
						 GetLockmodeName(DEFAULT_LOCKMETHOD, lock->mode));
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* The bytes of a relation's files: pg_relation_size would wait for a lock on it. */
static int64
file_size(Oid oid)
{
	Datum		path = DirectFunctionCall1(pg_relation_filepath, ObjectIdGetDatum(oid));
	char	   *first = TextDatumGetCString(path);
	struct stat status;
	int64		size = 0;

	for (int segment = 0;; segment++)
	{
		if (stat(segment == 0 ? first : psprintf("%s.%d", first, segment), &status) != 0)
			return size;
		size += status.st_size;
	}
}

/* How many rows there are, by the planner's rule: as dense as when it was last analyzed; -1: unknown */
static double
estimated_rows(Oid oid, int64 size)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	Form_pg_class form;
	double		rows = -1;

	if (!HeapTupleIsValid(tuple))
		return -1;
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (size == 0)
		rows = 0;
	else if (form->reltuples >= 0 && form->relpages > 0)
		rows = form->reltuples / form->relpages * ((double) size / BLCKSZ);
	ReleaseSysCache(tuple);
	return rows;
}

/* What is read or written anew, as a JSON array. */
char *
impact_works_json(const Impact *impact)
{
	StringInfoData json;
	ListCell   *cell;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(cell, impact->works)
	{
		PlannedWork *work = lfirst(cell);
		Oid			oid = work->relation->oid;
		int64		size = OidIsValid(oid) ? file_size(oid) : 0;
		double		rows = OidIsValid(oid) ? estimated_rows(oid, size) : 0;

		append_relation(&json, work->name);
		appendStringInfo(&json, ", \"what\": \"%s\", \"size\": " INT64_FORMAT ", \"rows\": ",
						 work->rewrite ? "rewrite" : "scan", size);
		if (rows < 0)
			appendStringInfoString(&json, "null}");
		else
			appendStringInfo(&json, "%.0f}", rows);
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* The notes as one text, or NULL. */
char *
impact_notes_text(const Impact *impact)
{
	StringInfoData text;
	ListCell   *cell;

	if (impact->notes == NIL)
		return NULL;
	initStringInfo(&text);
	foreach(cell, impact->notes)
		appendStringInfo(&text, "%s%s", text.len > 0 ? "; " : "", (char *) lfirst(cell));
	return text.data;
}
