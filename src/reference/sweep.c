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
 * is not asked again in the same sweep.
 *
 * A key that is missing is confirmed before it is recorded: rows are read
 * before the contract is asked, and both may have gone together in between.
 */
#include "core/svc.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/sql.h"
#include "core/wait.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "reference/ask.h"
#include "reference/lookup.h"
#include "reference/sweep.h"
#include "reference/sweep_scan.h"
#include "reference/tombstone.h"
#include "reference/violation.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

/* Blocks of a range: 16 MB */
#define RANGE_BLOCKS 2048

/* Missing keys that are carried from range to range, and asked again in each */
#define MAX_CARRIED 1000

/* A sweep that nobody went on with for so long is begun anew, seconds */
#define STALE_AFTER SECS_PER_DAY

/* How long a step waits for a lock: others may wait behind it, or for what it holds, milliseconds */
#define LOCK_TIMEOUT 500

/* How long it rests then, milliseconds */
#define GIVE_WAY 100

/* In svc.reference_sweep: all parts were read, what is new is not */
#define BLOCK_NEW (-1)

/* For so long a lookup elsewhere may take, in milliseconds: the sweep goes on there the next time */
#define ASK_LIMIT 10000

struct Sweep
{
	char	   *name;
	MemoryContext cxt;			/* outlives the steps */
	MemoryContext step;			/* for one step */
	bool		done;
	bool		asking;
	bool		any_valid;		/* the contract has some of the keys */
	bool		confirming;		/* the range is looked at for the second time */

	/* how far it got, as the catalog has it */
	TimestampTz started;
	TransactionId fence;
	Oid			part;			/* InvalidOid: none yet */
	int64		block;

	/* keys of the ranges until now */
	MemoryContext known_cxt;
	KeySet	   *known;
	Oid			known_type;
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

	s->name = pstrdup(reference);
	s->cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership sweep",
								   ALLOCSET_DEFAULT_SIZES);
	s->step = AllocSetContextCreate(s->cxt, "svc_ownership sweep step", ALLOCSET_DEFAULT_SIZES);
	return s;
}

bool
sweep_is_done(const Sweep *s)
{
	return s->done;
}

bool
sweep_was_asking(const Sweep *s)
{
	return s->asking;
}

/* Forget the keys of the ranges until now. */
static void
forget_known(Sweep *s)
{
	if (s->known_cxt)
		MemoryContextDelete(s->known_cxt);
	s->known_cxt = NULL;
	s->known = NULL;
}

/*
 * Take the debt of a reference that needs a sweep: it is ours from now on, and
 * whatever comes later makes a new one.
 */
static bool
take_debt(Sweep *s)
{
	return svc_sql("INSERT INTO svc.reference_state AS s (reference, needs_sweep)"
				   " SELECT r.reference, false FROM svc.reference r WHERE r.reference = $1"
				   " ON CONFLICT (reference) DO UPDATE SET needs_sweep = false WHERE s.needs_sweep"
				   " RETURNING 1", sql_name(s->name)) > 0;
}

/*
 * Begin, or go on where somebody stopped.  Not so if since then something came
 * that needs a sweep, or if that was too long ago.
 */
void
sweep_begin(void *sweep)
{
	Sweep	   *s = sweep;
	SqlScope	scope;
	bool		owed;

	svc_sql_begin(&scope, svc_extension_owner());
	owed = take_debt(s);
	svc_sql("INSERT INTO svc.reference_sweep AS w (reference, started, fence, block, rows, seen, owed)"
			" VALUES ($1, pg_catalog.clock_timestamp(),"
			"         pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), 0, 0, pg_catalog.clock_timestamp(), $2)"
			" ON CONFLICT (reference) DO UPDATE"
			"   SET started = EXCLUDED.started, fence = EXCLUDED.fence, part = NULL, block = 0, rows = 0,"
			"       seen = EXCLUDED.seen, finished = NULL,"
			"       owed = EXCLUDED.owed OR (w.owed AND w.finished IS NULL)"
			" WHERE $2 OR w.finished IS NOT NULL OR w.seen < EXCLUDED.seen - pg_catalog.make_interval(secs => $3)",
			sql_name(s->name), sql_bool(owed),
			sql_datum(Float8GetDatum(STALE_AFTER), FLOAT8OID));
	svc_sql_end(&scope);
}

