/*
 * plan_create.c: what statements that make something lock.
 *
 * What they make nobody else can see yet; so these are the locks on what the
 * new thing stands on: parents, referenced tables, tables of views, of indexes,
 * of triggers.
 */
#include "core/svc.h"

#include "core/protect.h"
#include "migration/plan_alter.h"
#include "migration/plan_create.h"
#include "migration/plan_partition.h"
#include "migration/plan_query.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"

/* The foreign keys among constraints. */
static void
create_constraints(Impact *impact, PlanRelation *relation, List *constraints)
{
	ListCell   *cell;

	foreach(cell, constraints)
	{
		Constraint *constraint = lfirst_node(Constraint, cell);

		if (constraint->contype == CONSTR_FOREIGN)
			plan_foreign_key(impact, relation, constraint, false);
	}
}

/* The columns and constraints of a new table. */
static void
create_elements(Impact *impact, PlanRelation *relation, List *elements)
{
	ListCell   *cell;

	foreach(cell, elements)
	{
		Node	   *element = lfirst(cell);

		if (IsA(element, ColumnDef))
			create_constraints(impact, relation, ((ColumnDef *) element)->constraints);
		else if (IsA(element, Constraint))
			create_constraints(impact, relation, list_make1(element));
		else if (IsA(element, TableLikeClause))
			impact_lock(impact, plan_find(impact->catalog, ((TableLikeClause *) element)->relation),
						AccessShareLock);
	}
}

/* CREATE TABLE. */
void
plan_create_table(Impact *impact, Node *node)
{
	CreateStmt *stmt = (CreateStmt *) node;
	PlanRelation *relation;
	ListCell   *cell;

	if (stmt->if_not_exists && plan_find(impact->catalog, stmt->relation))
		return;
	relation = plan_make_relation(impact->catalog, stmt->relation,
								  stmt->partspec ? RELKIND_PARTITIONED_TABLE : RELKIND_RELATION);
	foreach(cell, stmt->inhRelations)
	{
		PlanRelation *parent = plan_find(impact->catalog, lfirst_node(RangeVar, cell));

		if (!parent)
			continue;
		if (stmt->partbound)
			plan_new_partition(impact, parent);
		else
			impact_lock(impact, parent, ShareUpdateExclusiveLock);
		plan_add_parent(impact->catalog, relation, parent);
	}
	create_elements(impact, relation, stmt->tableElts);
}

/* CREATE FOREIGN TABLE. */
void
plan_create_foreign_table(Impact *impact, Node *node)
{
	plan_create_table(impact, (Node *) &((CreateForeignTableStmt *) node)->base);
}

/* CREATE TABLE AS, SELECT INTO and CREATE MATERIALIZED VIEW. */
void
plan_create_table_as(Impact *impact, Node *node)
{
	CreateTableAsStmt *stmt = (CreateTableAsStmt *) node;

	if (stmt->if_not_exists && plan_find(impact->catalog, stmt->into->rel))
		return;
	if (stmt->into->skipData)
		plan_query_analyzed(impact, stmt->query);
	else
		plan_query_executed(impact, stmt->query);
	(void) plan_make_relation(impact->catalog, stmt->into->rel,
							  stmt->objtype == OBJECT_MATVIEW ? RELKIND_MATVIEW : RELKIND_RELATION);
}

/* CREATE VIEW: the query is analysed, and a view that is replaced is locked. */
void
plan_create_view(Impact *impact, Node *node)
{
	ViewStmt   *stmt = (ViewStmt *) node;
	PlanRelation *view = plan_find(impact->catalog, stmt->view);

	plan_query_analyzed(impact, stmt->query);
	if (view && stmt->replace)
		impact_lock(impact, view, AccessExclusiveLock);
	else
		(void) plan_make_relation(impact->catalog, stmt->view, RELKIND_VIEW);
}

/* A name for an index that has none, as the server makes it of table and columns. */
static void
note_index(Impact *impact, IndexStmt *stmt, PlanRelation *table)
{
	RangeVar   *name;
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	if (stmt->idxname)
		appendStringInfoString(&text, stmt->idxname);
	else
	{
		appendStringInfoString(&text, table->name);
		foreach(cell, stmt->indexParams)
		{
			IndexElem  *element = lfirst_node(IndexElem, cell);

			appendStringInfo(&text, "_%s", element->name ? element->name : "expr");
		}
		appendStringInfoString(&text, "_idx");
	}
	name = makeRangeVar(table->schema, text.data, -1);
	(void) plan_make_relation(impact->catalog, name, table->kind == RELKIND_PARTITIONED_TABLE ?
							  RELKIND_PARTITIONED_INDEX : RELKIND_INDEX);
}

/* CREATE INDEX: writers wait while it reads the table; concurrently they do not. */
void
plan_create_index(Impact *impact, Node *node)
{
	IndexStmt  *stmt = (IndexStmt *) node;
	LOCKMODE	mode = stmt->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	PlanRelation *table = plan_find(impact->catalog, stmt->relation);
	bool		partitioned;

	if (!table)
	{
		impact_missing(impact, stmt->relation);
		return;
	}
	partitioned = table->kind == RELKIND_PARTITIONED_TABLE && stmt->relation->inh;
	impact_lock_tree(impact, table, partitioned, mode);
	if (stmt->idxname && stmt->if_not_exists &&
		plan_find_beside(impact->catalog, table, stmt->idxname))
		return;
	impact_scan_tree(impact, table, partitioned);
	note_index(impact, stmt, table);
}

