/*
 * drop_extension.c: DROP EXTENSION ... CASCADE waits for writers before it takes
 * what they need.
 *
 * A statement locks its table, and then, in our triggers, tables of our catalog.
 * The server drops an extension the other way round: whoever writes meanwhile ends
 * in a deadlock with it, and one of the two fails after a second.  So the tables
 * whose triggers are about to go are locked first, as DROP locks them anyway.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "core/drop_extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Does DROP name our extension? */
bool
svc_drops_extension(const DropStmt *command)
{
	ListCell   *cell;

	if (command->removeType != OBJECT_EXTENSION)
		return false;
	foreach(cell, command->objects)
		if (strcmp(strVal(lfirst(cell)), SVC_EXTENSION) == 0)
			return true;
	return false;
}

/* The tables of others that have a trigger of the extension's. */
static List *
tables_with_triggers(Oid extension)
{
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	Oid			own = get_namespace_oid(SVC_SCHEMA, true);
	List	   *tables = NIL;
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(row);

		if (!list_member_oid(tables, trigger->tgrelid) &&
			get_rel_namespace(trigger->tgrelid) != own &&
			getExtensionOfObject(ProcedureRelationId, trigger->tgfoid) == extension)
			tables = lappend_oid(tables, trigger->tgrelid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return tables;
}

/*
 * The order in which most statements lock tables: a table before its partitions,
 * and what refers to another before that, which was there before.
 */
static int
in_order_of_writers(const ListCell *a, const ListCell *b)
{
	bool		a_is_part = get_rel_relispartition(lfirst_oid(a));
	bool		b_is_part = get_rel_relispartition(lfirst_oid(b));

	return a_is_part != b_is_part ? (int) a_is_part - (int) b_is_part : list_oid_cmp(b, a);
}

/* Wait for those who write, if the caller may drop the extension with all that hangs on it. */
void
svc_before_drop_extension(const DropStmt *command)
{
	Oid			extension = get_extension_oid(SVC_EXTENSION, true);
	List	   *tables;
	ListCell   *cell;

	if (command->behavior != DROP_CASCADE || !OidIsValid(extension) ||
		!object_ownercheck(ExtensionRelationId, extension, GetUserId()))
		return;
	tables = tables_with_triggers(extension);
	list_sort(tables, in_order_of_writers);
	foreach(cell, tables)
		LockRelationOid(lfirst_oid(cell), AccessExclusiveLock);
}
