/*
 * plan_alter.c: what ALTER TABLE and its like do.
 *
 * How strong the lock on the table itself is, the server tells: it has a
 * function for that.  What else each subcommand locks, reads and writes anew is
 * said by one entry of a table.
 */
#include "core/svc.h"

#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "core/relation.h"
#include "migration/plan_alter.h"
#include "migration/plan_column.h"
#include "migration/plan_drop.h"
#include "migration/plan_partition.h"
#include "migration/plan_query.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* An ALTER at work */
typedef struct Alter
{
	Impact	   *impact;
	PlanRelation *relation;
	bool		children;		/* no ONLY */
	LOCKMODE	mode;			/* of the table */
} Alter;

/* Lock the indexes of a relation, and of those that inherit from it. */
void
plan_lock_indexes(Impact *impact, PlanRelation *relation, bool children, LOCKMODE mode)
{
	List	   *relations = children ? plan_descendants(impact->catalog, relation) :
		list_make1(relation);
	ListCell   *cell;

	foreach(cell, relations)
	{
		PlanRelation *child = lfirst(cell);

		/* those of a partitioned table have no files */
		if (OidIsValid(child->oid) && plan_has_rows(child))
			impact_lock_oids(impact, plan_oids("SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = $1",
											   sql_oid(child->oid)), mode);
	}
}

/* Lock the sequences that belong to columns of a relation, or of one of them. */
void
plan_lock_sequences(Impact *impact, PlanRelation *relation, const char *column, LOCKMODE mode)
{
	if (OidIsValid(relation->oid))
		impact_lock_oids(impact,
						 plan_oids("SELECT d.objid FROM pg_catalog.pg_depend d"
								   "  JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'"
								   "  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
								   " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
								   "   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
								   "   AND d.refobjid = $1 AND d.deptype IN ('a', 'i')"
								   "   AND ($2 IS NULL OR a.attname = $2)",
								   sql_oid(relation->oid), sql_name(column)), mode);
}

/* The table is written anew, and its indexes with it. */
static void
rewrite(Alter *alter, bool children)
{
	impact_rewrite_tree(alter->impact, alter->relation, children);
	plan_lock_indexes(alter->impact, alter->relation, children, AccessExclusiveLock);
}

/*
 * A foreign key is made: both tables are locked, and the rows of the one that
 * gets it are looked up in the other.
 */
void
plan_foreign_key(Impact *impact, PlanRelation *relation, Constraint *constraint, bool existing)
{
	PlanRelation *other = plan_find(impact->catalog, constraint->pktable);

	if (other)
	{
		impact_lock_tree(impact, other, other->kind == RELKIND_PARTITIONED_TABLE,
						 ShareRowExclusiveLock);
		if (relation && !OidIsValid(relation->oid))
			plan_add_partner(impact->catalog, relation, other);
	}
	if (!existing)
		return;
	impact_lock_tree(impact, relation, relation->kind == RELKIND_PARTITIONED_TABLE,
					 ShareRowExclusiveLock);
	if (!constraint->skip_validation)
		impact_scan_tree(impact, relation, relation->kind == RELKIND_PARTITIONED_TABLE);
}

/* A unique or primary key, or an exclusion constraint: builds an index, unless it takes one. */
static void
add_key(Alter *alter, Constraint *constraint, bool on_new_column)
{
	PlanRelation *relation = alter->relation;
	bool		partitioned = relation->kind == RELKIND_PARTITIONED_TABLE;
	ListCell   *cell;

	if (constraint->indexname)
	{
		/* the index gets the constraint's name */
		if (constraint->conname && strcmp(constraint->conname, constraint->indexname) != 0)
			impact_lock(alter->impact, plan_find_beside(alter->impact->catalog, relation,
														constraint->indexname), ShareUpdateExclusiveLock);
	}
	else
		impact_scan_tree(alter->impact, relation, partitioned);
	impact_lock_tree(alter->impact, relation, partitioned,
					 constraint->contype == CONSTR_PRIMARY || SVC_UNIQUE_LOCKS_PARTITIONS ?
					 alter->mode : ShareLock);
	if (constraint->contype == CONSTR_PRIMARY && !on_new_column)
		foreach(cell, plan_key_columns(relation, constraint))
			plan_set_not_null(alter->impact, relation, lfirst(cell), alter->children);
}

