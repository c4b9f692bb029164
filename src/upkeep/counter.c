/*
 * counter.c: counters of rows, declared, repaired, and followed when what they
 * stand on is renamed, moved or dropped.
 *
 * A counter is a row of svc.counter and the arguments of four triggers on the
 * source table, and on each of its partitions and children, since a statement
 * that names one of these fires the triggers of that one only.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/ddl.h"
#include "core/expression.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "storage/lmgr.h"
#include "upkeep/count_trigger.h"
#include "upkeep/counter.h"
#include "upkeep/upkeep.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

SVC_FUNCTION(svc_keep_count);
SVC_FUNCTION(svc_drop_count);
SVC_FUNCTION(svc_recount);

/* Columns of svc.counter, in the order of its definition */
enum
{
	COL_TARGET = 1,
	COL_COUNTER,
	COL_TARGET_KEY,
	COL_SOURCE,
	COL_SOURCE_KEY,
	COL_FILTER,
	COL_FILTER_COLUMNS,
	COL_AS_SUPERUSER
};

/* A row of svc.counter */
typedef struct CounterRow
{
	Oid			source;
	Oid			target;
	CounterNames names;
} CounterRow;

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
							 lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr,
							 "$2", c->key_type);
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

/* Analyse a filter that was written down under our search_path. */
static Node *
parse_stored_filter(Relation rel, const char *filter)
{
	Node	   *condition;
	SqlScope	scope;

	svc_sql_begin(&scope, InvalidOid);
	MemoryContextSwitchTo(scope.cxt);
	condition = svc_parse_condition(rel, filter, "filter");
	svc_sql_end(&scope);
	return expand_generated_columns_in_expr(condition, rel, 1);
}

/* Refuse a key that rows do not hold. */
static void
check_source_key(Relation rel, Form_pg_attribute key)
{
	if (key->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rows of \"%s\" cannot be counted by column \"%s\"",
						RelationGetRelationName(rel), NameStr(key->attname)),
				 errdetail("It is a virtual generated column, which triggers do not see."),
				 errhint("Make it a stored one.")));
}

/*
 * Resolve a counter for rows of one relation, in the current memory context.
 * Names of triggers are resolved without asking for rights: whoever changes
 * rows of the source need not know where they are counted.
 */
Counter *
counter_resolve(Relation rel, const CounterNames *names)
{
	Counter    *c = palloc0(sizeof(Counter));
	Form_pg_attribute key;

	c->target = relation_of_name(names->target);
	if (!OidIsValid(c->target))
		raise_stale(rel, "table", names->target);
	c->target_key = resolve_column(rel, c->target, names->target_key);
	(void) resolve_column(rel, c->target, names->counter);
	c->key = resolve_column(rel, RelationGetRelid(rel), names->source_key);
	key = TupleDescAttr(RelationGetDescr(rel), c->key - 1);
	check_source_key(rel, key);
	c->key_type = getBaseType(get_atttype(c->target, c->target_key));
	c->key_collation = key->attcollation;
	if (!IsBinaryCoercible(key->atttypid, c->key_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" cannot be compared with the key it refers to",
						names->source_key, RelationGetRelationName(rel)),
				 errdetail("It is of type %s, and %s of %s is of type %s.",
						   format_type_be(key->atttypid), names->target_key, names->target,
						   format_type_be(get_atttype(c->target, c->target_key))),
				 errhint("Give both columns the same type.")));
	if (names->filter)
		c->filter = parse_stored_filter(rel, names->filter);
	c->columns = columns_of(c->filter, c->key);
	c->run_as = counter_run_as(rel, c->target, names);
	c->update = update_statement(c, names->target_key, names->counter);
	return c;
}

/* Is the relation this ancestor, or one of its partitions or children, at any depth? */
static bool
descends_from(Oid relation, Oid ancestor)
{
	return list_member_oid(find_all_inheritors(ancestor, NoLock, NULL), relation);
}

