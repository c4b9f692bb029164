/*
 * plan_column.c: columns that are added or changed, and what that costs.
 *
 * The rules are the server's (tablecmds.c): a default that is the same for all
 * rows is kept in the catalog, NOT NULL is believed where a constraint proves
 * it, and a change of type that keeps the bytes changes the catalog only.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "core/expression.h"
#include "migration/plan_column.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

/* The type of a name, found as the statement would find it; false: there is none (yet) */
bool
plan_find_type(Impact *impact, TypeName *name, Oid *type, int32 *typmod)
{
	int			level = plan_path_begin(impact->catalog);
	Type		tuple = LookupTypeName(NULL, name, typmod, true);

	plan_path_end(level);
	if (!tuple)
		return false;
	*type = typeTypeId(tuple);
	ReleaseSysCache(tuple);
	return true;
}

/* Is it one of the names that make a sequence? */
static bool
is_serial(const TypeName *name)
{
	static const char *const serials[] = {
		"serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"
	};

	if (list_length(name->names) == 1)
		for (int i = 0; i < lengthof(serials); i++)
			if (strcmp(strVal(linitial(name->names)), serials[i]) == 0)
				return true;
	return false;
}

/* Does a raw expression call a function that may give another value for each row? */
static bool
is_volatile(Node *node, Impact *impact)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		List	   *name = ((FuncCall *) node)->funcname;
		List	   *schemas = plan_schemas(impact->catalog, name);

		if (svc_sql("SELECT FROM pg_catalog.pg_proc p"
					"  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
					" WHERE p.proname = $1 AND n.nspname = ANY ($2) AND p.provolatile = 'v'"
					"   AND p.pronargs = $3",
					sql_name(strVal(llast(name))), sql_names(schemas),
					sql_datum(Int32GetDatum(list_length(((FuncCall *) node)->args)), INT4OID)) > 0)
			return true;
	}
	return raw_expression_tree_walker(node, is_volatile, impact);
}

/* Does a type's domain have constraints? */
static bool
is_constrained(Impact *impact, TypeName *name)
{
	Oid			type;
	int32		typmod;

	return plan_find_type(impact, name, &type, &typmod) && get_typtype(type) == TYPTYPE_DOMAIN &&
		svc_sql("WITH RECURSIVE d (oid) AS (SELECT $1 UNION"
				" SELECT t.typbasetype FROM d JOIN pg_catalog.pg_type t ON t.oid = d.oid AND t.typtype = 'd')"
				"SELECT FROM d JOIN pg_catalog.pg_type t ON t.oid = d.oid"
				" WHERE t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.contypid = d.oid)",
				sql_oid(type)) > 0;
}

/* Must each row be given its own value of a new column? */
bool
plan_new_column_rewrites(Impact *impact, ColumnDef *column)
{
	ListCell   *cell;

	if (is_serial(column->typeName) || is_constrained(impact, column->typeName))
		return true;
	foreach(cell, column->constraints)
	{
		Constraint *constraint = lfirst_node(Constraint, cell);

		if (constraint->contype == CONSTR_IDENTITY ||
			(constraint->contype == CONSTR_GENERATED && svc_is_stored(constraint)) ||
			(constraint->contype == CONSTR_DEFAULT && is_volatile(constraint->raw_expr, impact)))
			return true;
	}
	return false;
}

/* Does a new column have a default? */
bool
plan_has_default(ColumnDef *column)
{
	ListCell   *cell;

	foreach(cell, column->constraints)
		if (lfirst_node(Constraint, cell)->contype == CONSTR_DEFAULT)
			return true;
	return false;
}

/* Are the rows looked at because a new column must not be NULL, and has no default? */
bool
plan_new_column_is_checked(Impact *impact, ColumnDef *column)
{
	ListCell   *cell;

	if (plan_has_default(column))
		return false;
	foreach(cell, column->constraints)
	{
		ConstrType	type = lfirst_node(Constraint, cell)->contype;

		if (type == CONSTR_NOTNULL || type == CONSTR_PRIMARY)
			return true;
	}
	return false;
}

