/*
 * watch.c: triggers on published tables that note which keys they may have lost.
 *
 * A key is lost when its row is deleted, gets another key, or no longer meets
 * the condition under which it is shown.  The triggers only append keys to the
 * journal; whether a key is really gone is asked of the contract later.  So too
 * much may be noted, and nothing too little.
 *
 * Statements fire triggers for each statement with transition tables, on the
 * relation that they name: so all of a family (whatever a partitioned table or
 * an inheritance parent holds, and what holds it) has them.  Rows that logical
 * replication applies fire triggers for each row only: one that is enabled for
 * replicas alone sees them, and costs nothing where rows are written first.
 *
 * There is no trigger on INSERT: a key that is made again is seen when the
 * contract is asked, and whoever makes rows pays nothing.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/relation.h"
#include "core/sql.h"
#include "core/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "reference/resolve.h"
#include "reference/tombstone.h"
#include "rewrite/rewriteHandler.h"
#include "service/contract.h"
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
SVC_FUNCTION(svc_watch_changed);

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
	for (int i = 0; i < watch->n_keys; i++)
		flush_key(watch, &watch->keys[i]);
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
	TriggerData *data = (TriggerData *) fcinfo->context;
	bool		good;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("svc.watch_deletes() can only be called as a trigger")));
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		good = TRIGGER_FIRED_BEFORE(data->tg_event);
	else
		good = TRIGGER_FIRED_AFTER(data->tg_event) && !TRIGGER_FIRED_BY_INSERT(data->tg_event) &&
			(TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
			 (data->tg_oldtable &&
			  (data->tg_newtable || TRIGGER_FIRED_BY_DELETE(data->tg_event))));
	if (!good || data->tg_trigger->tgnargs == 0 || !data->tg_trigger->tgargs[0][0])
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of \"%s\" cannot call svc.watch_deletes()",
						data->tg_trigger->tgname, RelationGetRelationName(data->tg_relation)),
				 errhint("svc.create_reference makes the triggers that a reference needs.")));
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

/* A column of a view that is one of a table, or 0. */
static AttrNumber
column_below(Query *query, const char *column, Oid table, int *varno)
{
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Var		   *var = (Var *) entry->expr;

		if (!entry->resjunk && strcmp(entry->resname, column) == 0 && IsA(var, Var) &&
			rt_fetch(var->varno, query->rtable)->rtekind == RTE_RELATION &&
			rt_fetch(var->varno, query->rtable)->relid == table)
		{
			*varno = var->varno;
			return var->varattno;
		}
	}
	return InvalidAttrNumber;
}

/*
 * The column of the published table that is a reference's key, or 0, and the
 * columns that decide whether a row is shown, as in tg_updatedcols.  Names may
 * differ, since a column can be renamed below a view.
 */
static AttrNumber
columns_below(const Reference *reference, Bitmapset **conditions)
{
	Relation	view;
	Query	   *query;
	AttrNumber	key;
	int			varno = 0;

	*conditions = NULL;
	if (!OidIsValid(reference->published))
		return InvalidAttrNumber;
	if (reference->contract == reference->published)
		return get_attnum(reference->published, NameStr(reference->key));
	view = relation_open(reference->contract, AccessShareLock);
	query = get_view_query(view);
	key = column_below(query, NameStr(reference->key), reference->published, &varno);
	if (key > 0)
		pull_varattnos(query->jointree->quals, varno, conditions);
	relation_close(view, NoLock);
	return key;
}

/* The name of the column of the published table that is a reference's key, or NULL. */
char *
tombstone_key_column(const Reference *reference)
{
	Bitmapset  *conditions;
	AttrNumber	key = columns_below(reference, &conditions);

	return key > 0 ? get_attname(reference->published, key, true) : NULL;
}

/* Add a string to a list of them that has it not. */
static List *
append_unique(List *strings, char *string)
{
	ListCell   *cell;

	foreach(cell, strings)
		if (strcmp(lfirst(cell), string) == 0)
			return strings;
	return lappend(strings, string);
}

/* What triggers are to look at: names of columns */
typedef struct Wanted
{
	List	   *keys;
	List	   *conditions;
} Wanted;

/* A reference that may not be resolved now, as one whose owner became a superuser */
typedef struct QuietLookup
{
	const char *name;
	Reference  *reference;
} QuietLookup;