/* Does a row of svc.counter declare the counter that a trigger's arguments name? */
static bool
declares(HeapTuple row, TupleDesc desc, Relation rel, const CounterNames *names, bool *as_superuser)
{
	Datum		values[COL_AS_SUPERUSER];
	bool		nulls[COL_AS_SUPERUSER];
	char	   *filter;

	heap_deform_tuple(row, desc, values, nulls);
	filter = nulls[COL_FILTER - 1] ? NULL : TextDatumGetCString(values[COL_FILTER - 1]);
	*as_superuser = DatumGetBool(values[COL_AS_SUPERUSER - 1]);
	return strcmp(NameStr(*DatumGetName(values[COL_TARGET_KEY - 1])), names->target_key) == 0 &&
		strcmp(NameStr(*DatumGetName(values[COL_SOURCE_KEY - 1])), names->source_key) == 0 &&
		(filter && names->filter ? strcmp(filter, names->filter) == 0 : filter == names->filter) &&
		descends_from(RelationGetRelid(rel), DatumGetObjectId(values[COL_SOURCE - 1]));
}

/*
 * Who updates a counter's target: its owner, if svc.keep_count declared it so,
 * else the caller.  A trigger that somebody made by hand, with these or other
 * arguments, gets no rights from that.  A superuser's target only counts if a
 * superuser declared it.
 */
Oid
counter_run_as(Relation rel, Oid target, const CounterNames *names)
{
	Oid			relid = svc_catalog_relation("counter");
	Relation	counters;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	row;
	NameData	counter;
	bool		as_superuser = false;
	bool		declared;
	Oid			owner;

	if (!OidIsValid(relid))
		return InvalidOid;
	namestrcpy(&counter, names->counter);
	counters = table_open(relid, AccessShareLock);
	ScanKeyInit(&keys[0], COL_TARGET, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(target));
	ScanKeyInit(&keys[1], COL_COUNTER, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&counter));
	scan = systable_beginscan(counters, svc_catalog_relation("counter_pkey"), true, NULL, 2, keys);
	row = systable_getnext(scan);
	declared = HeapTupleIsValid(row) &&
		declares(row, RelationGetDescr(counters), rel, names, &as_superuser);
	systable_endscan(scan);
	table_close(counters, AccessShareLock);
	if (!declared)
		return InvalidOid;
	owner = svc_relation_owner(target);
	return superuser_arg(owner) && !as_superuser ? InvalidOid : owner;
}

/*
 * The rows of svc.counter that a condition on $1, an array of OIDs, selects.
 * Inside a scope of the extension's owner; kept in the scope's caller's memory.
 */
