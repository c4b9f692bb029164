/*
 * trigger.c: what a trigger calls, changed in place.
 *
 * The server can replace a trigger, but only from its whole text; parsing that
 * again may run code (its WHEN condition), loses whether it is enabled, and
 * fails where the owner lacks a right by now.  So the call alone is changed in
 * the catalog, with the lock that CREATE OR REPLACE TRIGGER takes.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "core/relation.h"
#include "core/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"

/* What a trigger function was called with; refuses a call that is none of a trigger's. */
TriggerData *
svc_trigger_data(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s can only be called as a trigger", function)));
	return (TriggerData *) fcinfo->context;
}

/* Refuse a trigger of a kind, or with arguments, that its function cannot serve. */
void
svc_refuse_trigger(const TriggerData *data, const char *function, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" of \"%s\" cannot call %s", data->tg_trigger->tgname,
					RelationGetRelationName(data->tg_relation), function),
			 errhint("%s", hint)));
}

/*
 * Is it an UPDATE of which all columns are known that it can have changed?  Only if
 * no trigger can have changed more than the statement names; partitions have
 * triggers of their own.
 */
bool
svc_trigger_knows_columns(const TriggerData *data)
{
	return TRIGGER_FIRED_BY_UPDATE(data->tg_event) && data->tg_updatedcols &&
		!data->tg_relation->trigdesc->trig_update_before_row &&
		!data->tg_relation->rd_rel->relhassubclass;
}

/* Arguments as the catalog keeps them: each with a zero byte behind it. */
static bytea *
argument_bytes(List *arguments)
{
	StringInfoData buffer;
	ListCell   *cell;

	initStringInfo(&buffer);
	appendStringInfoSpaces(&buffer, VARHDRSZ);
	foreach(cell, arguments)
		appendBinaryStringInfo(&buffer, lfirst(cell), strlen(lfirst(cell)) + 1);
	SET_VARSIZE(buffer.data, buffer.len);
	return (bytea *) buffer.data;
}

/* What is to be changed of some triggers */
typedef struct TriggerChange
{
	Oid			function;		/* InvalidOid: their state */
	List	   *arguments;
	char		state;			/* as in tgenabled */
} TriggerChange;

/* Write a new state into a trigger's row. */
static void
change_state(Relation catalog, HeapTuple row, char state)
{
	HeapTuple	copy = heap_copytuple(row);

	((Form_pg_trigger) GETSTRUCT(copy))->tgenabled = state;
	CatalogTupleUpdate(catalog, &copy->t_self, copy);
	heap_freetuple(copy);
}

/* Write the new call into a trigger's row. */
static void
change_row(Relation catalog, HeapTuple row, Oid function, List *arguments)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(row);
	Datum		values[Natts_pg_trigger] = {0};
	bool		nulls[Natts_pg_trigger] = {false};
	bool		replaces[Natts_pg_trigger] = {false};

	values[Anum_pg_trigger_tgfoid - 1] = ObjectIdGetDatum(function);
	replaces[Anum_pg_trigger_tgfoid - 1] = true;
	values[Anum_pg_trigger_tgnargs - 1] = Int16GetDatum(list_length(arguments));
	replaces[Anum_pg_trigger_tgnargs - 1] = true;
	values[Anum_pg_trigger_tgargs - 1] = PointerGetDatum(argument_bytes(arguments));
	replaces[Anum_pg_trigger_tgargs - 1] = true;

	if (form->tgfoid != function)
		changeDependencyFor(TriggerRelationId, form->oid, ProcedureRelationId, form->tgfoid, function);
	CatalogTupleUpdate(catalog, &row->t_self,
					   heap_modify_tuple(row, RelationGetDescr(catalog), values, nulls, replaces));
	InvokeObjectPostAlterHook(TriggerRelationId, form->oid, 0);
}

/*
 * Change the triggers of a relation that have this name (or any, with NULL) and
 * parent, and those that partitions inherit from them.
 */
static void
change_triggers(Relation catalog, Oid relation, const char *name, Oid parent,
				const TriggerChange *change)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	row;
	ListCell   *cell;
	List	   *changed = NIL;

	svc_lock_relation(relation, ShareRowExclusiveLock);
	ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	if (name)
		ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
					CStringGetDatum(name));
	scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, NULL, name ? 2 : 1, keys);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(row);

		if (form->tgparentid != parent)
			continue;
		changed = lappend_oid(changed, form->oid);
		if (OidIsValid(change->function))
			change_row(catalog, row, change->function, change->arguments);
		else
			change_state(catalog, row, change->state);
	}
	systable_endscan(scan);
	if (changed == NIL)
		return;
	CacheInvalidateRelcacheByRelid(relation);
	foreach(cell, find_inheritance_children(relation, ShareRowExclusiveLock))
		change_triggers(catalog, lfirst_oid(cell), NULL, linitial_oid(changed), change);
}

/* Change a trigger and its clones. */
static void
apply_change(Oid relation, const char *trigger, const TriggerChange *change)
{
	Relation	catalog = table_open(TriggerRelationId, RowExclusiveLock);

	change_triggers(catalog, relation, trigger, InvalidOid, change);
	table_close(catalog, RowExclusiveLock);
	CommandCounterIncrement();
}

/*
 * Let a trigger call another function, or the same with other arguments (a list
 * of strings).  Its name, events, condition and state stay, and its clones on
 * partitions follow.
 */
void
svc_set_trigger_call(Oid relation, const char *trigger, Oid function, List *arguments)
{
	TriggerChange change = {.function = function,.arguments = arguments};

	apply_change(relation, trigger, &change);
}

/* A list of arguments as CREATE TRIGGER has it. */
char *
svc_quote_trigger_arguments(List *args)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, args)
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", quote_literal_cstr(lfirst(cell)));
	return list.data;
}

/* Has a relation a trigger of this name, type and function? */
bool
svc_has_trigger(Oid relation, const char *name, int16 type, Oid function)
{
	Relation	rel = table_open(relation, NoLock);
	bool		found = false;

	for (int i = 0; !found && rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		found = strcmp(trigger->tgname, name) == 0 && trigger->tgtype == type &&
			trigger->tgfoid == function;
	}
	table_close(rel, NoLock);
	return found;
}

/* Is a relation's trigger one that the server made for that of a partitioned table? */
bool
svc_is_trigger_clone(Oid relation, const char *name)
{
	Relation	rel = table_open(relation, NoLock);
	bool		found = false;

	for (int i = 0; !found && rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
		found = rel->trigdesc->triggers[i].tgisclone &&
			strcmp(rel->trigdesc->triggers[i].tgname, name) == 0;
	table_close(rel, NoLock);
	return found;
}

/*
 * Let a trigger fire in another state of the session, as in tgenabled; also in
 * the middle of a statement that uses the table, where ALTER TABLE may not.
 */
void
svc_set_trigger_state(Oid relation, const char *trigger, char state)
{
	TriggerChange change = {.state = state};

	apply_change(relation, trigger, &change);
}