/* Read how far it got, and hold that against others; false if it is finished, or the reference is gone. */
static bool
read_progress(Sweep *s)
{
	SqlScope	scope;
	bool		going;
	bool		isnull;

	svc_sql_begin(&scope, svc_extension_owner());
	going = svc_sql("SELECT w.started, w.fence, w.part::pg_catalog.oid, w.block"
					"  FROM svc.reference_sweep w"
					" WHERE w.reference = $1 AND w.finished IS NULL FOR UPDATE",
					sql_name(s->name)) > 0;
	if (going)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		s->started = DatumGetTimestampTz(SPI_getbinval(row, desc, 1, &isnull));
		s->fence = XidFromFullTransactionId(DatumGetFullTransactionId(SPI_getbinval(row, desc, 2, &isnull)));
		s->part = svc_sql_oid_value(0, 3);
		s->block = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
	}
	svc_sql_end(&scope);
	return going;
}

/* Note that a sweep has seen all rows. */
static void
note_swept(const Sweep *s)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.reference_state SET swept_at = pg_catalog.clock_timestamp() WHERE reference = $1",
			sql_name(s->name));
	svc_sql_end(&scope);
}

/* Write how far it got. */
static void
write_progress(const Sweep *s, int64 rows)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.reference_sweep SET part = $2, block = $3, rows = rows + $4,"
			"       seen = pg_catalog.clock_timestamp(),"
			"       finished = CASE WHEN $5 THEN pg_catalog.clock_timestamp() END"
			" WHERE reference = $1",
			sql_name(s->name), sql_regclass(s->part), sql_datum(Int64GetDatum(s->block), INT8OID),
			sql_datum(Int64GetDatum(rows), INT8OID), sql_bool(s->done));
	svc_sql_end(&scope);
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
	s->part = part_after(parts, s->part);
	s->block = OidIsValid(s->part) ? 0 : BLOCK_NEW;
}

/* Refuse to go on where nobody can be asked: what is unknown is not missing. */
static void
check_can_ask(const Reference *reference)
{
	const char *refusal = lookup_refusal(reference);

	if (refusal)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg_internal("%s", refusal)));
}

/* Was a statement of ours interrupted here, and not one at the server that was asked? */
static bool
is_interruption_here(const ErrorData *error)
{
	return error->funcname && strcmp(error->funcname, "ProcessInterrupts") == 0;
}

/*
 * Raise what went wrong while a contract was asked.  What another server says
 * of itself (it is shut down, a query is cancelled there) is not said of us.
 */
static void
raise_unavailable(Sweep *s, const Reference *reference)
{
	ErrorData  *error;

	MemoryContextSwitchTo(s->step);
	error = CopyErrorData();
	if (!reference->is_foreign || is_interruption_here(error))
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('S', 'V', '0', '0', '1')),
			 errmsg_internal("%s", error->message)));
}

/* Ask for the pending keys. */
static void
ask_for(Sweep *s, const Reference *reference, KeySet *set)
{
	s->asking = true;
	check_can_ask(reference);
	PG_TRY();
	{
		if (reference->is_foreign)
			ask_contract_within(reference, set, ASK_LIMIT);
		else
			lookup_ask(reference, set);
	}
	PG_CATCH();
	{
		raise_unavailable(s, reference);
	}
	PG_END_TRY();
	s->asking = false;
}

/* The set of the ranges until now, or a new one, if that has become too large. */
static KeySet *
known_keys(Sweep *s, const Reference *reference, Size memory)
{
	int			missing = 0;

	for (int i = 0; s->known && i < key_set_count(s->known); i++)
		if (key_set_state(s->known, i) != KEY_VALID)
		{
			key_set_mark(s->known, i, KEY_PENDING);
			missing++;
		}
	if (!s->known || missing > MAX_CARRIED || s->known_type != reference->key_type ||
		key_set_memory(s->known) > memory / 2)
	{
		MemoryContext old;

		forget_known(s);
		s->known_cxt = AllocSetContextCreate(s->cxt, "svc_ownership known keys",
											 ALLOCSET_DEFAULT_SIZES);
		old = MemoryContextSwitchTo(s->known_cxt);
		s->known = key_set_make(reference);
		s->known_type = reference->key_type;
		MemoryContextSwitchTo(old);
	}
	return s->known;
}

