/*
 * watch_follow.c: published tables are watched while references into them are
 * declared, whatever becomes of either.
 *
 * The triggers follow rows of svc.reference and svc.entity by triggers on those,
 * whoever writes them, and tables that come and go by DDL.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/move.h"
#include "core/protect.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/resolve.h"
#include "reference/tombstone.h"
#include "reference/watch.h"
#include "service/contract.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

SVC_FUNCTION(svc_watch_changed);

/* Watch a table, if there is one. */
static void
watch_protected(void *argument)
{
	Oid			relation = *(Oid *) argument;

	if (watch_can(relation))
		watch_published(relation);
}

/* A column of a row of the catalog; 0 for NULL. */
static Datum
row_value(const TriggerData *data, HeapTuple row, const char *column)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		isnull;
	Datum		value = heap_getattr(row, SPI_fnumber(desc, column), desc, &isnull);

	return isnull ? (Datum) 0 : value;
}

/* The table that a row is about: of svc.entity, or of svc.reference. */
static Oid
published_by(const TriggerData *data, HeapTuple row)
{
	const char *service = NameStr(*DatumGetName(row_value(data, row, "service")));
	const char *entity = NameStr(*DatumGetName(row_value(data, row, "entity")));
	ContractEntry entry;
	Oid			contract;

	if (RelationGetRelid(data->tg_relation) == svc_catalog_relation("entity"))
		return DatumGetObjectId(row_value(data, row, "relation"));
	contract = reference_relation_of_name(reference_contract_name(service, entity), NULL, NULL);
	if (!OidIsValid(contract))
		return InvalidOid;
	return contract_entry(contract, &entry) ? entry.relation : contract;
}

/*
 * Does an entity show other rows, or the same ones under another condition?  One
 * that comes back was not watched while it was away.
 */
static bool
shows_others(const TriggerData *data)
{
	Datum		before;
	Datum		after;

	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		return TRIGGER_FIRED_BY_INSERT(data->tg_event);
	before = row_value(data, data->tg_trigtuple, "filter");
	after = row_value(data, data->tg_newtuple, "filter");
	return published_by(data, data->tg_trigtuple) != published_by(data, data->tg_newtuple) ||
		(before != after && (!before || !after || !datum_image_eq(before, after, false, -1)));
}

/*
 * An entity shows other rows now.  Which keys it does not show any more is not
 * known, so all that refers to it must be looked at.
 */
static void
bury_unknown(Oid published)
{
	ListCell   *cell;

	foreach(cell, reference_names_into(published))
		tombstone_add(lfirst(cell), NULL);
}

/*
 * svc.watch_changed(): trigger on svc.entity and svc.reference, AFTER, for each
 * row: another table is to be watched, or in another way.
 */
Datum
svc_watch_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Oid			relations[2] = {InvalidOid, InvalidOid};

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("svc.watch_changed() can only be called as a trigger for each row")));
	/* a restore brings the rows first, and then the triggers as they were */
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event) && !svc_sql_is_own())
		PG_RETURN_POINTER(NULL);
	/* the row that fired us is to be seen from here on */
	CommandCounterIncrement();
	if (!svc_catalog_mentions("reference", 0, NIL) && !TRIGGER_FIRED_BY_DELETE(data->tg_event))
		PG_RETURN_POINTER(NULL);
	relations[0] = published_by(data, data->tg_trigtuple);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		relations[1] = published_by(data, data->tg_newtuple);
	if (RelationGetRelid(data->tg_relation) == svc_catalog_relation("entity") && shows_others(data))
		bury_unknown(relations[TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? 1 : 0]);
	for (int i = 0; i < lengthof(relations); i++)
		if (OidIsValid(relations[i]) && (i == 0 || relations[i] != relations[0]))
			(void) svc_run_protected(watch_protected, &relations[i], true,
									 "deletions in what is published cannot be watched",
									 "See SELECT * FROM svc.status().");
	PG_RETURN_POINTER(NULL);
}

/* Note the keys of a table that leaves a published one, with all that is part of it. */
static void
note_leaving_family(Oid relation, Oid parent)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relation, NoLock, NULL))
		if (watch_can(lfirst_oid(cell)))
			watch_note_leaving(lfirst_oid(cell), parent);
}

/* A table became part of others, or is none any more. */
static void
follow_move(const TableMove *move)
{
	ListCell   *cell;

	foreach(cell, move->departed)
		note_leaving_family(move->child, lfirst_oid(cell));
	watch_published(move->child);
}

/* Tables that were made as part of others. */
static void
follow_created(List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == RelationRelationId && strcmp(object->tag, "CREATE TABLE") == 0 &&
			watch_can(object->object_id) && has_superclass(object->object_id))
			watch_published(object->object_id);
	}
}

/* Does an ALTER TABLE enable all triggers, or all but the server's own? */
static bool
enables_all_triggers(const AlterTableStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableType type = lfirst_node(AlterTableCmd, cell)->subtype;

		if (type == AT_EnableTrigAll || type == AT_EnableTrigUser)
			return true;
	}
	return false;
}

/* Keep the triggers in step with what was made and altered. */
static void
follow_altered(Node *command, List *objects)
{
	RenameStmt *rename = svc_ddl_column_rename(command);
	TableMove	move = {InvalidOid, NIL, NIL};
	ListCell   *cell;

	/* a restore may bring references later */
	if (command && IsA(command, AlterTableStmt) && enables_all_triggers((AlterTableStmt *) command))
		foreach(cell, svc_ddl_relations(objects))
			watch_mend_states(lfirst_oid(cell));
	if (!command || objects == NIL || !svc_catalog_mentions("reference", 0, NIL))
		return;
	if (IsA(command, AlterTableStmt))
		move = svc_move_of((AlterTableStmt *) command, objects);
	if (rename)
	{
		/* a whole, with all its parts, or the part that was named */
		foreach(cell, svc_ddl_renamed_in(objects))
			if (watch_can(lfirst_oid(cell)) &&
				(!has_superclass(lfirst_oid(cell)) ||
				 list_member_oid(svc_ddl_relations(objects), lfirst_oid(cell))))
				watch_published(lfirst_oid(cell));
	}
	else if (OidIsValid(move.child))
		follow_move(&move);
	else if (!IsA(command, RenameStmt) && !IsA(command, AlterTableStmt))
		follow_created(objects);
}

/*
 * Parts of published tables are about to be dropped: when they are gone it is
 * too late to read their keys.  Only of tables that the caller may drop.
 */
static void
before_drop_table(DropStmt *command)
{
	ListCell   *cell;

	if (!svc_catalog_mentions("reference", 0, NIL))
		return;
	foreach(cell, command->objects)
	{
		Oid			relation = svc_ddl_table_to_drop(lfirst_node(List, cell));

		if (!OidIsValid(relation) || !has_superclass(relation))
			continue;
		svc_ddl_lock_to_drop(relation);
		note_leaving_family(relation, linitial_oid(watch_family(relation)));
	}
}

static const DdlHandler watch_ddl = {
	.follow_altered = follow_altered,
	.before_drop_table = before_drop_table
};

/* What following does when the library is loaded. */
void
WatchFollowInit(void)
{
	svc_register_ddl_handler(&watch_ddl);
}
