/*
 * plan_drop.c: what goes with an object that is dropped.
 *
 * The server follows pg_depend and locks every relation that it drops, or that
 * loses a column, a constraint, a trigger, a default, a rule or a policy, in
 * ACCESS EXCLUSIVE mode.  So do we, without locking.
 */
#include "core/svc.h"

#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "migration/plan_drop.h"
#include "migration/plan_partition.h"
#include "utils/lsyscache.h"

/*
 * All objects that go with one: what depends on it, and the owner of what is
 * found and cannot go without it (the view of a rule).  Ends with what each
 * means: a relation, and whether it is itself what goes.
 */
static const char *const gone_query =
"WITH RECURSIVE gone (classid, objid, objsubid) AS ("
" SELECT $1::pg_catalog.oid, $2::pg_catalog.oid, $3::pg_catalog.int4"
" UNION "
" SELECT d.classid, d.objid, d.objsubid"
"   FROM gone g CROSS JOIN LATERAL ("
"        SELECT b.classid, b.objid, b.objsubid FROM pg_catalog.pg_depend b"
"         WHERE b.refclassid = g.classid AND b.refobjid = g.objid"
"           AND (g.objsubid = 0 OR b.refobjsubid = g.objsubid) AND b.deptype <> 'p'"
"        UNION ALL "
"        SELECT o.refclassid, o.refobjid, o.refobjsubid FROM pg_catalog.pg_depend o"
"         WHERE o.classid = g.classid AND o.objid = g.objid AND o.objsubid = g.objsubid"
"           AND o.deptype = 'i' AND (g.classid, g.objid) <> ($1, $2)) d)"
"SELECT DISTINCT CASE g.classid"
"         WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN g.objid"
"         WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN c.conrelid"
"         WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN t.tgrelid"
"         WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN f.adrelid"
"         WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN r.ev_class"
"         WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN p.polrelid END AS relation,"
"       g.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND g.objsubid = 0"
"  FROM gone g"
"  LEFT JOIN pg_catalog.pg_constraint c ON c.oid = g.objid AND g.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass"
"  LEFT JOIN pg_catalog.pg_trigger t ON t.oid = g.objid AND g.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass"
"  LEFT JOIN pg_catalog.pg_attrdef f ON f.oid = g.objid AND g.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
"  LEFT JOIN pg_catalog.pg_rewrite r ON r.oid = g.objid AND g.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
"  LEFT JOIN pg_catalog.pg_policy p ON p.oid = g.objid AND g.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass"
" ORDER BY 1";

/* The parent of a partition that goes, and its default partition, change too. */
static void
lock_parent(Impact *impact, PlanRelation *relation)
{
	Oid			parent;
	ListCell   *cell;

	foreach(cell, relation->parents)
		impact_lock(impact, lfirst(cell), AccessExclusiveLock);
	if (!OidIsValid(relation->oid) || relation->detached || !get_rel_relispartition(relation->oid) ||
		!plan_is_table(relation))
		return;
	parent = get_partition_parent(relation->oid, true);
	plan_lock_partitioned(impact, plan_find_oid(impact->catalog, parent), AccessExclusiveLock);
}

/* An object goes, with all that depends on it. */
void
plan_drop_object(Impact *impact, Oid class_id, Oid object_id, int32 sub_id)
{
	uint64		rows = svc_sql(gone_query, sql_oid(class_id), sql_oid(object_id),
							   sql_datum(Int32GetDatum(sub_id), INT4OID));
	List	   *touched = NIL;
	List	   *dropped = NIL;
	ListCell   *cell;

	for (uint64 row = 0; row < rows; row++)
	{
		Oid			oid = svc_sql_oid_value(row, 1);

		if (!OidIsValid(oid))
			continue;
		touched = lappend_oid(touched, oid);
		if (svc_sql_bool_value(row, 2))
			dropped = lappend_oid(dropped, oid);
	}
	impact_lock_oids(impact, touched, AccessExclusiveLock);
	/* an index does not go without its table's knowing */
	impact_lock_oids(impact, plan_oids("SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = ANY ($1)",
									   sql_oids(dropped, OIDARRAYOID)), AccessExclusiveLock);
	foreach(cell, dropped)
	{
		PlanRelation *relation = plan_find_oid(impact->catalog, lfirst_oid(cell));

		if (relation)
			lock_parent(impact, relation);
	}
	foreach(cell, dropped)
		plan_forget(plan_find_oid(impact->catalog, lfirst_oid(cell)));
}

/* A relation goes. */
void
plan_drop_relation(Impact *impact, PlanRelation *relation)
{
	ListCell   *cell;

	if (!relation)
		return;
	if (OidIsValid(relation->oid))
	{
		plan_drop_object(impact, RelationRelationId, relation->oid, 0);
		return;
	}
	impact_lock_tree(impact, relation, true, AccessExclusiveLock);
	foreach(cell, relation->partners)
		impact_lock(impact, lfirst(cell), AccessExclusiveLock);
	lock_parent(impact, relation);
	plan_forget(relation);
}

/* Where the objects of a type are found by their names, $1 being the last part and $2 the schemas */
typedef struct ObjectSource
{
	ObjectType	type;
	Oid			class_id;
	const char *query;
} ObjectSource;

