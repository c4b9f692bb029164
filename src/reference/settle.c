/*
 * settle.c: from a deleted key to the certainty that nothing refers to it.
 *
 * A session that is going to commit a reference checked its key with a newer
 * snapshot than its transaction id.  So when a deletion is visible to everybody
 * and its tombstone is committed, whoever can still commit a reference to the
 * key has an id that was assigned before.  The next transaction of ours takes
 * an id: the fence.  (The tombstone's own id would not do: ids are assigned
 * between it and its commit.  Nor would the xmax of a snapshot: it knows
 * of ids that have ended, not of those that are running.)  When the xmin of a
 * snapshot has reached the fence, all of them have ended, prepared ones too; a
 * pass over the referencing rows after that sees all there will ever be.
 *
 * The states are in the README of this folder.  Every step is a transaction of
 * its own and can be repeated: a crash loses nothing.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/action.h"
#include "reference/lookup.h"
#include "reference/settle.h"
#include "reference/sweep.h"
#include "reference/tombstone.h"
#include "reference/watch.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "worker/journal.h"
#include "worker/worker.h"

#define JOB "deletes"

/* Tombstones that one round looks at */
#define ROUND_TOMBSTONES 100

/* When a settled tombstone may go: twice as long as a cache remembers a key */
#define FORGET_AT "t.settled_at + 2 * r.cache_ttl"

/* Tombstones that say nothing any more */
#define FROM_FORGOTTEN " FROM svc.tombstone t JOIN svc.reference r ON r.reference = t.reference" \
	" WHERE " FORGET_AT " < pg_catalog.clock_timestamp()"

/* Keys of some entries of the journal that are about one key column of one relation */
typedef struct Lost
{
	Oid			relation;
	const char *column;
	List	   *arrays;			/* of ArrayType; NIL: it is not known which */
	bool		unknown;
	bool		unasked;		/* contracts took too long to say what they have */
} Lost;

/* Some tombstones, and when there will be something to do */
typedef struct Round
{
	MemoryContext cxt;
	List	   *ids;			/* as text */
	long		wait;			/* until there is something to do, milliseconds */
} Round;

/* A tombstone on its way */
typedef struct Tombstone
{
	MemoryContext cxt;
	const char *id;
	char	   *reference;		/* NULL: the row is gone */
	ArrayType  *keys;			/* NULL: which ones is not known */
	bool		acted;			/* a pass was done before */
	bool		passed;			/* everything older than the fence has ended */
	ActionResult result;
	ErrorData  *error;
} Tombstone;

/* The group of lost keys of an entry's relation and column. */
static Lost *
lost_of(List **groups, const JournalEntry *entry)
{
	ListCell   *cell;
	Lost	   *lost;

	foreach(cell, *groups)
	{
		lost = lfirst(cell);
		if (lost->relation == entry->relation && strcmp(lost->column, NameStr(entry->subject)) == 0)
			return lost;
	}
	lost = palloc0(sizeof(Lost));
	lost->relation = entry->relation;
	lost->column = NameStr(entry->subject);
	*groups = lappend(*groups, lost);
	return lost;
}

/* Group entries by relation and column. */
static List *
group_entries(List *entries)
{
	List	   *groups = NIL;
	ListCell   *cell;

	foreach(cell, entries)
	{
		JournalEntry *entry = lfirst(cell);
		Lost	   *lost = lost_of(&groups, entry);

		if (entry->keys)
			lost->arrays = lappend(lost->arrays, entry->keys);
		else
			lost->unknown = true;
	}
	return groups;
}

