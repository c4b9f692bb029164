/*
 * plan_statement.c: what one statement of a migration does.
 *
 * One entry of a table for each kind of statement that locks relations.  Others
 * lock none that anybody waits for.
 */
#include "core/svc.h"

#include "commands/defrem.h"
#include "migration/plan_alter.h"
#include "migration/plan_column.h"
#include "migration/plan_create.h"
#include "migration/plan_drop.h"
#include "migration/plan_query.h"
#include "migration/plan_statement.h"
#include "nodes/makefuncs.h"
#include "utils/varlena.h"

static void plan_node(Impact *impact, Node *node);

/* The text of a literal; NULL: it is none */
static const char *
literal(Node *node)
{
	return node && IsA(node, A_Const) && IsA(&((A_Const *) node)->val, String) ?
		strVal(&((A_Const *) node)->val) : NULL;
}

/* SELECT set_config('search_path', '', false), as dumps begin: names mean something else then. */
static void
plan_set_config(Impact *impact, List *targets)
{
	Node	   *value = list_length(targets) == 1 ? linitial_node(ResTarget, targets)->val : NULL;
	FuncCall   *call = value && IsA(value, FuncCall) ? (FuncCall *) value : NULL;
	const char *path;
	List	   *schemas;

	if (!call || list_length(call->args) != 3 || !literal(linitial(call->args)) ||
		strcmp(strVal(llast(call->funcname)), "set_config") != 0 ||
		strcmp(literal(linitial(call->args)), "search_path") != 0)
		return;
	path = literal(lsecond(call->args));
	if (path && SplitIdentifierString(pstrdup(path), ',', &schemas))
		plan_catalog_set_path(impact->catalog, schemas);
}

/* SELECT; with INTO it makes a table. */
static void
plan_select(Impact *impact, Node *node)
{
	SelectStmt *select = (SelectStmt *) node;

	plan_query_executed(impact, node);
	plan_set_config(impact, select->targetList);
	if (select->intoClause)
		(void) plan_make_relation(impact->catalog, select->intoClause->rel, RELKIND_RELATION);
}

/* COPY, of a table or of a query. */
static void
plan_copy(Impact *impact, Node *node)
{
	CopyStmt   *copy = (CopyStmt *) node;
	PlanRelation *table = copy->relation ? plan_find(impact->catalog, copy->relation) : NULL;
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, copy->attlist)
		columns = lappend(columns, strVal(lfirst(cell)));
	plan_query_executed(impact, copy->query);
	if (!table)
		return;
	if (copy->is_from)
		plan_write(impact, table, CMD_INSERT, copy->attlist == NIL ?
				   plan_all_columns(table) : columns);
	else
		impact_lock(impact, table, AccessShareLock);
}

/* TRUNCATE: tables that refer to it go with it, with CASCADE. */
static void
plan_truncate(Impact *impact, Node *node)
{
	TruncateStmt *stmt = (TruncateStmt *) node;
	List	   *tables = NIL;
	ListCell   *cell;

	foreach(cell, stmt->relations)
	{
		RangeVar   *name = lfirst_node(RangeVar, cell);
		PlanRelation *table = plan_find(impact->catalog, name);

		if (table)
			tables = list_concat_unique_ptr(tables, name->inh ?
											plan_descendants(impact->catalog, table) : list_make1(table));
	}
	/* the list grows while it is read */
	for (int i = 0; i < list_length(tables); i++)
	{
		PlanRelation *table = list_nth(tables, i);

		impact_lock(impact, table, AccessExclusiveLock);
		plan_lock_indexes(impact, table, false, AccessExclusiveLock);
		if (stmt->restart_seqs)
			plan_lock_sequences(impact, table, NULL, AccessExclusiveLock);
		if (stmt->behavior == DROP_CASCADE)
			tables = list_concat_unique_ptr(tables, plan_referencing(impact->catalog, table));
	}
}

/* LOCK TABLE. */
static void
plan_lock(Impact *impact, Node *node)
{
	LockStmt   *stmt = (LockStmt *) node;
	ListCell   *cell;

	foreach(cell, stmt->relations)
	{
		RangeVar   *name = lfirst_node(RangeVar, cell);
		PlanRelation *relation = plan_find(impact->catalog, name);

		impact_lock_tree(impact, relation, name->inh, stmt->mode);
		if (relation && relation->kind == RELKIND_VIEW)
			plan_lock_view(impact, relation, stmt->mode);
	}
}

