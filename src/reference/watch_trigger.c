/*
 * watch_trigger.c: which tables are watched, and the triggers that do it.
 *
 * Statements fire triggers for each statement with transition tables, on the
 * relation that they name: so all of a family (whatever a partitioned table or
 * an inheritance parent holds, and what holds it) has them.  Rows that logical
 * replication applies fire triggers for each row only: one that is enabled for
 * replicas alone sees them, and costs nothing where rows are written first.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/relation.h"
#include "core/sql.h"
#include "core/trigger.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "reference/watch.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"

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
watch_key_column(const Reference *reference)
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
	bool		unsure;			/* a reference could not be asked what it wants */
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
	wanted->unsure |= error != NULL;
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

/* The trigger of a relation that has a name, or NULL. */
static const Trigger *
trigger_named(Relation rel, const char *name)
{
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
		if (strcmp(rel->trigdesc->triggers[i].tgname, name) == 0)
			return &rel->trigdesc->triggers[i];
	return NULL;
}

/*
 * Add what the triggers of a relation look at already: where a reference cannot be
 * resolved just now, what it wants is among that.
 */
static void
add_present(Wanted *wanted, Oid relation)
{
	Relation	rel = relation_open(relation, NoLock);
	const Trigger *trigger = trigger_named(rel, "svc_watch_update");
	bool		is_key = true;

	for (int i = 0; trigger && i < trigger->tgnargs; i++)
	{
		char	   *column = pstrdup(trigger->tgargs[i]);

		if (column[0] == '\0')
			is_key = false;
		else if (is_key)
			wanted->keys = append_unique(wanted->keys, column);
		else
			wanted->conditions = append_unique(wanted->conditions, column);
	}
	relation_close(rel, NoLock);
}

/* The arguments of the triggers; NIL where nothing is to be watched. */
static List *
wanted_arguments(List *family)
{
	Wanted		wanted = {NIL, NIL, false};
	List	   *args = NIL;
	ListCell   *relation;
	ListCell   *cell;

	foreach(relation, family)
		foreach(cell, reference_names_into(lfirst_oid(relation)))
			add_reference(&wanted, lfirst(cell));
	foreach(relation, family)
		if (wanted.unsure && watch_can(lfirst_oid(relation)))
			add_present(&wanted, lfirst_oid(relation));
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
watch_family(Oid relation)
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

/* The function that they call. */
static Oid
watch_function(void)
{
	return LookupFuncName(list_make2(makeString(SVC_SCHEMA), makeString("watch_deletes")), 0, NULL,
						  false);
}

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
	Oid			function = watch_function();

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

/* Has a trigger these arguments? */
static bool
has_arguments(const Trigger *trigger, List *args)
{
	if (trigger->tgnargs != list_length(args))
		return false;
	for (int i = 0; i < trigger->tgnargs; i++)
		if (strcmp(trigger->tgargs[i], list_nth(args, i)) != 0)
			return false;
	return true;
}

/* Has a relation the triggers that make_triggers would make? */
static bool
is_as_wanted(Oid relation, List *args)
{
	Oid			function = watch_function();
	Relation	rel = relation_open(relation, NoLock);
	bool		as_wanted = true;

	for (int i = 0; i < lengthof(trigger_kinds); i++)
	{
		const Trigger *trigger = trigger_named(rel, trigger_kinds[i].name);

		if ((trigger_kinds[i].type & TRIGGER_TYPE_ROW) && rel->rd_rel->relispartition)
			continue;
		if (args == NIL ? trigger != NULL :
			!trigger || trigger->tgfoid != function || trigger->tgtype != trigger_kinds[i].type ||
			!has_arguments(trigger, args))
			as_wanted = false;
	}
	relation_close(rel, NoLock);
	return as_wanted;
}

/* Lock the relations of a family that have triggers. */
static void
lock_family(List *family, LOCKMODE lockmode)
{
	ListCell   *cell;

	foreach(cell, family)
		if (watch_can(lfirst_oid(cell)))
			svc_lock_relation(lfirst_oid(cell), lockmode);
}

/* Has all of a family what is wanted? */
static bool
all_as_wanted(List *family, List *args)
{
	ListCell   *cell;

	foreach(cell, family)
		if (watch_can(lfirst_oid(cell)) && !is_as_wanted(lfirst_oid(cell), args))
			return false;
	return true;
}

/*
 * ENABLE TRIGGER ALL, with which the rows of a dump without its schema end,
 * makes all triggers fire for origins: ours get back how they were made.
 */
void
watch_mend_states(Oid relation)
{
	List	   *family = find_all_inheritors(relation, NoLock, NULL);
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	for (int i = 0; i < lengthof(trigger_kinds); i++)
	{
		uint64		rows;

		if (trigger_kinds[i].state == TRIGGER_FIRES_ON_ORIGIN)
			continue;
		rows = svc_sql("SELECT t.tgrelid FROM pg_catalog.pg_trigger t"
					   "  JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid AND f.proname = 'watch_deletes'"
					   "  JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace AND n.nspname = '" SVC_SCHEMA "'"
					   " WHERE t.tgrelid = ANY ($1) AND t.tgname = $2 AND t.tgenabled = 'O'",
					   sql_oids(family, OIDARRAYOID), sql_name(trigger_kinds[i].name));
		for (uint64 row = 0; row < rows; row++)
			svc_set_trigger_state(svc_sql_oid_value(row, 1), trigger_kinds[i].name,
								  trigger_kinds[i].state);
	}
	svc_sql_end(&scope);
}

/* Can triggers watch the rows of a relation? */
bool
watch_can(Oid relation)
{
	char		relkind = get_rel_relkind(relation);

	return (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE) &&
		!isAnyTempNamespace(get_rel_namespace(relation));
}

/*
 * Make the triggers of a published table and of all its family as the references
 * into it want them.  The first lock keeps others who want that away, and no
 * writers: most changes of references change nothing here, and last as long as
 * the transaction of somebody to whom the table does not belong.
 */
void
watch_published(Oid published)
{
	List	   *family = watch_family(published);
	List	   *args;
	ListCell   *cell;
	SqlScope	scope;

	lock_family(family, ShareUpdateExclusiveLock);
	args = wanted_arguments(family);
	if (all_as_wanted(family, args))
		return;
	lock_family(family, ShareRowExclusiveLock);
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_quietly();
	foreach(cell, family)
		if (watch_can(lfirst_oid(cell)))
			make_triggers(lfirst_oid(cell), args);
	svc_sql_end(&scope);
}
