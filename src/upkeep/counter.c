/*
 * counter.c: counters of rows: what is declared, what it means for the rows of
 * one relation, and the triggers that make it so.
 *
 * A counter is a row of svc.counter and the arguments of four triggers on the
 * source table, and on each of its partitions and children, since a statement
 * that names one of these fires the triggers of that one only.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "core/trigger.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "upkeep/count_filter.h"
#include "upkeep/counter.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

/* What svc.counter says of a counter */
typedef struct Declaration
{
	Oid			source;			/* InvalidOid: nobody declared it */
	bool		as_superuser;
} Declaration;

/* The relation of a qualified and quoted name, or InvalidOid; asks for no rights. */
static Oid
relation_of_name(const char *name)
{
	RangeVar   *range = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name)));
	Oid			schema = range->schemaname ? get_namespace_oid(range->schemaname, true) : InvalidOid;

	return OidIsValid(schema) ? get_relname_relid(range->relname, schema) : InvalidOid;
}

/* A trigger names something that is not there (any more). */
static void
raise_stale(Relation rel, const char *what, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a counter of rows of \"%s\" cannot be kept: %s %s does not exist",
					RelationGetRelationName(rel), what, name),
			 errhint("Declare it again with svc.keep_count, or drop the triggers svc_keep_count_...")));
}

/* A column that a counter needs. */
static AttrNumber
resolve_column(Relation rel, Oid relation, const char *column)
{
	AttrNumber	number = get_attnum(relation, column);

	if (number <= 0)
		raise_stale(rel, "column", psprintf("%s.%s", get_rel_name(relation), column));
	return number;
}

/* Is this an integer of any size? */
static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* The equality by which a target's key is found: one that its index knows. */
static Oid
key_equality(const Counter *c, Oid target_type)
{
	if (is_integer(c->key_type))
		return OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString("=")),
								getBaseType(target_type), c->key_type);
	return lookup_type_cache(target_type, TYPECACHE_EQ_OPR)->eq_opr;
}

/* The statement that changes a counter by $1 where the key is $2. */
static char *
update_statement(const Counter *c, const char *key, const char *counter)
{
	StringInfoData statement;
	Oid			type = get_atttype(c->target, c->target_key);
	const char *column = quote_identifier(counter);

	initStringInfo(&statement);
	appendStringInfo(&statement,
					 "UPDATE %s AS t SET %s = COALESCE(t.%s, 0) OPERATOR(pg_catalog.+) $1 WHERE ",
					 svc_quote_relation(c->target), column, column);
	generate_operator_clause(&statement, psprintf("t.%s", quote_identifier(key)), type,
							 key_equality(c, type), "$2", c->key_type);
	return statement.data;
}

/* The columns of a relation that an expression on it uses, as in tg_updatedcols. */
static Bitmapset *
columns_of(Node *expression, AttrNumber key)
{
	Bitmapset  *columns = bms_make_singleton(key - FirstLowInvalidHeapAttributeNumber);

	pull_varattnos(expression, 1, &columns);
	return columns;
}

/*
 * What the key of the target makes of keys: their type and collation, by which
 * they are told apart, in the rows that are counted, too.  Integers of all
 * sizes are the largest, as they can be compared, and as a foreign key allows;
 * so all counters of one key of a target have one order.
 */
static void
resolve_key_type(Relation rel, Counter *c, const CounterNames *names)
{
	Form_pg_attribute key = TupleDescAttr(RelationGetDescr(rel), c->key - 1);
	Oid			type;
	int32		typmod;

	get_atttypetypmodcoll(c->target, c->target_key, &type, &typmod, &c->key_collation);
	c->key_type = getBaseType(type);
	if (is_integer(c->key_type))
		c->key_type = INT8OID;
	if (c->key_type == INT8OID ? !is_integer(getBaseType(key->atttypid)) :
		!IsBinaryCoercible(key->atttypid, c->key_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" cannot be compared with the key it refers to",
						names->source_key, RelationGetRelationName(rel)),
				 errdetail("It is of type %s, and %s of %s is of type %s.",
						   format_type_be(key->atttypid), names->target_key, names->target,
						   format_type_be(type)),
				 errhint("Give both columns the same type, or both an integer type.")));
}

/*
 * Who updates a counter's target: its owner, if svc.keep_count declared it so,
 * else the caller.  A trigger that somebody made by hand, with these or other
 * arguments, gets no rights from that.  A superuser's target only counts if a
 * superuser declared it.
 */
static Oid
updater_of(Oid target, const Declaration *declaration)
{
	Oid			owner = svc_relation_owner(target);

	if (!OidIsValid(declaration->source) ||
		(superuser_arg(owner) && !declaration->as_superuser))
		return InvalidOid;
	return owner;
}

/*
 * Resolve a counter for rows of one relation, in the current memory context.
 * Names of triggers are resolved without asking for rights: whoever changes
 * rows of the source need not know where they are counted.
 */
