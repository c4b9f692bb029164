/*
 * async.c: keys that are checked after the transaction that brought them.
 *
 * Consumes the journal's entries of references: keys to check (mode async, and
 * what a session could not ask in time), and keys that a session found missing
 * and let through.  Entries are put together by reference, each key is asked
 * once, up to 10,000 in one lookup.
 *
 * A key that is missing is looked at a second time, a moment later, before it is a
 * violation: its parent may be committed elsewhere by the same business step,
 * just after our rows.  So it is parked for a second, as are, for longer, keys
 * that could not be asked: they hold up nobody behind them.  A session that
 * found a key missing was the first look.  And a key that no row holds any more
 * when it is found missing is nobody's violation.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/ask.h"
#include "reference/async.h"
#include "reference/lookup.h"
#include "reference/parked.h"
#include "reference/sweep.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "worker/journal.h"
#include "worker/worker.h"

/* Entries of one reference, from the triggers of one table, and of one kind */
typedef struct EntryGroup
{
	NameData	reference;
	Oid			relation;
	JournalKind kind;
	List	   *entries;		/* JournalEntry */
} EntryGroup;

/* A reference that is looked up */
typedef struct Find
{
	const char *name;
	Oid			relation;		/* whose rows the keys are of, or InvalidOid */
	MemoryContext cxt;			/* where it is kept */
	Reference  *reference;
} Find;

/* Keys of entries on their way into a set */
typedef struct Gathering
{
	Reference  *reference;
	List	   *entries;
	int			next;			/* the first of them of which nothing was taken yet */
	ArrayIterator keys;			/* of the entry before these that are not taken yet; or NULL */
	bool		sweep;			/* entries have no keys, or keys of another type */
	KeySet	   *set;
	MemoryContext cxt;			/* of this */
	MemoryContext set_cxt;
} Gathering;

/* Is a reference declared of a table, or of what that is a part of? */
static bool
is_declared_of(const char *name, Oid relation)
{
	ListCell   *cell;
	ListCell   *whole;
	SqlScope	scope;
	bool		found = false;

	svc_sql_begin(&scope, svc_extension_owner());
	foreach(whole, svc_ancestry(relation, InvalidOid, NIL))
		foreach(cell, reference_names_of(lfirst_oid(whole)))
			found |= strcmp(lfirst(cell), name) == 0;
	svc_sql_end(&scope);
	return found;
}

/*
 * Look a reference up, in a transaction.  Anybody may make a trigger on a table of
 * his own that names a reference of others: what that left is not theirs.
 */
static void
find_reference(void *argument)
{
	Find	   *find = argument;
	MemoryContext old;

	if (OidIsValid(find->relation) && !is_declared_of(find->name, find->relation))
		return;
	old = MemoryContextSwitchTo(find->cxt);
	find->reference = reference_lookup(find->name);
	MemoryContextSwitchTo(old);
}

/* Note why a reference's keys were not checked, in a transaction. */
static void
note_error(void *argument)
{
	const char **note = argument;

	reference_noted_error(note[0], note[1]);
}

/* Find a reference by its name; *reference NULL: it is gone.  Returns why that failed, which is told. */
static ErrorData *
look_up(const char *name, Oid relation, Reference **reference)
{
	Find		find = {name, relation, CurrentMemoryContext, NULL};
	ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, find_reference, &find);

	*reference = find.reference;
	if (error)
	{
		const char *note[2] = {name, error->message};

		(void) worker_transaction(XACT_READ_COMMITTED, note_error, note);
		worker_complain(ASYNC_JOB, error);
	}
	return error;
}

/*
 * A reference by its name, in the current memory context; NULL: it is gone, or
 * nobody may look its keys up.
 */
Reference *
async_reference(const char *name)
{
	Reference  *reference;

	return look_up(name, InvalidOid, &reference) ? NULL : reference;
}

/* Note that a reference must be swept, in a transaction. */
static void
need_sweep(void *argument)
{
	reference_need_sweep(NameStr(*(NameData *) argument));
}

/* The query for those of some keys that rows hold. */
static char *
holding_query(const Reference *reference)
{
	const char *relation = svc_quote_relation(reference->part);
	const char *column = psprintf("t.%s",
								  quote_identifier(get_attname(reference->part, reference->column, false)));
	Oid			equals = lookup_type_cache(reference->key_type, TYPECACHE_EQ_OPR)->eq_opr;

	if (reference->is_array)
		return psprintf("SELECT DISTINCT %s FROM %s AS t CROSS JOIN LATERAL pg_catalog.unnest(%s) AS k (key)"
						" WHERE %s OPERATOR(pg_catalog.&&) $1",
						lookup_as_key(reference, "k.key"), relation, column,
						lookup_as_keys(reference, column));
	return psprintf("SELECT k.key FROM pg_catalog.unnest($1) AS k (key)"
					" WHERE EXISTS (SELECT FROM %s AS t WHERE %s %s k.key)", relation,
					lookup_as_key(reference, column), lookup_operator(equals));
}

