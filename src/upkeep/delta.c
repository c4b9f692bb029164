/*
 * delta.c: differences of counters: collected by key, applied in one order.
 *
 * Every statement's differences are summed in memory first, for all counters
 * together, and then the target rows are updated in the order of target, key
 * column and key.  All sessions take the locks of one statement in this order,
 * so that two statements cannot wait for each other, not even where one table
 * feeds two counters of the same rows (followers and followed).
 */
#include "core/svc.h"

#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "optimizer/optimizer.h"
#include "upkeep/counter.h"
#include "upkeep/upkeep.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

/* One key of one counter, and by how much it changes */
typedef struct Delta
{
	Datum		key;
	int64		difference;
	bool		unset;			/* the counter is NULL and must become a number */
	uint32		hash;
	char		status;
} Delta;

/* How keys of a counter are hashed, compared and copied */
typedef struct KeyType
{
	FmgrInfo   *hash;
	FmgrInfo   *equal;
	FmgrInfo   *compare;
	Oid			collation;
	int16		length;
	bool		by_value;
} KeyType;

static inline uint32 hash_key(const KeyType *type, Datum key);
static inline bool equal_keys(const KeyType *type, Datum a, Datum b);

#define SH_PREFIX delta
#define SH_ELEMENT_TYPE Delta
#define SH_KEY_TYPE Datum
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_key((tb)->private_data, key)
#define SH_EQUAL(tb, a, b) equal_keys((tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) a->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* The differences of one counter */
typedef struct CounterDeltas
{
	Counter    *counter;
	KeyType		type;
	ExprState  *filter;
	delta_hash *keys;
	char	   *hidden_target;	/* its name, if who changes the source may not read it */
} CounterDeltas;

struct Deltas
{
	MemoryContext cxt;
	ExprContext *econtext;		/* for filters */
	List	   *counters;		/* of CounterDeltas */
	int			in_use;			/* the first that rows are counted for now */
};

/* A difference on its way to a target row */
typedef struct Change
{
	CounterDeltas *counter;
	Datum		key;
	int64		difference;
	bool		unset;
} Change;

/* Hash a key by its type's own function. */
static inline uint32
hash_key(const KeyType *type, Datum key)
{
	return DatumGetUInt32(FunctionCall1Coll(type->hash, type->collation, key));
}

/* Compare keys by their type's own equality. */
static inline bool
equal_keys(const KeyType *type, Datum a, Datum b)
{
	return DatumGetBool(FunctionCall2Coll(type->equal, type->collation, a, b));
}

/* Prepare to collect differences, in the current memory context. */
Deltas *
delta_begin(void)
{
	Deltas	   *deltas = palloc0(sizeof(Deltas));

	deltas->cxt = CurrentMemoryContext;
	deltas->econtext = CreateStandaloneExprContext();
	return deltas;
}

/* How keys of a counter are hashed and compared. */
static KeyType
key_type_of(const Counter *counter)
{
	TypeCacheEntry *type = lookup_type_cache(counter->key_type,
											 TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO |
											 TYPECACHE_CMP_PROC_FINFO);

	return (KeyType) {
		.hash = &type->hash_proc_finfo,
		.equal = &type->eq_opr_finfo,
		.compare = &type->cmp_proc_finfo,
		.collation = counter->key_collation,
		.length = type->typlen,
		.by_value = type->typbyval
	};
}

/* From now on, rows are counted for these counters; what was counted before stays. */
void
delta_use(Deltas *deltas, Counter **counters, int n)
{
	deltas->in_use = list_length(deltas->counters);
	for (int i = 0; i < n; i++)
	{
		CounterDeltas *c = palloc0(sizeof(CounterDeltas));

		c->counter = counters[i];
		c->type = key_type_of(counters[i]);
		c->keys = delta_create(deltas->cxt, 16, &c->type);
		deltas->counters = lappend(deltas->counters, c);
	}
}

/* An integer as the largest of its kind, which all of them are compared as. */
static Datum
widen(Datum value, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return Int64GetDatum(DatumGetInt16(value));
		case INT4OID:
			return Int64GetDatum(DatumGetInt32(value));
		default:
			return value;
	}
}

