/*
 * keep_count.c: the functions that declare, end and repair counters.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/guard.h"
#include "core/relation.h"
#include "core/sql.h"
#include "upkeep/count_filter.h"
#include "upkeep/counter.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

SVC_FUNCTION(svc_keep_count);
SVC_FUNCTION(svc_drop_count);
SVC_FUNCTION(svc_recount);

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
}

/*
 * Open the caller's own table that an argument names, locked.  Whose it is is
 * asked before the lock, or anybody could stall a table by queueing behind its
 * writers; and again after it, since that may have changed while we waited.
 */
static Relation
open_own_table(FunctionCallInfo fcinfo, int i, const char *what, LOCKMODE lockmode)
{
	Oid			relation = svc_arg_relation(fcinfo, i, what);
	Relation	rel;

	svc_check_relation_owner(relation);
	svc_lock_relation(relation, lockmode);
	svc_check_relation_owner(relation);
	rel = relation_open(relation, NoLock);
	check_table(rel, what);
	return rel;
}

/*
 * Refuse a source that is itself a part of something: statements that name the
 * whole fire no statement trigger of its parts.
 */
static void
check_whole(Relation source)
{
	Oid			whole;
	SqlScope	scope;

	if (!has_superclass(RelationGetRelid(source)))
		return;
	svc_sql_begin(&scope, InvalidOid);
	whole = llast_oid(svc_ancestry(RelationGetRelid(source), InvalidOid, NIL));
	svc_sql_end(&scope);
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("rows of \"%s\" cannot be counted: it is a part of \"%s\"",
					RelationGetRelationName(source), get_rel_name(whole)),
			 errdetail("Statements on \"%s\" change its rows and fire no trigger of it.",
					   get_rel_name(whole)),
			 errhint("Count the rows of %s, with a filter if not all of them count.",
					 svc_quote_relation(whole))));
}

/*
 * Refuse a part of a source that no trigger can watch, or that is not the
 * caller's: as with a CHECK constraint, a filter runs with the rights of
 * whoever writes to the part, so its owner must be the one who wants it.
 */
static void
check_part(Relation source, Oid part)
{
	if (get_rel_relkind(part) == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("rows of \"%s\" cannot be counted: \"%s\" is a foreign table",
						RelationGetRelationName(source), get_rel_name(part))));
	if (!object_ownercheck(RelationRelationId, part, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", get_rel_name(part)),
				 errdetail("It is a part of \"%s\", and gets its triggers.",
						   RelationGetRelationName(source)),
				 errhint("Give all parts of a table the same owner.")));
}

/* Lock the parts of a source, all of which the caller may have counted. */
static void
lock_parts(Relation source)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(RelationGetRelid(source), NoLock, NULL))
		if (!isOtherTempNamespace(get_rel_namespace(lfirst_oid(cell))))
			check_part(source, lfirst_oid(cell));
	foreach(cell, svc_lock_family(RelationGetRelid(source), ShareRowExclusiveLock))
		check_part(source, lfirst_oid(cell));
}

/* Refuse a column that cannot hold a count. */
static void
check_counter_column(Relation target, const char *column)
{
	AttrNumber	number = svc_column_number(target, column);
	Form_pg_attribute counter = TupleDescAttr(RelationGetDescr(target), number - 1);
	Oid			type = counter->atttypid;

	if (counter->attgenerated != '\0' || counter->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("column \"%s\" of relation \"%s\" cannot be a counter", column,
						RelationGetRelationName(target)),
				 errdetail("It is a generated column, which cannot be updated.")));
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
register_counter(Relation source, Relation target, CounterNames *names, ArrayType *columns)
{
	if (svc_sql("INSERT INTO svc.counter (target, counter, target_key, source, source_key,"
				"                         filter, filter_columns, as_superuser)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1",
				sql_regclass(RelationGetRelid(target)), sql_name(names->counter),
				sql_name(names->target_key), sql_regclass(RelationGetRelid(source)),
				sql_name(names->source_key), sql_text(names->filter),
				sql_array(columns, NAMEARRAYOID),
				sql_bool(superuser_arg(target->rd_rel->relowner))) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("counter \"%s\" of relation \"%s\" is kept already", names->counter,
						RelationGetRelationName(target)),
				 errhint("svc.drop_count ends that.")));
}

/* The counters of a relation, all or one, that a condition on $1 selects; at least one. */
static List *
find_counters(const char *condition, Oid relation, const char *counter)
{
	List	   *rows;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = counter_select(&scope, psprintf("(%s)%s%s", condition, counter ? " AND counter = " : "",
										   counter ? quote_literal_cstr(counter) : ""),
						  list_make1_oid(relation));
	svc_sql_end(&scope);
	if (rows == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 counter ? errmsg("relation \"%s\" has no counter \"%s\"", get_rel_name(relation), counter)
				 : errmsg("relation \"%s\" has no counter", get_rel_name(relation)),
				 errhint("svc.keep_count declares one.")));
	return rows;
}

/*
 * The same, with their sources locked.  The caller must own all of their
 * targets, before anything is locked and then still; who changed the
 * declarations meanwhile is heard.
 */
