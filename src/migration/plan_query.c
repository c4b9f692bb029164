/*
 * plan_query.c: what queries, and statements that hold queries, lock.
 *
 * The names are taken from the raw parse tree, since parse analysis would lock
 * what it finds.  A query that is only analysed (the body of a view that is
 * created) locks what it names; one that is executed also what lies behind:
 * tables of views, partitions, the other side of foreign keys, sequences of
 * defaults.  What functions do is not known, and said.
 *
 * It is what may be locked at most: pruning at run time, partitions that get no
 * row, and foreign keys of NULLs lock less.
 */
#include "core/svc.h"

#include "catalog/pg_constraint.h"
#include "catalog/pg_rewrite.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "migration/plan_query.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "parser/parser.h"
#include "utils/builtins.h"

/* foreign keys that cascade go on at most this deep */
#define MAX_DEPTH 32

/* How far a query gets: its names are found, its views are looked into, it runs */
typedef enum QueryStage
{
	STAGE_ANALYZED,
	STAGE_REWRITTEN,
	STAGE_EXECUTED
} QueryStage;

/* Where a walk through a query is */
typedef struct QueryWalk
{
	Impact	   *impact;
	QueryStage	stage;
	LOCKMODE	mode;			/* of relations that are read */
	List	   *ctes;			/* names of WITH queries, char * */
} QueryWalk;

static bool walk_query(Node *node, QueryWalk *walk);
static void walk_relation(QueryWalk *walk, RangeVar *name);
static void write_deep(Impact *impact, PlanRelation *relation, CmdType command, List *columns,
					   int depth);

/* What a rule writes. */
static void
write_analyzed(Query *query, Impact *impact)
{
	List	   *columns = NIL;
	PlanRelation *relation;
	ListCell   *cell;

	if (query->resultRelation == 0)
		return;
	relation = plan_find_oid(impact->catalog, rt_fetch(query->resultRelation, query->rtable)->relid);
	foreach(cell, query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, cell);

		if (!target->resjunk && target->resname)
			columns = lappend(columns, target->resname);
	}
	if (relation && query->commandType != CMD_MERGE)
		write_deep(impact, relation, query->commandType, columns, 0);
}

/* Lock what a rule or view names, each as its analysis locked it. */
static bool
walk_analyzed(Node *node, Impact *impact)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		write_analyzed((Query *) node, impact);
		return query_tree_walker((Query *) node, walk_analyzed, impact, QTW_EXAMINE_RTES_BEFORE);
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		PlanRelation *relation = rte->rtekind == RTE_RELATION ?
			plan_find_oid(impact->catalog, rte->relid) : NULL;

		/* a rule names its own relation, as OLD and NEW */
		if (relation && !list_member_ptr(impact->expanded, relation))
		{
			impact_lock(impact, relation, rte->rellockmode);
			if (rte->rellockmode < RowExclusiveLock)
				plan_relation_read(impact, relation);
		}
		return false;
	}
	return expression_tree_walker(node, walk_analyzed, impact);
}

/* The queries of a relation's rules for an event ('1' to '4'), read and locked like the relation. */
static void
expand_rules(Impact *impact, PlanRelation *relation, char event)
{
	uint64		rows;
	List	   *actions = NIL;
	ListCell   *cell;

	if (!OidIsValid(relation->oid) || list_member_ptr(impact->expanded, relation))
		return;
	impact->expanded = lappend(impact->expanded, relation);
	rows = svc_sql("SELECT ev_action FROM pg_catalog.pg_rewrite"
				   " WHERE ev_class = $1 AND ev_type = $2::text::\"char\" AND ev_enabled <> 'D'",
				   sql_oid(relation->oid), sql_text(psprintf("%c", event)));
	for (uint64 row = 0; row < rows; row++)
		actions = lappend(actions, svc_sql_value(row, 1));
	foreach(cell, actions)
		(void) walk_analyzed(stringToNode(lfirst(cell)), impact);
}

