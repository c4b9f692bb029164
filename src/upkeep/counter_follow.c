/*
 * counter_follow.c: counters when what they stand on is renamed, moved,
 * attached, detached or dropped.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/move.h"
#include "core/relation.h"
#include "core/sql.h"
#include "nodes/parsenodes.h"
#include "upkeep/count_filter.h"
#include "upkeep/count_filter_ddl.h"
#include "upkeep/count_trigger.h"
#include "upkeep/counter.h"
#include "upkeep/upkeep.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Make the triggers of the sources of some counters again. */
static void
remake_triggers(SqlScope *scope, List *rows)
{
	List	   *sources = NIL;
	ListCell   *cell;

	foreach(cell, rows)
		sources = list_append_unique_oid(sources, ((CounterRow *) lfirst(cell))->source);
	foreach(cell, sources)
		counter_make_triggers(scope, lfirst_oid(cell));
}

/* Write a column's new name where counters of a source use it. */
static void
rename_source_column(SqlScope *scope, Oid source, const char *before, const char *after)
{
	Relation	rel = relation_open(source, NoLock);
	ListCell   *cell;

	svc_sql("UPDATE svc.counter SET source_key = $3 WHERE source = $1 AND source_key = $2",
			sql_oid(source), sql_name(before), sql_name(after));
	foreach(cell, counter_select(scope, "source = ANY ($1) AND filter IS NOT NULL",
								  list_make1_oid(source)))
	{
		CounterRow *row = lfirst(cell);

		svc_sql("UPDATE svc.counter SET filter = $3,"
				"       filter_columns = pg_catalog.array_replace(filter_columns, $4, $5)"
				" WHERE target = $1 AND counter = $2",
				sql_oid(row->target), sql_name(row->names.counter),
				sql_text(count_filter_rename(rel, row->names.filter, before, after)),
				sql_name(before), sql_name(after));
	}
	relation_close(rel, NoLock);
}

/* A column of a relation was renamed. */
static void
follow_column_rename(SqlScope *scope, Oid relation, RenameStmt *rename)
{
	svc_sql("UPDATE svc.counter"
			"   SET target_key = CASE target_key WHEN $2 THEN $3 ELSE target_key END,"
			"       counter = CASE counter WHEN $2 THEN $3 ELSE counter END"
			" WHERE target = $1 AND $2 IN (target_key, counter)",
			sql_oid(relation), sql_name(rename->subname), sql_name(rename->newname));
	rename_source_column(scope, relation, rename->subname, rename->newname);
}

/* A relation, one of its columns, or its schema got another name or place. */
static void
follow_rename(SqlScope *scope, Node *command, List *objects)
{
	List	   *rows;
	List	   *relations = svc_ddl_relations(objects);
	RenameStmt *rename = IsA(command, RenameStmt) ? (RenameStmt *) command : NULL;
	bool		of_column = svc_ddl_column_rename(command) && relations != NIL;
	ListCell   *cell;

	/* the column has the new name in partitions and children, and in tables of a type, too */
	if (of_column)
		relations = svc_ddl_renamed_in(objects);
	if (rename && rename->renameType == OBJECT_SCHEMA)
		rows = counter_select(scope, psprintf("target IN (SELECT c.oid FROM pg_catalog.pg_class c"
											   " WHERE c.relnamespace = %u) OR source = ANY ($1)",
											   get_namespace_oid(rename->newname, false)), NIL);
	else
		rows = counter_select(scope, "target = ANY ($1) OR source = ANY ($1)", relations);
	if (rows == NIL)
		return;
	if (of_column)
		foreach(cell, relations)
			follow_column_rename(scope, lfirst_oid(cell), rename);
	remake_triggers(scope, rows);
}

/* One part of a moved table, with the counters that it counts for from now on, and no more */
typedef struct MovedPart
{
	Oid			relation;
	List	   *gained;			/* of CounterRow */
	List	   *lost;
} MovedPart;

