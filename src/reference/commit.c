/*
 * commit.c: references that are checked when the transaction ends: the trigger
 * function svc.check_reference_row().
 *
 * The server's own deferrable constraint trigger is the check: it fires once for
 * each row, when the constraint is to hold, also in a savepoint, after SET
 * CONSTRAINTS and in PREPARE TRANSACTION.  The statement triggers only make it
 * cheap: they collect keys, and the first row that asks resolves all of them.
 * So what was not collected, or not resolved for this moment, is looked up by
 * itself, and to forget keys costs time and nothing else.  When work_mem is full
 * of them, others wait in a file until rows ask for none of these any more:
 *
 *   collected --(first row that asks)--> resolved, for one command
 *       ^                                   |
 *       +--- collected again, ROLLBACK TO --+   <--(others do not ask)-- waiting
 *
 * "One command": keys that were valid then need not be so after the next
 * command of this transaction, which may have deleted them.
 */
#include "core/svc.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "core/trigger.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "reference/check.h"
#include "reference/key_queue.h"
#include "reference/lookup.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* The collected keys of a reference */
typedef struct Collected
{
	NameData	name;
	Oid			contract;
	Oid			key_type;
	MemoryContext cxt;
	KeySet	   *keys;
	KeyQueue   *waiting;		/* behind them, or NULL */
	int			misses;			/* rows in a row whose key was not among them */
	bool		asked;			/* not all are pending */
	SubTransactionId asking;	/* the one in which they are being asked for, or none */
	CommandId	command;		/* for which they were resolved */
} Collected;

/* of the transaction, in TopTransactionContext */
static List *collected = NIL;

/*
 * After so many misses others are resolved in their place.  A few rows whose keys
 * were not collected do not turn out those that are needed next; and to look so
 * many up by themselves costs little beside what work_mem holds.
 */
#define MISSES	16

SVC_FUNCTION(svc_check_reference_row);

/* Nobody will ask any more for what waits. */
static void
drop_waiting(Collected *c)
{
	if (c->waiting)
		key_queue_end(c->waiting);
	c->waiting = NULL;
}

/* The transaction ends, and with it the memory of the keys; files end before it commits. */
static void
forget_collected(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		foreach(cell, collected)
			drop_waiting(lfirst(cell));
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		collected = NIL;
}

/*
 * What was undone may be what made keys valid.  Not so what code of others, which
 * runs while they are asked for, undoes of its own: it must not undo its answers.
 */
static void
doubt_collected(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	ListCell   *cell;

	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(cell, collected)
	{
		Collected  *c = lfirst(cell);

		if (!c->asked || (c->asking != InvalidSubTransactionId && id > c->asking))
			continue;
		for (int i = 0; i < key_set_count(c->keys); i++)
			key_set_mark(c->keys, i, KEY_PENDING);
		c->asked = false;
		c->asking = InvalidSubTransactionId;
	}
}

/* Listen for ends of transactions; called once when the library is loaded. */
void
CommitInit(void)
{
	RegisterXactCallback(forget_collected, NULL);
	RegisterSubXactCallback(doubt_collected, NULL);
}

/* The keys that were collected for a reference, or NULL. */
static Collected *
find_collected(const Reference *reference)
{
	ListCell   *cell;

	foreach(cell, collected)
	{
		Collected  *c = lfirst(cell);

		if (c->contract == reference->contract && c->key_type == reference->key_type &&
			strcmp(NameStr(c->name), NameStr(reference->name)) == 0)
			return c;
	}
	return NULL;
}