/* A relation is read by a query that is executed. */
void
plan_relation_read(Impact *impact, PlanRelation *relation)
{
	if (!relation)
		return;
	impact_lock_tree(impact, relation, true, AccessShareLock);
	if (relation->kind == RELKIND_VIEW)
		expand_rules(impact, relation, '1');
}

/* What a view, or a materialized one that is filled, reads. */
void
plan_view_read(Impact *impact, PlanRelation *view)
{
	expand_rules(impact, view, '1');
}

/* LOCK TABLE on a view locks what the view reads in the same mode. */
void
plan_lock_view(Impact *impact, PlanRelation *view, LOCKMODE mode)
{
	List	   *below;
	ListCell   *cell;

	if (!OidIsValid(view->oid))
		return;
	below = plan_oids("SELECT DISTINCT d.refobjid"
					  "  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d"
					  "    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid"
					  "   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
					  " WHERE r.ev_class = $1 AND r.ev_type = '1' AND d.refobjid <> $1",
					  sql_oid(view->oid));
	foreach(cell, below)
	{
		PlanRelation *relation = plan_find_oid(impact->catalog, lfirst_oid(cell));

		if (!relation || (!plan_is_table(relation) && relation->kind != RELKIND_VIEW))
			continue;
		impact_lock_tree(impact, relation, true, mode);
		if (relation->kind == RELKIND_VIEW)
			plan_lock_view(impact, relation, mode);
	}
}

/* Lock the tables that the foreign keys of a table refer to, where rows get new references. */
static void
lock_referenced(Impact *impact, PlanRelation *relation, List *columns)
{
	List	   *tables;
	ListCell   *cell;

	foreach(cell, relation->partners)
		impact_lock(impact, lfirst(cell), RowShareLock);
	if (!OidIsValid(relation->oid))
		return;
	tables = plan_oids("SELECT DISTINCT c.confrelid FROM pg_catalog.pg_constraint c"
					   " WHERE c.conrelid = $1 AND c.contype = 'f' AND ($2 = '{}'"
					   "    OR EXISTS (SELECT FROM pg_catalog.pg_attribute a"
					   "                WHERE a.attrelid = $1 AND a.attnum = ANY (c.conkey)"
					   "                  AND a.attname = ANY ($2)))",
					   sql_oid(relation->oid), sql_names(columns));
	impact_lock_oids(impact, tables, RowShareLock);
}

/* The tables whose foreign keys do one of some actions when a row is deleted ($2), or columns ($3) of it change */
#define REFERENCING(actions) \
	"SELECT DISTINCT c.conrelid FROM pg_catalog.pg_constraint c" \
	" WHERE c.confrelid = $1 AND c.contype = 'f' AND c.conparentid = 0" \
	"   AND (CASE WHEN $2 THEN c.confdeltype ELSE c.confupdtype END) IN (" actions ")" \
	"   AND ($2 OR EXISTS (SELECT FROM pg_catalog.pg_attribute a" \
	"                       WHERE a.attrelid = $1 AND a.attnum = ANY (c.confkey)" \
	"                         AND a.attname = ANY ($3)))"

/* Go on to the tables whose foreign keys refer to rows that are deleted, or change their key. */
static void
lock_referencing(Impact *impact, PlanRelation *relation, CmdType command, List *columns, int depth)
{
	bool		deletes = command == CMD_DELETE;
	List	   *cascades;

	if (!OidIsValid(relation->oid) || depth > MAX_DEPTH)
		return;
	impact_lock_oids(impact, plan_oids(REFERENCING("'a', 'r'"), sql_oid(relation->oid),
									   sql_bool(deletes), sql_names(columns)), RowShareLock);
	cascades = plan_oids(REFERENCING("'c', 'n', 'd'"), sql_oid(relation->oid),
						 sql_bool(deletes), sql_names(columns));
	for (int i = 0; i < list_length(cascades); i++)
	{
		PlanRelation *other = plan_find_oid(impact->catalog, list_nth_oid(cascades, i));

		if (other && !other->gone)
			write_deep(impact, other, command, NIL, depth + 1);
	}
}

