/*
 * count_trigger.c: the trigger function svc.count_changes(), and what a
 * session remembers of the counters it has seen.
 *
 * The triggers of one source table serve all of its counters together (see
 * delta.c for why).  Their arguments say everything, so a dump of one schema
 * keeps counters that work; only the right to act for the target's owner
 * stands in our catalog.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "core/extension.h"
#include "core/inval.h"
#include "core/trigger.h"
#include "upkeep/count_trigger.h"
#include "upkeep/counter.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* The counters of one trigger, resolved */
typedef struct CounterSet
{
	MemoryContext cxt;
	int			n;
	Counter   **counters;
	int			n_relations;	/* what they were resolved from */
	Oid		   *relations;
} CounterSet;

typedef struct CounterSetEntry
{
	Oid			trigger;		/* hash key */
	bool		valid;
	CounterSet *set;
} CounterSetEntry;

static HTAB *counter_sets = NULL;

/* counts invalidations, so that a set resolved while one came is not trusted */
static uint64 invalidations = 0;

/* sets that a running trigger may still use: freed when the transaction ends */
static List *retired_sets = NIL;

SVC_FUNCTION(svc_count_changes);

/* Was the set resolved from this relation?  InvalidOid stands for all. */
static bool
depends_on(const CounterSet *set, Oid relation)
{
	if (!OidIsValid(relation))
		return true;
	for (int i = 0; i < set->n_relations; i++)
		if (set->relations[i] == relation)
			return true;
	return false;
}

/* A relation changed.  Only sets flags, as a callback must. */
static void
relation_changed(Oid relation)
{
	HASH_SEQ_STATUS status;
	CounterSetEntry *entry;

	invalidations++;
	if (!counter_sets)
		return;
	hash_seq_init(&status, counter_sets);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->valid && depends_on(entry->set, relation))
			entry->valid = false;
}

/* A function (of a filter) or a role changed: nothing is sure any more. */
static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	relation_changed(InvalidOid);
}

/* Free the sets that nothing can be using any more. */
static void
free_retired_sets(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	foreach(cell, retired_sets)
	{
		CounterSet *set = lfirst(cell);

		for (int i = 0; i < set->n; i++)
			if (set->counters[i]->plan)
				SPI_freeplan(set->counters[i]->plan);
		MemoryContextDelete(set->cxt);
	}
	list_free(retired_sets);
	retired_sets = NIL;
}

/* Listen for changes; called once when the library is loaded. */
void
CountTriggerInit(void)
{
	svc_on_relation_change(relation_changed);
	CacheRegisterSyscacheCallback(PROCOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, object_changed, (Datum) 0);
	RegisterXactCallback(free_retired_sets, NULL);
}

/* One counter as the trigger's arguments declare it. */
static CounterNames
names_of_argument(char **args)
{
	return (CounterNames) {
		.source_key = args[0],
		.target = args[1],
		.target_key = args[2],
		.counter = args[3],
		.filter = args[4][0] ? args[4] : NULL
	};
}

/* Resolve the counters that a trigger's arguments declare, in a context of their own. */
static CounterSet *
resolve_set(Relation rel, Trigger *trigger)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership counters",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CounterSet *set = palloc0(sizeof(CounterSet));

	set->cxt = cxt;
	set->n = trigger->tgnargs / COUNTER_ARGS;
	set->counters = palloc0(sizeof(Counter *) * Max(set->n, 1));
	set->relations = palloc(sizeof(Oid) * (2 * set->n + 2));
	for (int i = 0; i < set->n; i++)
	{
		CounterNames names = names_of_argument(trigger->tgargs + i * COUNTER_ARGS);

		set->counters[i] = counter_resolve(rel, &names);
		set->counters[i]->keep_plan = true;
		set->relations[set->n_relations++] = set->counters[i]->target;
		set->relations[set->n_relations++] = set->counters[i]->source;
	}
	set->relations[set->n_relations++] = RelationGetRelid(rel);
	set->relations[set->n_relations++] = svc_catalog_relation("counter");
	MemoryContextSwitchTo(old);
	return set;
}