/* A constraint is made; on_new_column: of one that the statement adds. */
static void
add_one_constraint(Alter *alter, Constraint *constraint, bool on_new_column)
{
	switch (constraint->contype)
	{
		case CONSTR_CHECK:
			impact_lock_tree(alter->impact, alter->relation, alter->children, alter->mode);
			if (!constraint->skip_validation)
				impact_scan_tree(alter->impact, alter->relation, alter->children);
			break;
		case CONSTR_FOREIGN:
			plan_foreign_key(alter->impact, alter->relation, constraint, true);
			break;
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
			add_key(alter, constraint, on_new_column);
			break;
		case CONSTR_NOTNULL:
			/* as a constraint with a name; a column's are looked at elsewhere */
			impact_lock_tree(alter->impact, alter->relation, alter->children, alter->mode);
			if (constraint->keys != NIL && !constraint->skip_validation)
				plan_set_not_null(alter->impact, alter->relation, strVal(linitial(constraint->keys)),
								  alter->children);
			break;
		default:
			break;
	}
}

/* ADD CONSTRAINT, ADD PRIMARY KEY and so on. */
static void
add_constraint(Alter *alter, AlterTableCmd *cmd)
{
	add_one_constraint(alter, castNode(Constraint, cmd->def), false);
}

/* ADD COLUMN. */
static void
add_column(Alter *alter, AlterTableCmd *cmd)
{
	ColumnDef  *column = castNode(ColumnDef, cmd->def);
	ListCell   *cell;

	impact_lock_tree(alter->impact, alter->relation, alter->children, alter->mode);
	if (plan_new_column_rewrites(alter->impact, column))
		rewrite(alter, alter->children);
	else if (plan_new_column_is_checked(alter->impact, column))
		impact_scan_tree(alter->impact, alter->relation, alter->children);
	foreach(cell, column->constraints)
	{
		Constraint *constraint = copyObject(lfirst_node(Constraint, cell));

		/* NULLs refer to nothing */
		constraint->skip_validation |= constraint->contype == CONSTR_FOREIGN &&
			!plan_has_default(column);
		add_one_constraint(alter, constraint, true);
	}
}

/* DROP COLUMN: what depends on it goes, too. */
static void
drop_column(Alter *alter, AlterTableCmd *cmd)
{
	ListCell   *cell;

	foreach(cell, plan_descendants(alter->impact->catalog, alter->relation))
	{
		PlanRelation *relation = lfirst(cell);
		AttrNumber	number = OidIsValid(relation->oid) ? get_attnum(relation->oid, cmd->name) : 0;

		impact_lock(alter->impact, relation, alter->mode);
		if (number > 0)
			plan_drop_object(alter->impact, RelationRelationId, relation->oid, number);
	}
}

/* ALTER COLUMN ... SET NOT NULL. */
static void
set_not_null(Alter *alter, AlterTableCmd *cmd)
{
	plan_set_not_null(alter->impact, alter->relation, cmd->name, alter->children);
}

/* ALTER COLUMN ... TYPE. */
static void
alter_type(Alter *alter, AlterTableCmd *cmd)
{
	ListCell   *cell;

	foreach(cell, plan_descendants(alter->impact->catalog, alter->relation))
	{
		Alter		child = *alter;

		child.relation = lfirst(cell);
		impact_lock(alter->impact, child.relation, alter->mode);
		if (plan_type_change_rewrites(alter->impact, child.relation, cmd->name,
									  castNode(ColumnDef, cmd->def)))
			rewrite(&child, false);
		plan_type_change(alter->impact, child.relation, cmd->name);
	}
}

/* The constraints of a name of a relation and those that inherit from it. */
static List *
constraints_of(Alter *alter, const char *name)
{
	List	   *oids = NIL;
	ListCell   *cell;

	foreach(cell, plan_descendants(alter->impact->catalog, alter->relation))
	{
		PlanRelation *relation = lfirst(cell);

		if (OidIsValid(relation->oid))
			oids = list_concat(oids, plan_oids("SELECT oid FROM pg_catalog.pg_constraint"
											   " WHERE conrelid = $1 AND conname = $2",
											   sql_oid(relation->oid), sql_name(name)));
	}
	return oids;
}