/* Lock the sequences of defaults: all but those of columns that get a value. */
static void
lock_default_sequences(Impact *impact, PlanRelation *relation, List *columns)
{
	List	   *sequences;

	if (!OidIsValid(relation->oid))
		return;
	sequences = plan_oids("SELECT d.refobjid FROM pg_catalog.pg_attrdef f"
						  "  JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum"
						  "  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
						  "   AND d.objid = f.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
						  "  JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'"
						  " WHERE f.adrelid = $1 AND a.attname <> ALL ($2)"
						  " UNION "
						  "SELECT d.objid FROM pg_catalog.pg_depend d"
						  "  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
						  " WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1"
						  "   AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype = 'i'"
						  "   AND a.attidentity <> '' AND a.attname <> ALL ($2)",
						  sql_oid(relation->oid), sql_names(columns));
	impact_lock_oids(impact, sequences, RowExclusiveLock);
}

/* Say that triggers will run: their functions can do anything. */
static void
note_triggers(Impact *impact, PlanRelation *relation, CmdType command)
{
	int			bit = command == CMD_INSERT ? 4 : command == CMD_DELETE ? 8 : 16;
	uint64		rows;

	if (!OidIsValid(relation->oid))
		return;
	rows = svc_sql("SELECT pg_catalog.format('trigger %I runs %s, whose locks are not known',"
				   "                         t.tgname, t.tgfoid::pg_catalog.regprocedure)"
				   "  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid"
				   " WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgenabled <> 'D'"
				   "   AND t.tgtype & $2 <> 0"
				   "   AND p.pronamespace <> '" SVC_TRIGGER_SCHEMA "'::pg_catalog.regnamespace"
				   " ORDER BY t.tgname",
				   sql_oid(relation->oid), sql_datum(Int32GetDatum(bit), INT4OID));
	for (uint64 row = 0; row < rows; row++)
		impact_note(impact, svc_sql_value(row, 1));
}

/* A view that is written to: its tables are, as far as the server can find them. */
static void
write_view(Impact *impact, PlanRelation *view, CmdType command, int depth)
{
	List	   *below = plan_oids("SELECT DISTINCT d.refobjid"
								  "  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d"
								  "    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid"
								  "   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
								  "  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p', 'v', 'f')"
								  " WHERE r.ev_class = $1 AND r.ev_type = '1' AND d.refobjid <> $1",
								  sql_oid(view->oid));

	/* only a view of one relation can be written through */
	if (list_length(below) == 1)
	{
		PlanRelation *table = plan_find_oid(impact->catalog, linitial_oid(below));

		if (table && !table->gone)
			write_deep(impact, table, command, NIL, depth + 1);
	}
	else
		plan_relation_read(impact, view);
}

/* Rows of a relation are written; columns: those that get a value, or change. */
static void
write_deep(Impact *impact, PlanRelation *relation, CmdType command, List *columns, int depth)
{
	static const char events[] = {[CMD_UPDATE] = '2', [CMD_INSERT] = '3', [CMD_DELETE] = '4'};
	ListCell   *cell;

	if (depth > MAX_DEPTH)
		return;
	impact_lock(impact, relation, RowExclusiveLock);
	if (relation->kind == RELKIND_VIEW)
		write_view(impact, relation, command, depth);
	if (command == CMD_INSERT)
		lock_default_sequences(impact, relation, columns);
	foreach(cell, plan_descendants(impact->catalog, relation))
	{
		PlanRelation *child = lfirst(cell);

		/* rows that are inserted go to partitions, not to other children */
		if (command == CMD_INSERT && child != relation && relation->kind != RELKIND_PARTITIONED_TABLE)
			continue;
		impact_lock(impact, child, RowExclusiveLock);
		if (command != CMD_DELETE)
			lock_referenced(impact, child, command == CMD_INSERT ? NIL : columns);
		if (command != CMD_INSERT)
			lock_referencing(impact, child, command, columns, depth);
		note_triggers(impact, child, command);
	}
	expand_rules(impact, relation, events[command]);
}