/* Add a difference to a key of a counter. */
static Delta *
add_difference(Deltas *deltas, CounterDeltas *c, Datum key, int64 difference)
{
	bool		found;
	Delta	   *delta = delta_insert(c->keys, key, &found);

	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(deltas->cxt);

		delta->key = datumCopy(key, c->type.by_value, c->type.length);
		delta->difference = 0;
		delta->unset = false;
		MemoryContextSwitchTo(old);
	}
	delta->difference += difference;
	return delta;
}

/* Make a filter ready to run, as whoever it will run as. */
static void
prepare_filter(CounterDeltas *c)
{
	if (c->counter->filter && !c->filter)
		c->filter = ExecInitExpr(expression_planner((Expr *) copyObject(c->counter->filter)), NULL);
}

/* Does a row count, by a counter's filter? */
static bool
passes_filter(Deltas *deltas, CounterDeltas *c, TupleTableSlot *row)
{
	bool		isnull;
	Datum		result;

	if (!c->filter)
		return true;
	deltas->econtext->ecxt_scantuple = row;
	result = ExecEvalExprSwitchContext(c->filter, deltas->econtext, &isnull);
	return !isnull && DatumGetBool(result);
}

/* Count one row for a counter, if it counts for it. */
static void
add_row(Deltas *deltas, CounterDeltas *c, TupleTableSlot *row, int sign)
{
	bool		isnull;
	Datum		key = slot_getattr(row, c->counter->key, &isnull);

	if (!isnull && passes_filter(deltas, c, row))
		(void) add_difference(deltas, c, widen(key, c->counter->key_stored_type), sign);
}

/*
 * Count the rows of a transition table.  Filters run as whoever changed the
 * rows, as a CHECK constraint does.
 */
void
delta_add_rows(Deltas *deltas, Relation rel, Tuplestorestate *rows, int sign)
{
	TupleTableSlot *row = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsMinimalTuple);
	ListCell   *cell;

	for_each_from(cell, deltas->counters, deltas->in_use)
		prepare_filter(lfirst(cell));
	/* other triggers of the statement read the same rows: each has a place of its own */
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, row))
	{
		CHECK_FOR_INTERRUPTS();
		for_each_from(cell, deltas->counters, deltas->in_use)
			add_row(deltas, lfirst(cell), row, sign);
		ResetExprContext(deltas->econtext);
	}
	ExecDropSingleTupleTableSlot(row);
}

/* What is done with each row of a table */
typedef void (*RowVisitor) (Deltas *deltas, TupleTableSlot *row, void *argument);

/*
 * Visit the rows of a table itself, as they are now: not as of the
 * transaction's snapshot, since nobody else changes them any more and what
 * happens to them (TRUNCATE, DETACH) does not look at snapshots either.
 */
