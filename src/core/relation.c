/*
 * relation.c: small questions about relations.
 */
#include "core/svc.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "core/args.h"
#include "core/relation.h"
#include "core/sql.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

/* Lock a relation, which may have been dropped while we waited. */
void
svc_lock_relation(Oid relation, LOCKMODE lockmode)
{
	LockRelationOid(relation, lockmode);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation)));
}

/* Open the relation that an argument names, locked. */
Relation
svc_open_relation_arg(FunctionCallInfo fcinfo, int i, const char *what, LOCKMODE lockmode)
{
	Oid			relation = svc_arg_relation(fcinfo, i, what);

	svc_lock_relation(relation, lockmode);
	return relation_open(relation, NoLock);
}

/* The schema-qualified and quoted name of a relation; its number if it is gone. */
char *
svc_quote_relation(Oid relation)
{
	char	   *name = get_rel_name(relation);
	char	   *schema = name ? get_namespace_name(get_rel_namespace(relation)) : NULL;

	return schema ? quote_qualified_identifier(schema, name) : psprintf("%u", relation);
}

/* The number of a user column; an error where there is none. */
AttrNumber
svc_column_number(Relation rel, const char *column)
{
	AttrNumber	number = get_attnum(RelationGetRelid(rel), column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column,
						RelationGetRelationName(rel)),
				 errtable(rel)));
	return number;
}

/* What an index must be like to answer a question */
typedef bool (*IndexTest) (Relation index);

/* Is there a valid, complete index that begins with this column and passes a test? */
static bool
has_index(Relation rel, AttrNumber column, IndexTest test)
{
	ListCell   *cell;
	bool		found = false;

	foreach(cell, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		found = index->rd_index->indisvalid &&
			index->rd_index->indkey.values[0] == column &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) &&
			test(index);
		index_close(index, AccessShareLock);
		if (found)
			break;
	}
	return found;
}

/* Does the index make its first column alone unique, at once? */
static bool
is_unique_alone(Relation index)
{
	return index->rd_index->indisunique && index->rd_index->indimmediate &&
		index->rd_index->indnkeyatts == 1;
}

/* Can the index give its first column's values in order? */
static bool
is_ordered(Relation index)
{
	return index->rd_indam->amcanorder;
}

/*
 * Does a unique index stand behind this column alone?  As for a foreign key:
 * not partial, not on an expression, valid, checked at once.
 */
bool
svc_is_unique_key(Relation rel, AttrNumber key)
{
	return has_index(rel, key, is_unique_alone);
}

/* Is there an index by which the oldest values of a column are found? */
bool
svc_has_index_on(Relation rel, AttrNumber column)
{
	return has_index(rel, column, is_ordered);
}

/*
 * The search_path to change rows of a table with as somebody else than the
 * caller: the one that its service has, which the table's triggers may count
 * on, and not one that the caller chose for them.
 */
char *
svc_search_path_of(Oid relation)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relation));

	/* no schema: the table was dropped just now, which the change will find out */
	return psprintf("%s, public, " SVC_TRIGGER_SCHEMA ", pg_temp",
					schema ? quote_identifier(schema) : "pg_catalog");
}

/* The role that owns a relation, or InvalidOid. */
Oid
svc_relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* Refuse callers who do not own a relation. */
void
svc_check_relation_owner(Oid relation)
{
	if (!object_ownercheck(RelationRelationId, relation, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relation)),
					   get_rel_name(relation));
}

/*
 * A relation and everything above it by inheritance or partitioning; as it
 * would be if the relation child were no part of some others.  Inside a scope,
 * in its memory.
 */
List *
svc_ancestry(Oid relation, Oid child, List *left_out)
{
	List	   *ancestry = list_make1_oid(relation);

	for (int i = 0; i < list_length(ancestry); i++)
	{
		Oid			part = list_nth_oid(ancestry, i);
		uint64		n = svc_sql("SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = $1",
								sql_oid(part));

		for (uint64 row = 0; row < n; row++)
			if (part != child || !list_member_oid(left_out, svc_sql_oid_value(row, 1)))
				ancestry = list_append_unique_oid(ancestry, svc_sql_oid_value(row, 1));
	}
	return ancestry;
}

/*
 * A table with its partitions and children, all of them locked, except other
 * sessions' temporary ones, which nobody else can read.
 */
List *
svc_lock_family(Oid relation, LOCKMODE lockmode)
{
	List	   *family = NIL;
	ListCell   *cell;

	svc_lock_relation(relation, lockmode);
	foreach(cell, find_all_inheritors(relation, lockmode, NULL))
		if (!isOtherTempNamespace(get_rel_namespace(lfirst_oid(cell))))
			family = lappend_oid(family, lfirst_oid(cell));
	return family;
}
