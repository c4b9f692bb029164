/*
 * leftover.c: what a statement left behind that ended in its middle.
 *
 * Statements that cannot run in a transaction block commit in steps.  One that
 * failed, or whose session was killed, leaves an invalid index or a half
 * detached partition; and one that was killed may have been done just before
 * that was written down.  Before it is run again, this looks what there is.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_subscription.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/subscriptioncmds.h"
#include "commands/tablespace.h"
#include "mb/pg_wchar.h"
#include "migration/leftover.h"
#include "miscadmin.h"
#include "parser/parse_target.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Is an index one that its building did not come to an end of? */
static bool
is_invalid(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		invalid = HeapTupleIsValid(tuple) && !((Form_pg_index) GETSTRUCT(tuple))->indisvalid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return invalid;
}

/* What the server calls a column of an index. */
static char *
column_name(const IndexElem *element)
{
	char	   *name = element->name ? element->name : FigureIndexColname(element->expr);

	return name ? name : "expr";
}

/* The same, with a number if another column is called so. */
static char *
distinct_name(List *names, const IndexElem *element)
{
	char	   *name = column_name(element);
	char	   *candidate = name;

	for (int i = 1; list_member(names, makeString(candidate)); i++)
	{
		char	   *number = psprintf("%d", i);
		int			length = pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1 - strlen(number));

		candidate = psprintf("%.*s%s", length, name, number);
	}
	return candidate;
}

/* The columns as the server puts them into the name of an index: also those that are only included. */
static char *
columns_of(const IndexStmt *statement)
{
	List	   *taken = NIL;
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, list_concat_copy(statement->indexParams, statement->indexIncludingParams))
	{
		char	   *name = distinct_name(taken, lfirst_node(IndexElem, cell));

		taken = lappend(taken, makeString(name));
		if (names.len > 0)
			appendStringInfoChar(&names, '_');
		appendStringInfoString(&names, name);
		if (names.len >= NAMEDATALEN)
			break;
	}
	return names.data;
}

/* The last name of the server's choice that is taken, or the first that is free. */
static char *
chosen_name(const IndexStmt *statement, Oid table, bool *taken)
{
	Oid			schema = get_rel_namespace(table);
	char	   *last = NULL;

	for (int i = 0;; i++)
	{
		char	   *label = i == 0 ? pstrdup("idx") : psprintf("idx%d", i);
		char	   *name = makeObjectName(get_rel_name(table), columns_of(statement), label);

		if (!OidIsValid(get_relname_relid(name, schema)))
		{
			*taken = last != NULL;
			return last ? last : name;
		}
		last = name;
	}
}

/* Remember a statement that must be run first. */
static void
add(List **statements, char *statement)
{
	*statements = lappend(*statements, statement);
}

/* A relation's name with its schema, quoted. */
static char *
full_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/*
 * CREATE INDEX CONCURRENTLY: an invalid index of its name goes.  A valid one of
 * the same table is the one that it was to make.
 */
static bool
clear_create_index(const IndexStmt *statement, bool may_be_done, List **statements)
{
	Oid			table = RangeVarGetRelid(statement->relation, NoLock, true);
	char	   *name = statement->idxname;
	bool		taken = true;
	Oid			index;

	if (!OidIsValid(table))
		return false;
	if (!name)
		name = chosen_name(statement, table, &taken);
	index = taken ? get_relname_relid(name, get_rel_namespace(table)) : InvalidOid;
	if (!OidIsValid(index) || get_rel_relkind(index) != RELKIND_INDEX ||
		IndexGetRelation(index, true) != table)
		return false;
	if (is_invalid(index))
	{
		add(statements, psprintf("DROP INDEX CONCURRENTLY %s", full_name(index)));
		return false;
	}
	return may_be_done && !statement->if_not_exists;
}

/* DROP INDEX CONCURRENTLY: it is done when there is none any more. */
static bool
clear_drop_index(const DropStmt *statement, bool may_be_done)
{
	RangeVar   *name = makeRangeVarFromNameList(linitial(statement->objects));

	return may_be_done && !statement->missing_ok && !OidIsValid(RangeVarGetRelid(name, NoLock, true));
}

/* Does a name end as those of indexes that REINDEX CONCURRENTLY works with? */
static bool
is_transient(const char *name)
{
	int			length = strlen(name);

	while (length > 0 && isdigit((unsigned char) name[length - 1]))
		length--;
	return length > 6 && (strncmp(name + length - 6, "_ccnew", 6) == 0 ||
						  strncmp(name + length - 6, "_ccold", 6) == 0);
}

/* REINDEX CONCURRENTLY of one relation: invalid copies of its table's indexes go. */
static void
clear_indexes_of(Oid table, List **statements)
{
	Relation	rel = table_open(table, AccessShareLock);
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(rel))
	{
		Oid			index = lfirst_oid(cell);

		if (is_invalid(index) && is_transient(get_rel_name(index)))
			add(statements, psprintf("DROP INDEX CONCURRENTLY %s", full_name(index)));
	}
	table_close(rel, AccessShareLock);
}