/* The same, for others. */
void
plan_write(Impact *impact, PlanRelation *relation, CmdType command, List *columns)
{
	if (relation)
		write_deep(impact, relation, command, columns, 0);
}

/* All columns of a relation, char *. */
List *
plan_all_columns(PlanRelation *relation)
{
	(void) svc_sql("SELECT ARRAY (SELECT attname FROM pg_catalog.pg_attribute"
				   "               WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped)",
				   sql_oid(relation->oid));
	return svc_sql_names_value(0, 1);
}

/* The names of the columns of a target list. */
static List *
target_columns(List *targets)
{
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, targets)
	{
		ResTarget  *target = lfirst_node(ResTarget, cell);

		if (target->name)
			columns = lappend(columns, target->name);
	}
	return columns;
}

/* A relation that is the target of INSERT, UPDATE, DELETE or MERGE. */
static void
walk_target(QueryWalk *walk, RangeVar *name, CmdType command, List *columns)
{
	PlanRelation *relation = plan_find(walk->impact->catalog, name);

	if (!relation)
		impact_missing(walk->impact, name);
	else if (walk->stage == STAGE_EXECUTED)
		write_deep(walk->impact, relation, command, columns, 0);
	else
		impact_lock(walk->impact, relation, RowExclusiveLock);
}

/* Take the names of WITH queries, and go through them; without RECURSIVE one sees those before it. */
static void
walk_with(QueryWalk *walk, WithClause *with)
{
	ListCell   *cell;

	if (!with)
		return;
	if (with->recursive)
		foreach(cell, with->ctes)
			walk->ctes = lappend(walk->ctes, lfirst_node(CommonTableExpr, cell)->ctename);
	foreach(cell, with->ctes)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		(void) walk_query(cte->ctequery, walk);
		if (!with->recursive)
			walk->ctes = lappend(walk->ctes, cte->ctename);
	}
}

/* Does FOR UPDATE or its like lock rows of all relations in FROM? */
static LOCKMODE
locking_mode(SelectStmt *select)
{
	ListCell   *cell;

	foreach(cell, select->lockingClause)
		if (lfirst_node(LockingClause, cell)->lockedRels == NIL)
			return RowShareLock;
	return AccessShareLock;
}

/* FOR UPDATE OF: is this relation in FROM, by its alias or name, among those whose rows are locked? */
static bool
is_locked_by_name(SelectStmt *select, const RangeVar *name)
{
	const char *alias = name->alias ? name->alias->aliasname : name->relname;
	ListCell   *cell;
	ListCell   *other;

	foreach(cell, select->lockingClause)
		foreach(other, lfirst_node(LockingClause, cell)->lockedRels)
			if (strcmp(lfirst_node(RangeVar, other)->relname, alias) == 0)
				return true;
	return false;
}

/* Lock the relations that FOR UPDATE OF names. */
static void
lock_by_name(QueryWalk *walk, SelectStmt *select, Node *from)
{
	if (IsA(from, JoinExpr))
	{
		lock_by_name(walk, select, ((JoinExpr *) from)->larg);
		lock_by_name(walk, select, ((JoinExpr *) from)->rarg);
	}
	else if (IsA(from, RangeVar) && is_locked_by_name(select, (RangeVar *) from))
	{
		QueryWalk	locking = *walk;

		locking.mode = RowShareLock;
		walk_relation(&locking, (RangeVar *) from);
	}
}

/* A relation that a query reads, unless it is one of its WITH queries. */
static void
walk_relation(QueryWalk *walk, RangeVar *name)
{
	PlanRelation *relation;
	ListCell   *cell;

	if (!name->schemaname)
		foreach(cell, walk->ctes)
			if (strcmp(lfirst(cell), name->relname) == 0)
				return;
	relation = plan_find(walk->impact->catalog, name);
	if (!relation)
	{
		impact_missing(walk->impact, name);
		return;
	}
	impact_lock_tree(walk->impact, relation, walk->stage == STAGE_EXECUTED && name->inh,
					 walk->mode);
	if (walk->stage != STAGE_ANALYZED && relation->kind == RELKIND_VIEW)
		plan_relation_read(walk->impact, relation);
}