/* Make the table of sets. */
static void
make_cache(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(CounterSetEntry),
		.hcxt = CacheMemoryContext
	};

	counter_sets = hash_create("svc_ownership counters", 32, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Put a set aside until the transaction ends. */
static void
retire(CounterSet *set)
{
	MemoryContext old = MemoryContextSwitchTo(CacheMemoryContext);

	retired_sets = lappend(retired_sets, set);
	MemoryContextSwitchTo(old);
}

/*
 * The counters of the trigger that fired.  A set is never freed while it may
 * be in use: updating a target can fire the same trigger again.
 */
static CounterSet *
get_set(Relation rel, Trigger *trigger)
{
	CounterSetEntry *entry;
	CounterSet *set;
	uint64		seen;
	bool		found;

	if (!counter_sets)
		make_cache();
	entry = hash_search(counter_sets, &trigger->tgoid, HASH_FIND, NULL);
	if (entry && entry->valid)
		return entry->set;

	seen = invalidations;
	set = resolve_set(rel, trigger);
	MemoryContextSetParent(set->cxt, CacheMemoryContext);
	entry = hash_search(counter_sets, &trigger->tgoid, HASH_ENTER, &found);
	if (found && entry->set)
		retire(entry->set);
	entry->set = set;
	entry->valid = seen == invalidations;
	return set;
}

/* Refuse triggers that cannot count. */
static TriggerData *
check_protocol(FunctionCallInfo fcinfo)
{
	TriggerData *data = svc_trigger_data(fcinfo, "svc.count_changes()");
	bool		good;

	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		good = TRIGGER_FIRED_BEFORE(data->tg_event);
	else
		good = TRIGGER_FIRED_AFTER(data->tg_event) && TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) &&
			(data->tg_newtable || TRIGGER_FIRED_BY_DELETE(data->tg_event)) &&
			(data->tg_oldtable || TRIGGER_FIRED_BY_INSERT(data->tg_event));
	if (!good || data->tg_trigger->tgnargs == 0 || data->tg_trigger->tgnargs % COUNTER_ARGS != 0)
		svc_refuse_trigger(data, "svc.count_changes()",
						   "svc.keep_count makes the triggers that a counter needs.");
	return data;
}

/* Can this UPDATE have changed no key and no filter? */
static bool
is_irrelevant_update(const TriggerData *data, const CounterSet *set)
{
	if (!svc_trigger_knows_columns(data))
		return false;
	for (int i = 0; i < set->n; i++)
		if (bms_overlap(set->counters[i]->columns, data->tg_updatedcols))
			return false;
	return true;
}

/* Has a statement changed no rows at all? */
static bool
has_no_rows(const TriggerData *data)
{
	return !TRIGGER_FIRED_BY_TRUNCATE(data->tg_event) &&
		(!data->tg_oldtable || tuplestore_tuple_count(data->tg_oldtable) == 0) &&
		(!data->tg_newtable || tuplestore_tuple_count(data->tg_newtable) == 0);
}

/*
 * svc.count_changes(): trigger function, for each statement: AFTER INSERT,
 * UPDATE or DELETE with transition tables, and BEFORE TRUNCATE.
 */
Datum
svc_count_changes(PG_FUNCTION_ARGS)
{
	TriggerData *data = check_protocol(fcinfo);
	Relation	rel = data->tg_relation;
	CounterSet *set;
	MemoryContext cxt;
	MemoryContext old;
	Deltas	   *deltas;

	if (has_no_rows(data))
		return PointerGetDatum(NULL);
	set = get_set(rel, data->tg_trigger);
	if (is_irrelevant_update(data, set))
		return PointerGetDatum(NULL);
	cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership deltas",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	deltas = delta_begin();
	delta_use(deltas, set->counters, set->n);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		delta_add_relation(deltas, rel, -1);
	if (data->tg_oldtable)
		delta_add_rows(deltas, rel, data->tg_oldtable, -1);
	if (data->tg_newtable)
		delta_add_rows(deltas, rel, data->tg_newtable, 1);
	(void) delta_apply(deltas);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return PointerGetDatum(NULL);
}