/* How many keys an array has. */
static int
array_count(const ArrayType *array)
{
	return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

/* Arrays of one type from number *from on, at most so many keys, as one. */
static ArrayType *
join_arrays(List *arrays, int *from)
{
	Oid			type = ARR_ELEMTYPE((ArrayType *) list_nth(arrays, *from));
	Datum	   *all = palloc(sizeof(Datum) * TOMBSTONE_KEYS);
	int			n = 0;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	for (; *from < list_length(arrays); (*from)++)
	{
		ArrayType  *array = list_nth(arrays, *from);
		Datum	   *keys;
		int			count;

		/* one that is larger than we cut them stays as it is */
		if (n == 0 && array_count(array) > TOMBSTONE_KEYS)
			return (*from)++, array;
		if (ARR_ELEMTYPE(array) != type || n + array_count(array) > TOMBSTONE_KEYS)
			break;
		deconstruct_array(array, type, length, by_value, align, &keys, NULL, &count);
		memcpy(all + n, keys, sizeof(Datum) * count);
		n += count;
	}
	return construct_array(all, n, type, length, by_value, align);
}

/* A reference whose keys may be among the lost ones */
typedef struct Match
{
	const Lost *lost;
	const char *name;
	bool		matches;
} Match;

/*
 * Does a reference refer to the column that lost keys?  If that has another
 * name by now, it may.
 */
static void
find_match(void *argument)
{
	Match	   *match = argument;
	Reference  *reference = reference_lookup(match->name);
	char	   *column;

	match->matches = false;
	if (!reference || reference->on_delete == ON_DELETE_KEEP || reference->mode == REFERENCE_OFF)
		return;
	column = watch_key_column(reference);
	match->matches = !column || strcmp(column, match->lost->column) == 0 ||
		get_attnum(reference->published, match->lost->column) <= 0;
}

/* The same; of one that cannot be resolved now it is not known, so it may. */
static bool
is_match(const Lost *lost, const char *name)
{
	Match		match = {lost, name, true};
	ErrorData  *error = svc_try(find_match, &match);

	if (error && (svc_is_interruption(error) || sweep_gave_way(error)))
		ReThrowError(error);
	return error || match.matches;
}

/* Lost keys that a reference may hold */
typedef struct Missing
{
	const char *name;
	ArrayType  *keys;			/* NULL: the contract has all of them */
} Missing;

/*
 * Leave out keys that the contract has, as after an UPDATE of a column that
 * decides whether a row is shown.  Where the key is of another type here, or a
 * validator would be asked, they all stay; what is done with rows asks again.
 */
static void
find_missing(void *argument)
{
	Missing    *missing = argument;
	Reference  *reference = reference_lookup(missing->name);
	KeySet	   *set;
	LookupScope acting;
	int			from = 0;

	if (!reference || ARR_ELEMTYPE(missing->keys) != reference->key_type ||
		OidIsValid(reference->validator) || lookup_refusal(reference))
		return;
	set = key_set_make(reference);
	lookup_begin(&acting, reference);
	key_set_add_array(set, missing->keys);
	lookup_ask_begun(reference, set);
	lookup_end(&acting);
	missing->keys = key_set_array(set, KEY_MISSING, &from, PG_INT32_MAX);
}

/* A tombstone for those of some keys that a reference's contract has not; all, if it cannot be asked. */
static void
bury_missing(const char *name, ArrayType *keys, bool unasked)
{
	Missing		missing = {name, keys};
	ErrorData  *error = unasked ? NULL : svc_try(find_missing, &missing);

	if (error && (svc_is_interruption(error) || sweep_gave_way(error)))
		ReThrowError(error);
	if (error)
		missing.keys = keys;
	if (missing.keys)
		tombstone_add(name, missing.keys);
}

/* One transaction: tombstones for the lost keys of one column. */
static void
bury(void *argument)
{
	Lost	   *lost = argument;
	List	   *family = get_rel_name(lost->relation) ? watch_family(lost->relation) : NIL;
	ListCell   *relation;
	ListCell   *cell;

	worker_wait_briefly();
	foreach(relation, family)
		foreach(cell, reference_names_into(lfirst_oid(relation)))
		{
			if (!is_match(lost, lfirst(cell)))
				continue;
			for (int from = 0; from < list_length(lost->arrays);)
				bury_missing(lfirst(cell), join_arrays(lost->arrays, &from), lost->unasked);
			if (lost->unknown)
				tombstone_add(lfirst(cell), NULL);
		}
}

/* Read entries of the journal. */
static bool
consume(List *entries)
{
	ListCell   *cell;

	foreach(cell, group_entries(entries))
	{
		Lost	   *lost = lfirst(cell);
		ErrorData  *error = worker_transaction_of_theirs(XACT_READ_COMMITTED, bury, lost);

		lost->unasked = error && error->sqlerrcode == WORKER_OUT_OF_TIME;
		if (lost->unasked)
			error = worker_transaction(XACT_READ_COMMITTED, bury, lost);
		if (error)
		{
			worker_complain(JOB, error);
			return false;
		}
	}
	return true;
}

/*
 * One transaction: fences for those that are new, by the id that this very
 * transaction gets now: the newest there is.  What was settled so long ago that
 * no cache can remember the key goes.
 */
static void
begin_round(void *argument)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	/* the first that writes: an id that we had already could be older than a tombstone of somebody else's */
	if (svc_sql_run("SELECT 1 FROM svc.tombstone WHERE state = 'new' LIMIT 1", NULL, 0) > 0)
		svc_sql_run("UPDATE svc.tombstone SET state = 'waiting', fence = pg_catalog.pg_current_xact_id()"
					" WHERE id IN (SELECT t.id FROM svc.tombstone t WHERE t.state = 'new'"
					"              FOR UPDATE SKIP LOCKED)", NULL, 0);
	if (svc_sql_run("SELECT 1" FROM_FORGOTTEN " LIMIT 1", NULL, 0) > 0)
		svc_sql_run("DELETE FROM svc.tombstone WHERE id IN (SELECT t.id" FROM_FORGOTTEN
					" FOR UPDATE OF t SKIP LOCKED)", NULL, 0);
	svc_sql_end(&scope);
}