/* CREATE TRIGGER: also on partitions. */
void
plan_create_trigger(Impact *impact, Node *node)
{
	CreateTrigStmt *stmt = (CreateTrigStmt *) node;
	PlanRelation *table = plan_find(impact->catalog, stmt->relation);

	impact_lock_tree(impact, table, table && table->kind == RELKIND_PARTITIONED_TABLE && stmt->row,
					 ShareRowExclusiveLock);
	if (stmt->constrrel)
		impact_lock(impact, plan_find(impact->catalog, stmt->constrrel), AccessShareLock);
	plan_query_analyzed(impact, stmt->whenClause);
}

/* CREATE RULE: its queries are analysed. */
void
plan_create_rule(Impact *impact, Node *node)
{
	RuleStmt   *stmt = (RuleStmt *) node;
	PlanRelation *old = plan_make_relation(impact->catalog, makeRangeVar("pg_temp", "old", -1), RELKIND_VIEW);
	PlanRelation *new = plan_make_relation(impact->catalog, makeRangeVar("pg_temp", "new", -1), RELKIND_VIEW);

	impact_lock(impact, plan_find(impact->catalog, stmt->relation), AccessExclusiveLock);
	plan_query_analyzed(impact, (Node *) stmt->actions);
	plan_query_analyzed(impact, stmt->whereClause);
	plan_forget(old);
	plan_forget(new);
}

/* A policy's conditions, and its table. */
static void
plan_policy(Impact *impact, RangeVar *table, Node *using, Node *check)
{
	impact_lock(impact, plan_find(impact->catalog, table), AccessExclusiveLock);
	plan_query_analyzed(impact, using);
	plan_query_analyzed(impact, check);
}

/* CREATE POLICY. */
void
plan_create_policy(Impact *impact, Node *node)
{
	CreatePolicyStmt *stmt = (CreatePolicyStmt *) node;

	plan_policy(impact, stmt->table, stmt->qual, stmt->with_check);
}

/* ALTER POLICY. */
void
plan_alter_policy(Impact *impact, Node *node)
{
	AlterPolicyStmt *stmt = (AlterPolicyStmt *) node;

	plan_policy(impact, stmt->table, stmt->qual, stmt->with_check);
}

/* OWNED BY among a sequence's options: its table is looked at. */
static void
lock_sequence_owner(Impact *impact, List *options)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);
		List	   *names = strcmp(option->defname, "owned_by") == 0 ? (List *) option->arg : NIL;

		if (list_length(names) > 1)
			impact_lock(impact, plan_find_names(impact->catalog,
												list_copy_head(names, list_length(names) - 1)),
						AccessShareLock);
	}
}

/* CREATE SEQUENCE. */
void
plan_create_sequence(Impact *impact, Node *node)
{
	CreateSeqStmt *stmt = (CreateSeqStmt *) node;

	(void) plan_make_relation(impact->catalog, stmt->sequence, RELKIND_SEQUENCE);
	lock_sequence_owner(impact, stmt->options);
}

/* ALTER SEQUENCE. */
void
plan_alter_sequence(Impact *impact, Node *node)
{
	AlterSeqStmt *stmt = (AlterSeqStmt *) node;

	impact_lock(impact, plan_find(impact->catalog, stmt->sequence), ShareRowExclusiveLock);
	lock_sequence_owner(impact, stmt->options);
}

/* CREATE STATISTICS. */
void
plan_create_statistics(Impact *impact, Node *node)
{
	ListCell   *cell;

	foreach(cell, ((CreateStatsStmt *) node)->relations)
		if (IsA(lfirst(cell), RangeVar))
			impact_lock(impact, plan_find(impact->catalog, lfirst(cell)), ShareUpdateExclusiveLock);
}

/* A function's body, to be parsed */
typedef struct Body
{
	const char *text;
	List	   *statements;		/* RawStmt */
} Body;

/* Parse a body; it may be none. */
static void
parse_body(void *argument)
{
	Body	   *body = argument;

	body->statements = raw_parser(body->text, RAW_PARSE_DEFAULT);
}

/* The queries in the text of a function; what is wrong with it the statement itself will say. */
static void
analyze_body(Impact *impact, const char *text)
{
	Body		body = {.text = text};
	ListCell   *cell;

	if (svc_try(parse_body, &body))
		return;
	foreach(cell, body.statements)
	{
		Node	   *statement = lfirst_node(RawStmt, cell)->stmt;

		if (IsA(statement, SelectStmt) || IsA(statement, InsertStmt) || IsA(statement, UpdateStmt) ||
			IsA(statement, DeleteStmt) || IsA(statement, MergeStmt))
			plan_query_rewritten(impact, statement);
	}
}

/* CREATE FUNCTION: the queries of a body in SQL are looked at when it is made. */
void
plan_create_function(Impact *impact, Node *node)
{
	CreateFunctionStmt *stmt = (CreateFunctionStmt *) node;
	const char *language = NULL;
	List	   *body = NIL;
	ListCell   *cell;

	foreach(cell, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "language") == 0)
			language = strVal(option->arg);
		else if (strcmp(option->defname, "as") == 0)
			body = (List *) option->arg;
	}
	if (stmt->sql_body)
		plan_query_rewritten(impact, stmt->sql_body);
	else if (language && strcmp(language, "sql") == 0 && body != NIL)
		analyze_body(impact, strVal(linitial(body)));
}

/* CREATE PUBLICATION. */
void
plan_create_publication(Impact *impact, Node *node)
{
	ListCell   *cell;

	foreach(cell, ((CreatePublicationStmt *) node)->pubobjects)
	{
		PublicationObjSpec *object = lfirst_node(PublicationObjSpec, cell);

		if (object->pubobjtype == PUBLICATIONOBJ_TABLE)
		{
			PlanRelation *table = plan_find(impact->catalog, object->pubtable->relation);

			impact_lock_tree(impact, table, object->pubtable->relation->inh, ShareUpdateExclusiveLock);
		}
	}
}
