/*
 * query.c: whose relations a query reads and writes.
 *
 * The query is parsed, analysed and rewritten as its caller would run it, and
 * neither planned nor executed: planning already calls functions.
 */
#include "core/svc.h"

#include "access/detoast.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/expression.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "rewrite/rewriteHandler.h"
#include "service/ownership.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

SVC_FUNCTION(svc_owners_of_query);

#define MAX_QUERY (1024 * 1024)

/* Add a relation to the list, once. */
static void
add_relation(List **relations, Oid relation)
{
	if (OidIsValid(relation))
		*relations = list_append_unique_oid(*relations, relation);
}

/* Collect the relations in a rewritten query and everything below it. */
static bool
collect_relations(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		/* a view that was expanded keeps its OID in relid, as a subquery, from 16 on */
		if (entry->rtekind == RTE_RELATION || entry->rtekind == RTE_SUBQUERY)
			add_relation((List **) context, entry->relid);
		return false;
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType == CMD_UTILITY && query->utilityStmt)
			return collect_relations(query->utilityStmt, context);
		return query_tree_walker(query, collect_relations, context, QTW_EXAMINE_RTES_BEFORE);
	}
	return expression_tree_walker(node, collect_relations, context);
}

/* Add a relation that a utility statement names. */
static void
add_named(List **relations, RangeVar *name)
{
	if (name)
		add_relation(relations, RangeVarGetRelid(name, NoLock, false));
}

/*
 * The relations that a utility statement names itself, or the query inside
 * it, which analysis has turned into a Query.
 */
static Node *
look_into_utility(Node *statement, List **relations)
{
	ListCell   *cell;

	switch (nodeTag(statement))
	{
		case T_ExplainStmt:
			return ((ExplainStmt *) statement)->query;
		case T_CreateTableAsStmt:
			return ((CreateTableAsStmt *) statement)->query;
		case T_DeclareCursorStmt:
			return ((DeclareCursorStmt *) statement)->query;
		case T_CopyStmt:
			add_named(relations, ((CopyStmt *) statement)->relation);
			return NULL;
		case T_TruncateStmt:
			foreach(cell, ((TruncateStmt *) statement)->relations)
				add_named(relations, lfirst(cell));
			return NULL;
		case T_LockStmt:
			foreach(cell, ((LockStmt *) statement)->relations)
				add_named(relations, lfirst(cell));
			return NULL;
		case T_TransactionStmt:
		case T_VariableSetStmt:
		case T_VariableShowStmt:
		case T_ConstraintsSetStmt:
		case T_DiscardStmt:
		case T_FetchStmt:
		case T_ClosePortalStmt:
		case T_DeallocateStmt:
		case T_ListenStmt:
		case T_UnlistenStmt:
		case T_NotifyStmt:
			return NULL;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("svc.owners_of_query() cannot look into %s", CreateCommandName(statement)),
					 errhint("It looks into queries and what holds one, and into COPY, TRUNCATE and LOCK.")));
			return NULL;		/* keep compiler quiet */
	}
}

/* Collect the relations of one analysed statement. */
static void
collect_from_statement(Query *query, List **relations)
{
	ListCell   *cell;
	Node	   *inner;

	if (query->commandType != CMD_UTILITY)
	{
		collect_relations((Node *) query, relations);
		return;
	}
	inner = look_into_utility(query->utilityStmt, relations);
	if (inner && IsA(inner, Query))
		foreach(cell, QueryRewrite(copyObject((Query *) inner)))
			collect_from_statement(lfirst_node(Query, cell), relations);
}

/* The relations that a text of statements names or reaches through views. */
static List *
relations_of_text(const char *text)
{
	List	   *relations = NIL;
	ListCell   *statement;
	TextErrorContext context;

	svc_text_error_begin(&context, text);
	foreach(statement, pg_parse_query(text))
	{
		RawStmt    *raw = lfirst_node(RawStmt, statement);
		Oid		   *types = NULL;
		int			n = 0;
		ListCell   *cell;

		/* COPY (query) keeps its query unanalysed */
		if (IsA(raw->stmt, CopyStmt) && ((CopyStmt *) raw->stmt)->query)
			raw->stmt = ((CopyStmt *) raw->stmt)->query;
		foreach(cell, pg_analyze_and_rewrite_varparams(raw, text, &types, &n, NULL))
			collect_from_statement(lfirst_node(Query, cell), &relations);
	}
	svc_text_error_end(&context);
	return relations;
}

/* Refuse what would take too long to parse. */
static char *
query_arg(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "query")));
	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) > MAX_QUERY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"%s\" is longer than %d bytes", "query", MAX_QUERY)));
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/*
 * svc.owners_of_query(query) → relation, service, team
 */
Datum
svc_owners_of_query(PG_FUNCTION_ARGS)
{
	List	   *relations = relations_of_text(query_arg(fcinfo));
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_report(fcinfo,
				   "SELECT c.oid::pg_catalog.regclass, svc.owner_of(c.oid), s.team"
				   "  FROM pg_catalog.pg_class c"
				   "  LEFT JOIN svc.service s ON s.service = svc.owner_of(c.oid)"
				   " WHERE c.oid = ANY ($1)"
				   " ORDER BY pg_catalog.array_position($1, c.oid)",
				   (const SqlArg[]){sql_oids(relations, OIDARRAYOID)}, 1);
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}