/* Look it up. */
static void
look_up(void *argument)
{
	QuietLookup *lookup = argument;

	lookup->reference = reference_lookup(lookup->name);
}

/* Add what one reference wants watched. */
static void
add_reference(Wanted *wanted, const char *name)
{
	QuietLookup lookup = {name, NULL};
	ErrorData  *error = svc_try(look_up, &lookup);
	Bitmapset  *conditions;
	AttrNumber	key;
	int			member = -1;

	if (error && svc_is_interruption(error))
		ReThrowError(error);
	if (error || !lookup.reference || !lookup.reference->declared ||
		lookup.reference->on_delete == ON_DELETE_KEEP)
		return;
	key = columns_below(lookup.reference, &conditions);
	if (key <= 0)
		return;
	wanted->keys = append_unique(wanted->keys, get_attname(lookup.reference->published, key, false));
	while ((member = bms_next_member(conditions, member)) >= 0)
	{
		AttrNumber	column = member + FirstLowInvalidHeapAttributeNumber;

		if (column > 0)
			wanted->conditions = append_unique(wanted->conditions,
											   get_attname(lookup.reference->published, column, false));
	}
}

/* The arguments of the triggers; NIL where nothing is to be watched. */
static List *
wanted_arguments(List *family)
{
	Wanted		wanted = {NIL, NIL};
	List	   *args = NIL;
	ListCell   *relation;
	ListCell   *cell;

	foreach(relation, family)
		foreach(cell, reference_names_into(lfirst_oid(relation)))
			add_reference(&wanted, lfirst(cell));
	if (wanted.keys == NIL)
		return NIL;
	args = list_concat_copy(wanted.keys, list_make1(""));
	return list_concat(args, wanted.conditions);
}

/* The relation and all that it is a part of, itself first. */
static List *
ancestry(Oid relation)
{
	List	   *relations;
	SqlScope	scope;
	MemoryContext old;

	svc_sql_begin(&scope, InvalidOid);
	relations = svc_ancestry(relation, InvalidOid, NIL);
	old = MemoryContextSwitchTo(scope.cxt);
	relations = list_copy(relations);
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	return relations;
}

/*
 * A relation, everything that it is a part of by inheritance or partitioning,
 * and everything that is a part of one of those: statements on each of them
 * may change its rows.  What is above comes first.
 */
List *
tombstone_family(Oid relation)
{
	List	   *above = ancestry(relation);
	List	   *family = NIL;

	for (int i = list_length(above) - 1; i >= 0; i--)
		family = list_concat_unique_oid(family,
										find_all_inheritors(list_nth_oid(above, i), NoLock, NULL));
	return family;
}

/* Triggers of published tables: name, type as in pg_trigger, and how they are made */
static const struct
{
	const char *name;
	int16		type;
	const char *event;
	const char *level;
	char		state;			/* in which they are made, as in tgenabled */
}			trigger_kinds[] = {
	{"svc_watch_update", TRIGGER_TYPE_UPDATE, "AFTER UPDATE",
	"REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT", TRIGGER_FIRES_ON_ORIGIN},
	{"svc_watch_delete", TRIGGER_TYPE_DELETE, "AFTER DELETE",
	"REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT", TRIGGER_FIRES_ON_ORIGIN},
	{"svc_watch_truncate", TRIGGER_TYPE_TRUNCATE | TRIGGER_TYPE_BEFORE, "BEFORE TRUNCATE",
	"FOR EACH STATEMENT", TRIGGER_FIRES_ALWAYS},
	{"svc_watch_applied", TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_ROW,
	"AFTER UPDATE OR DELETE", "FOR EACH ROW", TRIGGER_FIRES_ON_REPLICA}
};

/* Make one trigger, and bring it into its state. */
static void
make_trigger(Oid relation, int kind, List *args)
{
	svc_sql_do("CREATE OR REPLACE TRIGGER %s %s ON %s %s"
			   " EXECUTE FUNCTION " SVC_SCHEMA ".watch_deletes(%s)",
			   trigger_kinds[kind].name, trigger_kinds[kind].event, svc_quote_relation(relation),
			   trigger_kinds[kind].level, svc_quote_trigger_arguments(args));
	if (trigger_kinds[kind].state != TRIGGER_FIRES_ON_ORIGIN)
		svc_set_trigger_state(relation, trigger_kinds[kind].name, trigger_kinds[kind].state);
}