static List *
select_counters(SqlScope *scope, const char *condition, List *oids)
{
	List	   *rows = NIL;
	uint64		n = svc_sql(psprintf("SELECT source::pg_catalog.oid, target::pg_catalog.oid,"
									 "       source_key, target_key, counter, filter"
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
		rows = lappend(rows, row);
	}
	MemoryContextSwitchTo(old);
	return rows;
}

/* A relation and everything above it by inheritance or partitioning. */
static List *
ancestry_of(Oid relation)
{
	List	   *ancestry = list_make1_oid(relation);

	for (int i = 0; i < list_length(ancestry); i++)
	{
		uint64		n = svc_sql("SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = $1",
								sql_oid(list_nth_oid(ancestry, i)));

		for (uint64 row = 0; row < n; row++)
			ancestry = list_append_unique_oid(ancestry, svc_sql_oid_value(row, 1));
	}
	return ancestry;
}

/* The counters that count rows of a relation, also as rows of its ancestors. */
static List *
counters_of_relation(SqlScope *scope, Oid relation)
{
	return select_counters(scope, "source = ANY ($1)", ancestry_of(relation));
}

/* A table with its partitions and children, all of them locked. */
static List *
lock_family(Oid relation, LOCKMODE lockmode)
{
	svc_lock_relation(relation, lockmode);
	return find_all_inheritors(relation, lockmode, NULL);
}

/* The triggers of a source: name, event, and what they look at */
static const struct
{
	const char *name;
	const char *event;
	const char *tables;
}			trigger_kinds[] = {
	{"svc_keep_count_insert", "AFTER INSERT", "REFERENCING NEW TABLE AS new_rows"},
	{"svc_keep_count_update", "AFTER UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"},
	{"svc_keep_count_delete", "AFTER DELETE", "REFERENCING OLD TABLE AS old_rows"},
	{"svc_keep_count_truncate", "BEFORE TRUNCATE", ""}
};

/* The arguments of the triggers that keep some counters. */
static char *
trigger_arguments(List *rows)
{
	StringInfoData args;
	ListCell   *cell;

	initStringInfo(&args);
	foreach(cell, rows)
	{
		CounterNames *names = &((CounterRow *) lfirst(cell))->names;

		appendStringInfo(&args, "%s%s, %s, %s, %s, %s", args.len ? ", " : "",
						 quote_literal_cstr(names->source_key), quote_literal_cstr(names->target),
						 quote_literal_cstr(names->target_key), quote_literal_cstr(names->counter),
						 quote_literal_cstr(names->filter ? names->filter : ""));
	}
	return args.data;
}

/* Make, change or drop the triggers of one relation, as its counters want them. */
static void
make_triggers(SqlScope *scope, Oid relation)
{
	List	   *rows = counters_of_relation(scope, relation);
	char	   *name = svc_quote_relation(relation);

	for (int i = 0; i < lengthof(trigger_kinds); i++)
	{
		if (rows == NIL)
			svc_sql_do("DROP TRIGGER IF EXISTS %s ON %s", trigger_kinds[i].name, name);
		else
			svc_sql_do("CREATE OR REPLACE TRIGGER %s %s ON %s %s"
					   " FOR EACH STATEMENT EXECUTE FUNCTION svc.count_changes(%s)",
					   trigger_kinds[i].name, trigger_kinds[i].event, name,
					   trigger_kinds[i].tables, trigger_arguments(rows));
	}
}

/* The same for a relation with its partitions and children. */
static void
make_family_triggers(SqlScope *scope, Oid relation)
{
	ListCell   *cell;

	if (get_rel_name(relation))
		foreach(cell, lock_family(relation, ShareRowExclusiveLock))
			make_triggers(scope, lfirst_oid(cell));
}

/* Count the rows of one relation for some counters, with this sign. */
static void
count_relation(Deltas *deltas, Oid relation, List *rows, int sign)
{
	Relation	rel = table_open(relation, AccessShareLock);
	Counter   **counters = palloc(sizeof(Counter *) * Max(list_length(rows), 1));

	for (int i = 0; i < list_length(rows); i++)
		counters[i] = counter_resolve(rel, &((CounterRow *) list_nth(rows, i))->names);
	delta_use(deltas, counters, list_length(rows));
	delta_add_relation(deltas, rel, sign);
	table_close(rel, NoLock);
}

/* The same with its partitions and children, and at once. */
static void
count_family(Oid relation, List *rows, int sign)
{
	Deltas	   *deltas = delta_begin();
	ListCell   *cell;

	foreach(cell, lock_family(relation, ShareRowExclusiveLock))
		count_relation(deltas, lfirst_oid(cell), rows, sign);
	(void) delta_apply(deltas);
}

/*
 * Set a counter to what the rows of its source say; returns how many rows of
 * the target were wrong.  The lock on the source waits for everybody who is
 * changing its rows, and so the counter.
 */
static uint64
recount(CounterRow *row)
{
	Deltas	   *deltas = delta_begin();
	ListCell   *cell;

	foreach(cell, lock_family(row->source, ShareRowExclusiveLock))
		count_relation(deltas, lfirst_oid(cell), list_make1(row), 1);
	foreach(cell, lock_family(row->target, RowExclusiveLock))
	{
		Relation	target = table_open(lfirst_oid(cell), NoLock);

		delta_subtract_values(deltas, target,
							  svc_column_number(target, row->names.target_key),
							  svc_column_number(target, row->names.counter));
		table_close(target, NoLock);
	}
	return delta_apply(deltas);
}

/* Refuse tables of kinds that cannot have or be counted. */
static void
check_table(Relation rel, const char *what)
{
	char		relkind = rel->rd_rel->relkind;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s \"%s\" is not a table", what, RelationGetRelationName(rel))));
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("%s \"%s\" is a temporary table", what, RelationGetRelationName(rel))));
	svc_check_relation_owner(RelationGetRelid(rel));
}