static Counter *
resolve(Relation rel, Oid target, const CounterNames *names, const Declaration *declaration)
{
	Counter    *c = palloc0(sizeof(Counter));

	c->target = target;
	c->target_key = resolve_column(rel, c->target, names->target_key);
	(void) resolve_column(rel, c->target, names->counter);
	c->key = resolve_column(rel, RelationGetRelid(rel), names->source_key);
	count_check_key(rel, c->key);
	c->key_stored_type = getBaseType(TupleDescAttr(RelationGetDescr(rel), c->key - 1)->atttypid);
	resolve_key_type(rel, c, names);
	c->source = declaration->source;
	if (OidIsValid(c->source))
		c->filter_owner = svc_relation_owner(declaration->source);
	if (names->filter)
		c->filter = count_filter_parse(rel, names->filter, c->filter_owner);
	c->columns = columns_of(c->filter, c->key);
	c->run_as = updater_of(c->target, declaration);
	c->update = update_statement(c, names->target_key, names->counter);
	return c;
}

/* Is the relation this ancestor, or one of its partitions or children, at any depth? */
static bool
descends_from(Oid relation, Oid ancestor)
{
	return list_member_oid(find_all_inheritors(ancestor, NoLock, NULL), relation);
}

/* What a row of svc.counter declares, if that is what a trigger's arguments name. */
static Declaration
declaration_in(HeapTuple row, TupleDesc desc, Relation rel, const CounterNames *names)
{
	Datum		values[COL_AS_SUPERUSER];
	bool		nulls[COL_AS_SUPERUSER];
	Declaration declaration = {0};
	char	   *filter;

	heap_deform_tuple(row, desc, values, nulls);
	filter = nulls[COL_FILTER - 1] ? NULL : TextDatumGetCString(values[COL_FILTER - 1]);
	if (strcmp(NameStr(*DatumGetName(values[COL_TARGET_KEY - 1])), names->target_key) == 0 &&
		strcmp(NameStr(*DatumGetName(values[COL_SOURCE_KEY - 1])), names->source_key) == 0 &&
		(filter && names->filter ? strcmp(filter, names->filter) == 0 : filter == names->filter) &&
		descends_from(RelationGetRelid(rel), DatumGetObjectId(values[COL_SOURCE - 1])))
	{
		declaration.source = DatumGetObjectId(values[COL_SOURCE - 1]);
		declaration.as_superuser = DatumGetBool(values[COL_AS_SUPERUSER - 1]);
	}
	return declaration;
}

/* How the counter is declared that a trigger's arguments name, if it is. */
static Declaration
find_declaration(Relation rel, Oid target, const CounterNames *names)
{
	Oid			relid = svc_catalog_relation("counter");
	Declaration declaration = {0};
	Relation	counters;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	row;
	NameData	counter;

	if (!OidIsValid(relid))
		return declaration;
	namestrcpy(&counter, names->counter);
	counters = table_open(relid, AccessShareLock);
	ScanKeyInit(&keys[0], COL_TARGET, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(target));
	ScanKeyInit(&keys[1], COL_COUNTER, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&counter));
	scan = systable_beginscan(counters, svc_catalog_relation("counter_pkey"), true, NULL, 2, keys);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
		declaration = declaration_in(row, RelationGetDescr(counters), rel, names);
	systable_endscan(scan);
	table_close(counters, AccessShareLock);
	return declaration;
}

/* A counter as a trigger's arguments name it. */
Counter *
counter_resolve(Relation rel, const CounterNames *names)
{
	Oid			target = relation_of_name(names->target);
	Declaration declaration;

	if (!OidIsValid(target))
		raise_stale(rel, "table", names->target);
	declaration = find_declaration(rel, target, names);
	return resolve(rel, target, names, &declaration);
}

/* A counter as it is declared; also for what was a part of the source until now. */
static Counter *
resolve_row(Relation rel, const CounterRow *row)
{
	Declaration declaration = {row->source, row->as_superuser};

	return resolve(rel, row->target, &row->names, &declaration);
}

/*
 * The rows of svc.counter that a condition on $1, an array of OIDs, selects.
 * Inside a scope of the extension's owner; kept in the scope's caller's memory.
 */
List *
counter_select(SqlScope *scope, const char *condition, List *oids)
{
	List	   *rows = NIL;
	uint64		n = svc_sql(psprintf("SELECT source::pg_catalog.oid, target::pg_catalog.oid,"
									 "       source_key, target_key, counter, filter, as_superuser"
									 "  FROM svc.counter WHERE %s ORDER BY target, counter", condition),
							sql_oids(oids, OIDARRAYOID));
	MemoryContext old = MemoryContextSwitchTo(scope->cxt);

	for (uint64 i = 0; i < n; i++)
	{
		CounterRow *row = palloc0(sizeof(CounterRow));

		row->source = svc_sql_oid_value(i, 1);
		row->target = svc_sql_oid_value(i, 2);
		row->names.source_key = svc_sql_value(i, 3);
		row->names.target = svc_quote_relation(row->target);
		row->names.target_key = svc_sql_value(i, 4);
		row->names.counter = svc_sql_value(i, 5);
		row->names.filter = svc_sql_value(i, 6);
		row->as_superuser = svc_sql_bool_value(i, 7);
		rows = lappend(rows, row);
	}
	MemoryContextSwitchTo(old);
	return rows;
}