/* CLUSTER of a table. */
static void
plan_cluster(Impact *impact, Node *node)
{
	ClusterStmt *stmt = (ClusterStmt *) node;
	PlanRelation *table = stmt->relation ? plan_find(impact->catalog, stmt->relation) : NULL;

	if (!stmt->relation)
		impact_note(impact, "it clusters every table that was clustered before");
	if (!table)
		return;
	impact_lock_tree(impact, table, true, AccessExclusiveLock);
	plan_lock_indexes(impact, table, true, AccessExclusiveLock);
	impact_rewrite_tree(impact, table, true);
}

/* Is an option given, and on? */
static bool
has_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return defGetBoolean(option);
	}
	return false;
}

/* VACUUM and ANALYZE. */
static void
plan_vacuum(Impact *impact, Node *node)
{
	VacuumStmt *stmt = (VacuumStmt *) node;
	bool		full = has_option(stmt->options, "full");
	ListCell   *cell;

	if (stmt->rels == NIL)
		impact_note(impact, "it works on every table of the database that its user may maintain, one after the other");
	foreach(cell, stmt->rels)
	{
		PlanRelation *table = plan_find(impact->catalog, lfirst_node(VacuumRelation, cell)->relation);
		bool		children;

		if (!table)
			continue;
		children = SVC_ANALYZE_CHILDREN || table->kind == RELKIND_PARTITIONED_TABLE;
		if (full)
		{
			impact_lock_tree(impact, table, children, AccessExclusiveLock);
			plan_lock_indexes(impact, table, children, AccessExclusiveLock);
			impact_rewrite_tree(impact, table, children);
			continue;
		}
		impact_lock_tree(impact, table, children, ShareUpdateExclusiveLock);
		/* rows of children count for the parent's statistics */
		impact_lock_tree(impact, table, true, AccessShareLock);
	}
}

/* REINDEX of a table or an index: concurrently it is only kept from others of its kind. */
static void
plan_reindex(Impact *impact, Node *node)
{
	ReindexStmt *stmt = (ReindexStmt *) node;
	bool		concurrent = has_option(stmt->params, "concurrently");
	PlanRelation *relation = stmt->relation ? plan_find(impact->catalog, stmt->relation) : NULL;
	List	   *tables = NIL;
	ListCell   *cell;

	if (!stmt->relation)
		impact_note(impact, "it works on every table of the schema or database, one after the other");
	if (!relation)
		return;
	if (stmt->kind == REINDEX_OBJECT_INDEX)
	{
		impact_lock_tree(impact, relation, relation->kind == RELKIND_PARTITIONED_INDEX,
						 concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock);
		tables = plan_index_table(impact->catalog, relation);
	}
	else
	{
		tables = plan_descendants(impact->catalog, relation);
		plan_lock_indexes(impact, relation, relation->kind == RELKIND_PARTITIONED_TABLE,
						  concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock);
	}
	foreach(cell, tables)
	{
		impact_lock(impact, lfirst(cell), concurrent ? ShareUpdateExclusiveLock : ShareLock);
		impact_scan(impact, lfirst(cell));
	}
}

/* REFRESH MATERIALIZED VIEW. */
static void
plan_refresh(Impact *impact, Node *node)
{
	RefreshMatViewStmt *stmt = (RefreshMatViewStmt *) node;
	PlanRelation *view = plan_find(impact->catalog, stmt->relation);

	if (!view)
		return;
	impact_lock(impact, view, stmt->concurrent ? ExclusiveLock : AccessExclusiveLock);
	if (!stmt->concurrent)
		plan_lock_indexes(impact, view, false, AccessExclusiveLock);
	if (!stmt->skipData)
		plan_view_read(impact, view);
	if (stmt->concurrent)
		impact_scan(impact, view);
	else
		impact_rewrite(impact, view);
}

/* ALTER ... RENAME. */
static void
plan_rename_object(Impact *impact, Node *node)
{
	RenameStmt *stmt = (RenameStmt *) node;
	PlanRelation *relation = stmt->relation ? plan_find(impact->catalog, stmt->relation) : NULL;

	if (stmt->relation && !relation && !stmt->missing_ok)
		impact_missing(impact, stmt->relation);
	if (!relation)
		return;
	switch (stmt->renameType)
	{
		case OBJECT_COLUMN:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
			impact_lock_tree(impact, relation, stmt->relation->inh, AccessExclusiveLock);
			break;
		case OBJECT_INDEX:
			impact_lock(impact, relation, ShareUpdateExclusiveLock);
			plan_rename(impact->catalog, relation, NULL, stmt->newname);
			break;
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			impact_lock(impact, relation, relation->kind == RELKIND_INDEX ?
						ShareUpdateExclusiveLock : AccessExclusiveLock);
			plan_rename(impact->catalog, relation, NULL, stmt->newname);
			break;
		default:				/* of a rule, a policy */
			impact_lock(impact, relation, AccessExclusiveLock);
	}
}