/* An empty set, in a context of its own. */
static void
make_keys(Collected *c, const Reference *reference)
{
	MemoryContext old;

	c->cxt = AllocSetContextCreate(TopTransactionContext, "svc_ownership keys",
								   ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(c->cxt);
	c->keys = key_set_make(reference);
	MemoryContextSwitchTo(old);
}

/* What is collected for a reference, from now on. */
static Collected *
get_collected(const Check *check)
{
	const Reference *reference = check->reference;
	Collected  *c = find_collected(reference);

	if (!c)
	{
		MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

		c = palloc0(sizeof(Collected));
		c->name = reference->name;
		c->contract = reference->contract;
		c->key_type = reference->key_type;
		make_keys(c, reference);
		collected = lappend(collected, c);
		MemoryContextSwitchTo(old);
	}
	return c;
}

/* The set in which a statement collects its keys, or NULL. */
KeySet *
commit_keys(const Check *check)
{
	Collected  *c = get_collected(check);

	return c->waiting || key_set_memory(c->keys) >= work_mem * (Size) 1024 ? NULL : c->keys;
}

/* Let the keys of a value wait until those that were collected are not needed any more. */
void
commit_queue(const Check *check, Relation rel, Datum value)
{
	Collected  *c = get_collected(check);

	if (!c->waiting)
		c->waiting = key_queue_make(rel, check->reference->column);
	key_queue_put(c->waiting, value);
}

/* Forget the keys that were resolved for an earlier command. */
static void
drop_resolved(Collected *c, const Reference *reference)
{
	MemoryContext old_cxt = c->cxt;
	KeySet	   *old = c->keys;

	make_keys(c, reference);
	for (int i = key_set_first(old, KEY_PENDING, 0); i >= 0; i = key_set_first(old, KEY_PENDING, i + 1))
		(void) key_set_add(c->keys, key_set_key(old, i), NULL);
	MemoryContextDelete(old_cxt);
}

/* Resolve what was collected. */
static void
resolve_collected(Collected *c, const Check *check, Relation rel)
{
	LookupScope scope;

	if (c->asked && c->command != GetCurrentCommandId(false))
	{
		lookup_begin(&scope, check->reference);
		drop_resolved(c, check->reference);
		lookup_end(&scope);
	}
	c->asked = true;
	c->asking = GetCurrentSubTransactionId();
	check_ask(check, c->keys);
	check_settle_unknown(check, rel, c->keys);
	if (!check_rejects(check->reference))
		check_report(check->reference, c->keys);
	c->asking = InvalidSubTransactionId;
	c->command = GetCurrentCommandId(false);
}

/* Put as many of those that wait as work_mem holds in the place of those that nobody asks for. */
static void
take_waiting(Collected *c, const Reference *reference)
{
	MemoryContext old = c->cxt;

	make_keys(c, reference);
	MemoryContextDelete(old);
	c->asked = false;
	c->misses = 0;
	key_queue_take(c->waiting, c->keys, work_mem * (Size) 1024);
	if (key_queue_is_empty(c->waiting))
		drop_waiting(c);
}

/* Do rows ask for none of the keys any more, and others wait?  Not while the keys are being asked for. */
static bool
is_used_up(Collected *c)
{
	return c->waiting && c->asking == InvalidSubTransactionId && ++c->misses >= MISSES;
}

/* A key's number among those collected, or -1. */
static int
find_key(Collected *c, const Reference *reference, Datum key)
{
	LookupScope scope;
	int			index;

	lookup_begin(&scope, reference);
	index = key_set_find(c->keys, key);
	if (index < 0 && is_used_up(c))
	{
		take_waiting(c, reference);
		index = key_set_find(c->keys, key);
	}
	lookup_end(&scope);
	if (index >= 0)
		c->misses = 0;
	return index;
}

/* What is known of a key by what was collected; KEY_PENDING: nothing for this moment. */
static KeyState
ask_collected(const Check *check, Relation rel, Datum key)
{
	Collected  *c = find_collected(check->reference);
	int			index = c ? find_key(c, check->reference, key) : -1;

	if (index < 0)
		return KEY_PENDING;
	if (key_set_state(c->keys, index) == KEY_PENDING)
	{
		resolve_collected(c, check, rel);
		index = find_key(c, check->reference, key);
	}
	if (index < 0 || c->command != GetCurrentCommandId(false))
		return KEY_PENDING;
	return key_set_state(c->keys, index);
}

/* Is the row that the trigger fired for the newest version, or does that hold the same value? */
static bool
is_live(const TriggerData *data, TupleTableSlot *row, AttrNumber column)
{
	Relation	rel = data->tg_relation;
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), column - 1);
	ItemPointerData tid = row->tts_tid;
	TupleTableSlot *latest;
	TableScanDesc scan;
	bool		isnull;
	bool		latest_null;
	bool		live;

	if (table_tuple_satisfies_snapshot(rel, row, SnapshotSelf))
		return true;
	scan = table_beginscan_tid(rel, SnapshotSelf);
	table_tuple_get_latest_tid(scan, &tid);
	table_endscan(scan);
	latest = table_slot_create(rel, NULL);
	live = table_tuple_fetch_row_version(rel, &tid, SnapshotSelf, latest);
	if (live)
	{
		Datum		value = slot_getattr(row, column, &isnull);
		Datum		now = slot_getattr(latest, column, &latest_null);

		/* an update that changed it has an event of its own */
		live = !isnull && !latest_null &&
			datum_image_eq(value, now, attribute->attbyval, attribute->attlen);
	}
	ExecDropSingleTupleTableSlot(latest);
	return live;
}

