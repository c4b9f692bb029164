/*
 * trigger.c: the trigger functions svc.check_reference() and
 * svc.check_reference_row(), and what a session remembers of their references.
 *
 * The keys of a statement are collected from its transition tables, each once,
 * and then decided together: asked for at once, or at the end of the
 * transaction (commit.c), or left to the worker.  However many rows there are,
 * no more keys than work_mem holds are kept at a time.
 *
 * All of this is done as the role that looks keys up: also the comparison of
 * keys may run code of their type's author.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "access/sysattr.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "core/extension.h"
#include "core/inval.h"
#include "core/relation.h"
#include "core/sql.h"
#include "core/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "reference/check.h"
#include "reference/checker.h"
#include "reference/lookup.h"
#include "reference/tombstone.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "worker/journal.h"

typedef struct CheckEntry
{
	Oid			trigger;		/* hash key */
	bool		valid;
	Check	   *check;
} CheckEntry;

/* more than this in one session: it starts afresh */
#define MAX_CHECKS 2000

static HTAB *checks = NULL;

/* counts invalidations, so that a check resolved while one came is not trusted */
static uint64 invalidations = 0;

/* checks that a running trigger may still use: freed when the transaction ends */
static List *retired_checks = NIL;

/* our catalog tables, by which the callback knows their messages */
static const char *const catalog_names[] = {"reference", "service", "assignment", "connection"};
static Oid	catalogs[lengthof(catalog_names)];

SVC_FUNCTION(svc_check_reference);

/* Was the check resolved from this relation?  InvalidOid stands for all. */
static bool
depends_on(const Check *check, Oid relation)
{
	const Reference *r = check->reference;

	if (!OidIsValid(relation) || r->part == relation || r->relation == relation ||
		r->contract == relation || !OidIsValid(r->contract))
		return true;
	for (int i = 0; i < lengthof(catalogs); i++)
		if (catalogs[i] == relation)
			return true;
	return false;
}

/* A relation changed.  Only sets flags, as a callback must. */
static void
relation_changed(Oid relation)
{
	HASH_SEQ_STATUS status;
	CheckEntry *entry;

	invalidations++;
	if (!checks)
		return;
	hash_seq_init(&status, checks);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->valid && depends_on(entry->check, relation))
			entry->valid = false;
}

/* A role, a right, a schema or a function changed: nothing is sure any more. */
static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	relation_changed(InvalidOid);
}

/* Free the checks that nothing can be using any more. */
static void
free_retired_checks(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (retired_checks == NIL ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	foreach(cell, retired_checks)
		MemoryContextDelete(((Check *) lfirst(cell))->cxt);
	list_free(retired_checks);
	retired_checks = NIL;
}

/* Listen for changes; called once when the library is loaded. */
void
CheckInit(void)
{
	svc_on_relation_change(relation_changed);
	CacheRegisterSyscacheCallback(AUTHOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, object_changed, (Datum) 0);
	RegisterXactCallback(free_retired_checks, NULL);
	LookupInit();
	CommitInit();
}

/* Resolve what a trigger declares, in a context of its own. */
static Check *
resolve_check(Relation rel, const Trigger *trigger)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership reference",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ReferenceNames names = reference_names_of_trigger(rel, trigger);
	Check	   *check = palloc0(sizeof(Check));

	check->cxt = cxt;
	check->reference = reference_resolve(RelationGetRelid(rel), &names);
	if (!check->reference)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("reference \"%s\" cannot be checked: column \"%s\" of relation \"%s\" does not exist",
						names.reference, names.column, RelationGetRelationName(rel)),
				 errhint("Drop trigger \"%s\", or declare the reference again with svc.create_reference.",
						 trigger->tgname)));
	check->refusal = lookup_refusal(check->reference);
	for (int i = 0; i < lengthof(catalogs); i++)
		catalogs[i] = svc_catalog_relation(catalog_names[i]);
	MemoryContextSwitchTo(old);
	return check;
}

/* Make the table of checks. */
static void
make_cache(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(CheckEntry),
		.hcxt = CacheMemoryContext
	};

	checks = hash_create("svc_ownership references", 32, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Put a check aside until the transaction ends. */
static void
retire(Check *check)
{
	MemoryContext old = MemoryContextSwitchTo(CacheMemoryContext);

	retired_checks = lappend(retired_checks, check);
	MemoryContextSwitchTo(old);
}

/* Forget all checks. */
static void
retire_all(void)
{
	HASH_SEQ_STATUS status;
	CheckEntry *entry;

	hash_seq_init(&status, checks);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		retire(entry->check);
		(void) hash_search(checks, &entry->trigger, HASH_REMOVE, NULL);
	}
}

