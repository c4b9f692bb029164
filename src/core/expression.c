/*
 * expression.c: conditions that users write as text, such as the filter of a
 * contract or of a counter.
 *
 * A condition is analysed once, under the search_path of whoever writes it,
 * and kept as the text that the server makes of it under ours: every name in
 * that is qualified, so it means the same to everybody.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "core/expression.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* Move an error's position into the text that is being parsed. */
static void
point_into_text(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(((TextErrorContext *) arg)->text);
}

/* From here on, errors point into this text. */
void
svc_text_error_begin(TextErrorContext *context, const char *text)
{
	context->text = text;
	context->callback.callback = point_into_text;
	context->callback.arg = context;
	context->callback.previous = error_context_stack;
	error_context_stack = &context->callback;
}

/* Errors point where they did before. */
void
svc_text_error_end(TextErrorContext *context)
{
	error_context_stack = context->callback.previous;
}

/* Is the statement nothing but one expression? */
static bool
is_bare_expression(SelectStmt *select)
{
	ResTarget  *target;

	if (list_length(select->targetList) != 1 || select->distinctClause || select->intoClause ||
		select->fromClause || select->whereClause || select->groupClause ||
		select->havingClause || select->windowClause || select->valuesLists ||
		select->sortClause || select->limitOffset || select->limitCount ||
		select->lockingClause || select->withClause || select->op != SETOP_NONE)
		return false;
	target = linitial_node(ResTarget, select->targetList);
	return target->name == NULL && target->indirection == NIL;
}

/* Does an unanalysed expression hold a * that stands for columns? */
static bool
contains_star(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef) && IsA(llast(((ColumnRef *) node)->fields), A_Star))
		return true;
	return raw_expression_tree_walker(node, contains_star, context);
}

/* Parse a text that must be one expression. */
static Node *
parse_expression(const char *text, const char *what)
{
	List	   *statements = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	Node	   *statement = linitial_node(RawStmt, statements)->stmt;

	if (!IsA(statement, SelectStmt) || !is_bare_expression((SelectStmt *) statement) ||
		contains_star((Node *) ((SelectStmt *) statement)->targetList, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("%s is not a single expression: %s", what, text)));
	return linitial_node(ResTarget, ((SelectStmt *) statement)->targetList)->val;
}

/* Does an expression hold a subquery? */
static bool
contains_subquery(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		return true;
	return expression_tree_walker(node, contains_subquery, context);
}

/* Does an expression read anything of a row but single user columns? */
static bool
reads_other_than_columns(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varattno <= 0;
	return expression_tree_walker(node, reads_other_than_columns, context);
}

/* Refuse what does not depend on a row's columns alone. */
static void
check_condition(Node *expr, const char *what)
{
	if (contains_subquery(expr, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s must not contain a subquery", what)));
	if (reads_other_than_columns(expr, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s must not contain system columns or whole rows", what),
				 errhint("Write the columns that it is about.")));
}

/* The columns of a relation, one of them under the name it had before. */
static Alias *
alias_before_rename(Relation rel, const char *old_column, const char *new_column)
{
	Alias	   *alias = makeAlias(RelationGetRelationName(rel), NIL);
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		char	   *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		alias->colnames = lappend(alias->colnames,
								  makeString(pstrdup(strcmp(name, new_column) == 0 ?
													 old_column : name)));
	}
	return alias;
}

/* Analyse a condition on the columns of a relation, known by these names. */
static Node *
analyse_condition(Relation rel, Alias *alias, const char *condition, const char *what)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *expr;
	TextErrorContext context;

	svc_text_error_begin(&context, condition);
	pstate->p_sourcetext = condition;
	item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock, alias, false, true);
	addNSItemToQuery(pstate, item, false, true, true);
	expr = transformWhereClause(pstate, parse_expression(condition, what), EXPR_KIND_WHERE, what);
	assign_expr_collations(pstate, expr);
	check_condition(expr, what);
	free_parsestate(pstate);
	svc_text_error_end(&context);
	return expr;
}