/* What a move means for the child or one of its parts. */
static MovedPart *
moved_part(SqlScope *scope, const TableMove *move, Oid relation)
{
	MovedPart  *part = palloc(sizeof(MovedPart));
	List	   *gained;
	List	   *lost;

	svc_move_ways(move, relation, &gained, &lost);
	part->relation = relation;
	part->gained = counter_select(scope, "source = ANY ($1)", gained);
	part->lost = counter_select(scope, "source = ANY ($1)", lost);
	return part;
}

/* Say that a source became a part of something, by which its rows can be changed unseen. */
static void
warn_of_hidden_source(SqlScope *scope, const TableMove *move)
{
	ListCell   *cell;

	foreach(cell, counter_select(scope, "source = ANY ($1)", list_make1_oid(move->child)))
	{
		CounterRow *row = lfirst(cell);

		ereport(WARNING,
				(errmsg("counter \"%s\" of %s does not count what statements on %s change",
						row->names.counter, row->names.target,
						svc_quote_relation(linitial_oid(move->arrived))),
				 errdetail("They change rows of its source %s, but fire triggers of the table that they name.",
						   svc_quote_relation(move->child)),
				 errhint("End it with SELECT svc.drop_count(%s, %s), or count rows of the whole table with svc.keep_count.",
						 quote_literal_cstr(row->names.target),
						 quote_literal_cstr(row->names.counter))));
	}
}

/* Make the triggers of a moved table, and find out what its parts count for; NIL: nothing. */
static List *
follow_moved_triggers(const TableMove *move)
{
	List	   *parts = NIL;
	bool		matters = false;
	ListCell   *cell;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	if (move->arrived != NIL)
		warn_of_hidden_source(&scope, move);
	foreach(cell, find_all_inheritors(move->child, NoLock, NULL))
	{
		MovedPart  *part = moved_part(&scope, move, lfirst_oid(cell));
		MemoryContext old = MemoryContextSwitchTo(scope.cxt);

		matters |= part->gained != NIL || part->lost != NIL;
		parts = lappend(parts, memcpy(palloc(sizeof(MovedPart)), part, sizeof(MovedPart)));
		MemoryContextSwitchTo(old);
	}
	if (matters)
		counter_make_triggers(&scope, move->child);
	svc_sql_end(&scope);
	return matters ? parts : NIL;
}

/* A table became part of others, or is none any more: its rows count there, or no longer. */
static void
follow_move(const TableMove *move)
{
	List	   *parts = follow_moved_triggers(move);
	Deltas	   *deltas;
	ListCell   *cell;

	if (parts == NIL)
		return;
	deltas = delta_begin();
	foreach(cell, parts)
	{
		MovedPart  *part = lfirst(cell);

		if (isOtherTempNamespace(get_rel_namespace(part->relation)))
			continue;
		counter_count_relation(deltas, part->relation, part->gained, 1);
		counter_count_relation(deltas, part->relation, part->lost, -1);
	}
	(void) delta_apply(deltas);
}

/* Tables that were made as part of others: they are empty. */
static void
follow_created(List *objects)
{
	ListCell   *cell;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == RelationRelationId &&
			(strcmp(object->tag, "CREATE TABLE") == 0 ||
			 strcmp(object->tag, "CREATE FOREIGN TABLE") == 0) &&
			counter_select(&scope, "source = ANY ($1)",
						   svc_ancestry(object->object_id, InvalidOid, NIL)) != NIL)
			counter_make_triggers(&scope, object->object_id);
	}
	svc_sql_end(&scope);
}

