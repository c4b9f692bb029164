/*
 * catalog.c: rows about migrations that others than our functions bring, change
 * or break: a restore, the new name of a service, a dropped history table.
 */
#include "core/svc.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "migration/catalog.h"
#include "migration/private_text.h"
#include "service/restore.h"
#include "utils/rel.h"

#define SOURCE_HISTORY 4		/* column svc.migration_source.history */

SVC_FUNCTION(svc_migration_renamed);

/* Is it one of our tables with private texts?  A text of somebody else's table is not relabelled. */
static bool
holds_private_text(Oid relation)
{
	return relation == svc_catalog_relation("migration_source") ||
		relation == svc_catalog_relation("migration_content") ||
		relation == svc_catalog_relation("migration_history");
}

/* A row whose private texts belong to the service that it is about. */
static HeapTuple
relabelled(Relation rel, HeapTuple row)
{
	TupleDesc	desc = RelationGetDescr(rel);
	char	   *service = svc_row_name(rel, row, "service");
	Oid			type = private_text_type();

	for (int i = 0; i < desc->natts; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(row, desc, i + 1, &isnull);
		Size		length;
		const char *text;

		if (isnull || TupleDescAttr(desc, i)->atttypid != type)
			continue;
		text = private_text_open(value, &length);
		row = svc_row_with(rel, row, NameStr(TupleDescAttr(desc, i)->attname),
						   private_text_make(service, text, length));
	}
	return row;
}

/*
 * svc.migration_renamed(): row trigger, BEFORE UPDATE OF service, where the
 * service's name is part of texts.
 */
Datum
svc_migration_renamed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) || !TRIGGER_FIRED_BY_UPDATE(data->tg_event) ||
		!holds_private_text(RelationGetRelid(data->tg_relation)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	return PointerGetDatum(relabelled(data->tg_relation, data->tg_newtuple));
}

/* A file that a user restores: what it says concerns nobody but the service, which is his. */
static HeapTuple
check_restored_file(Relation rel, HeapTuple row)
{
	return row;
}

/* Refuse a text of another service, which its own user cannot read until it has this one's name. */
static void
check_own_text(Relation rel, HeapTuple row, Datum text)
{
	char	   *service = private_text_service(text);

	if (strcmp(service, svc_row_name(rel, row, "service")) != 0)
		svc_guard_refuse(rel, psprintf("The text is one of service \"%s\", and the row is about another.",
									   service));
}

/* The same of a column that can be NULL. */
static void
check_own_text_if_any(Relation rel, HeapTuple row, const char *column)
{
	bool		isnull;
	Datum		text = SPI_getbinval(row, RelationGetDescr(rel),
									 SPI_fnumber(RelationGetDescr(rel), column), &isnull);

	if (!isnull)
		check_own_text(rel, row, text);
}

/* A service's source that a user restores: the tool's table is one that he could write himself. */
static HeapTuple
check_restored_source(Relation rel, HeapTuple row)
{
	Oid			history = svc_row_oid(rel, row, "history");

	if (OidIsValid(history))
		svc_guard_check_relation(rel, history);
	check_own_text_if_any(rel, row, "placeholders");
	return row;
}

/* A file's text that a user restores. */
static HeapTuple
check_restored_content(Relation rel, HeapTuple row)
{
	check_own_text(rel, row, svc_row_value(rel, row, "content"));
	return row;
}

/* A run that a user restores. */
static HeapTuple
check_restored_history(Relation rel, HeapTuple row)
{
	check_own_text_if_any(rel, row, "error");
	return row;
}

static const char *const source_key[] = {"service", NULL};
static const char *const file_key[] = {"service", "script", NULL};
static const char *const content_key[] = {"service", "script", "part", NULL};
static const char *const history_key[] = {"service", "attempt", NULL};

static const GuardedTable migration_tables[] = {
	{.name = "migration_source", .key = source_key,
	.admit = restore_admit, .check = check_restored_source},
	{.name = "migration_file", .key = file_key,
	.admit = restore_admit, .check = check_restored_file},
	{.name = "migration_content", .key = content_key,
	.admit = restore_admit, .check = check_restored_content},
	{.name = "migration_history", .key = history_key,
	.admit = restore_admit, .check = check_restored_history}
};

/* The relations among what was dropped; columns do not count. */
static List *
dropped_relations(List *objects)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == RelationRelationId && object->sub_id == 0)
			relations = lappend_oid(relations, object->object_id);
	}
	return relations;
}

/*
 * A tool's table was dropped that a service had adopted: from now on only our
 * history counts.  A dump must not name a table that is not there.
 */
static void
follow_dropped(List *objects)
{
	List	   *relations = dropped_relations(objects);
	SqlScope	scope;
	uint64		rows;

	if (relations == NIL || !svc_catalog_mentions("migration_source", SOURCE_HISTORY, relations))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("UPDATE svc.migration_source SET history = NULL WHERE history = ANY ($1)"
				   " RETURNING service", sql_oids(relations, REGCLASSARRAYOID));
	for (uint64 row = 0; row < rows; row++)
		ereport(NOTICE,
				(errmsg("the history table that service \"%s\" had adopted is dropped",
						svc_sql_value(row, 1)),
				 errdetail("What it said is in the service's own history, which goes on.")));
	svc_sql_end(&scope);
}

static const DdlHandler migration_ddl = {
	.follow_dropped = follow_dropped
};

/* What the catalog of migrations does when the library is loaded. */
void
MigrationCatalogInit(void)
{
	for (int i = 0; i < lengthof(migration_tables); i++)
		svc_guard_register(&migration_tables[i]);
	svc_register_ddl_handler(&migration_ddl);
}
