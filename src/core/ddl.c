/*
 * ddl.c: the extension's event triggers.
 *
 * They fire for everybody's DDL, with the rights of whoever runs it.  So the
 * handlers see a list of objects and switch to the extension's owner for what
 * they write, and no failure in them reaches the user's command, unless a
 * handler refuses that command on purpose.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "commands/event_trigger.h"
#include "core/ddl.h"
#include "core/drop_extension.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#define MAX_HANDLERS 16

static const DdlHandler *handlers[MAX_HANDLERS];
static int	n_handlers = 0;

/* svc_ownership.restoring: nothing is refused, since a restore makes it again */
static bool restoring = false;

SVC_FUNCTION(svc_on_ddl);
SVC_FUNCTION(svc_on_drop);
SVC_FUNCTION(svc_on_drop_table);

/* Make the setting; called once when the library is loaded. */
void
DdlInit(void)
{
	DefineCustomBoolVariable(SVC_EXTENSION ".restoring",
							 "Lets DDL through that would be refused, for pg_restore --clean.",
							 NULL, &restoring, false, PGC_SUSET, 0, NULL, NULL, NULL);
}

/* Add a module's handlers; called once a module when the library is loaded. */
void
svc_register_ddl_handler(const DdlHandler *handler)
{
	if (n_handlers == MAX_HANDLERS)
		elog(ERROR, "too many DDL handlers");
	handlers[n_handlers++] = handler;
}

/* Read the rows of the current result, with the columns of DdlObject, into memory of cxt. */
static List *
read_objects(uint64 rows, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	List	   *objects = NIL;

	for (uint64 row = 0; row < rows; row++)
	{
		DdlObject  *object = palloc(sizeof(DdlObject));

		object->class_id = svc_sql_oid_value(row, 1);
		object->object_id = svc_sql_oid_value(row, 2);
		object->sub_id = atoi(svc_sql_value(row, 3));
		object->tag = svc_sql_value(row, 4);
		object->type = svc_sql_value(row, 5);
		object->schema = svc_sql_value(row, 6);
		object->name = svc_sql_value(row, 7);
		object->named = svc_sql_bool_value(row, 8);
		objects = lappend(objects, object);
	}
	MemoryContextSwitchTo(old);
	return objects;
}

/* The objects of a command; its plan is made once a session */
typedef struct ObjectQuery
{
	const char *text;
	SPIPlanPtr	plan;
} ObjectQuery;

/* Objects of CREATE EXTENSION scripts are the extension's business; GRANT has none */
static ObjectQuery altered_objects = {
	"SELECT classid, objid, objsubid, command_tag, object_type, schema_name, NULL::text, false"
	"  FROM pg_catalog.pg_event_trigger_ddl_commands()"
	" WHERE NOT in_extension AND objid IS NOT NULL"
};

static ObjectQuery dropped_objects = {
	"SELECT classid, objid, objsubid, NULL::text, object_type, schema_name, object_name, original"
	"  FROM pg_catalog.pg_event_trigger_dropped_objects()"
	" WHERE NOT is_temporary"
};

/* The objects of the command that fired us, in the caller's memory context. */
static List *
collect_objects(ObjectQuery *query)
{
	SqlScope	scope;
	List	   *objects;

	svc_sql_begin(&scope, InvalidOid);
	if (!query->plan)
	{
		SPIPlanPtr	plan = SPI_prepare(query->text, 0, NULL);

		if (!plan || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare %s", query->text);
		query->plan = plan;
	}
	if (SPI_execute_plan(query->plan, NULL, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute %s", query->text);
	objects = read_objects(SPI_processed, scope.cxt);
	svc_sql_end(&scope);
	return objects;
}

/* The relations among some objects, or those of which a column is. */
List *
svc_ddl_relations(List *objects)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, objects)
		if (((DdlObject *) lfirst(cell))->class_id == RelationRelationId)
			relations = list_append_unique_oid(relations, ((DdlObject *) lfirst(cell))->object_id);
	return relations;
}

/* The tables of a composite type, by the type's own relation. */
static List *
tables_of_type(Oid relation)
{
	Relation	rel = table_open(RelationRelationId, AccessShareLock);
	List	   *tables = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;

	ScanKeyInit(&key, Anum_pg_class_reloftype, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(get_rel_type_id(relation)));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
		tables = lappend_oid(tables, ((Form_pg_class) GETSTRUCT(row))->oid);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tables;
}

/*
 * The relations in which a column has another name after it was renamed: the one
 * that was named and all of its parts; of a type's attribute, the tables that are
 * made of the type, and theirs.
 */
List *
svc_ddl_renamed_in(List *objects)
{
	List	   *relations = svc_ddl_relations(objects);
	List	   *all = NIL;
	ListCell   *cell;

	if (relations == NIL)
		return NIL;
	if (get_rel_relkind(linitial_oid(relations)) != RELKIND_COMPOSITE_TYPE)
		return find_all_inheritors(linitial_oid(relations), NoLock, NULL);
	foreach(cell, tables_of_type(linitial_oid(relations)))
		all = list_concat_unique_oid(all, find_all_inheritors(lfirst_oid(cell), NoLock, NULL));
	return all;
}

/* A command that the handlers follow */
typedef struct Followed
{
	Node	   *command;
	List	   *objects;
} Followed;

/* Let all handlers follow what was altered. */
static void
follow_altered(void *argument)
{
	Followed   *f = argument;

	for (int i = 0; i < n_handlers; i++)
		if (handlers[i]->follow_altered)
			handlers[i]->follow_altered(f->command, f->objects);
}

/* Let all handlers follow what was dropped. */
static void
follow_dropped(void *argument)
{
	Followed   *f = argument;

	for (int i = 0; i < n_handlers; i++)
		if (handlers[i]->follow_dropped)
			handlers[i]->follow_dropped(f->objects);
}

/* Let all handlers see tables that are about to be dropped. */
static void
before_drop(void *argument)
{
	Followed   *f = argument;

	for (int i = 0; i < n_handlers; i++)
		if (handlers[i]->before_drop_table)
			handlers[i]->before_drop_table((DropStmt *) f->command);
}

/*
 * Follow a command.  Nobody's DDL fails because of our bookkeeping, except
 * where it can be repeated: after a deadlock or a lock timeout.
 */
static void
follow(ProtectedWork work, Node *command, List *objects)
{
	Followed	followed = {command, objects};

	(void) svc_run_protected(work, &followed, true, SVC_EXTENSION " could not follow this command",
							 "See SELECT * FROM svc.status().");
}

/* Refuse to be called as anything but the event trigger of the given event. */
static EventTriggerData *
check_event(FunctionCallInfo fcinfo, const char *event)
{
	EventTriggerData *data = (EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo) || strcmp(data->event, event) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called by the event trigger of %s on %s",
						SVC_EXTENSION, event)));
	return data;
}

