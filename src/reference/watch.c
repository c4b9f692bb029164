/*
 * watch.c: triggers on published tables that note which keys they may have lost.
 *
 * A key is lost when its row is deleted, gets another key, or no longer meets
 * the condition under which it is shown.  The triggers only append keys to the
 * journal; whether a key is really gone is asked of the contract later.  So too
 * much may be noted, and nothing too little.
 *
 * There is no trigger on INSERT: a key that is made again is seen when the
 * contract is asked, and whoever makes rows pays nothing.
 */
#include "core/svc.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/extension.h"
#include "core/trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "parser/parse_func.h"
#include "reference/tombstone.h"
#include "reference/watch.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "worker/journal.h"

/* Keys of one entry of the journal: at most so many, of about so many bytes */
#define ENTRY_KEYS TOMBSTONE_KEYS
#define ENTRY_BYTES (1024 * 1024)

SVC_FUNCTION(svc_watch_deletes);

/* A key column whose lost keys are noted */
typedef struct WatchedKey
{
	const char *name;
	AttrNumber	column;
	Oid			type;			/* domains taken off */
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *keys;			/* on their way to the journal */
	int			n;
	Size		bytes;
	bool		full;			/* the journal takes no more of this transaction */
} WatchedKey;

/* What the arguments of a trigger say */
typedef struct Watch
{
	Relation	rel;
	Oid			noted_as;		/* the relation that the journal names: it, or one of its family */
	int			n_keys;
	WatchedKey *keys;
	int			n_conditions;
	AttrNumber *conditions;		/* columns that decide whether a row is shown */
	MemoryContext cxt;			/* where keys are kept until they are appended */
} Watch;

/* A column that an argument names. */
static AttrNumber
watched_column(Relation rel, const char *column)
{
	AttrNumber	number = get_attnum(RelationGetRelid(rel), column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("keys that \"%s\" loses cannot be noted: column \"%s\" does not exist",
						RelationGetRelationName(rel), column),
				 errhint("Declare the references to it again with svc.create_reference, or drop the triggers svc_watch_...")));
	return number;
}

/* A key column. */
static WatchedKey
watched_key(Relation rel, const char *column)
{
	WatchedKey	key = {.name = column,.column = watched_column(rel, column)};

	key.type = getBaseType(TupleDescAttr(RelationGetDescr(rel), key.column - 1)->atttypid);
	get_typlenbyvalalign(key.type, &key.length, &key.by_value, &key.align);
	key.keys = palloc(sizeof(Datum) * ENTRY_KEYS);
	return key;
}

/* Read a trigger's arguments. */
static Watch *
read_arguments(Relation rel, const Trigger *trigger)
{
	Watch	   *watch = palloc0(sizeof(Watch));

	watch->rel = rel;
	watch->noted_as = RelationGetRelid(rel);
	watch->keys = palloc(sizeof(WatchedKey) * trigger->tgnargs);
	watch->conditions = palloc(sizeof(AttrNumber) * trigger->tgnargs);
	while (watch->n_keys < trigger->tgnargs && trigger->tgargs[watch->n_keys][0])
	{
		watch->keys[watch->n_keys] = watched_key(rel, trigger->tgargs[watch->n_keys]);
		watch->n_keys++;
	}
	for (int i = watch->n_keys + 1; i < trigger->tgnargs; i++)
		watch->conditions[watch->n_conditions++] = watched_column(rel, trigger->tgargs[i]);
	watch->cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership lost keys",
									   ALLOCSET_DEFAULT_SIZES);
	return watch;
}

/* Append what was collected of a key column. */
static void
flush_key(Watch *watch, WatchedKey *key)
{
	if (key->n == 0)
		return;
	if (!journal_append(JOURNAL_GONE, watch->noted_as, key->name,
						construct_array(key->keys, key->n, key->type, key->length, key->by_value,
										key->align)))
		key->full = true;
	key->n = 0;
	key->bytes = 0;
}

/* Append what was collected. */
static void
flush(Watch *watch)
{
	MemoryContext old = MemoryContextSwitchTo(watch->cxt);

	for (int i = 0; i < watch->n_keys; i++)
		flush_key(watch, &watch->keys[i]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(watch->cxt);
}

/* Collect the keys of a row. */
static void
add_row(Watch *watch, TupleTableSlot *row)
{
	bool		large = false;

	for (int i = 0; i < watch->n_keys; i++)
	{
		WatchedKey *key = &watch->keys[i];
		MemoryContext old;
		bool		isnull;
		Datum		value = slot_getattr(row, key->column, &isnull);

		if (isnull || key->full)
			continue;
		old = MemoryContextSwitchTo(watch->cxt);
		if (key->length == -1)
			value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
		else
			value = datumCopy(value, key->by_value, key->length);
		MemoryContextSwitchTo(old);
		key->bytes += datumGetSize(value, key->by_value, key->length);
		key->keys[key->n++] = value;
		large |= key->n == ENTRY_KEYS || key->bytes >= ENTRY_BYTES;
	}
	if (large)
		flush(watch);
}

/* Is a column of two rows the same, byte for byte?  One that is computed when it is read is never known to be. */
static bool
same_column(Relation rel, TupleTableSlot *a, TupleTableSlot *b, AttrNumber column)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), column - 1);
	bool		a_null;
	bool		b_null;
	Datum		a_value = slot_getattr(a, column, &a_null);
	Datum		b_value = slot_getattr(b, column, &b_null);

	if (att->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL || a_null != b_null)
		return false;
	return a_null || datum_image_eq(a_value, b_value, att->attbyval, att->attlen);
}