/* Resolve a trigger's check and remember it. */
static Check *
remember_check(Relation rel, const Trigger *trigger)
{
	uint64		seen = invalidations;
	Check	   *check = resolve_check(rel, trigger);
	CheckEntry *entry;
	bool		found;

	if (hash_get_num_entries(checks) >= MAX_CHECKS)
		retire_all();
	MemoryContextSetParent(check->cxt, CacheMemoryContext);
	entry = hash_search(checks, &trigger->tgoid, HASH_ENTER, &found);
	if (found)
		retire(entry->check);
	entry->check = check;
	entry->valid = seen == invalidations;
	return check;
}

/*
 * The check of the trigger that fired.  Its contract is locked first, as a
 * query would do it: until this transaction ends it stays what it was
 * resolved as, and so a rename or DROP cannot come between.
 */
const Check *
check_of_trigger(Relation rel, const Trigger *trigger)
{
	CheckEntry *entry;
	Check	   *check;

	if (!checks)
		make_cache();
	entry = hash_search(checks, &trigger->tgoid, HASH_FIND, NULL);
	check = entry && entry->valid ? entry->check : remember_check(rel, trigger);
	if (check->reference->mode == REFERENCE_OFF)
		return NULL;
	if (OidIsValid(check->reference->contract) && !check->reference->is_foreign)
	{
		LockRelationOid(check->reference->contract, AccessShareLock);
		entry = hash_search(checks, &trigger->tgoid, HASH_FIND, NULL);
		if (!entry || !entry->valid)
			check = remember_check(rel, trigger);
	}
	return check;
}

/* Is a missing key to be refused, and not only reported? */
bool
check_rejects(const Reference *reference)
{
	return reference->mode != REFERENCE_OBSERVE && reference->on_missing == ON_MISSING_REJECT;
}

/* Mark what could not be asked. */
static void
mark_unknown(KeySet *set)
{
	for (int i = key_set_first(set, KEY_PENDING, 0); i >= 0; i = key_set_first(set, KEY_PENDING, i))
		key_set_mark(set, i, KEY_UNKNOWN);
}

/* Ask for the pending keys of a set, wherever they are. */
void
check_ask(const Check *check, KeySet *set)
{
	if (key_set_first(set, KEY_PENDING, 0) < 0)
		return;
	if (check->refusal)
		mark_unknown(set);
	else if (check->reference->is_foreign)
		checker_ask(check->reference, set);
	else
		lookup_ask(check->reference, set);
	tombstone_mark(check->reference, set);
}

/* Append a set's keys in a state to the journal, and accept them. */
static void
append_keys(JournalKind kind, const Reference *reference, KeySet *set, KeyState state)
{
	ArrayType  *keys;
	int			from = 0;
	int			start = 0;

	while ((keys = key_set_array(set, state, &from, LOOKUP_KEYS)) != NULL)
	{
		(void) journal_append(kind, reference->relation, NameStr(reference->name), keys);
		for (; start < from; start++)
			if (key_set_state(set, start) == state)
				key_set_mark(set, start, KEY_WAIVED);
		pfree(keys);
	}
}

/* Leave unknown keys to the worker, or refuse them. */
void
check_settle_unknown(const Check *check, Relation rel, KeySet *set)
{
	const Reference *reference = check->reference;

	if (key_set_first(set, KEY_UNKNOWN, 0) < 0 && key_set_first(set, KEY_STALE, 0) < 0)
		return;
	if (check_rejects(reference) && reference->on_unavailable == ON_UNAVAILABLE_REJECT)
		unavailable_raise(check, rel);
	append_keys(JOURNAL_CHECK, reference, set, KEY_UNKNOWN);
	append_keys(JOURNAL_CHECK, reference, set, KEY_STALE);
}

/* Is a key that was missing a moment ago still missing?  The checker has confirmed it. */
bool
check_is_missing(const Check *check, KeySet *set, int index)
{
	return check->reference->is_foreign || lookup_is_missing(check->reference, set, index);
}

/* Leave all keys of a set to the worker. */
void
check_defer(const Reference *reference, KeySet *set)
{
	append_keys(JOURNAL_CHECK, reference, set, KEY_PENDING);
}

/* Report the keys of a set that are missing. */
void
check_report(const Reference *reference, KeySet *set)
{
	append_keys(JOURNAL_RESULT, reference, set, KEY_MISSING);
	append_keys(JOURNAL_RESULT, reference, set, KEY_DELETED);
}

/*
 * Can rows that a statement wrote be gone by now?  Only if rows were deleted or
 * updated beyond what the statement did itself: by triggers that fired
 * before.  The statistics of this session may count more of them, never less.
 */