/* Refuse a source with parts that no trigger can watch. */
static void
check_parts(Oid source)
{
	ListCell   *cell;

	foreach(cell, lock_family(source, ShareRowExclusiveLock))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("rows of \"%s\" cannot be counted: \"%s\" is a foreign table",
							get_rel_name(source), get_rel_name(lfirst_oid(cell)))));
}

/* Refuse a column that cannot hold a count. */
static void
check_counter_column(Relation target, const char *column)
{
	AttrNumber	number = svc_column_number(target, column);
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(target), number - 1);
	Oid			type = attribute->atttypid;

	if (attribute->attgenerated || attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("column \"%s\" of relation \"%s\" cannot be a counter", column,
						RelationGetRelationName(target)),
				 errdetail("Its values are generated.")));
	if (type != INT2OID && type != INT4OID && type != INT8OID && type != NUMERICOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" cannot be a counter", column,
						RelationGetRelationName(target)),
				 errdetail("It is of type %s; counters are integer, bigint, smallint or numeric.",
						   format_type_be(type))));
}

/* Refuse a key of the target that could name two rows, or none in order. */
static void
check_target_key(Relation target, const char *column)
{
	AttrNumber	number = svc_column_number(target, column);
	Oid			type = TupleDescAttr(RelationGetDescr(target), number - 1)->atttypid;
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_PROC | TYPECACHE_CMP_PROC);

	if (!svc_is_unique_key(target, number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FOREIGN_KEY),
				 errmsg("column \"%s\" of relation \"%s\" is not a key", column,
						RelationGetRelationName(target)),
				 errdetail("No unique index stands behind this column alone."),
				 errhint("Make one: CREATE UNIQUE INDEX ON %s (%s).",
						 svc_quote_relation(RelationGetRelid(target)), quote_identifier(column))));
	if (!OidIsValid(entry->hash_proc) || !OidIsValid(entry->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("keys of type %s cannot be hashed and ordered", format_type_be(type))));
}

/* Refuse a filter that would not say the same of a row when it goes as when it came. */
static void
check_filter(Node *filter)
{
	if (contain_mutable_functions(filter))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("functions in the filter of a counter must be marked IMMUTABLE"),
				 errhint("A row must count or not count by its columns alone.")));
}

/* The names of the columns that an expression uses, as an array. */
static ArrayType *
column_names(Relation rel, Node *expression)
{
	Bitmapset  *columns = NULL;
	Datum	   *names;
	int			n = 0;
	int			member = -1;

	pull_varattnos(expression, 1, &columns);
	names = palloc(sizeof(Datum) * Max(bms_num_members(columns), 1));
	while ((member = bms_next_member(columns, member)) >= 0)
	{
		AttrNumber	number = member + FirstLowInvalidHeapAttributeNumber;

		if (number > 0)
			names[n++] = NameGetDatum(&TupleDescAttr(RelationGetDescr(rel), number - 1)->attname);
	}
	return construct_array(names, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR);
}

/* Refuse to act for a superuser whom nobody asked. */
static void
check_target_owner(Relation target)
{
	if (superuser_arg(target->rd_rel->relowner) && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to keep a counter in \"%s\"",
						RelationGetRelationName(target)),
				 errdetail("Its owner is a superuser, and counters are kept with the owner's rights.")));
}

