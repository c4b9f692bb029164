/*
 * sweep.c: a sweep: all rows of a reference are looked at.
 *
 * It goes from part to part and from range to range, each in a transaction of
 * its own, so that it holds no snapshot for long, can be stopped at any time
 * and goes on where it stopped: how far it got stands in svc.reference_sweep,
 * and is committed with what was found there.  Two sweeps of one reference take
 * turns; the row's lock sees to that.
 *
 *     begin -> ranges of the first part -> ... of the last part -> what is new -> finished
 *
 * What is guaranteed: a row that was there when the sweep was begun, and still
 * is when it finishes, without its key having had a parent meanwhile, is found.
 * Rows that move are seen in the end (sweep_scan.c); a key that was found valid
 * is not asked again in the same sweep.  A table that is written anew between two
 * ranges (VACUUM FULL, CLUSTER) has its rows elsewhere, as old as they were: then
 * the sweep is begun anew.
 *
 * A key that is missing is confirmed before it is recorded: rows are read
 * before the contract is asked, and both may have gone together in between.
 */
#include "core/svc.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "core/sql.h"
#include "core/wait.h"
#include "miscadmin.h"
#include "reference/lookup.h"
#include "reference/sweep.h"
#include "reference/sweep_elsewhere.h"
#include "reference/sweep_keys.h"
#include "reference/sweep_progress.h"
#include "reference/sweep_scan.h"
#include "reference/violation.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* Blocks of a range: 16 MB */
#define RANGE_BLOCKS 2048

/* How long a step waits for a lock: others may wait behind it, or for what it holds, milliseconds */
#define LOCK_TIMEOUT 500

/* How long it rests then, milliseconds */
#define GIVE_WAY 100

struct Sweep
{
	SweepProgress at;
	SweepKeys	keys;
	bool		done;
	bool		any_valid;		/* the contract has some of the keys */
	bool		confirming;		/* the range is looked at for the second time */
};

static int	delay = 0;
static int	interval = SECS_PER_DAY;

/* Rest for a time between two steps. */
static void
rest(int milliseconds, bool (*must_leave) (void))
{
	TimestampTz until = GetCurrentTimestamp() + milliseconds * INT64CONST(1000);

	while (GetCurrentTimestamp() < until && !(must_leave && must_leave()))
		svc_wait(Max((until - GetCurrentTimestamp()) / 1000, 1));
}

/* Rest between two steps. */
void
sweep_rest(bool (*must_leave) (void))
{
	rest(delay, must_leave);
}

/* Rest before a step is tried again. */
void
sweep_rest_for_others(bool (*must_leave) (void))
{
	rest(GIVE_WAY, must_leave);
}

/* How often foreign contracts are swept. */
int
sweep_interval(void)
{
	return interval;
}

/* A sweep of a reference that is to be begun. */
Sweep *
sweep_make(const char *reference)
{
	Sweep	   *s = palloc0(sizeof(Sweep));

	s->at.reference = pstrdup(reference);
	s->keys.cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership sweep",
										ALLOCSET_DEFAULT_SIZES);
	s->keys.step = AllocSetContextCreate(s->keys.cxt, "svc_ownership sweep step",
										 ALLOCSET_DEFAULT_SIZES);
	return s;
}

/* Give back the memory of a sweep: of its keys there may be much. */
void
sweep_free(Sweep *s)
{
	MemoryContextDelete(s->keys.cxt);
	pfree(s->at.reference);
	pfree(s);
}

/* Begin, or go on where somebody stopped. */
void
sweep_begin(void *sweep)
{
	sweep_progress_begin(((Sweep *) sweep)->at.reference, false);
}

/* Has it seen all rows? */
bool
sweep_is_done(const Sweep *s)
{
	return s->done;
}

/* Did it fail because the contract could not be asked? */
bool
sweep_was_asking(const Sweep *s)
{
	return s->keys.asking;
}

/* The parts of a relation that have rows of their own, in the order of their OIDs. */
static List *
parts_of(const Reference *reference)
{
	List	   *parts = NIL;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(reference->relation, NoLock, NULL))
	{
		Oid			part = lfirst_oid(cell);

		if (get_rel_relkind(part) == RELKIND_RELATION && get_rel_persistence(part) != RELPERSISTENCE_TEMP)
			parts = lappend_oid(parts, part);
	}
	list_sort(parts, list_oid_cmp);
	return parts;
}

/* The first part after one; InvalidOid if there is none. */
static Oid
part_after(List *parts, Oid part)
{
	ListCell   *cell;

	foreach(cell, parts)
		if (lfirst_oid(cell) > part)
			return lfirst_oid(cell);
	return InvalidOid;
}

/* Go to the part after this one, or to the rows that are new. */
static void
next_part(Sweep *s, List *parts)
{
	s->at.part = part_after(parts, s->at.part);
	s->at.block = OidIsValid(s->at.part) ? 0 : SWEEP_BLOCK_NEW;
}