/* Has a set keys that are missing? */
static bool
has_missing(const KeySet *set)
{
	return key_set_first(set, KEY_MISSING, 0) >= 0;
}

/*
 * Of the missing keys, ask again for those that rows still hold; the others are
 * set aside as unknown, and are pending again afterwards.
 */
static void
ask_again(Sweep *s, const Reference *reference, KeySet *set, const int64 *rows)
{
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_MISSING)
			key_set_mark(set, i, rows[i] > 0 ? KEY_PENDING : KEY_UNKNOWN);
	ask_for(s, reference, set);
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_UNKNOWN)
			key_set_mark(set, i, KEY_PENDING);
	tombstone_mark(reference, set);
}

/* Record what was found. */
static void
record(const Sweep *s, const Reference *reference, const KeySet *set, int first_new,
	   const int64 *rows)
{
	ViolationLook look = {.source = SOURCE_SWEEP, .sweep = s->started, .first_new = first_new, .rows = rows};

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
	KeySet	   *set = known_keys(s, reference, memory);
	int			first_new = s->confirming ? 0 : key_set_count(set);
	int64	   *rows = NULL;

	sweep_scan_collect(reference, set, range, memory);
	ask_for(s, reference, set);
	if (has_missing(set) && reference->is_foreign && !s->confirming)
	{
		s->confirming = true;
		return false;
	}
	if (has_missing(set))
	{
		rows = count_missing(reference, set, range);
		ask_again(s, reference, set, rows);
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
	return rel && list_member_oid(parts_of(declared), part) ? reference_for_part(s->name, part) : NULL;
}

/* Look at the next range of a part; go to the next part at its end. */
static void
step_in_part(Sweep *s, const Reference *declared, List *parts)
{
	Relation	rel = try_table_open(s->part, AccessShareLock);
	Reference  *reference = reference_of_part(s, declared, s->part, rel);
	SweepRange	range = {.rel = rel, .fence = s->fence};
	BlockNumber blocks;

	if (!reference)
		next_part(s, parts);
	else
	{
		blocks = sweep_scan_by_range(rel) ? RelationGetNumberOfBlocks(rel) : 0;
		range.from = (BlockNumber) Min(s->block, blocks);
		range.to = range.from + Min(RANGE_BLOCKS, blocks - range.from);
		range.stopped = range.to;
		if (blocks > 0 && !look_at_range(s, reference, &range))
			range.rows = 0;
		else
			s->block = range.stopped;
		if (s->block >= blocks)
			next_part(s, parts);
	}
	write_progress(s, range.rows);
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
keep_missing(const KeySet *set, KeySet *missing)
{
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_MISSING)
			(void) key_set_add(missing, key_set_key(set, i), NULL);
}

/* Ask for the keys of the new rows of a part, as many at once as there is memory for. */
static void
look_at_new_rows(NewRows *new, const Reference *reference, Relation rel, KeySet *missing)
{
	SweepRange	range = {.rel = rel, .fence = new->sweep->fence, .newer = true, .snapshot = new->snapshot};
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
		ask_for(new->sweep, reference, set);
		MemoryContextSwitchTo(old);
		keep_missing(set, missing);
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
			SweepRange	range = {.rel = rel, .fence = new->sweep->fence, .newer = true, .snapshot = new->snapshot};

			range.to = sweep_scan_by_range(rel) ? RelationGetNumberOfBlocks(rel) : 0;
			sweep_scan_count(reference, missing, &range, rows);
		}
		if (rel)
			table_close(rel, NoLock);
	}
}

/*
 * Keys that were deleted elsewhere, where nobody tells us: those that the rows'
 * checks found valid, and two sweeps, an hour apart, found missing.  A contract
 * that has just moved and is not filled yet must not cost anybody his rows.
 */