/* The same for REINDEX of a schema, or of the database: all of theirs. */
static void
clear_all_indexes(Oid schema, List **statements)
{
	Relation	rel = table_open(IndexRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
		char	   *name = get_rel_name(form->indexrelid);
		Oid			of = get_rel_namespace(form->indrelid);

		if (!form->indisvalid && name && is_transient(name) && !isAnyTempNamespace(of) &&
			of != PG_TOAST_NAMESPACE && (!OidIsValid(schema) || of == schema) &&
			object_ownercheck(RelationRelationId, form->indexrelid, GetUserId()))
			add(statements, psprintf("DROP INDEX CONCURRENTLY %s", full_name(form->indexrelid)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* Is it a relation whose indexes can be made anew? */
static bool
has_indexes(Oid relation)
{
	char		kind = get_rel_relkind(relation);

	return kind == RELKIND_RELATION || kind == RELKIND_MATVIEW;
}

/* REINDEX CONCURRENTLY: it is run again, on what was there before. */
static void
clear_reindex(const ReindexStmt *statement, List **statements)
{
	Oid			relation;
	ListCell   *cell;

	if (!statement->relation)
	{
		bool		is_schema = statement->kind == REINDEX_OBJECT_SCHEMA;

		clear_all_indexes(is_schema ? get_namespace_oid(statement->name, true) : InvalidOid,
						  statements);
		return;
	}
	relation = RangeVarGetRelid(statement->relation, NoLock, true);
	if (OidIsValid(relation) && statement->kind == REINDEX_OBJECT_INDEX)
		relation = IndexGetRelation(relation, true);
	if (!OidIsValid(relation))
		return;
	/* the relation itself, and partitions of it */
	foreach(cell, find_all_inheritors(relation, NoLock, NULL))
		if (has_indexes(lfirst_oid(cell)))
			clear_indexes_of(lfirst_oid(cell), statements);
}

/* Is a partition on its way out, and no longer one when it is not? */
static bool
is_partition(Oid child, Oid parent, bool *pending)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(child));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		if (form->inhparent == parent)
		{
			found = true;
			*pending = form->inhdetachpending;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY: it is brought to its end. */
static bool
clear_detach(const AlterTableStmt *statement, bool may_be_done, List **statements)
{
	AlterTableCmd *command = linitial_node(AlterTableCmd, statement->cmds);
	Oid			parent = RangeVarGetRelid(statement->relation, NoLock, true);
	Oid			child;
	bool		pending = false;

	if (command->subtype != AT_DetachPartition)
		return false;
	child = RangeVarGetRelid(castNode(PartitionCmd, command->def)->name, NoLock, true);
	if (!OidIsValid(parent) || !OidIsValid(child))
		return false;
	if (!is_partition(child, parent, &pending))
		return may_be_done;
	if (pending)
		add(statements, psprintf("ALTER TABLE %s DETACH PARTITION %s FINALIZE",
								 full_name(parent), full_name(child)));
	return pending;
}

/* Is there a subscription of a name in this database? */
static bool
has_subscription(const char *name)
{
	return OidIsValid(GetSysCacheOid2(SUBSCRIPTIONNAME, Anum_pg_subscription_oid,
									  ObjectIdGetDatum(MyDatabaseId), CStringGetDatum(name)));
}

/* Statements that make or drop one object: they are done when it is there, or gone. */
static bool
is_done(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreatedbStmt:
			return OidIsValid(get_database_oid(((CreatedbStmt *) statement)->dbname, true));
		case T_DropdbStmt:
			return !((DropdbStmt *) statement)->missing_ok &&
				!OidIsValid(get_database_oid(((DropdbStmt *) statement)->dbname, true));
		case T_CreateTableSpaceStmt:
			return OidIsValid(get_tablespace_oid(((CreateTableSpaceStmt *) statement)->tablespacename, true));
		case T_DropTableSpaceStmt:
			return !((DropTableSpaceStmt *) statement)->missing_ok &&
				!OidIsValid(get_tablespace_oid(((DropTableSpaceStmt *) statement)->tablespacename, true));
		case T_CreateSubscriptionStmt:
			return has_subscription(((CreateSubscriptionStmt *) statement)->subname);
		case T_DropSubscriptionStmt:
			return !((DropSubscriptionStmt *) statement)->missing_ok &&
				!has_subscription(((DropSubscriptionStmt *) statement)->subname);
		default:
			return false;
	}
}

/*
 * A statement that cannot run in a transaction block is to be run once more:
 * which statements must be run before it?  may_be_done: nobody knows whether it
 * came to its end.  True: it did, or does with these.
 */
bool
leftover_clear(Node *statement, bool may_be_done, List **statements)
{
	*statements = NIL;
	switch (nodeTag(statement))
	{
		case T_IndexStmt:
			return clear_create_index((IndexStmt *) statement, may_be_done, statements);
		case T_DropStmt:
			return clear_drop_index((DropStmt *) statement, may_be_done);
		case T_ReindexStmt:
			clear_reindex((ReindexStmt *) statement, statements);
			return false;
		case T_AlterTableStmt:
			return clear_detach((AlterTableStmt *) statement, may_be_done, statements);
		default:
			return may_be_done && is_done(statement);
	}
}