/* The condition that a column holds no NULL. */
static Node *
make_not_null_test(Oid relation, AttrNumber number)
{
	NullTest   *test = makeNode(NullTest);
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relation, number, &type, &typmod, &collation);
	test->arg = (Expr *) makeVar(1, number, type, typmod, collation, 0);
	test->nulltesttype = IS_NOT_NULL;
	test->location = -1;
	return (Node *) test;
}

/* The columns of a relation that are known to hold no NULL, as conditions. */
static List *
not_null_tests(Oid relation)
{
	List	   *tests = NIL;
	List	   *numbers = NIL;
	uint64		rows;
	ListCell   *cell;

	rows = svc_sql("SELECT a.attnum::pg_catalog.int4::pg_catalog.oid FROM pg_catalog.pg_attribute a"
				   " WHERE a.attrelid = $1 AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped"
				   "   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c"
				   "                    WHERE c.conrelid = $1 AND c.contype = 'n' AND a.attnum = ANY (c.conkey)"
				   "                      AND NOT c.convalidated)",
				   sql_oid(relation));
	for (uint64 row = 0; row < rows; row++)
		numbers = lappend_int(numbers, (int) svc_sql_oid_value(row, 1));
	foreach(cell, numbers)
		tests = lappend(tests, make_not_null_test(relation, lfirst_int(cell)));
	return tests;
}

/*
 * Do the columns that hold no NULL and the valid CHECK constraints of a relation
 * imply a condition (a List, ANDed)?
 */
bool
plan_is_implied(Oid relation, List *condition)
{
	List	   *known = not_null_tests(relation);
	uint64		rows;

	rows = svc_sql("SELECT conbin FROM pg_catalog.pg_constraint"
				   " WHERE conrelid = $1 AND contype = 'c' AND convalidated",
				   sql_oid(relation));
	for (uint64 row = 0; row < rows; row++)
	{
		Expr	   *check = stringToNode(svc_sql_value(row, 1));

		known = list_concat(known, make_ands_implicit(canonicalize_qual(check, true)));
	}
	return predicate_implied_by(condition, known, true);
}

/* A column is to hold no NULL: rows are read where nothing proves that they have none. */
void
plan_set_not_null(Impact *impact, PlanRelation *relation, const char *column, bool children)
{
	List	   *relations = children ? plan_descendants(impact->catalog, relation) :
		list_make1(relation);
	ListCell   *cell;

	foreach(cell, relations)
	{
		PlanRelation *child = lfirst(cell);
		AttrNumber	number = OidIsValid(child->oid) ? get_attnum(child->oid, column) : 0;

		impact_lock(impact, child, AccessExclusiveLock);
		/* a column that is added by the plan proves nothing */
		if (number <= 0 ||
			!plan_is_implied(child->oid, list_make1(make_not_null_test(child->oid, number))))
			impact_scan(impact, child);
	}
}

/* The columns of a key, char *. */
List *
plan_key_columns(PlanRelation *relation, Constraint *constraint)
{
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, constraint->keys)
		columns = lappend(columns, strVal(lfirst(cell)));
	if (constraint->indexname && OidIsValid(relation->oid) &&
		svc_sql("SELECT ARRAY (SELECT a.attname FROM pg_catalog.pg_attribute a"
				"               WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))"
				"  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
				" WHERE i.indrelid = $1 AND c.relname = $2",
				sql_oid(relation->oid), sql_name(constraint->indexname)) > 0)
		columns = svc_sql_names_value(0, 1);
	return columns;
}

