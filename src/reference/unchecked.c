/*
 * unchecked.c: rows that nobody saw, since triggers were disabled or not there.
 *
 * A restore loads rows first and makes triggers later; pg_restore
 * --disable-triggers, and whoever loads much, disables and enables them.  A
 * sweep in between would see a part of the rows.  So each time that triggers of
 * ours come, or come back, the references that stand on them need a sweep.
 */
#include "core/svc.h"

#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "reference/reference.h"
#include "reference/unchecked.h"

/*
 * The references that stand on triggers of a relation (all of ours, or the one
 * of a name): its own, and those into what it publishes.  It may be any of a
 * family.
 */
static void
need_sweeps(SqlScope *scope, Oid relation, const char *trigger)
{
	List	   *family = svc_ancestry(relation, InvalidOid, NIL);
	List	   *names = NIL;
	uint64		rows;
	ListCell   *cell;

	family = list_concat_unique_oid(family, find_all_inheritors(relation, NoLock, NULL));
	rows = svc_sql("SELECT DISTINCT r.reference"
				   "  FROM pg_catalog.pg_trigger t"
				   "  JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid"
				   "  JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace AND n.nspname = 'svc'"
				   "  JOIN svc.reference r"
				   "    ON f.proname IN ('check_reference', 'check_reference_row') AND r.relation = ANY ($3)"
				   "       AND t.tgname IN (r.reference, (r.reference || '_insert')::name, (r.reference || '_update')::name)"
				   "    OR f.proname = 'watch_deletes'"
				   "       AND (EXISTS (SELECT 1 FROM svc.entity e"
				   "                     WHERE e.service = r.service AND e.entity = r.entity AND e.relation = ANY ($3))"
				   "         OR EXISTS (SELECT 1 FROM svc.reference_contract c"
				   "                     WHERE c.reference = r.reference AND c.contract = ANY ($3)))"
				   " WHERE t.tgrelid = $1 AND ($2 IS NULL OR t.tgname = $2)",
				   sql_oid(relation), sql_name(trigger), sql_oids(family, OIDARRAYOID));
	for (uint64 row = 0; row < rows; row++)
		names = lappend(names, svc_sql_value(row, 1));
	foreach(cell, names)
		reference_need_sweep(lfirst(cell));
}

/* The triggers that an ALTER TABLE enables. */
static void
follow_enabled(SqlScope *scope, AlterTableStmt *stmt, Oid relation)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		switch (cmd->subtype)
		{
			case AT_EnableTrig:
			case AT_EnableAlwaysTrig:
				need_sweeps(scope, relation, cmd->name);
				break;
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
				need_sweeps(scope, relation, NULL);
				break;
			default:
				break;
		}
	}
}

/* A trigger that somebody made; those that we make follow what is known of the rows. */
static void
follow_made(SqlScope *scope, List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == TriggerRelationId &&
			svc_sql("SELECT t.tgrelid, t.tgname FROM pg_catalog.pg_trigger t WHERE t.oid = $1",
					sql_oid(object->object_id)) > 0)
			need_sweeps(scope, svc_sql_oid_value(0, 1), svc_sql_value(0, 2));
	}
}

/* Follow triggers that came, or came back. */
static void
follow_altered(Node *command, List *objects)
{
	SqlScope	scope;
	Oid			relation;

	if (!command || objects == NIL || !svc_catalog_mentions("reference", 0, NIL))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	if (IsA(command, CreateTrigStmt))
		follow_made(&scope, objects);
	else if (IsA(command, AlterTableStmt))
	{
		relation = svc_ddl_altered_table((AlterTableStmt *) command, objects);
		if (OidIsValid(relation))
			follow_enabled(&scope, (AlterTableStmt *) command, relation);
	}
	svc_sql_end(&scope);
}

static const DdlHandler unchecked_ddl = {.follow_altered = follow_altered};

/* What following triggers does when the library is loaded. */
void
UncheckedInit(void)
{
	svc_register_ddl_handler(&unchecked_ddl);
}