/* Write the counter's row. */
static void
register_counter(Relation source, Relation target, CounterNames *names, Node *filter)
{
	if (svc_sql("INSERT INTO svc.counter (target, counter, target_key, source, source_key,"
				"                         filter, filter_columns, as_superuser)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1",
				sql_regclass(RelationGetRelid(target)), sql_name(names->counter),
				sql_name(names->target_key), sql_regclass(RelationGetRelid(source)),
				sql_name(names->source_key), sql_text(names->filter),
				sql_array(column_names(source, filter), NAMEARRAYOID),
				sql_bool(superuser_arg(target->rd_rel->relowner))) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("counter \"%s\" of relation \"%s\" is kept already", names->counter,
						RelationGetRelationName(target)),
				 errhint("svc.drop_count ends that.")));
}

/*
 * svc.keep_count(source, source_key, target, target_key, counter, filter)
 */
Datum
svc_keep_count(PG_FUNCTION_ARGS)
{
	Relation	source;
	Relation	target;
	CounterNames names = {0};
	char	   *filter;
	Node	   *condition = NULL;
	List	   *rows;
	SqlScope	scope;

	svc_check_writable("svc.keep_count()");
	source = svc_open_relation_arg(fcinfo, 0, "source", ShareRowExclusiveLock);
	names.source_key = svc_arg_name(fcinfo, 1, "source_key");
	target = svc_open_relation_arg(fcinfo, 2, "target", RowExclusiveLock);
	names.target_key = svc_arg_name(fcinfo, 3, "target_key");
	names.counter = svc_arg_name(fcinfo, 4, "counter");
	filter = svc_arg_text_or_null(fcinfo, 5, "filter");

	check_table(source, "source");
	check_table(target, "target");
	check_target_owner(target);
	(void) svc_column_number(source, names.source_key);
	check_target_key(target, names.target_key);
	check_counter_column(target, names.counter);
	check_parts(RelationGetRelid(source));
	if (filter)
	{
		condition = svc_parse_condition(source, filter, "filter");
		check_filter(condition);
	}

	svc_sql_begin(&scope, svc_extension_owner());
	if (condition)
		names.filter = svc_deparse_condition(source, condition);
	register_counter(source, target, &names, condition);
	make_family_triggers(&scope, RelationGetRelid(source));
	rows = select_counters(&scope, psprintf("target = ANY ($1) AND counter = %s",
											quote_literal_cstr(names.counter)),
						   list_make1_oid(RelationGetRelid(target)));
	svc_sql_end(&scope);
	(void) recount(linitial(rows));
	relation_close(target, NoLock);
	relation_close(source, NoLock);
	PG_RETURN_VOID();
}

/*
 * svc.drop_count(target, counter)
 */
Datum
svc_drop_count(PG_FUNCTION_ARGS)
{
	Oid			target;
	char	   *counter;
	SqlScope	scope;

	svc_check_writable("svc.drop_count()");
	target = svc_arg_relation(fcinfo, 0, "target");
	counter = svc_arg_name(fcinfo, 1, "counter");
	svc_check_relation_owner(target);

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("DELETE FROM svc.counter WHERE target = $1 AND counter = $2"
				" RETURNING source::pg_catalog.oid",
				sql_oid(target), sql_name(counter)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("relation \"%s\" has no counter \"%s\"", get_rel_name(target), counter),
				 errhint("svc.keep_count declares one.")));
	make_family_triggers(&scope, svc_sql_oid_value(0, 1));
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * svc.recount(relation, counter) → rows that were wrong
 */
Datum
svc_recount(PG_FUNCTION_ARGS)
{
	Oid			relation;
	char	   *counter;
	List	   *rows;
	uint64		wrong = 0;
	ListCell   *cell;
	SqlScope	scope;

	svc_check_writable("svc.recount()");
	relation = svc_arg_relation(fcinfo, 0, "relation");
	counter = svc_arg_name_or_null(fcinfo, 1, "counter");

	svc_sql_begin(&scope, svc_extension_owner());
	rows = select_counters(&scope, psprintf("(target = ANY ($1) OR source = ANY ($1))%s%s",
											counter ? " AND counter = " : "",
											counter ? quote_literal_cstr(counter) : ""),
						   list_make1_oid(relation));
	svc_sql_end(&scope);
	if (rows == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 counter ? errmsg("relation \"%s\" has no counter \"%s\"", get_rel_name(relation), counter)
				 : errmsg("relation \"%s\" has no counter", get_rel_name(relation)),
				 errhint("svc.keep_count declares one.")));
	foreach(cell, rows)
	{
		CounterRow *row = lfirst(cell);

		svc_check_relation_owner(row->target);
		wrong += recount(row);
	}
	PG_RETURN_INT64(wrong);
}

