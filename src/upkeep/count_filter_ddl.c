/*
 * count_filter_ddl.c: names that filters of counters use.
 *
 * A filter is kept as text, in the arguments of triggers, which the server's
 * dependencies do not know.  Once a type, function, operator or schema in it has
 * another name, every write to the source fails.  So DDL that takes such a name
 * away is refused.  A filter is tried after the command, and it counts against
 * the command only if it fails for want of one of the names that are gone: a
 * filter that is broken otherwise stops nobody.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/sql.h"
#include "nodes/parsenodes.h"
#include "upkeep/count_filter.h"
#include "upkeep/count_filter_ddl.h"
#include "upkeep/counter.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* Can this byte stand in a name? */
static bool
is_of_name(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* Does a text hold this name, not as a part of a longer one? */
static bool
mentions(const char *text, const char *name)
{
	size_t		length = strlen(name);

	if (length == 0)
		return true;
	for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
		if (!is_of_name(name[0]) ||
			((at == text || !is_of_name(at[-1])) && !is_of_name(at[length])))
			return true;
	return false;
}

/* Is this an error that a filter can give, rather than one of the session? */
static bool
is_failure(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_SYSTEM_ERROR:
			return false;
		default:
			return sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE;
	}
}

/* The error that parsing a counter's filter gives, or NULL. */
static ErrorData *
try_filter(const CounterRow *row)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		Relation	source = relation_open(row->source, AccessShareLock);

		(void) count_filter_parse(source, row->names.filter, source->rd_rel->relowner);
		relation_close(source, AccessShareLock);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	/* nothing that it did is wanted */
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	if (error && !is_failure(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

/* Does an error say that something of this name is not there? */
static bool
misses(const ErrorData *error, const char *name)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_UNDEFINED_OBJECT:
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_UNDEFINED_SCHEMA:
		case ERRCODE_INVALID_TEXT_REPRESENTATION:	/* a value of an enum */
			return mentions(error->message, name);
		default:
			return false;
	}
}

/* Refuse a command that took away one of these names, if a counter's filter needs it. */
static void
check_filter(const CounterRow *row, List *names)
{
	ErrorData  *error = NULL;
	bool		tried = false;
	ListCell   *cell;

	foreach(cell, names)
	{
		const char *name = lfirst(cell);

		/* what is quoted in a text stands there otherwise */
		if (!strpbrk(name, "'\"\\") && !mentions(row->names.filter, name))
			continue;
		if (!tried)
			error = try_filter(row);
		tried = true;
		if (error && misses(error, name))
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("\"%s\" is needed by the filter of counter \"%s\" of %s", name,
							row->names.counter, row->names.target),
					 errdetail("Every write to the rows that it counts would fail: %s.", error->message),
					 errhint("End it with SELECT svc.drop_count(%s, %s), and declare it again with svc.keep_count afterwards.",
							 quote_literal_cstr(row->names.target),
							 quote_literal_cstr(row->names.counter))));
	}
}

/* Refuse a command that took away one of these names, if a filter needs it. */
static void
check_filters(List *rows, List *names)
{
	ListCell   *cell;

	foreach(cell, rows)
		check_filter(lfirst(cell), names);
}

/* The last part of an object's name as the grammar has it, without schema. */
static char *
last_name(Node *object)
{
	if (IsA(object, ObjectWithArgs))
		return strVal(llast(((ObjectWithArgs *) object)->objname));
	if (IsA(object, List))
		return strVal(llast((List *) object));
	return NULL;
}

/* The name that an ALTER ... RENAME took away. */
static List *
renamed(RenameStmt *stmt)
{
	char	   *name;

	switch (stmt->renameType)
	{
		case OBJECT_SCHEMA:
			name = stmt->subname;
			break;
		case OBJECT_TABLE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
			name = stmt->relation->relname;
			break;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
		case OBJECT_COLLATION:
		case OBJECT_FUNCTION:
		case OBJECT_ROUTINE:
			name = last_name(stmt->object);
			break;
		default:
			return NIL;
	}
	return list_make1(name);
}