/* ALTER ... SET SCHEMA. */
static void
plan_set_schema(Impact *impact, Node *node)
{
	AlterObjectSchemaStmt *stmt = (AlterObjectSchemaStmt *) node;
	PlanRelation *relation = stmt->relation ? plan_find(impact->catalog, stmt->relation) : NULL;

	if (!relation)
		return;
	impact_lock(impact, relation, AccessExclusiveLock);
	plan_lock_sequences(impact, relation, NULL, AccessExclusiveLock);
	plan_rename(impact->catalog, relation, stmt->newschema, NULL);
}

/* COMMENT ON a relation, or a part of one. */
static void
plan_comment(Impact *impact, Node *node)
{
	CommentStmt *stmt = (CommentStmt *) node;
	List	   *names = IsA(stmt->object, List) ? (List *) stmt->object : NIL;
	LOCKMODE	mode = ShareUpdateExclusiveLock;

	switch (stmt->objtype)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			break;
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			mode = AccessShareLock;
			names = list_copy_head(names, list_length(names) - 1);
			break;
		case OBJECT_COLUMN:
			names = list_copy_head(names, list_length(names) - 1);
			break;
		default:
			return;
	}
	if (names != NIL)
		impact_lock(impact, plan_find_names(impact->catalog, names), mode);
}

/* GRANT and REVOKE. */
static void
plan_grant(Impact *impact, Node *node)
{
	GrantStmt  *stmt = (GrantStmt *) node;
	ListCell   *cell;

	if (stmt->targtype != ACL_TARGET_OBJECT || SVC_GRANT_LOCK == NoLock ||
		(stmt->objtype != OBJECT_TABLE && stmt->objtype != OBJECT_SEQUENCE))
		return;
	foreach(cell, stmt->objects)
		impact_lock(impact, plan_find(impact->catalog, lfirst_node(RangeVar, cell)), SVC_GRANT_LOCK);
}

/* CREATE SCHEMA with what is made in it. */
static void
plan_create_schema(Impact *impact, Node *node)
{
	ListCell   *cell;

	foreach(cell, ((CreateSchemaStmt *) node)->schemaElts)
		plan_node(impact, lfirst(cell));
}

/* EXPLAIN: the query is planned, and so locked as if it ran. */
static void
plan_explain(Impact *impact, Node *node)
{
	plan_node(impact, ((ExplainStmt *) node)->query);
}

/* DECLARE CURSOR. */
static void
plan_cursor(Impact *impact, Node *node)
{
	plan_query_executed(impact, ((DeclareCursorStmt *) node)->query);
}

/* PREPARE: the query is analysed, and remembered. */
static void
plan_prepare(Impact *impact, Node *node)
{
	PrepareStmt *stmt = (PrepareStmt *) node;

	plan_query_analyzed(impact, stmt->query);
	plan_remember(impact->catalog, stmt->name, stmt->query);
}

/* EXECUTE of what was prepared. */
static void
plan_execute(Impact *impact, Node *node)
{
	Node	   *query = plan_recall(impact->catalog, ((ExecuteStmt *) node)->name);

	if (query)
		plan_node(impact, query);
	else
		impact_note(impact, "what it executes is not known");
}

/* SET search_path: names mean something else from here on. */
static void
plan_set(Impact *impact, Node *node)
{
	VariableSetStmt *stmt = (VariableSetStmt *) node;
	List	   *schemas = NIL;
	ListCell   *cell;

	if (!stmt->name || strcmp(stmt->name, "search_path") != 0)
		return;
	if (stmt->kind != VAR_SET_VALUE)
	{
		plan_catalog_reset(impact->catalog);
		return;
	}
	foreach(cell, stmt->args)
		schemas = lappend(schemas, strVal(&lfirst_node(A_Const, cell)->val));
	plan_catalog_set_path(impact->catalog, schemas);
}