/* Check one key of a row. */
static void
check_key(const Check *check, const TriggerData *data, TupleTableSlot *row, KeySet *one, int index)
{
	const Reference *reference = check->reference;
	KeyState	state = ask_collected(check, data->tg_relation, key_set_key(one, index));

	if (state == KEY_VALID || state == KEY_WAIVED)
		return;
	if (state == KEY_PENDING)
	{
		check_ask(check, one);
		check_settle_unknown(check, data->tg_relation, one);
	}
	else
		key_set_mark(one, index, state);
	state = key_set_state(one, index);
	if (state != KEY_MISSING && state != KEY_DELETED)
		return;
	if (!is_live(data, row, reference->column))
		key_set_mark(one, index, KEY_VALID);
	else if (check_is_missing(check, one, index) && check_rejects(reference))
		missing_raise(reference, data->tg_relation, one, index);
}

/*
 * Need a row not be checked that an UPDATE wrote?  Not if its keys are what they
 * were; unless this transaction made the row, and its event passes over the
 * version that is gone.
 */
static bool
is_unchanged(const TriggerData *data, AttrNumber column)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(data->tg_relation), column - 1);
	bool		old_null;
	bool		new_null;
	bool		isnull;
	Datum		old;
	Datum		new;

	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return false;
	old = slot_getattr(data->tg_trigslot, column, &old_null);
	new = slot_getattr(data->tg_newslot, column, &new_null);
	if (old_null || new_null || !datum_image_eq(old, new, attribute->attbyval, attribute->attlen))
		return new_null;
	return !TransactionIdIsCurrentTransactionId(
		DatumGetTransactionId(slot_getsysattr(data->tg_trigslot, MinTransactionIdAttributeNumber,
											  &isnull)));
}

/* Refuse triggers that cannot check. */
static TriggerData *
check_protocol(FunctionCallInfo fcinfo)
{
	TriggerData *data = svc_trigger_data(fcinfo, "svc.check_reference_row()");

	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(data->tg_event))
		svc_refuse_trigger(data, "svc.check_reference_row()",
						   "svc.create_reference makes the triggers that a reference needs.");
	return data;
}

/* Check the keys of a row. */
static void
check_row(const Check *check, const TriggerData *data)
{
	const Reference *reference = check->reference;
	TupleTableSlot *row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newslot
		: data->tg_trigslot;
	bool		isnull;
	Datum		value = slot_getattr(row, reference->column, &isnull);
	LookupScope scope;
	KeySet	   *keys;

	if (isnull)
		return;
	lookup_begin(&scope, reference);
	keys = key_set_make(reference);
	key_set_add_column(keys, value, isnull);
	lookup_end(&scope);
	for (int i = 0; i < key_set_count(keys); i++)
		check_key(check, data, row, keys, i);
	if (!check_rejects(reference))
		check_report(reference, keys);
}

/*
 * svc.check_reference_row(): trigger function of a deferrable constraint
 * trigger, AFTER INSERT OR UPDATE OF the column.
 */
Datum
svc_check_reference_row(PG_FUNCTION_ARGS)
{
	TriggerData *data = check_protocol(fcinfo);
	const Check *check = check_of_trigger(data->tg_relation, data->tg_trigger);

	if (check && check->reference->mode == REFERENCE_COMMIT &&
		!is_unchanged(data, check->reference->column))
		check_row(check, data);
	return PointerGetDatum(NULL);
}