/* Find out which of some keys rows hold. */
static void
find_held(const AsyncLook *look, ArrayType *keys, bool *held)
{
	SqlScope	scope;
	LookupScope acting;
	uint64		rows;

	svc_sql_begin(&scope, InvalidOid);
	lookup_begin(&acting, look->reference);
	lookup_check_sees_rows(look->reference);
	rows = svc_sql(holding_query(look->reference),
				   sql_array(keys, get_array_type(look->reference->key_type)));
	for (uint64 row = 0; row < rows; row++)
	{
		bool		isnull;
		Datum		key = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);
		int			index = isnull ? -1 : key_set_find(look->set, key);

		if (index >= 0)
			held[index] = true;
	}
	lookup_end(&acting);
	svc_sql_end(&scope);
}

/* Missing keys that no row holds any more are nobody's: they become pending, which is not recorded. */
static void
drop_unheld(void *argument)
{
	AsyncLook  *look = argument;
	int			from = 0;
	ArrayType  *missing = key_set_array(look->set, KEY_MISSING, &from, key_set_count(look->set));
	bool	   *held = palloc0(sizeof(bool) * key_set_count(look->set));

	if (missing)
		find_held(look, missing, held);
	for (int i = 0; i < key_set_count(look->set); i++)
		if (key_set_state(look->set, i) == KEY_MISSING && !held[i])
			key_set_mark(look->set, i, KEY_PENDING);
	pfree(held);
}

/* Park keys, and record nothing of them now. */
static void
park(const AsyncLook *look, KeyState state, int attempts)
{
	ParkedHistory history = {attempts, look->asked, look->since};

	parked_add(look->reference, look->set, state, &history);
	for (int i = 0; i < key_set_count(look->set); i++)
		if (key_set_state(look->set, i) == state)
			key_set_mark(look->set, i, KEY_PENDING);
}

/* What was heard cannot be written down, since somebody holds rows: ask for all of it again later, in a transaction. */
static void
park_all(void *argument)
{
	AsyncLook  *look = argument;

	for (int i = 0; i < key_set_count(look->set); i++)
		key_set_mark(look->set, i, KEY_UNKNOWN);
	park(look, KEY_UNKNOWN, 1);
}

/* Write down what was heard, in a transaction.  That a key could not be asked is logged once. */
static void
settle(void *argument)
{
	AsyncLook  *look = argument;
	ErrorData  *error;

	error = svc_try(drop_unheld, look);

	/* else rows that cannot be read are taken to hold what was missing */
	if (error && (svc_is_interruption(error) || sweep_gave_way(error)))
		ReThrowError(error);
	if (!look->second)
		park(look, KEY_MISSING, 0);
	if (look->attempts > 0)
		park(look, KEY_UNKNOWN, look->attempts + 1);
	violation_record(look->reference, look->set, look->source, look->error);
	if (look->attempts == 0)
		park(look, KEY_UNKNOWN, 1);
	if (look->error || look->attempts > 0)
		reference_noted_error(NameStr(look->reference->name), look->error);
	if (look->also)
		look->also(look->argument);
}

/*
 * Ask for the pending keys of a look's set, and record or park what comes of it.
 * false: nothing was recorded.
 */
bool
async_look(AsyncLook *look)
{
	ErrorData  *error;

	look->asked = GetCurrentTimestamp();
	(void) ask_contract(look->reference, look->set, ASK_LIMIT, &look->error);
	error = worker_transaction(XACT_READ_COMMITTED, settle, look);
	if (error && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && look->attempts == 0 && !look->also)
		error = worker_transaction(XACT_READ_COMMITTED, park_all, look);
	if (error)
		worker_complain(ASYNC_JOB, error);
	return error == NULL;
}

/* Begin with the keys of the next entry that has some of the reference's type. */
static void
next_entry(Gathering *g)
{
	JournalEntry *entry = list_nth(g->entries, g->next++);
	MemoryContext old = MemoryContextSwitchTo(g->cxt);

	if (entry->keys && ARR_ELEMTYPE(entry->keys) == g->reference->key_type)
		g->keys = array_create_iterator(entry->keys, 0, NULL);
	else
		g->sweep = true;
	MemoryContextSwitchTo(old);
}