/* The relation that the first argument of a call names as a literal, as in nextval('orders_id_seq'). */
static PlanRelation *
literal_relation(QueryWalk *walk, FuncCall *call)
{
	Node	   *argument = call->args == NIL ? NULL : linitial(call->args);

	if (argument && IsA(argument, TypeCast))
		argument = ((TypeCast *) argument)->arg;
	if (!argument || !IsA(argument, A_Const) || !IsA(&((A_Const *) argument)->val, String))
		return NULL;
	return plan_find_text(walk->impact->catalog, strVal(&((A_Const *) argument)->val));
}

/* A function that is called: sequences are known, others of the server lock nothing. */
static void
walk_call(QueryWalk *walk, FuncCall *call)
{
	const char *name = strVal(llast(call->funcname));
	List	   *schemas = plan_schemas(walk->impact->catalog, call->funcname);

	if (walk->stage != STAGE_EXECUTED)
		return;
	if (strcmp(name, "nextval") == 0 || strcmp(name, "setval") == 0)
		impact_lock(walk->impact, literal_relation(walk, call), RowExclusiveLock);
	else if (svc_sql("SELECT FROM pg_catalog.pg_proc p"
					 "  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
					 " WHERE p.proname = $1 AND n.nspname = ANY ($2) AND n.nspname <> 'pg_catalog'"
					 "   AND p.prokind IN ('f', 'p')",
					 sql_name(name), sql_names(schemas)) > 0)
		impact_note(walk->impact, psprintf("it calls %s(), whose locks are not known",
										   NameListToQuotedString(call->funcname)));
}

/* Go through a SELECT. */
static bool
walk_select(SelectStmt *select, QueryWalk *walk)
{
	QueryWalk	inner = *walk;
	ListCell   *cell;

	walk_with(&inner, select->withClause);
	if (select->op != SETOP_NONE)
		return walk_query((Node *) select->larg, &inner) || walk_query((Node *) select->rarg, &inner) ||
			walk_query((Node *) select->sortClause, &inner);
	inner.mode = Max(walk->mode, locking_mode(select));
	(void) walk_query((Node *) select->fromClause, &inner);
	foreach(cell, select->fromClause)
		lock_by_name(&inner, select, lfirst(cell));
	inner.mode = AccessShareLock;
	return walk_query((Node *) select->targetList, &inner) ||
		walk_query((Node *) select->distinctClause, &inner) ||
		walk_query(select->whereClause, &inner) ||
		walk_query((Node *) select->groupClause, &inner) ||
		walk_query(select->havingClause, &inner) ||
		walk_query((Node *) select->windowClause, &inner) ||
		walk_query((Node *) select->valuesLists, &inner) ||
		walk_query((Node *) select->sortClause, &inner) ||
		walk_query(select->limitOffset, &inner) || walk_query(select->limitCount, &inner);
}

/* How many columns an INSERT without a list of them fills; -1: not to be seen */
static int
count_values(SelectStmt *select)
{
	ListCell   *cell;

	if (select->valuesLists != NIL)
		return list_length(linitial(select->valuesLists));
	if (select->op != SETOP_NONE)
		return -1;
	foreach(cell, select->targetList)
	{
		Node	   *value = lfirst_node(ResTarget, cell)->val;

		if (IsA(value, ColumnRef) && IsA(llast(((ColumnRef *) value)->fields), A_Star))
			return -1;
	}
	return list_length(select->targetList);
}

/* The columns to which an INSERT gives values. */
static List *
insert_columns(QueryWalk *walk, InsertStmt *insert)
{
	PlanRelation *relation = plan_find(walk->impact->catalog, insert->relation);
	List	   *columns;
	int			n;

	if (insert->cols != NIL || !insert->selectStmt || !relation)
		return target_columns(insert->cols);
	columns = plan_all_columns(relation);
	n = count_values((SelectStmt *) insert->selectStmt);
	return n < 0 ? columns : list_truncate(columns, Min(n, list_length(columns)));
}