/* DROP CONSTRAINT. */
static void
drop_constraint(Alter *alter, AlterTableCmd *cmd)
{
	List	   *constraints = constraints_of(alter, cmd->name);
	ListCell   *cell;

	foreach(cell, constraints)
		plan_drop_object(alter->impact, ConstraintRelationId, lfirst_oid(cell), 0);
}

/* VALIDATE CONSTRAINT: reads the rows, unless they were read before. */
static void
validate_constraint(Alter *alter, AlterTableCmd *cmd)
{
	List	   *constraints = constraints_of(alter, cmd->name);
	uint64		rows = svc_sql("SELECT conrelid, confrelid FROM pg_catalog.pg_constraint"
							   " WHERE oid = ANY ($1) AND NOT convalidated",
							   sql_oids(constraints, OIDARRAYOID));

	for (uint64 row = 0; row < rows; row++)
	{
		PlanRelation *relation = plan_find_oid(alter->impact->catalog, svc_sql_oid_value(row, 1));

		impact_lock(alter->impact, relation, alter->mode);
		impact_scan(alter->impact, relation);
		if (OidIsValid(svc_sql_oid_value(row, 2)))
			impact_lock_tree(alter->impact, plan_find_oid(alter->impact->catalog,
														  svc_sql_oid_value(row, 2)), true, RowShareLock);
	}
}

/* SET LOGGED and UNLOGGED: the table is copied, unless it is so already. */
static void
set_persistence(Alter *alter, AlterTableCmd *cmd)
{
	char		wanted = cmd->subtype == AT_SetLogged ? RELPERSISTENCE_PERMANENT : RELPERSISTENCE_UNLOGGED;
	Oid			oid = alter->relation->oid;

	if (OidIsValid(oid) && get_rel_persistence(oid) == wanted)
		return;
	rewrite(alter, false);
	plan_lock_sequences(alter->impact, alter->relation, NULL, AccessExclusiveLock);
}

/* SET TABLESPACE: the files are copied. */
static void
set_tablespace(Alter *alter, AlterTableCmd *cmd)
{
	impact_rewrite(alter->impact, alter->relation);
}

/* SET ACCESS METHOD: another one writes the table anew. */
static void
set_access_method(Alter *alter, AlterTableCmd *cmd)
{
	if (cmd->name && OidIsValid(alter->relation->oid) &&
		svc_sql("SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid = c.relam"
				" WHERE c.oid = $1 AND a.amname = $2",
				sql_oid(alter->relation->oid), sql_name(cmd->name)) > 0)
		return;
	rewrite(alter, false);
}

/* ALTER COLUMN ... SET EXPRESSION: computes every row. */
static void
set_expression(Alter *alter, AlterTableCmd *cmd)
{
	rewrite(alter, alter->children);
}

/* INHERIT: the parent gets a child. */
static void
add_inherit(Alter *alter, AlterTableCmd *cmd)
{
	PlanRelation *parent = plan_find(alter->impact->catalog, (RangeVar *) cmd->def);

	if (!parent)
		return;
	impact_lock(alter->impact, parent, ShareUpdateExclusiveLock);
	plan_add_parent(alter->impact->catalog, alter->relation, parent);
}

/* NO INHERIT: the parent is only looked at. */
static void
drop_inherit(Alter *alter, AlterTableCmd *cmd)
{
	impact_lock(alter->impact, plan_find(alter->impact->catalog, (RangeVar *) cmd->def), AccessShareLock);
	alter->relation->detached = true;
	alter->relation->parents = NIL;
}

/* ATTACH PARTITION, of a table. */
static void
attach_partition(Alter *alter, AlterTableCmd *cmd)
{
	plan_attach(alter->impact, alter->relation, castNode(PartitionCmd, cmd->def));
}

/* DETACH PARTITION. */
static void
detach_partition(Alter *alter, AlterTableCmd *cmd)
{
	plan_detach(alter->impact, alter->relation, castNode(PartitionCmd, cmd->def));
}