/* Keep counters in step with what was made and altered. */
static void
follow_altered(Node *command, List *objects)
{
	TableMove	move = {InvalidOid, NIL, NIL};
	SqlScope	scope;

	if (!command || objects == NIL || !svc_catalog_mentions("counter", 0, NIL))
		return;
	if (IsA(command, AlterTableStmt))
		move = svc_move_of((AlterTableStmt *) command, objects);
	if (IsA(command, RenameStmt) || IsA(command, AlterObjectSchemaStmt))
	{
		svc_sql_begin(&scope, svc_extension_owner());
		follow_rename(&scope, command, objects);
		svc_sql_end(&scope);
	}
	else if (OidIsValid(move.child))
		follow_move(&move);
	else if (!IsA(command, AlterTableStmt))
		follow_created(objects);
}

/* The tables that a DROP names and the caller may drop, with what is part of them. */
static List *
tables_to_drop(DropStmt *command)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, command->objects)
	{
		Oid			relation = svc_ddl_table_to_drop(lfirst_node(List, cell));

		if (OidIsValid(relation))
			relations = list_concat_unique_oid(relations, find_all_inheritors(relation, NoLock, NULL));
	}
	return relations;
}

/* The counters for which a table counts that is about to go, although they stay. */
static List *
counters_to_leave(Oid relation, List *dropped)
{
	List	   *all;
	List	   *rows = NIL;
	ListCell   *cell;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	all = counter_select(&scope, "source = ANY ($1)", svc_ancestry(relation, InvalidOid, NIL));
	svc_sql_end(&scope);
	foreach(cell, all)
	{
		CounterRow *row = lfirst(cell);

		if (!list_member_oid(dropped, row->source) && !list_member_oid(dropped, row->target))
			rows = lappend(rows, row);
	}
	return rows;
}

/*
 * Partitions and children of sources are about to be dropped: their rows count
 * no longer.  When they are gone it is too late to count them.
 */
static void
before_drop_table(DropStmt *command)
{
	List	   *dropped;
	Deltas	   *deltas;
	ListCell   *cell;

	if (!svc_catalog_mentions("counter", 0, NIL))
		return;
	dropped = tables_to_drop(command);
	deltas = delta_begin();
	foreach(cell, dropped)
	{
		Oid			relation = lfirst_oid(cell);
		List	   *rows = counters_to_leave(relation, dropped);

		if (rows == NIL || isOtherTempNamespace(get_rel_namespace(relation)))
			continue;
		svc_ddl_lock_to_drop(relation);
		counter_count_relation(deltas, relation, rows, -1);
	}
	(void) delta_apply(deltas);
}

/*
 * Forget counters that lost their source, their target, or a column: statements
 * on what is left must go on.
 */
static void
follow_dropped(List *objects)
{
	List	   *relations = svc_ddl_relations(objects);
	List	   *rows;
	ListCell   *cell;
	SqlScope	scope;

	if (!svc_catalog_mentions("counter", COL_TARGET, relations) &&
		!svc_catalog_mentions("counter", COL_SOURCE, relations))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	rows = counter_select(&scope, "(source = ANY ($1) OR target = ANY ($1)) AND " COUNTER_LOST, relations);
	foreach(cell, rows)
	{
		CounterRow *row = lfirst(cell);

		svc_sql("DELETE FROM svc.counter WHERE target = $1 AND counter = $2",
				sql_oid(row->target), sql_name(row->names.counter));
		if (get_rel_name(row->target) && get_rel_name(row->source))
			ereport(WARNING,
					(errmsg("counter \"%s\" of %s is not kept any more: a column that it needs was dropped",
							row->names.counter, row->names.target)));
	}
	remake_triggers(&scope, rows);
	svc_sql_end(&scope);
}

/* Refuse to take away names that filters need. */
static void
check_altered(Node *command, List *objects)
{
	if (command)
		count_filter_check_altered(command);
}

static const DdlHandler counter_ddl = {
	.check_altered = check_altered,
	.check_dropped = count_filter_check_dropped,
	.follow_altered = follow_altered,
	.follow_dropped = follow_dropped,
	.before_drop_table = before_drop_table
};

/* What counters do when the library is loaded. */
void
CounterInit(void)
{
	CountTriggerInit();
	KeepCountInit();
	svc_register_ddl_handler(&counter_ddl);
}