/* The triggers of a source: name, event, and what they look at */
static const struct
{
	const char *name;
	int16		type;			/* as in pg_trigger */
	const char *event;
	const char *tables;
}			trigger_kinds[] = {
	{"svc_keep_count_insert", TRIGGER_TYPE_INSERT,
	"AFTER INSERT", "REFERENCING NEW TABLE AS new_rows"},
	{"svc_keep_count_update", TRIGGER_TYPE_UPDATE,
	"AFTER UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"},
	{"svc_keep_count_delete", TRIGGER_TYPE_DELETE,
	"AFTER DELETE", "REFERENCING OLD TABLE AS old_rows"},
	{"svc_keep_count_truncate", TRIGGER_TYPE_TRUNCATE | TRIGGER_TYPE_BEFORE,
	"BEFORE TRUNCATE", ""}
};

/* The arguments of the triggers that keep some counters. */
static List *
trigger_arguments(List *rows)
{
	List	   *args = NIL;
	ListCell   *cell;

	foreach(cell, rows)
	{
		CounterNames *names = &((CounterRow *) lfirst(cell))->names;

		args = lappend(args, names->source_key);
		args = lappend(args, names->target);
		args = lappend(args, names->target_key);
		args = lappend(args, names->counter);
		args = lappend(args, names->filter ? names->filter : "");
	}
	return args;
}

/*
 * Make, change or drop the triggers of one relation, as its counters want
 * them.  Those that are there keep their state: somebody may have disabled
 * them.
 */
static void
make_triggers(SqlScope *scope, Oid relation)
{
	List	   *rows = counter_select(scope, "source = ANY ($1)",
									  svc_ancestry(relation, InvalidOid, NIL));
	List	   *args = trigger_arguments(rows);
	char	   *name = svc_quote_relation(relation);
	Oid			function = LookupFuncName(list_make2(makeString(SVC_SCHEMA),
													 makeString("count_changes")), 0, NULL, false);

	if (get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE)
	{
		if (rows != NIL)
			ereport(WARNING,
					(errmsg("changes of rows of foreign table %s are not counted", name),
					 errhint("svc.recount counts again.")));
		return;
	}
	for (int i = 0; i < lengthof(trigger_kinds); i++)
	{
		if (rows == NIL)
			svc_sql_do("DROP TRIGGER IF EXISTS %s ON %s", trigger_kinds[i].name, name);
		else if (svc_has_trigger(relation, trigger_kinds[i].name, trigger_kinds[i].type, function))
			svc_set_trigger_call(relation, trigger_kinds[i].name, function, args);
		else
			svc_sql_do("CREATE OR REPLACE TRIGGER %s %s ON %s %s"
					   " FOR EACH STATEMENT EXECUTE FUNCTION " SVC_SCHEMA ".count_changes(%s)",
					   trigger_kinds[i].name, trigger_kinds[i].event, name,
					   trigger_kinds[i].tables, svc_quote_trigger_arguments(args));
	}
}

/* The same for a relation with its partitions and children. */
void
counter_make_triggers(SqlScope *scope, Oid relation)
{
	ListCell   *cell;

	if (get_rel_name(relation))
		foreach(cell, svc_lock_family(relation, ShareRowExclusiveLock))
			make_triggers(scope, lfirst_oid(cell));
}

/* Count the rows of one relation for some counters, with this sign. */
void
counter_count_relation(Deltas *deltas, Oid relation, List *rows, int sign)
{
	Relation	rel = table_open(relation, AccessShareLock);
	Counter   **counters = palloc(sizeof(Counter *) * Max(list_length(rows), 1));

	for (int i = 0; i < list_length(rows); i++)
		counters[i] = resolve_row(rel, list_nth(rows, i));
	delta_use(deltas, counters, list_length(rows));
	delta_add_relation(deltas, rel, sign);
	table_close(rel, NoLock);
}

/*
 * Set a counter to what the rows of its source say; returns how many rows of
 * the target were wrong.  The lock on the source waits for everybody who is
 * changing its rows, and so the counter.
 */
uint64
counter_recount(CounterRow *row)
{
	Deltas	   *deltas = delta_begin();
	ListCell   *cell;

	foreach(cell, svc_lock_family(row->source, ShareRowExclusiveLock))
		counter_count_relation(deltas, lfirst_oid(cell), list_make1(row), 1);
	foreach(cell, svc_lock_family(row->target, RowExclusiveLock))
	{
		Relation	target = table_open(lfirst_oid(cell), NoLock);

		delta_subtract_values(deltas, target,
							  svc_column_number(target, row->names.target_key),
							  svc_column_number(target, row->names.counter));
		table_close(target, NoLock);
	}
	return delta_apply(deltas);
}