/* Does the row have the same keys, and is it shown or not as it was? */
static bool
is_still_there(const Watch *watch, TupleTableSlot *before, TupleTableSlot *after)
{
	for (int i = 0; i < watch->n_keys; i++)
		if (!same_column(watch->rel, before, after, watch->keys[i].column))
			return false;
	for (int i = 0; i < watch->n_conditions; i++)
		if (!same_column(watch->rel, before, after, watch->conditions[i]))
			return false;
	return true;
}

/* A place of our own in a transition table, which other triggers read, too. */
static void
begin_reading(Tuplestorestate *rows, int *place)
{
	*place = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(rows, *place);
	tuplestore_rescan(rows);
}

/* The next row from that place. */
static bool
read_row(Tuplestorestate *rows, int place, TupleTableSlot *row)
{
	tuplestore_select_read_pointer(rows, place);
	return tuplestore_gettupleslot(rows, true, false, row);
}

/*
 * Collect the old keys of a statement's rows; of an UPDATE, of those that may
 * be gone.  Old and new rows come in the same order.  Were they not, a lost
 * key would still stand beside another one, since the new rows do not have it.
 */
static void
add_statement(Watch *watch, Tuplestorestate *before, Tuplestorestate *after)
{
	TupleTableSlot *old_row = MakeSingleTupleTableSlot(RelationGetDescr(watch->rel),
													   &TTSOpsMinimalTuple);
	TupleTableSlot *new_row = MakeSingleTupleTableSlot(RelationGetDescr(watch->rel),
													   &TTSOpsMinimalTuple);
	int			old_place;
	int			new_place = 0;

	begin_reading(before, &old_place);
	if (after)
		begin_reading(after, &new_place);
	while (read_row(before, old_place, old_row))
	{
		CHECK_FOR_INTERRUPTS();
		if (!after || !read_row(after, new_place, new_row) ||
			!is_still_there(watch, old_row, new_row))
			add_row(watch, old_row);
	}
	ExecDropSingleTupleTableSlot(old_row);
	ExecDropSingleTupleTableSlot(new_row);
}

/* Collect all keys of a relation itself, as they are now; nobody else changes it any more. */
static void
add_relation(Watch *watch)
{
	TupleTableSlot *row;
	TableScanDesc scan;
	Snapshot	snapshot;

	if (watch->rel->rd_rel->relkind != RELKIND_RELATION)
		return;
	row = table_slot_create(watch->rel, NULL);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan = table_beginscan(watch->rel, snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		add_row(watch, row);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(row);
}

/* Refuse triggers that cannot see what they are to note. */
static TriggerData *
check_protocol(FunctionCallInfo fcinfo)
{
	TriggerData *data = svc_trigger_data(fcinfo, "svc.watch_deletes()");
	bool		good;

	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		good = TRIGGER_FIRED_BEFORE(data->tg_event);
	else
		good = TRIGGER_FIRED_AFTER(data->tg_event) && !TRIGGER_FIRED_BY_INSERT(data->tg_event) &&
			(TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
			 (data->tg_oldtable &&
			  (data->tg_newtable || TRIGGER_FIRED_BY_DELETE(data->tg_event))));
	if (!good || data->tg_trigger->tgnargs == 0 || !data->tg_trigger->tgargs[0][0])
		svc_refuse_trigger(data, "svc.watch_deletes()",
						   "svc.create_reference makes the triggers that a reference needs.");
	return data;
}

/* Collect what a trigger that is fired for each row has seen. */
static void
add_one_row(Watch *watch, const TriggerData *data)
{
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event) ||
		!is_still_there(watch, data->tg_trigslot, data->tg_newslot))
		add_row(watch, data->tg_trigslot);
}

/*
 * Can this UPDATE have lost no key?  Only if no trigger can have changed more
 * columns than the statement names; partitions have triggers of their own.
 */
static bool
is_irrelevant_update(const TriggerData *data, const Watch *watch)
{
	if (!svc_trigger_knows_columns(data))
		return false;
	for (int i = 0; i < watch->n_keys; i++)
		if (bms_is_member(watch->keys[i].column - FirstLowInvalidHeapAttributeNumber,
						  data->tg_updatedcols))
			return false;
	/* columns that are computed from others are not named by the statement */
	return watch->n_conditions == 0;
}

/*
 * svc.watch_deletes(): trigger function, AFTER UPDATE or DELETE, for each
 * statement with transition tables or for each row, and BEFORE TRUNCATE.
 */
Datum
svc_watch_deletes(PG_FUNCTION_ARGS)
{
	TriggerData *data = check_protocol(fcinfo);
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership watch",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Watch	   *watch = read_arguments(data->tg_relation, data->tg_trigger);

	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		add_relation(watch);
	else if (TRIGGER_FIRED_FOR_ROW(data->tg_event))
		add_one_row(watch, data);
	else if (!is_irrelevant_update(data, watch))
		add_statement(watch, data->tg_oldtable, data->tg_newtable);
	flush(watch);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return PointerGetDatum(NULL);
}

/*
 * Note the keys of a table that leaves a published one, by the arguments of its
 * own trigger, and as keys of one that stays.
 */
void
watch_note_leaving(Oid relation, Oid parent)
{
	Relation	rel = table_open(relation, NoLock);
	Oid			function = LookupFuncName(list_make2(makeString(SVC_SCHEMA),
													 makeString("watch_deletes")), 0, NULL, true);
	Watch	   *watch = NULL;

	for (int i = 0; !watch && rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
		if (rel->trigdesc->triggers[i].tgfoid == function)
			watch = read_arguments(rel, &rel->trigdesc->triggers[i]);
	if (watch)
	{
		watch->noted_as = parent;
		add_relation(watch);
		flush(watch);
	}
	table_close(rel, NoLock);
}