/* Is it the column, or a mere cast of it? */
static bool
is_column(Node *expression, const char *column)
{
	while (expression && IsA(expression, TypeCast))
		expression = ((TypeCast *) expression)->arg;
	return expression && IsA(expression, ColumnRef) &&
		list_length(((ColumnRef *) expression)->fields) == 1 &&
		IsA(linitial(((ColumnRef *) expression)->fields), String) &&
		strcmp(strVal(linitial(((ColumnRef *) expression)->fields)), column) == 0;
}

/* Does an expression that makes a column's new value change its bytes? */
static bool
changes_bytes(Node *expression)
{
	for (;;)
	{
		switch (nodeTag(expression))
		{
			case T_Var:
				return false;
			case T_RelabelType:
				expression = (Node *) ((RelabelType *) expression)->arg;
				break;
			case T_CoerceToDomain:
				if (DomainHasConstraints(((CoerceToDomain *) expression)->resulttype))
					return true;
				expression = (Node *) ((CoerceToDomain *) expression)->arg;
				break;
			case T_FuncExpr:
				/* between timestamps with and without a time zone that is UTC */
				if ((((FuncExpr *) expression)->funcid != F_TIMESTAMPTZ_TIMESTAMP &&
					 ((FuncExpr *) expression)->funcid != F_TIMESTAMP_TIMESTAMPTZ) ||
					TimestampTimestampTzRequiresRewrite())
					return true;
				expression = linitial(((FuncExpr *) expression)->args);
				break;
			default:
				return true;
		}
	}
}

/* Does another type of a column mean another table? */
bool
plan_type_change_rewrites(Impact *impact, PlanRelation *relation, const char *column,
						  ColumnDef *definition)
{
	AttrNumber	number = OidIsValid(relation->oid) ? get_attnum(relation->oid, column) : 0;
	Oid			old_type;
	int32		old_typmod;
	Oid			collation;
	Oid			type;
	int32		typmod;
	UntrustedCode code;
	Node	   *value;

	if (number <= 0 || !plan_find_type(impact, definition->typeName, &type, &typmod))
		return true;
	if (definition->raw_default && !is_column(definition->raw_default, column))
		return true;
	get_atttypetypmodcoll(relation->oid, number, &old_type, &old_typmod, &collation);
	value = (Node *) makeVar(1, number, old_type, old_typmod, collation, 0);
	value = coerce_to_target_type(make_parsestate(NULL), value, old_type, type, typmod,
								  COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
	/* what others wrote is not looked into: it would run */
	return !value ||
		(svc_find_untrusted_code(value, &code) && OidIsValid(code.function)) ||
		changes_bytes((Node *) expression_planner((Expr *) value));
}

/* What another type of a column does besides: indexes and constraints of it are made again. */
void
plan_type_change(Impact *impact, PlanRelation *relation, const char *column)
{
	AttrNumber	number = OidIsValid(relation->oid) ? get_attnum(relation->oid, column) : 0;
	SqlArg		args[2];

	if (number <= 0)
		return;
	args[0] = sql_oid(relation->oid);
	args[1] = sql_datum(Int16GetDatum(number), INT2OID);
	impact_lock_oids(impact, plan_catalog_oids("SELECT indexrelid FROM pg_catalog.pg_index"
											   " WHERE indrelid = $1 AND $2 = ANY (indkey)", args, 2),
					 AccessExclusiveLock);
	impact_lock_oids(impact, plan_catalog_oids("SELECT CASE conrelid WHEN $1 THEN confrelid ELSE conrelid END"
											   "  FROM pg_catalog.pg_constraint"
											   " WHERE contype = 'f' AND (conrelid = $1 AND $2 = ANY (conkey)"
											   "    OR confrelid = $1 AND $2 = ANY (confkey))", args, 2),
					 AccessExclusiveLock);
	if (svc_sql_run("SELECT FROM pg_catalog.pg_constraint"
					" WHERE contype = 'c' AND conrelid = $1 AND convalidated AND $2 = ANY (conkey)", args, 2) > 0)
		impact_scan(impact, relation);
}