/* Names in one column of a query's result, in the memory of the scope's caller. */
static List *
read_names(SqlScope *scope, uint64 rows)
{
	List	   *names = NIL;
	MemoryContext old = MemoryContextSwitchTo(scope->cxt);

	for (uint64 row = 0; row < rows; row++)
		names = lappend(names, svc_sql_value(row, 1));
	MemoryContextSwitchTo(old);
	return names;
}

/* The names of an extension's functions, operators and types. */
static List *
members(SqlScope *scope, const char *extension)
{
	return read_names(scope,
					  svc_sql("SELECT p.proname FROM pg_catalog.pg_depend d"
							  "  JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
							  "   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.extname = $1"
							  "  JOIN LATERAL ("
							  "       SELECT p.proname FROM pg_catalog.pg_proc p"
							  "        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid"
							  "       UNION ALL SELECT o.oprname FROM pg_catalog.pg_operator o"
							  "        WHERE d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND o.oid = d.objid"
							  "       UNION ALL SELECT t.typname FROM pg_catalog.pg_type t"
							  "        WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = d.objid"
							  "       ) p ON true",
							  sql_name(extension)));
}

/* The names that an ALTER ... SET SCHEMA took away. */
static List *
moved(SqlScope *scope, AlterObjectSchemaStmt *stmt)
{
	char	   *name;

	if (stmt->objectType == OBJECT_EXTENSION)
		return members(scope, strVal(stmt->object));
	name = stmt->relation ? stmt->relation->relname : last_name(stmt->object);
	return name ? list_make1(name) : NIL;
}

/* The names that a command took away. */
static List *
lost_names(SqlScope *scope, Node *command)
{
	if (IsA(command, RenameStmt))
		return renamed((RenameStmt *) command);
	if (IsA(command, AlterObjectSchemaStmt))
		return moved(scope, (AlterObjectSchemaStmt *) command);
	if (IsA(command, AlterEnumStmt) && ((AlterEnumStmt *) command)->oldVal)
		return list_make1(((AlterEnumStmt *) command)->oldVal);
	return NIL;
}

/* Counters with a filter of which table and columns are there. */
#define WITH_FILTER "filter IS NOT NULL AND NOT " COUNTER_LOST

/* Refuse to take away a name that a filter needs. */
void
count_filter_check_altered(Node *command)
{
	List	   *rows = NIL;
	List	   *names;
	SqlScope	scope;

	if (!svc_catalog_mentions("counter", 0, NIL))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	MemoryContextSwitchTo(scope.cxt);
	names = lost_names(&scope, command);
	if (names != NIL)
		rows = counter_select(&scope, WITH_FILTER, NIL);
	svc_sql_end(&scope);
	check_filters(rows, names);
}

/* Can an expression name objects of this class? */
static bool
is_in_expressions(Oid class_id)
{
	return class_id == ProcedureRelationId || class_id == TypeRelationId ||
		class_id == OperatorRelationId || class_id == CollationRelationId ||
		class_id == NamespaceRelationId;
}

/* Refuse to drop what a filter needs, unless what it filters goes, too. */
void
count_filter_check_dropped(List *objects)
{
	List	   *rows;
	List	   *names = NIL;
	ListCell   *cell;
	bool		matters = false;
	SqlScope	scope;

	foreach(cell, objects)
		matters |= is_in_expressions(((DdlObject *) lfirst(cell))->class_id);
	if (!matters || !svc_catalog_mentions("counter", 0, NIL))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	rows = counter_select(&scope, WITH_FILTER, NIL);
	if (rows != NIL)
		names = read_names(&scope,
						   svc_sql("SELECT DISTINCT n FROM pg_catalog.pg_event_trigger_dropped_objects() o,"
								   "       pg_catalog.unnest(ARRAY[o.object_name, o.address_names[pg_catalog.cardinality(o.address_names)]]) n"
								   " WHERE n IS NOT NULL AND NOT o.is_temporary AND o.classid = ANY ($1)",
								   sql_oids(list_make5_oid(ProcedureRelationId, TypeRelationId,
														   OperatorRelationId, CollationRelationId,
														   NamespaceRelationId), OIDARRAYOID)));
	svc_sql_end(&scope);
	check_filters(rows, names);
}