/*
 * Analyse a condition on a relation's columns: a boolean expression without
 * subqueries, aggregates or parameters.  Its columns are those of range table
 * entry 1.
 */
Node *
svc_parse_condition(Relation rel, const char *condition, const char *what)
{
	return analyse_condition(rel, NULL, condition, what);
}

/* The same for a condition written before a column was renamed. */
Node *
svc_parse_condition_renamed(Relation rel, const char *condition, const char *what,
							const char *old_column, const char *new_column)
{
	return analyse_condition(rel, alias_before_rename(rel, old_column, new_column),
							 condition, what);
}

/*
 * The text of an analysed condition; called where search_path is ours (between
 * svc_sql_begin and svc_sql_end), so that names come out qualified.
 */
char *
svc_deparse_condition(Relation rel, Node *condition)
{
	List	   *context = deparse_context_for(RelationGetRelationName(rel), RelationGetRelid(rel));

	return deparse_expression(condition, context, false, false);
}

/* Does a value of this type hold a domain, whose CHECK runs when text becomes one? */
static bool
holds_domain(Oid type)
{
	Oid			part = get_element_type(type);

	check_stack_depth();
	if (OidIsValid(part))
		return holds_domain(part);
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
		case TYPTYPE_COMPOSITE:
			return true;
		case TYPTYPE_RANGE:
			return holds_domain(get_range_subtype(type));
		case TYPTYPE_MULTIRANGE:
			return holds_domain(get_multirange_range(type));
		default:
			return false;
	}
}

/*
 * Types of which the server's own functions that are only STABLE are known to
 * run nobody's code: what makes them so is the time zone and the like.
 */
static bool
is_plain_type(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
			return true;
		default:
			return false;
	}
}

/* Has the function plain types only, as now() and date_trunc() have? */
static bool
is_plain_function(Form_pg_proc proc)
{
	if (!is_plain_type(proc->prorettype))
		return false;
	for (int i = 0; i < proc->pronargs; i++)
		if (!is_plain_type(proc->proargtypes.values[i]))
			return false;
	return true;
}

/*
 * May nobody be harmed by calling this function with his own rights?  It must
 * belong to a superuser and be immutable, or else stable and not of the kind
 * that runs queries (table_to_xml) or casts (to_json) of others.
 */
static bool
is_untrusted(Oid function, void *context)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	bool		trusted;

	if (!HeapTupleIsValid(tuple))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	trusted = superuser_arg(proc->proowner) &&
		(proc->provolatile == PROVOLATILE_IMMUTABLE ||
		 (proc->provolatile == PROVOLATILE_STABLE && is_plain_function(proc)));
	ReleaseSysCache(tuple);
	if (!trusted)
		((UntrustedCode *) context)->function = function;
	return !trusted;
}

/* Find code in an expression that would be dangerous to run for others. */
static bool
untrusted_walker(Node *node, void *context)
{
	UntrustedCode *code = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, untrusted_walker, context, 0);
	if (svc_is_sql_json(node))
		return true;
	if ((IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) || IsA(node, ArrayCoerceExpr)) &&
		holds_domain(exprType(node)))
	{
		code->type = exprType(node);
		return true;
	}
	if (check_functions_in_node(node, is_untrusted, context))
		return true;
	return expression_tree_walker(node, untrusted_walker, context);
}

/*
 * Find code in an analysed expression or query that should not run with the
 * rights of others: false if there is none.
 */
bool
svc_find_untrusted_code(Node *node, UntrustedCode *code)
{
	*code = (UntrustedCode) {InvalidOid, InvalidOid};
	return untrusted_walker(node, code);
}

/* The code that was found, as a message names it. */
char *
svc_describe_untrusted_code(const UntrustedCode *code)
{
	if (OidIsValid(code->function))
		return psprintf("function %s", format_procedure_qualified(code->function));
	if (OidIsValid(code->type))
		return psprintf("cast to %s", format_type_be_qualified(code->type));
	return pstrdup("SQL/JSON expression");
}