/*
 * svc.on_ddl(): event trigger, ddl_command_end.
 */
Datum
svc_on_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = check_event(fcinfo, "ddl_command_end");
	List	   *objects;

	/* our own functions leave things as they should be themselves */
	if (!OidIsValid(svc_extension_owner_missing_ok()) || svc_sql_is_own())
		PG_RETURN_NULL();
	objects = collect_objects(&altered_objects);
	for (int i = 0; i < n_handlers && !restoring; i++)
		if (handlers[i]->check_altered)
			handlers[i]->check_altered(data->parsetree, objects);
	follow(follow_altered, data->parsetree, objects);
	PG_RETURN_NULL();
}

/*
 * svc.on_drop(): event trigger, sql_drop.
 */
Datum
svc_on_drop(PG_FUNCTION_ARGS)
{
	List	   *objects;

	check_event(fcinfo, "sql_drop");
	if (!OidIsValid(svc_extension_owner_missing_ok()))
		PG_RETURN_NULL();
	objects = collect_objects(&dropped_objects);
	if (objects == NIL)
		PG_RETURN_NULL();
	if (!svc_sql_is_own() && !restoring)
		for (int i = 0; i < n_handlers; i++)
			if (handlers[i]->check_dropped)
				handlers[i]->check_dropped(objects);
	follow(follow_dropped, NULL, objects);
	PG_RETURN_NULL();
}

/*
 * svc.on_drop_table(): event trigger, ddl_command_start of DROP TABLE and DROP EXTENSION.
 */
Datum
svc_on_drop_table(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = check_event(fcinfo, "ddl_command_start");
	DropStmt   *command = (DropStmt *) data->parsetree;

	if (!OidIsValid(svc_extension_owner_missing_ok()) || !command || !IsA(command, DropStmt))
		PG_RETURN_NULL();
	if (svc_drops_extension(command))
		svc_before_drop_extension(command);
	else if (command->removeType == OBJECT_TABLE)
		follow(before_drop, data->parsetree, NIL);
	PG_RETURN_NULL();
}

/*
 * The renaming of a column, or NULL.  ALTER TYPE ... RENAME ATTRIBUTE renames
 * columns of tables, too.
 */
RenameStmt *
svc_ddl_column_rename(Node *command)
{
	RenameStmt *rename = (RenameStmt *) command;

	return command && IsA(command, RenameStmt) &&
		(rename->renameType == OBJECT_COLUMN || rename->renameType == OBJECT_ATTRIBUTE) ? rename : NULL;
}

/*
 * The table that an ALTER TABLE altered.  It is not always the first object:
 * sequences of new columns come before it.
 */
Oid
svc_ddl_altered_table(AlterTableStmt *stmt, List *objects)
{
	const char *tag = CreateCommandName((Node *) stmt);
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == RelationRelationId && strcmp(object->tag, tag) == 0)
			return object->object_id;
	}
	return InvalidOid;
}

/*
 * The table that a part of ALTER TABLE names besides its own (ATTACH and
 * DETACH PARTITION, INHERIT and NO INHERIT), or InvalidOid.
 */
Oid
svc_ddl_named_table(AlterTableCmd *cmd)
{
	RangeVar   *name = IsA(cmd->def, PartitionCmd) ? ((PartitionCmd *) cmd->def)->name
		: castNode(RangeVar, cmd->def);

	return RangeVarGetRelid(name, NoLock, true);
}

/* A table that DROP TABLE names and the caller may drop, or InvalidOid. */
Oid
svc_ddl_table_to_drop(List *name)
{
	Oid			relation = RangeVarGetRelid(makeRangeVarFromNameList(name), NoLock, true);

	return OidIsValid(relation) &&
		(object_ownercheck(RelationRelationId, relation, GetUserId()) ||
		 object_ownercheck(NamespaceRelationId, get_rel_namespace(relation), GetUserId()))
		? relation : InvalidOid;
}

/* Lock what DROP TABLE will lock, in its order: the table above a partition first. */
void
svc_ddl_lock_to_drop(Oid relation)
{
	if (get_rel_relispartition(relation))
		svc_lock_relation(get_partition_parent(relation, true), AccessExclusiveLock);
	svc_lock_relation(relation, AccessExclusiveLock);
}