static bool
may_have_died(const TriggerData *data)
{
	int64		updated = 0;
	int64		deleted = 0;
	ListCell   *cell;

	if (!pgstat_track_counts)
		return true;
	foreach(cell, find_all_inheritors(RelationGetRelid(data->tg_relation), NoLock, NULL))
	{
		Datum		oid = ObjectIdGetDatum(lfirst_oid(cell));

		deleted += DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_tuples_deleted, oid));
		updated += DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_tuples_updated, oid));
	}
	if (data->tg_oldtable)
		updated -= tuplestore_tuple_count(data->tg_newtable);
	return deleted > 0 || updated > 0;
}


/* A statement whose rows are being checked */
typedef struct Statement
{
	TriggerData *data;
	const Check *check;
	LookupScope scope;
	KeySet	   *keys;
	MemoryContext cxt;			/* of the keys, unless they are kept for the end of the transaction */
	bool		behind;			/* of those no more are kept in memory: keys wait behind them */
	MemoryContext row;			/* of one row's values, while they are taken apart and compared */
} Statement;

/* The mode in which the statement's keys are decided. */
static ReferenceMode
statement_mode(const Statement *s)
{
	const Reference *reference = s->check->reference;

	if (reference->mode == REFERENCE_OBSERVE)
		return reference->is_foreign ? REFERENCE_ASYNC : REFERENCE_STATEMENT;
	return reference->mode;
}

/* Refuse, or report, the keys that are missing. */
static void
settle_missing(Statement *s)
{
	const Reference *reference = s->check->reference;
	Relation	rel = s->data->tg_relation;

	if (!check_rejects(reference))
	{
		check_report(reference, s->keys);
		return;
	}
	for (int i = 0; i < key_set_count(s->keys); i++)
	{
		KeyState	state = key_set_state(s->keys, i);

		if (state != KEY_MISSING && state != KEY_DELETED)
			continue;
		if (check_is_missing(s->check, s->keys, i) &&
			(!may_have_died(s->data) || missing_is_held(reference, key_set_key(s->keys, i))))
			missing_raise(reference, rel, s->keys, i);
	}
}

/* Decide the keys that were collected. */
static void
decide(Statement *s)
{
	switch (statement_mode(s))
	{
		case REFERENCE_ASYNC:
			check_defer(s->check->reference, s->keys);
			break;
		default:
			check_ask(s->check, s->keys);
			check_settle_unknown(s->check, s->data->tg_relation, s->keys);
			settle_missing(s);
			break;
	}
}

/* An empty set of keys, which is all that its context holds. */
static void
make_keys(Statement *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->cxt);

	s->keys = key_set_make(s->check->reference);
	MemoryContextSwitchTo(old);
}

/* Make room for more keys: decide those that there are, and forget them. */
static void
flush(Statement *s)
{
	lookup_end(&s->scope);
	decide(s);
	MemoryContextReset(s->cxt);
	make_keys(s);
	lookup_begin(&s->scope, s->check->reference);
}

/*
 * Make room where there are as many keys as work_mem holds, or as an entry of the
 * journal takes: what needs not wait is decided now.  To tell more keys apart
 * costs more than an entry that repeats some.
 */
static void
make_room(Statement *s)
{
	if (key_set_memory(s->keys) < work_mem * (Size) 1024 &&
		(!s->cxt || statement_mode(s) != REFERENCE_ASYNC ||
		 key_set_count(s->keys) < LOOKUP_KEYS))
		return;
	if (s->cxt)
		flush(s);
	else
		s->behind = true;
}

/* Let the keys wait that a row has got behind those that are kept for the end of the transaction. */
static void
queue_keys(Statement *s, Datum old, bool old_null, Datum new, bool new_null)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(s->data->tg_relation),
												s->check->reference->column - 1);

	if (new_null ||
		(!old_null && datum_image_eq(old, new, attribute->attbyval, attribute->attlen)))
		return;
	commit_queue(s->check, s->data->tg_relation, new);
}

/* Begin to read a transition table; other triggers of the statement have places of their own in it. */
static TupleTableSlot *
begin_rows(Relation rel, Tuplestorestate *rows)
{
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
	return MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
}

/* Collect the keys that a row has got. */
static void
add_keys(Statement *s, Datum old, bool old_null, Datum new, bool new_null)
{
	MemoryContext cxt = MemoryContextSwitchTo(s->row);

	if (s->behind)
		queue_keys(s, old, old_null, new, new_null);
	else
		key_set_add_changed(s->keys, old, old_null, new, new_null);
	MemoryContextSwitchTo(cxt);
	MemoryContextReset(s->row);
	if (!s->behind)
		make_room(s);
}

