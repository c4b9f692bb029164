/*
 * count_filter.c: conditions that say which rows a counter counts.
 *
 * A filter is text of the source's owner.  To parse it can already run code (a
 * constant of a domain, its CHECK), so that is done as this owner, restricted,
 * whoever changes rows or tables: nobody lends it rights, and nobody who
 * changes rows needs rights on what it names.  The filter itself then runs as
 * whoever changes rows, as a CHECK constraint does.
 */
#include "core/svc.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "core/expression.h"
#include "core/sql.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "upkeep/count_filter.h"
#include "utils/builtins.h"

/* Refuse a key that transition tables do not hold. */
void
count_check_key(Relation rel, AttrNumber number)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), number - 1);

	if (column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rows of \"%s\" cannot be counted by column \"%s\"",
						RelationGetRelationName(rel), NameStr(column->attname)),
				 errdetail("It is a virtual generated column, which triggers do not see."),
				 errhint("Make it a stored one.")));
}

/* Refuse a filter that would not say the same of a row when it goes as when it came. */
static void
check_filter(Node *filter)
{
	if (contain_mutable_functions(filter))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("functions in the filter of a counter must be marked IMMUTABLE"),
				 errhint("A row must count or not count by its columns alone.")));
}

/* The names of the columns that a filter uses, as an array. */
static ArrayType *
column_names(Relation rel, Node *filter)
{
	Bitmapset  *columns = NULL;
	Datum	   *names;
	int			n = 0;
	int			member = -1;

	pull_varattnos(filter, 1, &columns);
	names = palloc(sizeof(Datum) * Max(bms_num_members(columns), 1));
	while ((member = bms_next_member(columns, member)) >= 0)
	{
		AttrNumber	number = member + FirstLowInvalidHeapAttributeNumber;

		names[n++] = NameGetDatum(&TupleDescAttr(RelationGetDescr(rel), number - 1)->attname);
	}
	return construct_array(names, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR);
}

/* Analyse a filter as the source's owner, with the names that the caller's search_path finds. */
static Node *
parse_as_written(Relation source, const char *filter)
{
	Oid			user;
	int			context;
	Node	   *condition;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(source->rd_rel->relowner,
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	condition = svc_parse_condition(source, filter, "filter");
	SetUserIdAndSecContext(user, context);
	return condition;
}

/*
 * A filter as somebody writes it in a declaration, checked: the text that is
 * kept of it, in which all names are qualified, and the columns that it uses.
 */
char *
count_filter_declare(Relation source, const char *filter, ArrayType **columns)
{
	Node	   *condition = parse_as_written(source, filter);
	char	   *kept;
	SqlScope	scope;

	check_filter(condition);
	*columns = column_names(source, condition);
	svc_sql_begin_restricted(&scope, source->rd_rel->relowner);
	MemoryContextSwitchTo(scope.cxt);
	kept = svc_deparse_condition(source, condition);
	svc_sql_end(&scope);
	return kept;
}

/*
 * Analyse a filter that is kept, for the source or a part of it; as its owner,
 * or, for a filter that nobody declared, as the caller.
 */
Node *
count_filter_parse(Relation rel, const char *filter, Oid owner)
{
	Node	   *condition;
	SqlScope	scope;

	svc_sql_begin_restricted(&scope, OidIsValid(owner) ? owner : GetUserId());
	MemoryContextSwitchTo(scope.cxt);
	condition = svc_parse_condition(rel, filter, "filter");
	svc_sql_end(&scope);
	return expand_generated_columns_in_expr(condition, rel, 1);
}

/* Refuse a filter that is to be kept as it is, and that nobody could have declared. */
void
count_filter_check(Relation source, const char *filter)
{
	check_filter(count_filter_parse(source, filter, source->rd_rel->relowner));
}

/* A filter that is kept, after a column of its source was renamed. */
char *
count_filter_rename(Relation source, const char *filter, const char *before, const char *after)
{
	char	   *kept;
	SqlScope	scope;

	svc_sql_begin_restricted(&scope, source->rd_rel->relowner);
	MemoryContextSwitchTo(scope.cxt);
	kept = svc_deparse_condition(source, svc_parse_condition_renamed(source, filter, "filter",
																	 before, after));
	svc_sql_end(&scope);
	return kept;
}
