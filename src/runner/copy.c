/*
 * copy.c: COPY ... FROM STDIN whose data stands in the text that is run.
 *
 * There is no client to send it.  The server's COPY takes its data from a
 * function just as well, but the command that checks everything first does not
 * let one be named; so what it checks is checked here.
 */
#include "core/svc.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/copy.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "runner/execute.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

/* What the function below gives next: COPY has no argument for it */
static CopyData source;

/* Give COPY more of its data. */
static int
read_source(void *buffer, int min, int max)
{
	int			n = (int) Min(source.length, (Size) max);

	CHECK_FOR_INTERRUPTS();
	memcpy(buffer, source.data, n);
	source.data += n;
	source.length -= n;
	return n;
}

/* The condition of COPY ... WHERE. */
static Node *
where_clause(ParseState *pstate, ParseNamespaceItem *item, Node *raw)
{
	Node	   *clause;

	if (!raw)
		return NULL;
	addNSItemToQuery(pstate, item, false, true, true);
	clause = transformExpr(pstate, raw, EXPR_KIND_COPY_WHERE);
	clause = coerce_to_boolean(pstate, clause, "WHERE");
	assign_expr_collations(pstate, clause);
	clause = eval_const_expressions(NULL, clause);
	return (Node *) make_ands_implicit(canonicalize_qual((Expr *) clause, false));
}

/* Refuse what the caller may not write. */
static void
check_rights(ParseState *pstate, ParseNamespaceItem *item, Relation rel, List *columns)
{
	ListCell   *cell;

	svc_item_permissions(item)->requiredPerms = ACL_INSERT;
	foreach(cell, CopyGetAttnums(RelationGetDescr(rel), rel, columns))
		svc_item_permissions(item)->insertedCols =
			bms_add_member(svc_item_permissions(item)->insertedCols,
						   lfirst_int(cell) - FirstLowInvalidHeapAttributeNumber);
	svc_check_permissions(pstate, item);
	if (check_enable_rls(RelationGetRelid(rel), InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM not supported with row-level security"),
				 errhint("Use INSERT statements instead.")));
	if (XactReadOnly && !rel->rd_islocaltemp)
		PreventCommandIfReadOnly("COPY FROM");
}

/* The options, with the encoding in which we have the text. */
static List *
options_of(const CopyStmt *statement)
{
	List	   *options = NIL;
	ListCell   *cell;

	foreach(cell, statement->options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, "encoding") != 0)
			options = lappend(options, lfirst(cell));
	return lappend(options, makeDefElem("encoding",
										(Node *) makeString(pstrdup(GetDatabaseEncodingName())), -1));
}

/* Run COPY ... FROM STDIN, in a transaction that has begun; returns how many rows came. */
uint64
runner_copy(const CopyStmt *statement, const char *text, CopyData data)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Relation	rel;
	Node	   *where;
	CopyFromState state;
	uint64		rows;

	PushActiveSnapshot(GetTransactionSnapshot());
	pstate->p_sourcetext = text;
	rel = table_openrv(statement->relation, RowExclusiveLock);
	item = addRangeTableEntryForRelation(pstate, rel, RowExclusiveLock, NULL, false, false);
	where = where_clause(pstate, item, statement->whereClause);
	check_rights(pstate, item, rel, statement->attlist);
	source = data;
	state = BeginCopyFrom(pstate, rel, where, NULL, false, read_source, statement->attlist,
						  options_of(statement));
	rows = CopyFrom(state);
	EndCopyFrom(state);
	table_close(rel, NoLock);
	free_parsestate(pstate);
	PopActiveSnapshot();
	return rows;
}