/* Collect the keys of inserted rows. */
static void
collect_inserted(Statement *s)
{
	Tuplestorestate *rows = s->data->tg_newtable;
	TupleTableSlot *row = begin_rows(s->data->tg_relation, rows);
	AttrNumber	column = s->check->reference->column;

	while (tuplestore_gettupleslot(rows, true, false, row))
	{
		bool		isnull;
		Datum		value = slot_getattr(row, column, &isnull);

		CHECK_FOR_INTERRUPTS();
		add_keys(s, (Datum) 0, true, value, isnull);
	}
	ExecDropSingleTupleTableSlot(row);
}

/*
 * Collect the keys that updated rows have got.  The server puts the old and the
 * new version of a row into the two tables one after the other, so they are
 * paired; unless a row that moved to another partition was dropped there by a
 * trigger, when all new keys are collected.
 */
static void
collect_updated(Statement *s)
{
	Tuplestorestate *olds = s->data->tg_oldtable;
	Tuplestorestate *news = s->data->tg_newtable;
	TupleTableSlot *old = begin_rows(s->data->tg_relation, olds);
	TupleTableSlot *new = begin_rows(s->data->tg_relation, news);
	AttrNumber	column = s->check->reference->column;

	while (tuplestore_gettupleslot(news, true, false, new) &&
		   tuplestore_gettupleslot(olds, true, false, old))
	{
		bool		old_null;
		bool		new_null;
		Datum		old_value = slot_getattr(old, column, &old_null);
		Datum		new_value = slot_getattr(new, column, &new_null);

		CHECK_FOR_INTERRUPTS();
		add_keys(s, old_value, old_null, new_value, new_null);
	}
	ExecDropSingleTupleTableSlot(new);
	ExecDropSingleTupleTableSlot(old);
}

/* Collect the keys that a statement wrote. */
static void
collect(Statement *s)
{
	s->row = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership row", ALLOCSET_SMALL_SIZES);
	lookup_begin(&s->scope, s->check->reference);
	if (s->data->tg_oldtable &&
		tuplestore_tuple_count(s->data->tg_oldtable) == tuplestore_tuple_count(s->data->tg_newtable))
		collect_updated(s);
	else
		collect_inserted(s);
	lookup_end(&s->scope);
	MemoryContextDelete(s->row);
}

/*
 * Does the constraint trigger see every key that this statement wrote?  It
 * fires for updates that name the column; a trigger can have changed it in one
 * that does not.
 */
static bool
is_seen_at_commit(const TriggerData *data, AttrNumber column)
{
	return !TRIGGER_FIRED_BY_UPDATE(data->tg_event) || !data->tg_updatedcols ||
		bms_is_member(column - FirstLowInvalidHeapAttributeNumber, data->tg_updatedcols);
}

/* Remember the keys of a statement for the end of the transaction. */
static void
collect_for_commit(Statement *s)
{
	s->keys = commit_keys(s->check);
	s->behind = !s->keys;
	collect(s);
}

/* Check the keys of a statement. */
static void
check_statement(Statement *s)
{
	s->cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership keys", ALLOCSET_SMALL_SIZES);
	make_keys(s);
	collect(s);
	decide(s);
	MemoryContextDelete(s->cxt);
}

/*
 * Can this UPDATE have changed no key?  Only if no trigger can have changed more
 * columns than the statement names; partitions have triggers of their own.
 */
static bool
is_irrelevant_update(const TriggerData *data, AttrNumber column)
{
	return svc_trigger_knows_columns(data) &&
		!bms_is_member(column - FirstLowInvalidHeapAttributeNumber, data->tg_updatedcols);
}

/* Refuse triggers that cannot check. */
static TriggerData *
check_protocol(FunctionCallInfo fcinfo)
{
	TriggerData *data = svc_trigger_data(fcinfo, "svc.check_reference()");

	if (!TRIGGER_FIRED_AFTER(data->tg_event) || !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) ||
		!data->tg_newtable || (TRIGGER_FIRED_BY_UPDATE(data->tg_event) && !data->tg_oldtable))
		svc_refuse_trigger(data, "svc.check_reference()",
						   "svc.create_reference makes the triggers that a reference needs.");
	return data;
}

/*
 * svc.check_reference(): trigger function, for each statement: AFTER INSERT with
 * its new rows, AFTER UPDATE with its old and new ones.
 */
Datum
svc_check_reference(PG_FUNCTION_ARGS)
{
	TriggerData *data = check_protocol(fcinfo);
	Statement	s = {.data = data};

	if (tuplestore_tuple_count(data->tg_newtable) == 0)
		return PointerGetDatum(NULL);
	s.check = check_of_trigger(data->tg_relation, data->tg_trigger);
	if (!s.check || is_irrelevant_update(data, s.check->reference->column))
		return PointerGetDatum(NULL);
	if (s.check->reference->mode == REFERENCE_COMMIT &&
		is_seen_at_commit(data, s.check->reference->column))
		collect_for_commit(&s);
	else
		check_statement(&s);
	return PointerGetDatum(NULL);
}