/* Go through an INSERT. */
static bool
walk_insert(InsertStmt *insert, QueryWalk *walk)
{
	QueryWalk	inner = *walk;

	walk_with(&inner, insert->withClause);
	walk_target(&inner, insert->relation, CMD_INSERT, insert_columns(&inner, insert));
	if (insert->onConflictClause && insert->onConflictClause->action == ONCONFLICT_UPDATE)
		walk_target(&inner, insert->relation, CMD_UPDATE,
					target_columns(insert->onConflictClause->targetList));
	return walk_query(insert->selectStmt, &inner) ||
		walk_query((Node *) insert->onConflictClause, &inner);
}

/* Go through an UPDATE. */
static bool
walk_update(UpdateStmt *update, QueryWalk *walk)
{
	QueryWalk	inner = *walk;

	walk_with(&inner, update->withClause);
	walk_target(&inner, update->relation, CMD_UPDATE, target_columns(update->targetList));
	return walk_query((Node *) update->targetList, &inner) ||
		walk_query((Node *) update->fromClause, &inner) ||
		walk_query(update->whereClause, &inner);
}

/* Go through a DELETE. */
static bool
walk_delete(DeleteStmt *delete, QueryWalk *walk)
{
	QueryWalk	inner = *walk;

	walk_with(&inner, delete->withClause);
	walk_target(&inner, delete->relation, CMD_DELETE, NIL);
	return walk_query((Node *) delete->usingClause, &inner) ||
		walk_query(delete->whereClause, &inner);
}

/* Go through a MERGE. */
static bool
walk_merge(MergeStmt *merge, QueryWalk *walk)
{
	QueryWalk	inner = *walk;
	ListCell   *cell;

	walk_with(&inner, merge->withClause);
	foreach(cell, merge->mergeWhenClauses)
	{
		MergeWhenClause *when = lfirst_node(MergeWhenClause, cell);

		if (when->commandType != CMD_NOTHING)
			walk_target(&inner, merge->relation, when->commandType,
						target_columns(when->targetList));
		(void) walk_query(when->condition, &inner);
		(void) walk_query((Node *) when->targetList, &inner);
		(void) walk_query((Node *) when->values, &inner);
	}
	return walk_query(merge->sourceRelation, &inner) || walk_query(merge->joinCondition, &inner);
}

/* Go through a raw parse tree. */
static bool
walk_query(Node *node, QueryWalk *walk)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_SelectStmt:
			return walk_select((SelectStmt *) node, walk);
		case T_InsertStmt:
			return walk_insert((InsertStmt *) node, walk);
		case T_UpdateStmt:
			return walk_update((UpdateStmt *) node, walk);
		case T_DeleteStmt:
			return walk_delete((DeleteStmt *) node, walk);
		case T_MergeStmt:
			return walk_merge((MergeStmt *) node, walk);
		case T_RangeVar:
			walk_relation(walk, (RangeVar *) node);
			return false;
		case T_FuncCall:
			walk_call(walk, (FuncCall *) node);
			break;
		default:
			break;
	}
	return raw_expression_tree_walker(node, walk_query, walk);
}

/* A query, or an expression, that is analysed and not run. */
void
plan_query_analyzed(Impact *impact, Node *query)
{
	QueryWalk	walk = {.impact = impact, .mode = AccessShareLock};

	(void) walk_query(query, &walk);
}

/* A query whose views are looked into, and that is not run: of a function that is made. */
void
plan_query_rewritten(Impact *impact, Node *query)
{
	QueryWalk	walk = {.impact = impact, .stage = STAGE_REWRITTEN, .mode = AccessShareLock};

	(void) walk_query(query, &walk);
}

/* A query, or an expression, that is run. */
void
plan_query_executed(Impact *impact, Node *query)
{
	QueryWalk	walk = {.impact = impact, .stage = STAGE_EXECUTED, .mode = AccessShareLock};

	(void) walk_query(query, &walk);
}
