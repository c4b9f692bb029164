/*
 * plan_partition.c: partitions that come and go.
 */
#include "core/svc.h"

#include "catalog/partition.h"
#include "migration/plan_column.h"
#include "migration/plan_partition.h"
#include "parser/parse_node.h"
#include "parser/parse_utilcmd.h"
#include "partitioning/partbounds.h"
#include "utils/rel.h"
#include "utils/relcache.h"

/* The default partition of a partitioned table, or NULL. */
static PlanRelation *
default_partition(Impact *impact, PlanRelation *parent)
{
	List	   *oids;

	if (!OidIsValid(parent->oid))
		return NULL;
	oids = plan_oids("SELECT partdefid FROM pg_catalog.pg_partitioned_table"
					 " WHERE partrelid = $1 AND partdefid <> 0", sql_oid(parent->oid));
	return oids == NIL ? NULL : plan_find_oid(impact->catalog, linitial_oid(oids));
}

/* A partitioned table's set of partitions changes: its default one has other bounds from then on. */
void
plan_lock_partitioned(Impact *impact, PlanRelation *parent, LOCKMODE mode)
{
	impact_lock(impact, parent, mode);
	if (parent)
		impact_lock_tree(impact, default_partition(impact, parent), false, AccessExclusiveLock);
}

/* The tables that foreign keys of a partitioned table refer to get triggers for a new partition. */
static void
lock_partners(Impact *impact, PlanRelation *parent)
{
	if (OidIsValid(parent->oid))
		impact_lock_oids(impact, plan_oids("SELECT DISTINCT confrelid FROM pg_catalog.pg_constraint"
										   " WHERE contype = 'f' AND conrelid = $1", sql_oid(parent->oid)),
						 ShareRowExclusiveLock);
}

/* The rows of a default partition are read: none may belong to the new one. */
static void
scan_default(Impact *impact, PlanRelation *parent)
{
	PlanRelation *partition = default_partition(impact, parent);

	if (partition)
		impact_scan_tree(impact, partition, true);
}

/* The indexes of a partitioned table get parts of the new partition. */
static void
lock_parent_indexes(Impact *impact, PlanRelation *parent)
{
	if (OidIsValid(parent->oid))
		impact_lock_oids(impact, plan_oids("SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = $1",
										   sql_oid(parent->oid)), ShareUpdateExclusiveLock);
}

/* CREATE TABLE ... PARTITION OF. */
void
plan_new_partition(Impact *impact, PlanRelation *parent)
{
	plan_lock_partitioned(impact, parent, AccessExclusiveLock);
	scan_default(impact, parent);
	lock_partners(impact, parent);
	lock_parent_indexes(impact, parent);
}

/* Is a value of a bound a literal? Anything else could run code when it is looked at. */
static bool
is_literal(Node *value)
{
	if (IsA(value, ColumnRef))	/* MINVALUE, MAXVALUE */
		return true;
	return IsA(value, A_Const);
}

/* The same, of all values of a bound. */
static bool
is_literal_bound(const PartitionBoundSpec *bound)
{
	List	   *values = list_concat(list_concat(list_copy(bound->listdatums), bound->lowerdatums),
									 bound->upperdatums);
	ListCell   *cell;

	foreach(cell, values)
		if (!is_literal(lfirst(cell)))
			return false;
	return !bound->is_default;
}

/*
 * Do the constraints of a table prove that its rows belong into a partition?
 * The parent is looked at without a lock: its key does not change.
 */
static bool
is_proven(PlanRelation *parent, PlanRelation *partition, PartitionBoundSpec *bound)
{
	Relation	rel;
	Relation	child;
	List	   *condition;

	if (!OidIsValid(parent->oid) || !OidIsValid(partition->oid) || !is_literal_bound(bound))
		return false;
	rel = RelationIdGetRelation(parent->oid);
	child = RelationIdGetRelation(partition->oid);
	if (!RelationIsValid(rel) || !RelationIsValid(child))
		return false;
	bound = transformPartitionBound(make_parsestate(NULL), rel, copyObject(bound));
	condition = get_qual_from_partbound(rel, bound);
	condition = map_partition_varattnos(condition, 1, child, rel);
	RelationClose(rel);
	RelationClose(child);
	return condition != NIL && plan_is_implied(partition->oid, condition);
}

/* ALTER INDEX ... ATTACH PARTITION: their tables are looked at. */
static void
attach_index(Impact *impact, PlanRelation *parent, PlanRelation *partition)
{
	PlanRelation *indexes[] = {parent, partition};

	impact_lock(impact, partition, AccessExclusiveLock);
	for (int i = 0; i < lengthof(indexes); i++)
		if (indexes[i] && OidIsValid(indexes[i]->oid))
			impact_lock_oids(impact, plan_oids("SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = $1",
											   sql_oid(indexes[i]->oid)), AccessShareLock);
}

/* ATTACH PARTITION: the rows are read where no constraint proves that they belong there. */
void
plan_attach(Impact *impact, PlanRelation *parent, PartitionCmd *cmd)
{
	PlanRelation *partition = plan_find(impact->catalog, cmd->name);

	/* of an index: the table's index is only noted */
	if (parent->kind == RELKIND_PARTITIONED_INDEX)
	{
		attach_index(impact, parent, partition);
		return;
	}
	plan_lock_partitioned(impact, parent, ShareUpdateExclusiveLock);
	if (!partition)
		return;
	impact_lock_tree(impact, partition, true, AccessExclusiveLock);
	if (!is_proven(parent, partition, cmd->bound))
		impact_scan_tree(impact, partition, true);
	scan_default(impact, parent);
	lock_partners(impact, parent);
	lock_parent_indexes(impact, parent);
	plan_add_parent(impact->catalog, partition, parent);
}

/* DETACH PARTITION: concurrently it waits for those who use the table, and lets others go on. */
void
plan_detach(Impact *impact, PlanRelation *parent, PartitionCmd *cmd)
{
	PlanRelation *partition = plan_find(impact->catalog, cmd->name);

	plan_lock_partitioned(impact, parent,
						  cmd->concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock);
	if (!partition)
		return;
	impact_lock(impact, partition, AccessExclusiveLock);
	if (OidIsValid(partition->oid))
		impact_lock_oids(impact, plan_oids("SELECT i.indexrelid FROM pg_catalog.pg_index i"
										   "  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relispartition"
										   " WHERE i.indrelid = $1", sql_oid(partition->oid)),
						 AccessExclusiveLock);
	lock_partners(impact, parent);
	partition->detached = true;
	partition->parents = NIL;
}