/*
 * One transaction: the tombstones that are due: whose time has come, or whose
 * fence was passed.
 */
static void
list_due(void *argument)
{
	Round	   *round = argument;
	uint64		rows;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT id FROM svc.tombstone"
				   " WHERE state <> 'settled'"
				   "   AND (coalesce(next_try <= pg_catalog.clock_timestamp(), true)"
				   "        OR (attempts = 0 AND pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) >= fence))"
				   " ORDER BY deleted_at, id LIMIT $1", sql_datum(Int32GetDatum(ROUND_TOMBSTONES), INT4OID));
	MemoryContextSwitchTo(round->cxt);
	for (uint64 row = 0; row < rows; row++)
		round->ids = lappend(round->ids, svc_sql_value(row, 1));
	svc_sql_end(&scope);
}

/* One transaction: when there will be something to do. */
static void
find_wait(void *argument)
{
	Round	   *round = argument;
	bool		isnull;
	Datum		wait;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_run("SELECT pg_catalog.ceil(1000 * EXTRACT(EPOCH FROM pg_catalog.min("
				"           CASE t.state WHEN 'settled' THEN " FORGET_AT
				"                        WHEN 'new' THEN pg_catalog.clock_timestamp() + '100 ms'"
				"                        ELSE coalesce(t.next_try, pg_catalog.clock_timestamp()) END)"
				"       - pg_catalog.clock_timestamp()))::pg_catalog.int8"
				"  FROM svc.tombstone t JOIN svc.reference r ON r.reference = t.reference", NULL, 0);
	wait = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	round->wait = isnull ? WORKER_IDLE : (long) Max(DatumGetInt64(wait), 0);
	svc_sql_end(&scope);
}

/* One transaction: read a tombstone, and see whether its fence was passed. */
static void
read_tombstone(void *argument)
{
	Tombstone  *t = argument;
	bool		isnull;
	Datum		keys;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	t->reference = NULL;
	if (svc_sql("SELECT reference, keys, acted_at IS NOT NULL,"
				"       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) >= fence"
				"  FROM svc.tombstone WHERE id = $1::pg_catalog.uuid AND state = 'waiting'"
				"   AND (attempts = 0 OR coalesce(next_try <= pg_catalog.clock_timestamp(), true))",
				sql_text(t->id)) > 0)
	{
		MemoryContextSwitchTo(t->cxt);
		t->reference = svc_sql_value(0, 1);
		keys = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
		t->keys = isnull ? NULL : DatumGetArrayTypePCopy(keys);
		t->acted = svc_sql_bool_value(0, 3);
		t->passed = svc_sql_bool_value(0, 4);
	}
	svc_sql_end(&scope);
}

/* One transaction: all rows of the reference are to be looked at, since it is not known which keys are gone. */
static void
need_sweep(void *argument)
{
	Tombstone  *t = argument;

	reference_need_sweep(t->reference);
	worker_ring();
}

/* Rows of a reference take so long that others have to have a turn before its next tombstone. */
static void
put_off(const char *reference)
{
	svc_sql("UPDATE svc.tombstone SET attempts = greatest(attempts, 1),"
			"       next_try = pg_catalog.clock_timestamp() + '10 min'::pg_catalog.interval"
			" WHERE reference = $1 AND state = 'waiting'", sql_name(reference));
}