/* ---- following what happens to tables ---- */

/* Make the triggers of the sources of some counters again. */
static void
remake_triggers(SqlScope *scope, List *rows)
{
	List	   *sources = NIL;
	ListCell   *cell;

	foreach(cell, rows)
		sources = list_append_unique_oid(sources, ((CounterRow *) lfirst(cell))->source);
	foreach(cell, sources)
		make_family_triggers(scope, lfirst_oid(cell));
}

/* A filter after a column of its source was renamed. */
static char *
rename_in_filter(Relation rel, const char *filter, const char *before, const char *after)
{
	return svc_deparse_condition(rel, svc_parse_condition_renamed(rel, filter, "filter", before, after));
}

/* Write a column's new name where counters of a source use it. */
static void
rename_source_column(SqlScope *scope, Oid source, const char *before, const char *after)
{
	Relation	rel = relation_open(source, NoLock);
	ListCell   *cell;

	svc_sql("UPDATE svc.counter SET source_key = $3 WHERE source = $1 AND source_key = $2",
			sql_oid(source), sql_name(before), sql_name(after));
	foreach(cell, select_counters(scope, "source = ANY ($1) AND filter IS NOT NULL",
								  list_make1_oid(source)))
	{
		CounterRow *row = lfirst(cell);

		svc_sql("UPDATE svc.counter SET filter = $3,"
				"       filter_columns = pg_catalog.array_replace(filter_columns, $4, $5)"
				" WHERE target = $1 AND counter = $2",
				sql_oid(row->target), sql_name(row->names.counter),
				sql_text(rename_in_filter(rel, row->names.filter, before, after)),
				sql_name(before), sql_name(after));
	}
	relation_close(rel, NoLock);
}

/* A column was renamed. */
static void
follow_column_rename(SqlScope *scope, Oid relation, RenameStmt *rename)
{
	svc_sql("UPDATE svc.counter"
			"   SET target_key = CASE target_key WHEN $2 THEN $3 ELSE target_key END,"
			"       counter = CASE counter WHEN $2 THEN $3 ELSE counter END"
			" WHERE target = $1 AND $2 IN (target_key, counter)",
			sql_oid(relation), sql_name(rename->subname), sql_name(rename->newname));
	rename_source_column(scope, relation, rename->subname, rename->newname);
}

/* A relation, one of its columns, or its schema got another name or place. */
static void
follow_rename(SqlScope *scope, Node *command, List *objects)
{
	List	   *rows;
	List	   *relations = svc_ddl_relations(objects);
	RenameStmt *rename = IsA(command, RenameStmt) ? (RenameStmt *) command : NULL;

	if (rename && rename->renameType == OBJECT_SCHEMA)
		rows = select_counters(scope, psprintf("target IN (SELECT c.oid FROM pg_catalog.pg_class c"
											   " WHERE c.relnamespace = %u) OR source = ANY ($1)",
											   get_namespace_oid(rename->newname, false)), NIL);
	else
		rows = select_counters(scope, "target = ANY ($1) OR source = ANY ($1)", relations);
	if (rows == NIL)
		return;
	if (rename && rename->renameType == OBJECT_COLUMN)
		follow_column_rename(scope, linitial_oid(relations), rename);
	remake_triggers(scope, rows);
}

/* The counters that count rows of a relation as rows of its ancestors. */
static List *
inherited_counters(SqlScope *scope, Oid relation)
{
	List	   *ancestors = list_delete_oid(ancestry_of(relation), relation);

	return ancestors == NIL ? NIL : select_counters(scope, "source = ANY ($1)", ancestors);
}