static void
visit_rows(Deltas *deltas, Relation rel, RowVisitor visit, void *argument)
{
	TupleTableSlot *row;
	TableScanDesc scan;
	Snapshot	snapshot;

	if (rel->rd_rel->relkind != RELKIND_RELATION)
		return;
	row = table_slot_create(rel, NULL);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan = table_beginscan(rel, snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		visit(deltas, row, argument);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(row);
}

/* Rows of a source that are counted for the counters whose filters are one role's */
typedef struct Counting
{
	Oid			filter_owner;
	int			sign;
} Counting;

/* A row that is counted, with the sign. */
static void
visit_source_row(Deltas *deltas, TupleTableSlot *row, void *argument)
{
	Counting   *counting = argument;
	ListCell   *cell;

	for_each_from(cell, deltas->counters, deltas->in_use)
	{
		CounterDeltas *c = lfirst(cell);

		if (c->counter->filter_owner == counting->filter_owner)
			add_row(deltas, c, row, counting->sign);
	}
	ResetExprContext(deltas->econtext);
}

/*
 * Count the rows of a table for the counters whose filters are one role's, as
 * that role: it may be a DBA who truncates.  Not as the owner of the table: a
 * partition may belong to a DBA, and the filter's author to a service.  And
 * under our search_path: who truncates cannot choose what the functions of a
 * filter find.
 */
static void
add_relation_as(Deltas *deltas, Relation rel, Counting *counting)
{
	SqlScope	scope;
	ListCell   *cell;

	svc_sql_begin_restricted(&scope, OidIsValid(counting->filter_owner) ? counting->filter_owner
							 : GetUserId());
	MemoryContextSwitchTo(scope.cxt);
	for_each_from(cell, deltas->counters, deltas->in_use)
		if (((CounterDeltas *) lfirst(cell))->counter->filter_owner == counting->filter_owner)
			prepare_filter(lfirst(cell));
	visit_rows(deltas, rel, visit_source_row, counting);
	svc_sql_end(&scope);
}

/* Count the rows of a table. */
void
delta_add_relation(Deltas *deltas, Relation rel, int sign)
{
	List	   *owners = NIL;
	ListCell   *cell;

	for_each_from(cell, deltas->counters, deltas->in_use)
		owners = list_append_unique_oid(owners,
										((CounterDeltas *) lfirst(cell))->counter->filter_owner);
	foreach(cell, owners)
		add_relation_as(deltas, rel, &(Counting) {lfirst_oid(cell), sign});
}

/* Where a target keeps a counter */
typedef struct Place
{
	AttrNumber	key;
	Oid			key_type;
	AttrNumber	counter;
	Oid			type;			/* of the counter */
} Place;

/* A counter's value as a number of rows. */
static int64
counter_value(Datum value, Oid type)
{
	if (type == NUMERICOID)
		value = DirectFunctionCall1(numeric_int8, value);
	return DatumGetInt64(widen(value, type));
}

/* A target row: what it says now is taken off its key. */
static void
visit_target_row(Deltas *deltas, TupleTableSlot *row, void *argument)
{
	Place	   *place = argument;
	bool		no_key;
	bool		no_value;
	Datum		key = slot_getattr(row, place->key, &no_key);
	Datum		value = slot_getattr(row, place->counter, &no_value);

	if (!no_key)
		add_difference(deltas, list_nth(deltas->counters, deltas->in_use),
					   widen(key, place->key_type),
					   no_value ? 0 : -counter_value(value, place->type))->unset |= no_value;
}

/*
 * Take the values that a target's rows have now off what was counted: what
 * remains is by how much they are wrong.
 */
void
delta_subtract_values(Deltas *deltas, Relation target, AttrNumber key, AttrNumber counter)
{
	TupleDesc	desc = RelationGetDescr(target);
	Place		place = {key, getBaseType(TupleDescAttr(desc, key - 1)->atttypid),
	counter, TupleDescAttr(desc, counter - 1)->atttypid};

	visit_rows(deltas, target, visit_target_row, &place);
}

/* The order in which target rows are updated, and so locked. */
static int
compare_changes(const void *a, const void *b)
{
	const Change *x = a;
	const Change *y = b;
	const Counter *p = x->counter->counter;
	const Counter *q = y->counter->counter;
	int			result;

	if (p->target != q->target)
		return p->target < q->target ? -1 : 1;
	if (p->target_key != q->target_key)
		return p->target_key < q->target_key ? -1 : 1;
	if (p->key_type != q->key_type)
		return p->key_type < q->key_type ? -1 : 1;
	result = DatumGetInt32(FunctionCall2Coll(x->counter->type.compare, x->counter->type.collation,
											 x->key, y->key));
	return result != 0 ? result : strcmp(p->update, q->update);
}

/* Add up neighbours that change the same counter of the same row; returns how many are left. */
static int
merge_changes(Change *changes, int n)
{
	int			left = 0;

	for (int i = 1; i < n; i++)
	{
		Change	   *last = &changes[left];

		if (compare_changes(last, &changes[i]) == 0)
		{
			last->difference += changes[i].difference;
			last->unset |= changes[i].unset;
		}
		else
			changes[++left] = changes[i];
	}
	return n == 0 ? 0 : left + 1;
}

/* All differences that are not zero, in the order of their target rows. */
static Change *
sorted_changes(Deltas *deltas, int *n)
{
	Size		room = 0;
	Change	   *changes;
	ListCell   *cell;

	foreach(cell, deltas->counters)
		room = add_size(room, ((CounterDeltas *) lfirst(cell))->keys->members);
	changes = MemoryContextAllocHuge(deltas->cxt, mul_size(sizeof(Change), Max(room, 1)));
	*n = 0;
	foreach(cell, deltas->counters)
	{
		CounterDeltas *c = lfirst(cell);
		delta_iterator iterator;
		Delta	   *delta;

		delta_start_iterate(c->keys, &iterator);
		while ((delta = delta_iterate(c->keys, &iterator)) != NULL)
			if (delta->difference != 0 || delta->unset)
				changes[(*n)++] = (Change) {c, delta->key, delta->difference, delta->unset};
	}
	qsort(changes, *n, sizeof(Change), compare_changes);
	*n = merge_changes(changes, *n);
	return changes;
}

/*
 * An error while a target is changed with its owner's rights may quote the
 * target's row; whoever changed the source may not be allowed to see that.
 */
static void
hide_target_row(void *arg)
{
	int			category = ERRCODE_TO_CATEGORY(geterrcode());

	if (category != ERRCODE_SUCCESSFUL_COMPLETION && category != ERRCODE_WARNING)
		errdetail("A row of \"%s\" counts the rows that were changed.", (char *) arg);
}

/*
 * Apply one difference, as the owner of the target, as a foreign key's cascade
 * would be, or as the caller where nobody gave that right.
 */
static uint64
apply_change(const Change *change)
{
	Counter    *counter = change->counter->counter;
	Datum		values[2] = {Int64GetDatum(change->difference), change->key};
	Oid			user;
	int			context;
	ErrorContextCallback callback = {error_context_stack, hide_target_row,
	change->counter->hidden_target};

	GetUserIdAndSecContext(&user, &context);
	if (change->counter->hidden_target)
		error_context_stack = &callback;
	if (OidIsValid(counter->run_as))
		SetUserIdAndSecContext(counter->run_as,
							   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	if (!counter->plan)
	{
		Oid			types[2] = {INT8OID, counter->key_type};

		counter->plan = SPI_prepare_cursor(counter->update, 2, types, CURSOR_OPT_GENERIC_PLAN);
		if (!counter->plan || (counter->keep_plan && SPI_keepplan(counter->plan) != 0))
			elog(ERROR, "could not prepare %s", counter->update);
	}
	if (SPI_execute_plan(counter->plan, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not execute %s", counter->update);
	SetUserIdAndSecContext(user, context);
	error_context_stack = callback.previous;
	return SPI_processed;
}

/* Find out which targets the caller may not read. */
static void
note_hidden_targets(Deltas *deltas)
{
	ListCell   *cell;

	foreach(cell, deltas->counters)
	{
		CounterDeltas *c = lfirst(cell);

		if (pg_class_aclcheck(c->counter->target, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			c->hidden_target = get_rel_name(c->counter->target);
	}
}

/* Bring the collected differences to their targets; returns how many rows changed. */
uint64
delta_apply(Deltas *deltas)
{
	int			n;
	Change	   *changes = sorted_changes(deltas, &n);
	Oid			target = InvalidOid;
	int			guc_level = 0;
	uint64		rows = 0;

	if (n == 0)
		return 0;
	note_hidden_targets(deltas);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (changes[i].difference == 0 && !changes[i].unset)
			continue;
		if (changes[i].counter->counter->target != target)
		{
			if (OidIsValid(target))
				AtEOXact_GUC(true, guc_level);
			target = changes[i].counter->counter->target;
			guc_level = upkeep_begin_path_of(target);
		}
		rows += apply_change(&changes[i]);
	}
	if (OidIsValid(target))
		AtEOXact_GUC(true, guc_level);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return rows;
}