/* OWNER TO: indexes and owned sequences follow, if it is another owner. */
static void
change_owner(Alter *alter, AlterTableCmd *cmd)
{
	PlanRelation *relation = alter->relation;

	if (OidIsValid(relation->oid) &&
		svc_relation_owner(relation->oid) == get_rolespec_oid(cmd->newowner, true))
		return;
	plan_lock_indexes(alter->impact, relation, false, alter->mode);
	plan_lock_sequences(alter->impact, relation, NULL, alter->mode);
}

/* ALTER COLUMN ... of an identity column: its sequence. */
static void
alter_identity(Alter *alter, AlterTableCmd *cmd)
{
	plan_lock_sequences(alter->impact, alter->relation, cmd->name,
						cmd->subtype == AT_DropIdentity ? AccessExclusiveLock : ShareRowExclusiveLock);
}

/* CLUSTER ON and REPLICA IDENTITY USING INDEX: the index is looked at. */
static void
use_index(Alter *alter, AlterTableCmd *cmd)
{
	impact_lock(alter->impact, plan_find_beside(alter->impact->catalog, alter->relation, cmd->name),
				alter->mode);
}

/* What subcommands do besides locking the table; children: also on what inherits from it */
static const struct
{
	AlterTableType type;
	bool		children;
	void		(*effect) (Alter *alter, AlterTableCmd *cmd);
}			effects[] = {
	{AT_AddColumn, true, add_column},
	{AT_ColumnDefault, true, NULL},
	{AT_DropNotNull, true, NULL},
	{AT_SetNotNull, true, set_not_null},
	{AT_DropExpression, true, NULL},
	{AT_SetStatistics, true, NULL},
	{AT_SetStorage, true, NULL},
	{AT_SetCompression, true, NULL},
	{AT_DropColumn, true, drop_column},
	{AT_AddConstraint, false, add_constraint},
	{AT_ValidateConstraint, false, validate_constraint},
	{AT_DropConstraint, true, drop_constraint},
	{AT_AlterColumnType, true, alter_type},
	{AT_ChangeOwner, false, change_owner},
	{AT_ClusterOn, false, use_index},
	{AT_SetLogged, false, set_persistence},
	{AT_SetUnLogged, false, set_persistence},
	{AT_SetAccessMethod, false, set_access_method},
	{AT_SetTableSpace, false, set_tablespace},
	{AT_EnableTrig, true, NULL},
	{AT_EnableAlwaysTrig, true, NULL},
	{AT_EnableReplicaTrig, true, NULL},
	{AT_DisableTrig, true, NULL},
	{AT_EnableTrigAll, true, NULL},
	{AT_EnableTrigUser, true, NULL},
	{AT_DisableTrigAll, true, NULL},
	{AT_DisableTrigUser, true, NULL},
	{AT_AddInherit, false, add_inherit},
	{AT_DropInherit, false, drop_inherit},
	{AT_AttachPartition, false, attach_partition},
	{AT_DetachPartition, false, detach_partition},
	{AT_SetIdentity, false, alter_identity},
	{AT_DropIdentity, false, alter_identity},
	{AT_SetExpression, true, set_expression},
};

/* Of ALTER INDEX, VIEW, SEQUENCE and so on, too: all are the same statement. */
void
plan_alter_table(Impact *impact, Node *node)
{
	AlterTableStmt *stmt = (AlterTableStmt *) node;
	Alter		alter = {.impact = impact};
	ListCell   *cell;

	alter.relation = plan_find(impact->catalog, stmt->relation);
	if (!alter.relation)
	{
		if (!stmt->missing_ok)
			impact_missing(impact, stmt->relation);
		return;
	}
	alter.children = stmt->relation->inh && plan_is_table(alter.relation);
	alter.mode = AlterTableGetLockLevel(stmt->cmds);
	impact_lock(impact, alter.relation, alter.mode);
	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		for (int i = 0; i < lengthof(effects); i++)
			if (effects[i].type == cmd->subtype)
			{
				if (effects[i].children)
					impact_lock_tree(impact, alter.relation, alter.children, alter.mode);
				if (effects[i].effect)
					effects[i].effect(&alter, cmd);
			}
	}
}