/* A table became part of another: its rows count from now on. */
static void
follow_arrival(Oid relation)
{
	List	   *rows;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = inherited_counters(&scope, relation);
	if (rows != NIL)
		make_family_triggers(&scope, relation);
	svc_sql_end(&scope);
	if (rows != NIL)
		count_family(relation, rows, 1);
}

/* A table is no longer part of another: its rows do not count there any more. */
static void
follow_departure(Oid relation, Oid parent)
{
	List	   *rows;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = counters_of_relation(&scope, parent);
	if (rows != NIL)
		make_family_triggers(&scope, relation);
	svc_sql_end(&scope);
	if (rows != NIL)
		count_family(relation, rows, -1);
}

/* Follow the parts of an ALTER TABLE that move tables in and out of others. */
static void
follow_alter_table(AlterTableStmt *stmt, Oid relation)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		switch (cmd->subtype)
		{
			case AT_AttachPartition:
				follow_arrival(svc_ddl_named_table(cmd));
				break;
			case AT_DetachPartition:
				follow_departure(svc_ddl_named_table(cmd), relation);
				break;
			case AT_AddInherit:
				follow_arrival(relation);
				break;
			case AT_DropInherit:
				follow_departure(relation, svc_ddl_named_table(cmd));
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

		if (object->class_id == RelationRelationId && strcmp(object->tag, "CREATE TABLE") == 0)
			follow_arrival(object->object_id);
	}
}

/* Keep counters in step with what was made and altered. */
static void
follow_altered(Node *command, List *objects)
{
	SqlScope	scope;

	if (!command || objects == NIL || !svc_catalog_mentions("counter", 0, NIL))
		return;
	if (IsA(command, RenameStmt) || IsA(command, AlterObjectSchemaStmt))
	{
		svc_sql_begin(&scope, svc_extension_owner());
		follow_rename(&scope, command, objects);
		svc_sql_end(&scope);
	}
	else if (IsA(command, AlterTableStmt))
		follow_alter_table((AlterTableStmt *) command,
						   ((DdlObject *) linitial(objects))->object_id);
	else
		follow_created(objects);
}

/* Counters of which a table or a column is gone. */
#define DROPPED_COUNTERS \
	"(source = ANY ($1) OR target = ANY ($1)) AND (" \
	"  EXISTS (SELECT 1 FROM pg_catalog.unnest(filter_columns || source_key) k" \
	"           WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a" \
	"                              WHERE a.attrelid = source AND a.attname = k))" \
	"  OR EXISTS (SELECT 1 FROM pg_catalog.unnest(ARRAY[target_key, counter]) k" \
	"              WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a" \
	"                                 WHERE a.attrelid = target AND a.attname = k)))"

/*
 * Forget counters that lost their source, their target, or a column: statements
 * on what is left must go on.
 */
static void
follow_dropped(List *objects)
{
	List	   *relations = svc_ddl_relations(objects);
	List	   *rows;
	ListCell   *cell;
	SqlScope	scope;

	if (!svc_catalog_mentions("counter", COL_TARGET, relations) &&
		!svc_catalog_mentions("counter", COL_SOURCE, relations))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	rows = select_counters(&scope, DROPPED_COUNTERS, relations);
	foreach(cell, rows)
	{
		CounterRow *row = lfirst(cell);

		svc_sql("DELETE FROM svc.counter WHERE target = $1 AND counter = $2",
				sql_oid(row->target), sql_name(row->names.counter));
		if (get_rel_name(row->target) && get_rel_name(row->source))
			ereport(WARNING,
					(errmsg("counter \"%s\" of %s is not kept any more: a column that it needs was dropped",
							row->names.counter, row->names.target)));
	}
	remake_triggers(&scope, rows);
	svc_sql_end(&scope);
}

static const DdlHandler counter_ddl = {
	.follow_altered = follow_altered,
	.follow_dropped = follow_dropped
};

/* What counters do when the library is loaded. */
void
CounterInit(void)
{
	CountTriggerInit();
	svc_register_ddl_handler(&counter_ddl);
}