/*
 * Make, change or drop the triggers of one relation.  Those that are there keep
 * their state: somebody may have disabled them.  Partitions inherit those that
 * are fired for each row.
 */
static void
make_triggers(Oid relation, List *args)
{
	char	   *name = svc_quote_relation(relation);
	Oid			function = LookupFuncName(list_make2(makeString(SVC_SCHEMA),
													 makeString("watch_deletes")), 0, NULL, false);

	for (int i = 0; i < lengthof(trigger_kinds); i++)
	{
		if ((trigger_kinds[i].type & TRIGGER_TYPE_ROW) && get_rel_relispartition(relation))
			continue;
		if (args == NIL)
			svc_sql_do("DROP TRIGGER IF EXISTS %s ON %s", trigger_kinds[i].name, name);
		else if (svc_has_trigger(relation, trigger_kinds[i].name, trigger_kinds[i].type, function))
			svc_set_trigger_call(relation, trigger_kinds[i].name, function, args);
		else
			make_trigger(relation, i, args);
	}
}

/* Can triggers watch the rows of a relation? */
static bool
is_watchable(Oid relation)
{
	char		relkind = get_rel_relkind(relation);

	return (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE) &&
		!isAnyTempNamespace(get_rel_namespace(relation));
}

/* Make the triggers of a published table and of all its family as the references into it want them. */
void
tombstone_watch(Oid published)
{
	List	   *family = tombstone_family(published);
	List	   *args;
	ListCell   *cell;
	SqlScope	scope;

	foreach(cell, family)
		if (is_watchable(lfirst_oid(cell)))
			svc_lock_relation(lfirst_oid(cell), ShareRowExclusiveLock);
	args = wanted_arguments(family);
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_quietly();
	foreach(cell, family)
		if (is_watchable(lfirst_oid(cell)))
			make_triggers(lfirst_oid(cell), args);
	svc_sql_end(&scope);
}

/* Watch a table, if there is one. */
static void
watch_protected(void *argument)
{
	Oid			relation = *(Oid *) argument;

	if (is_watchable(relation))
		tombstone_watch(relation);
}

/* A column of a row of the catalog; 0 for NULL. */
static Datum
row_value(const TriggerData *data, HeapTuple row, const char *column)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		isnull;
	Datum		value = heap_getattr(row, SPI_fnumber(desc, column), desc, &isnull);

	return isnull ? (Datum) 0 : value;
}

/* The table that a row is about: of svc.entity, or of svc.reference. */
static Oid
published_by(const TriggerData *data, HeapTuple row)
{
	const char *service = NameStr(*DatumGetName(row_value(data, row, "service")));
	const char *entity = NameStr(*DatumGetName(row_value(data, row, "entity")));
	ContractEntry entry;
	Oid			contract;

	if (RelationGetRelid(data->tg_relation) == svc_catalog_relation("entity"))
		return DatumGetObjectId(row_value(data, row, "relation"));
	contract = reference_relation_of_name(reference_contract_name(service, entity), NULL, NULL);
	if (!OidIsValid(contract))
		return InvalidOid;
	return contract_entry(contract, &entry) ? entry.relation : contract;
}

/*
 * Does an entity show other rows, or the same ones under another condition?  One
 * that comes back was not watched while it was away.
 */
static bool
shows_others(const TriggerData *data)
{
	Datum		before;
	Datum		after;

	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return TRIGGER_FIRED_BY_INSERT(data->tg_event);
	before = row_value(data, data->tg_trigtuple, "filter");
	after = row_value(data, data->tg_newtuple, "filter");
	return published_by(data, data->tg_trigtuple) != published_by(data, data->tg_newtuple) ||
		(before != after && (!before || !after || !datum_image_eq(before, after, false, -1)));
}

/*
 * An entity shows other rows now.  Which keys it does not show any more is not
 * known, so all that refers to it must be looked at.
 */
static void
bury_unknown(Oid published)
{
	ListCell   *cell;

	foreach(cell, reference_names_into(published))
		tombstone_add(lfirst(cell), NULL);
}

/*
 * svc.watch_changed(): trigger on svc.entity and svc.reference, AFTER, for each
 * row: another table is to be watched, or in another way.
 */