static List *
deleted_elsewhere(const Sweep *s, const Reference *reference)
{
	List	   *keys = NIL;
	SqlScope	scope;
	uint64		rows;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT v.key FROM svc.reference_violation v"
				   "  JOIN svc.reference r ON r.reference = v.reference AND r.validated"
				   " WHERE v.reference = $1 AND v.state = 'open' AND v.source = 'sweep'"
				   "   AND v.first_seen < $2 - interval '1 hour' AND v.last_seen >= $2"
				   "   AND pg_catalog.length(v.key) < " VIOLATION_KEY_TEXT
				   " ORDER BY v.first_seen LIMIT $3",
				   sql_name(NameStr(reference->name)),
				   sql_datum(TimestampTzGetDatum(s->started), TIMESTAMPTZOID),
				   sql_datum(Int64GetDatum(TOMBSTONE_KEYS), INT8OID));
	MemoryContextSwitchTo(scope.cxt);
	for (uint64 row = 0; row < rows; row++)
		keys = lappend(keys, pstrdup(svc_sql_value(row, 1)));
	svc_sql_end(&scope);
	return keys;
}

/* Keys from their texts, by their type's input function, as the role that looks them up. */
static KeySet *
keys_of_texts(const Reference *reference, List *texts)
{
	Oid			input;
	Oid			io_param;
	KeySet	   *set;
	SqlScope	scope;
	ListCell   *cell;

	getTypeInputInfo(reference->key_type, &input, &io_param);
	svc_sql_begin_restricted(&scope, reference->run_as);
	MemoryContextSwitchTo(scope.cxt);
	set = key_set_make(reference);
	foreach(cell, texts)
	{
		Datum		key = OidInputFunctionCall(input, lfirst(cell), io_param, -1);
		int			index;

		(void) key_set_add(set, key, &index);
		key_set_mark(set, index, KEY_MISSING);
	}
	svc_sql_end(&scope);
	return set;
}

/* Let what on_delete says be done about keys that were deleted elsewhere, if the contract has any at all. */
static void
act_on_deleted_elsewhere(Sweep *s, const Reference *reference)
{
	List	   *texts;

	if (!reference->is_foreign || !s->any_valid ||
		(reference->on_delete != ON_DELETE_SET_NULL && reference->on_delete != ON_DELETE_DELETE))
		return;
	texts = deleted_elsewhere(s, reference);
	if (texts != NIL)
		action_on_deleted(reference, keys_of_texts(reference, texts));
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
		ask_again(s, reference, missing, rows);
		record(s, reference, missing, 0, rows);
	}
	violation_resolve_unseen(reference, s->started);
	act_on_deleted_elsewhere(s, reference);
	s->done = true;
	write_progress(s, new.rows);
	note_swept(s);
}

/* Do what is next. */
static void
do_step(Sweep *s)
{
	Reference  *reference = read_progress(s) ? reference_lookup(s->name) : NULL;

	if (!reference)
		s->done = true;
	else
	{
		List	   *parts = parts_of(reference);

		if (!OidIsValid(s->part) && s->block != BLOCK_NEW)
			next_part(s, parts);
		if (OidIsValid(s->part))
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
	MemoryContext old = MemoryContextSwitchTo(s->step);
	int			guc_level = NewGUCNestLevel();

	MemoryContextReset(s->step);
	s->asking = false;
	if (LockTimeout == 0 || LockTimeout > LOCK_TIMEOUT)
		(void) set_config_option("lock_timeout", psprintf("%d", LOCK_TIMEOUT), PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
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

/* What is not as it should be, and not waived. */
SweepResult
sweep_result(const char *reference)
{
	SweepResult result = {0, 0};
	SqlScope	scope;
	bool		isnull;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(v.rows), 0)::pg_catalog.int8"
			"  FROM svc.reference_violation v"
			" WHERE v.reference = $1 AND (v.state = 'open' OR v.state = 'waived' AND v.waived_until <= pg_catalog.now())",
			sql_name(reference));
	result.keys = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	result.rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	svc_sql_end(&scope);
	return result;
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