/*
 * One transaction: write what came of a pass.  While others are running we look
 * again soon, and the less often the longer it takes; what failed is tried again
 * after 1, 2, 4, ... seconds, at most 10 minutes.
 */
static void
write_result(void *argument)
{
	Tombstone  *t = argument;
	SqlScope	scope;

	worker_wait_briefly();
	svc_sql_begin(&scope, svc_extension_owner());
	if (t->result == ACTION_DONE && t->passed)
		svc_sql("UPDATE svc.tombstone SET state = 'settled', acted_at = pg_catalog.clock_timestamp(),"
				"       settled_at = pg_catalog.clock_timestamp(), next_try = NULL, last_error = NULL"
				" WHERE id = $1::pg_catalog.uuid", sql_text(t->id));
	else if (t->result == ACTION_FAILED)
		svc_sql("UPDATE svc.tombstone SET attempts = attempts + 1, last_error = $2,"
				"       next_try = pg_catalog.clock_timestamp() + least(600, pg_catalog.power(2, least(attempts, 10))) * '1 s'::pg_catalog.interval"
				" WHERE id = $1::pg_catalog.uuid", sql_text(t->id),
				sql_text(t->error->message));
	else
		svc_sql("UPDATE svc.tombstone SET acted_at = CASE WHEN $2 THEN pg_catalog.clock_timestamp() ELSE acted_at END,"
				"       next_try = pg_catalog.clock_timestamp() + least('5 s', greatest('20 ms', (pg_catalog.clock_timestamp() - deleted_at) / 10))"
				" WHERE id = $1::pg_catalog.uuid", sql_text(t->id),
				sql_bool(t->result == ACTION_DONE));
	if (t->result == ACTION_FAILED)
	{
		reference_noted_error(t->reference, t->error->message);
		if (t->error->sqlerrcode == WORKER_OUT_OF_TIME)
			put_off(t->reference);
	}
	svc_sql_end(&scope);
}

/* Do a step of a round; false if it failed, which was told. */
static bool
do_transaction(ProtectedWork work, void *argument)
{
	ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, work, argument);

	if (error)
		worker_failed(JOB, error);
	return !error;
}

/*
 * Lead one tombstone on: a pass as soon as there is one, so that rows go soon,
 * and a last one when everybody has ended who could have brought others.
 */
static bool
advance(Tombstone *t)
{
	if (!do_transaction(read_tombstone, t))
		return false;
	if (!t->reference)
		return true;
	t->result = ACTION_DONE;
	if (!t->acted || t->passed)
	{
		if (t->keys)
			t->result = action_pass(t->reference, t->keys, &t->error);
		else if (!do_transaction(need_sweep, t))
			return false;
	}
	if (t->result == ACTION_FAILED)
		worker_complain(JOB, t->error);
	return t->result == ACTION_LEFT || do_transaction(write_result, t);
}

/* Lead those that are due on; false if something failed. */
static bool
advance_all(Round *round)
{
	MemoryContext cxt = AllocSetContextCreate(round->cxt, "svc_ownership tombstone",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool		good = true;
	ListCell   *cell;

	foreach(cell, round->ids)
	{
		Tombstone	t = {.cxt = cxt,.id = lfirst(cell)};

		if (worker_must_leave())
			break;
		good &= advance(&t);
		MemoryContextSwitchTo(cxt);
		MemoryContextReset(cxt);
	}
	MemoryContextSwitchTo(old);
	return good;
}

/* The job: lead all tombstones on that are due. */
static long
run(void)
{
	MemoryContext old = CurrentMemoryContext;
	Round		round = {.wait = WORKER_IDLE};
	bool		good;

	round.cxt = AllocSetContextCreate(old, "svc_ownership tombstones", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(round.cxt);
	good = do_transaction(begin_round, NULL) && do_transaction(list_due, &round) &&
		advance_all(&round) && do_transaction(find_wait, &round);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(round.cxt);
	return good ? round.wait : 1000;
}

static const JournalConsumer consumer = {
	.name = JOB,.kinds = "di",.consume = consume
};

static const WorkerJob job = {
	.name = JOB,.run = run
};

/* What settling does when the library is loaded. */
void
SettleInit(void)
{
	journal_register_consumer(&consumer);
	worker_register_job(&job);
}