Datum
svc_watch_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Oid			relations[2] = {InvalidOid, InvalidOid};

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("svc.watch_changed() can only be called as a trigger for each row")));
	/* a restore brings the rows first, and then the triggers as they were */
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event) && !svc_sql_is_own())
		PG_RETURN_POINTER(NULL);
	/* the row that fired us is to be seen from here on */
	CommandCounterIncrement();
	if (!svc_catalog_mentions("reference", 0, NIL) && !TRIGGER_FIRED_BY_DELETE(data->tg_event))
		PG_RETURN_POINTER(NULL);
	relations[0] = published_by(data, data->tg_trigtuple);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		relations[1] = published_by(data, data->tg_newtuple);
	if (RelationGetRelid(data->tg_relation) == svc_catalog_relation("entity") && shows_others(data))
		bury_unknown(relations[TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? 1 : 0]);
	for (int i = 0; i < lengthof(relations); i++)
		if (OidIsValid(relations[i]) && (i == 0 || relations[i] != relations[0]))
			(void) svc_run_protected(watch_protected, &relations[i], true,
									 "deletions in what is published cannot be watched",
									 "See SELECT * FROM svc.status().");
	PG_RETURN_POINTER(NULL);
}

/*
 * Note the keys of a table that leaves a published one, by the arguments of its
 * own trigger, and as keys of one that stays.
 */
static void
add_leaving(Oid relation, Oid parent)
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

/* The same for a table with all that is part of it. */
static void
add_leaving_family(Oid relation, Oid parent)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relation, NoLock, NULL))
		if (is_watchable(lfirst_oid(cell)))
			add_leaving(lfirst_oid(cell), parent);
}

/* Tables that are moved into others, or out of them, or get another shape. */
static void
follow_alter_table(AlterTableStmt *stmt, Oid relation)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);
		Oid			other;

		switch (cmd->subtype)
		{
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
				other = svc_ddl_named_table(cmd);
				add_leaving_family(other, relation);
				tombstone_watch(other);
				break;
			case AT_AttachPartition:
			case AT_AddInherit:
				tombstone_watch(relation);
				break;
			case AT_DropInherit:
				add_leaving_family(relation, svc_ddl_named_table(cmd));
				tombstone_watch(relation);
				break;
			default:
				break;
		}
	}
}

/* Tables that were made as part of others. */
static void
follow_created(List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == RelationRelationId && strcmp(object->tag, "CREATE TABLE") == 0 &&
			is_watchable(object->object_id) && has_superclass(object->object_id))
			tombstone_watch(object->object_id);
	}
}

/* Keep the triggers in step with what was made and altered. */
static void
follow_altered(Node *command, List *objects)
{
	RenameStmt *rename = svc_ddl_column_rename(command);
	ListCell   *cell;

	if (!command || objects == NIL || !svc_catalog_mentions("reference", 0, NIL))
		return;
	if (rename)
	{
		foreach(cell, svc_ddl_relations(objects))
			if (is_watchable(lfirst_oid(cell)))
				tombstone_watch(lfirst_oid(cell));
	}
	else if (IsA(command, AlterTableStmt))
		follow_alter_table((AlterTableStmt *) command,
						   svc_ddl_altered_table((AlterTableStmt *) command, objects));
	else if (!IsA(command, RenameStmt))
		follow_created(objects);
}

/*
 * Parts of published tables are about to be dropped: when they are gone it is
 * too late to read their keys.  Only of tables that the caller may drop.
 */
static void
before_drop_table(DropStmt *command)
{
	ListCell   *cell;

	if (!svc_catalog_mentions("reference", 0, NIL))
		return;
	foreach(cell, command->objects)
	{
		Oid			relation = RangeVarGetRelid(makeRangeVarFromNameList(lfirst_node(List, cell)),
												NoLock, true);

		if (!OidIsValid(relation) || !has_superclass(relation) ||
			!(object_ownercheck(RelationRelationId, relation, GetUserId()) ||
			  object_ownercheck(NamespaceRelationId, get_rel_namespace(relation), GetUserId())))
			continue;
		/* what DROP TABLE locks, in its order: the table above a partition first */
		if (get_rel_relispartition(relation))
			svc_lock_relation(get_partition_parent(relation, true), AccessExclusiveLock);
		svc_lock_relation(relation, AccessExclusiveLock);
		add_leaving_family(relation, llast_oid(ancestry(relation)));
	}
}

static const DdlHandler watch_ddl = {
	.follow_altered = follow_altered,
	.before_drop_table = before_drop_table
};

/* What watching does when the library is loaded. */
void
WatchInit(void)
{
	svc_register_ddl_handler(&watch_ddl);
}