static List *
lock_counters(const char *condition, Oid relation, const char *counter)
{
	List	   *sources = NIL;
	ListCell   *cell;
	List	   *rows = find_counters(condition, relation, counter);

	foreach(cell, rows)
	{
		CounterRow *row = lfirst(cell);

		svc_check_relation_owner(row->target);
		sources = list_append_unique_oid(sources, row->source);
	}
	list_sort(sources, list_oid_cmp);
	foreach(cell, sources)
		(void) svc_lock_family(lfirst_oid(cell), ShareRowExclusiveLock);
	rows = find_counters(condition, relation, counter);
	foreach(cell, rows)
		svc_check_relation_owner(((CounterRow *) lfirst(cell))->target);
	return rows;
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
	ArrayType  *columns = construct_empty_array(NAMEOID);
	SqlScope	scope;

	svc_check_writable("svc.keep_count()");
	source = open_own_table(fcinfo, 0, "source", ShareRowExclusiveLock);
	names.source_key = svc_arg_name(fcinfo, 1, "source_key");
	target = open_own_table(fcinfo, 2, "target", RowExclusiveLock);
	names.target_key = svc_arg_name(fcinfo, 3, "target_key");
	names.counter = svc_arg_name(fcinfo, 4, "counter");
	filter = svc_arg_text_or_null(fcinfo, 5, "filter");

	check_target_owner(target);
	count_check_key(source, svc_column_number(source, names.source_key));
	check_target_key(target, names.target_key);
	check_counter_column(target, names.counter);
	check_whole(source);
	lock_parts(source);
	if (filter)
		names.filter = count_filter_declare(source, filter, &columns);

	svc_sql_begin(&scope, svc_extension_owner());
	register_counter(source, target, &names, columns);
	counter_make_triggers(&scope, RelationGetRelid(source));
	svc_sql_end(&scope);
	(void) counter_recount(linitial(find_counters("target = ANY ($1)", RelationGetRelid(target),
												  names.counter)));
	relation_close(target, NoLock);
	relation_close(source, NoLock);
	PG_RETURN_VOID();
}

/*
 * A counter that a user restores: of tables that are both his, and not with a
 * superuser's rights.  Indexes come later in a restore, so whether the target's
 * key is one is not asked.
 */
static HeapTuple
check_restored_counter(Relation rel, HeapTuple row)
{
	Oid			source_id = svc_row_oid(rel, row, "source");
	char	   *filter = svc_row_text(rel, row, "filter");
	Relation	source;
	Relation	target;

	svc_guard_check_relation(rel, source_id);
	source = relation_open(source_id, AccessShareLock);
	target = relation_open(svc_row_oid(rel, row, "target"), AccessShareLock);
	check_table(source, "source");
	check_table(target, "target");
	check_target_owner(target);
	(void) svc_column_number(source, svc_row_name(rel, row, "source_key"));
	(void) svc_column_number(target, svc_row_name(rel, row, "target_key"));
	check_counter_column(target, svc_row_name(rel, row, "counter"));
	if (filter)
		count_filter_check(source, filter);
	relation_close(target, AccessShareLock);
	relation_close(source, AccessShareLock);
	return svc_row_with(rel, row, "as_superuser", BoolGetDatum(false));
}

/* May the user bring rows about a counter?  The target's owner may. */
static bool
admit_restored_counter(Relation rel, HeapTuple row)
{
	svc_guard_check_relation(rel, svc_row_oid(rel, row, "target"));
	return true;
}

static const char *const counter_key[] = {"target", "counter", NULL};

static const GuardedTable counter_table = {
	.name = "counter", .key = counter_key,
	.admit = admit_restored_counter, .check = check_restored_counter
};

/* What declaring counters does when the library is loaded. */
void
KeepCountInit(void)
{
	svc_guard_register(&counter_table);
}

/*
 * svc.drop_count(target, counter)
 */
Datum
svc_drop_count(PG_FUNCTION_ARGS)
{
	Oid			target;
	char	   *counter;
	CounterRow *row;
	SqlScope	scope;

	svc_check_writable("svc.drop_count()");
	target = svc_arg_relation(fcinfo, 0, "target");
	counter = svc_arg_name(fcinfo, 1, "counter");
	svc_check_relation_owner(target);
	row = linitial(lock_counters("target = ANY ($1)", target, counter));

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("DELETE FROM svc.counter WHERE target = $1 AND counter = $2",
			sql_oid(target), sql_name(counter));
	counter_make_triggers(&scope, row->source);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * Make the triggers of some counters again, in case they were changed: of
 * sources that the caller owns.
 */
static void
mend_triggers(List *rows)
{
	Oid			caller = GetUserId();
	ListCell   *cell;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, rows)
	{
		CounterRow *row = lfirst(cell);

		if (object_ownercheck(RelationRelationId, row->source, caller))
			counter_make_triggers(&scope, row->source);
	}
	svc_sql_end(&scope);
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

	svc_check_writable("svc.recount()");
	relation = svc_arg_relation(fcinfo, 0, "relation");
	counter = svc_arg_name_or_null(fcinfo, 1, "counter");
	rows = lock_counters("target = ANY ($1) OR source = ANY ($1)", relation, counter);
	mend_triggers(rows);
	foreach(cell, rows)
		wrong += counter_recount(lfirst(cell));
	PG_RETURN_INT64(wrong);
}