/* ALTER DOMAIN: the tables that use it are read. */
static void
plan_alter_domain(Impact *impact, Node *node)
{
	AlterDomainStmt *stmt = (AlterDomainStmt *) node;
	Constraint *constraint = (Constraint *) stmt->def;
	bool		validates = stmt->subtype == 'V' || stmt->subtype == 'O' ||
		(stmt->subtype == 'C' && !constraint->skip_validation);
	Oid			type;
	int32		typmod;
	ListCell   *cell;

	if (!validates || !plan_find_type(impact, makeTypeNameFromNameList(stmt->typeName), &type, &typmod))
		return;
	foreach(cell, plan_users_of_type(impact->catalog, type))
	{
		impact_lock(impact, lfirst(cell), ShareLock);
		impact_scan(impact, lfirst(cell));
	}
}

/* ALTER ... DEPENDS ON EXTENSION. */
static void
plan_depends(Impact *impact, Node *node)
{
	AlterObjectDependsStmt *stmt = (AlterObjectDependsStmt *) node;

	if (stmt->relation)
		impact_lock(impact, plan_find(impact->catalog, stmt->relation), AccessExclusiveLock);
}

/* What runs code of somebody's: nothing is known. */
static void
plan_code(Impact *impact, Node *node)
{
	impact_note(impact, IsA(node, CallStmt) ? "what the procedure does is not known" :
				IsA(node, DoStmt) ? "what the block does is not known" :
				"what the extension's script does is not known");
}

/* DROP OWNED, REASSIGN OWNED. */
static void
plan_owned(Impact *impact, Node *node)
{
	impact_note(impact, "what the roles own is not looked for");
}

/* The kinds of statement that lock relations, or could */
static const struct
{
	NodeTag		tag;
	void		(*plan) (Impact *impact, Node *node);
}			kinds[] = {
	{T_SelectStmt, plan_select},
	{T_InsertStmt, plan_query_executed},
	{T_UpdateStmt, plan_query_executed},
	{T_DeleteStmt, plan_query_executed},
	{T_MergeStmt, plan_query_executed},
	{T_CopyStmt, plan_copy},
	{T_TruncateStmt, plan_truncate},
	{T_LockStmt, plan_lock},
	{T_AlterTableStmt, plan_alter_table},
	{T_RenameStmt, plan_rename_object},
	{T_AlterObjectSchemaStmt, plan_set_schema},
	{T_AlterObjectDependsStmt, plan_depends},
	{T_AlterDomainStmt, plan_alter_domain},
	{T_CommentStmt, plan_comment},
	{T_GrantStmt, plan_grant},
	{T_DropStmt, plan_drop_statement},
	{T_DropOwnedStmt, plan_owned},
	{T_ReassignOwnedStmt, plan_owned},
	{T_CreateStmt, plan_create_table},
	{T_CreateForeignTableStmt, plan_create_foreign_table},
	{T_CreateTableAsStmt, plan_create_table_as},
	{T_ViewStmt, plan_create_view},
	{T_IndexStmt, plan_create_index},
	{T_CreateTrigStmt, plan_create_trigger},
	{T_RuleStmt, plan_create_rule},
	{T_CreatePolicyStmt, plan_create_policy},
	{T_AlterPolicyStmt, plan_alter_policy},
	{T_CreateSeqStmt, plan_create_sequence},
	{T_AlterSeqStmt, plan_alter_sequence},
	{T_CreateStatsStmt, plan_create_statistics},
	{T_CreateFunctionStmt, plan_create_function},
	{T_CreatePublicationStmt, plan_create_publication},
	{T_CreateSchemaStmt, plan_create_schema},
	{T_ClusterStmt, plan_cluster},
	{T_VacuumStmt, plan_vacuum},
	{T_ReindexStmt, plan_reindex},
	{T_RefreshMatViewStmt, plan_refresh},
	{T_ExplainStmt, plan_explain},
	{T_DeclareCursorStmt, plan_cursor},
	{T_PrepareStmt, plan_prepare},
	{T_ExecuteStmt, plan_execute},
	{T_VariableSetStmt, plan_set},
	{T_CallStmt, plan_code},
	{T_DoStmt, plan_code},
	{T_CreateExtensionStmt, plan_code},
	{T_AlterExtensionStmt, plan_code},
};

/* What a statement does, added to the impact. */
static void
plan_node(Impact *impact, Node *node)
{
	for (int i = 0; i < lengthof(kinds); i++)
		if (kinds[i].tag == nodeTag(node))
		{
			kinds[i].plan(impact, node);
			return;
		}
}

/* What a statement of a plan does; the catalog is then as it leaves it. */
Impact *
plan_statement(PlanCatalog *catalog, RawStmt *raw)
{
	Impact	   *impact = impact_make(catalog);

	plan_node(impact, raw->stmt);
	return impact;
}