#define FUNCTIONS \
	"SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace" \
	" WHERE p.proname = $1 AND n.nspname = ANY ($2) AND n.nspname <> 'pg_catalog'"
#define TYPES \
	"SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace" \
	" WHERE t.typname = $1 AND n.nspname = ANY ($2) AND n.nspname <> 'pg_catalog'"

static const ObjectSource sources[] = {
	{OBJECT_FUNCTION, ProcedureRelationId, FUNCTIONS},
	{OBJECT_PROCEDURE, ProcedureRelationId, FUNCTIONS},
	{OBJECT_ROUTINE, ProcedureRelationId, FUNCTIONS},
	{OBJECT_AGGREGATE, ProcedureRelationId, FUNCTIONS},
	{OBJECT_TYPE, TypeRelationId, TYPES},
	{OBJECT_DOMAIN, TypeRelationId, TYPES},
	{OBJECT_SCHEMA, NamespaceRelationId, "SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1"},
	{OBJECT_EXTENSION, ExtensionRelationId, "SELECT oid FROM pg_catalog.pg_extension WHERE extname = $1"},
};

/* The parts of the name of an object that DROP names. */
static List *
name_parts(Node *object)
{
	switch (nodeTag(object))
	{
		case T_TypeName:
			return ((TypeName *) object)->names;
		case T_ObjectWithArgs:
			return ((ObjectWithArgs *) object)->objname;
		case T_List:
			return (List *) object;
		default:
			return list_make1(object);
	}
}

/* Drop an object that is no relation: all of its name, where functions have several. */
static void
drop_named(Impact *impact, const ObjectSource *source, Node *object)
{
	List	   *parts = name_parts(object);
	List	   *schemas = plan_schemas(impact->catalog, parts);
	List	   *oids;
	ListCell   *cell;

	oids = plan_oids(psprintf("%s AND ($2 IS NOT NULL)", source->query),
					 sql_name(strVal(llast(parts))), sql_names(schemas));
	foreach(cell, oids)
		plan_drop_object(impact, source->class_id, lfirst_oid(cell), 0);
}

/* Drop a trigger, a rule or a policy of a relation, whose name is the last part. */
static void
drop_of_relation(Impact *impact, ObjectType type, List *parts)
{
	PlanRelation *relation = plan_find_names(impact->catalog,
											 list_copy_head(parts, list_length(parts) - 1));
	List	   *triggers;
	ListCell   *cell;

	if (!relation)
		return;
	impact_lock(impact, relation, AccessExclusiveLock);
	if (type != OBJECT_TRIGGER || !OidIsValid(relation->oid))
		return;
	/* those of partitions are copies of it */
	triggers = plan_oids("SELECT oid FROM pg_catalog.pg_trigger WHERE tgrelid = $1 AND tgname = $2",
						 sql_oid(relation->oid), sql_name(strVal(llast(parts))));
	foreach(cell, triggers)
		plan_drop_object(impact, TriggerRelationId, lfirst_oid(cell), 0);
}

/* Drop extended statistics: their table is kept from changing. */
static void
drop_statistics(Impact *impact, List *parts)
{
	List	   *schemas = plan_schemas(impact->catalog, parts);

	impact_lock_oids(impact, plan_oids("SELECT s.stxrelid FROM pg_catalog.pg_statistic_ext s"
									   "  JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace"
									   " WHERE s.stxname = $1 AND n.nspname = ANY ($2)",
									   sql_name(strVal(llast(parts))), sql_names(schemas)),
					 ShareUpdateExclusiveLock);
}

/* Drop an index: its table is locked alike. */
static void
drop_index(Impact *impact, PlanRelation *index, bool concurrent)
{
	LOCKMODE	mode = concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock;

	if (!index)
		return;
	if (OidIsValid(index->oid))
		impact_lock_oids(impact, plan_oids("SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = $1",
										   sql_oid(index->oid)), mode);
	if (concurrent)
	{
		impact_lock(impact, index, mode);
		plan_forget(index);
	}
	else
		plan_drop_relation(impact, index);
}

/* Drop one of the objects that DROP names. */
static void
drop_one(Impact *impact, DropStmt *stmt, Node *object)
{
	switch (stmt->removeType)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			if (!stmt->missing_ok && !plan_find_names(impact->catalog, (List *) object))
				impact_missing(impact, makeRangeVarFromNameList((List *) object));
			plan_drop_relation(impact, plan_find_names(impact->catalog, (List *) object));
			return;
		case OBJECT_INDEX:
			drop_index(impact, plan_find_names(impact->catalog, (List *) object), stmt->concurrent);
			return;
		case OBJECT_STATISTIC_EXT:
			drop_statistics(impact, (List *) object);
			return;
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			drop_of_relation(impact, stmt->removeType, (List *) object);
			return;
		default:
			for (int i = 0; i < lengthof(sources); i++)
				if (sources[i].type == stmt->removeType)
					drop_named(impact, &sources[i], object);
	}
}

/* DROP. */
void
plan_drop_statement(Impact *impact, Node *node)
{
	DropStmt   *stmt = (DropStmt *) node;
	ListCell   *cell;

	foreach(cell, stmt->objects)
		drop_one(impact, stmt, lfirst(cell));
}