/* Has a set keys that are missing? */
static bool
has_missing(const KeySet *set)
{
	return key_set_first(set, KEY_MISSING, 0) >= 0;
}

/* Record what was found. */
static void
record(const Sweep *s, const Reference *reference, const KeySet *set, int first_new,
	   const int64 *rows)
{
	ViolationLook look = {.source = SOURCE_SWEEP, .sweep = s->at.started, .first_new = first_new, .rows = rows};

	violation_record_look(reference, set, &look);
}

/* Numbers of rows for the keys of a set. */
static int64 *
make_counts(const KeySet *set)
{
	return MemoryContextAllocExtended(CurrentMemoryContext,
									  mul_size(sizeof(int64), Max(key_set_count(set), 1)),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Count the rows of a range that hold missing keys; those that no row holds any more are set aside. */
static int64 *
count_missing(const Reference *reference, KeySet *set, const SweepRange *range)
{
	SweepRange	again = *range;
	int64	   *rows = make_counts(set);

	again.to = range->stopped;
	sweep_scan_count(reference, set, &again, rows);
	return rows;
}

/*
 * Look at a range; false if it must be looked at once more.  A foreign server
 * shows one snapshot to a whole transaction of ours, so that to ask it again
 * takes another transaction.
 */
static bool
look_at_range(Sweep *s, const Reference *reference, SweepRange *range)
{
	Size		memory = (Size) maintenance_work_mem * 1024;
	KeySet	   *set = sweep_keys_known(&s->keys, reference, memory);
	int			first_new = s->confirming ? 0 : key_set_count(set);
	int64	   *rows = NULL;

	sweep_scan_collect(reference, set, range, memory);
	sweep_keys_ask(&s->keys, reference, set);
	if (has_missing(set) && reference->is_foreign && !s->confirming)
	{
		s->confirming = true;
		return false;
	}
	if (has_missing(set))
	{
		rows = count_missing(reference, set, range);
		sweep_keys_ask_again(&s->keys, reference, set, rows);
	}
	s->confirming = false;
	if (key_set_first(set, KEY_VALID, 0) >= 0)
		s->any_valid = true;
	record(s, reference, set, first_new, rows);
	return true;
}

/*
 * The reference for the rows of a part that was opened; NULL if it was dropped,
 * or is no part any more, as may have happened while we waited for its lock.
 */
static Reference *
reference_of_part(const Sweep *s, const Reference *declared, Oid part, Relation rel)
{
	return rel && list_member_oid(parts_of(declared), part) ? reference_for_part(s->at.reference, part) : NULL;
}

/* Look at the next range of a part; go to the next part at its end. */
static void
look_at_next_range(Sweep *s, const Reference *reference, SweepRange *range, List *parts)
{
	BlockNumber blocks = sweep_scan_by_range(range->rel) ? RelationGetNumberOfBlocks(range->rel) : 0;

	s->at.file = range->rel->rd_rel->relfilenode;
	range->from = (BlockNumber) Min(s->at.block, blocks);
	range->to = range->from + Min(RANGE_BLOCKS, blocks - range->from);
	range->stopped = range->to;
	if (blocks > 0 && !look_at_range(s, reference, range))
		range->rows = 0;
	else
		s->at.block = range->stopped;
	if (s->at.block >= blocks)
		next_part(s, parts);
}

/* Do what is next in a part. */
static void
step_in_part(Sweep *s, const Reference *declared, List *parts)
{
	Relation	rel = try_table_open(s->at.part, AccessShareLock);
	Reference  *reference = reference_of_part(s, declared, s->at.part, rel);
	SweepRange	range = {.rel = rel, .fence = s->at.fence};

	if (reference && s->at.block > 0 && s->at.file != rel->rd_rel->relfilenode)
		sweep_progress_begin(s->at.reference, true);
	else
	{
		if (reference)
			look_at_next_range(s, reference, &range, parts);
		else
			next_part(s, parts);
		sweep_progress_write(&s->at, range.rows, false);
	}
	if (rel)
		table_close(rel, NoLock);
}

/* Rows that are new, in all parts, by one snapshot */
typedef struct NewRows
{
	Sweep	   *sweep;
	const Reference *declared;
	List	   *parts;
	Snapshot	snapshot;
	int64		rows;
} NewRows;

/* Move the missing keys of a set to another. */
static void
keep_missing(const Reference *reference, const KeySet *set, KeySet *missing)
{
	LookupScope acting;

	lookup_begin(&acting, reference);
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_MISSING)
			(void) key_set_add(missing, key_set_key(set, i), NULL);
	lookup_end(&acting);
}

/* Ask for the keys of the new rows of a part, as many at once as there is memory for. */
static void
look_at_new_rows(NewRows *new, const Reference *reference, Relation rel, KeySet *missing)
{
	SweepRange	range = {.rel = rel, .fence = new->sweep->at.fence, .newer = true, .snapshot = new->snapshot};
	BlockNumber blocks = sweep_scan_by_range(rel) ? RelationGetNumberOfBlocks(rel) : 1;
	Size		memory = (Size) maintenance_work_mem * 1024;

	range.to = blocks;
	while (range.from < blocks)
	{
		MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership new keys",
												  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(cxt);
		KeySet	   *set = key_set_make(reference);

		/* what cannot be read by range is read at once */
		sweep_scan_collect(reference, set, &range, sweep_scan_by_range(rel) ? memory : 0);
		sweep_keys_ask(&new->sweep->keys, reference, set);
		MemoryContextSwitchTo(old);
		keep_missing(reference, set, missing);
		MemoryContextDelete(cxt);
		new->rows += range.rows;
		range.from = range.stopped;
	}
}

/* Do something with each part's new rows; "rows" NULL: ask for their keys, else count. */
static void
each_part(NewRows *new, KeySet *missing, int64 *rows)
{
	ListCell   *cell;

	foreach(cell, new->parts)
	{
		Relation	rel = try_table_open(lfirst_oid(cell), AccessShareLock);
		Reference  *reference = reference_of_part(new->sweep, new->declared, lfirst_oid(cell), rel);

		if (reference && !rows)
			look_at_new_rows(new, reference, rel, missing);
		else if (reference)
		{
			SweepRange	range = {.rel = rel, .fence = new->sweep->at.fence, .newer = true, .snapshot = new->snapshot};

			range.to = sweep_scan_by_range(rel) ? RelationGetNumberOfBlocks(rel) : 0;
			sweep_scan_count(reference, missing, &range, rows);
		}
		if (rel)
			table_close(rel, NoLock);
	}
}

/* Look at the rows that are newer than the sweep, and finish it. */
static void
finish(Sweep *s, const Reference *reference, List *parts)
{
	NewRows		new = {s, reference, parts};
	KeySet	   *missing = key_set_make(reference);
	int64	   *rows;

	new.snapshot = RegisterSnapshot(GetLatestSnapshot());
	each_part(&new, missing, NULL);
	UnregisterSnapshot(new.snapshot);
	if (key_set_count(missing) > 0)
	{
		for (int i = 0; i < key_set_count(missing); i++)
			key_set_mark(missing, i, KEY_MISSING);
		rows = make_counts(missing);
		new.snapshot = RegisterSnapshot(GetLatestSnapshot());
		each_part(&new, missing, rows);
		UnregisterSnapshot(new.snapshot);
		sweep_keys_ask_again(&s->keys, reference, missing, rows);
		record(s, reference, missing, 0, rows);
	}
	violation_resolve_unseen(reference, s->at.started);
	if (s->any_valid)
		sweep_act_on_deleted_elsewhere(reference, s->at.started);
	s->done = true;
	sweep_progress_write(&s->at, new.rows, true);
}

/* Do what is next. */
static void
do_step(Sweep *s)
{
	Reference  *reference = sweep_progress_read(&s->at) ? reference_lookup(s->at.reference) : NULL;

	if (!reference)
		s->done = true;
	else
	{
		List	   *parts = parts_of(reference);

		if (!OidIsValid(s->at.part) && s->at.block != SWEEP_BLOCK_NEW)
			next_part(s, parts);
		if (OidIsValid(s->at.part))
			step_in_part(s, reference, parts);
		else
			finish(s, reference, parts);
	}
}

/*
 * Do one piece of a sweep.  It has locks, and so waits for others only for less
 * time than it takes the server to call it a deadlock: nobody else's command
 * fails because of a sweep.
 */
void
sweep_step(void *sweep)
{
	Sweep	   *s = sweep;
	MemoryContext old = MemoryContextSwitchTo(s->keys.step);
	int			guc_level = NewGUCNestLevel();

	MemoryContextReset(s->keys.step);
	s->keys.asking = false;
	if (LockTimeout == 0 || LockTimeout > LOCK_TIMEOUT)
		svc_sql_set("lock_timeout", psprintf("%d", LOCK_TIMEOUT));
	do_step(s);
	AtEOXact_GUC(true, guc_level);
	MemoryContextSwitchTo(old);
}

/* Did a step only give way to others, who hold a lock? */
bool
sweep_gave_way(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/* The settings and the job; called when the library is loaded. */
void
SweepInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".sweep_delay",
							"How long a sweep rests after each 16 MB of a table.",
							NULL, &delay, 0, 0, 60000, PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable(SVC_EXTENSION ".sweep_interval",
							"How often the worker sweeps references into foreign contracts; 0 for never.",
							"Keys that were deleted elsewhere are found by it.",
							&interval, SECS_PER_DAY, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	SweepJobInit();
}