/* Take keys of an entry until there are enough for one lookup. */
static void
take_keys(Gathering *g)
{
	Datum		key;
	bool		isnull;

	while (key_set_count(g->set) < LOOKUP_KEYS)
	{
		if (!array_iterate(g->keys, &key, &isnull))
		{
			array_free_iterator(g->keys);
			g->keys = NULL;
			return;
		}
		if (!isnull)
			(void) key_set_add(g->set, key, NULL);
	}
}

/* Are there keys that were not taken? */
static bool
has_more(const Gathering *g)
{
	return g->keys || g->next < list_length(g->entries);
}

/* Take keys of entries until there are enough for one lookup, in a transaction. */
static void
gather(void *argument)
{
	Gathering  *g = argument;
	LookupScope acting;

	MemoryContextReset(g->set_cxt);
	MemoryContextSwitchTo(g->set_cxt);
	g->set = key_set_make(g->reference);
	lookup_begin(&acting, g->reference);
	while (key_set_count(g->set) < LOOKUP_KEYS && has_more(g))
	{
		if (g->keys)
			take_keys(g);
		else
			next_entry(g);
	}
	lookup_end(&acting);
}

/* Look at keys that were gathered. */
static bool
look_at(const Gathering *g, JournalKind kind)
{
	AsyncLook	look = {
		.reference = g->reference, .set = g->set,
		.source = kind == JOURNAL_RESULT ? SOURCE_STATEMENT : SOURCE_WORKER,
		.second = kind == JOURNAL_RESULT
	};

	return key_set_count(g->set) == 0 || async_look(&look);
}

/* Look at all keys of a group; false: not all were. */
static bool
look_at_group(Gathering *g, JournalKind kind)
{
	while (has_more(g))
	{
		ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, gather, g);

		if (error)
		{
			worker_complain(ASYNC_JOB, error);
			return false;
		}
		MemoryContextSwitchTo(g->cxt);
		if (!look_at(g, kind))
			return false;
		if (worker_must_leave())
			return !has_more(g);
	}
	return true;
}

/* Leave what a group's entries are about to a sweep; false if that could not be noted. */
static bool
leave_to_sweep(const EntryGroup *group)
{
	ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, need_sweep,
										   unconstify(NameData *, &group->reference));

	if (error)
		worker_complain(ASYNC_JOB, error);
	return error == NULL;
}

/*
 * Check the keys of a group.  Those that nobody may look up now are not
 * forgotten: when somebody may, a sweep finds them.
 */
static bool
consume_group(const EntryGroup *group)
{
	Gathering	g = {.entries = group->entries, .cxt = CurrentMemoryContext};
	ErrorData  *error = look_up(NameStr(group->reference), group->relation, &g.reference);

	if (error)
		return !sweep_gave_way(error) && !worker_must_leave() && leave_to_sweep(group);
	if (!g.reference || g.reference->mode == REFERENCE_OFF)
		return true;
	g.set_cxt = AllocSetContextCreate(g.cxt, "svc_ownership keys", ALLOCSET_DEFAULT_SIZES);
	return look_at_group(&g, group->kind) && (!g.sweep || leave_to_sweep(group));
}

/* The group that an entry belongs to, made if it is the first one. */
static EntryGroup *
group_of(List **groups, const JournalEntry *entry)
{
	EntryGroup *group;
	ListCell   *cell;

	foreach(cell, *groups)
	{
		group = lfirst(cell);
		if (group->kind == entry->kind && group->relation == entry->relation &&
			strcmp(NameStr(group->reference), NameStr(entry->subject)) == 0)
			return group;
	}
	group = palloc0(sizeof(EntryGroup));
	group->reference = entry->subject;
	group->relation = entry->relation;
	group->kind = entry->kind;
	*groups = lappend(*groups, group);
	return group;
}

/*
 * Check what the journal has.  false: not all was checked, and all of it comes
 * again; to check a key twice does no harm.
 */
static bool
consume(List *entries)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership references",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	List	   *groups = NIL;
	bool		done = true;
	ListCell   *cell;

	foreach(cell, entries)
	{
		EntryGroup *group = group_of(&groups, lfirst(cell));

		group->entries = lappend(group->entries, lfirst(cell));
	}
	foreach(cell, groups)
		done = done && consume_group(lfirst(cell));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return done;
}

static const JournalConsumer references_consumer = {
	.name = ASYNC_JOB,
	.kinds = "cr",
	.consume = consume
};

/* What async references do when the library is loaded. */
void
AsyncInit(void)
{
	journal_register_consumer(&references_consumer);
	ParkedInit();
}
