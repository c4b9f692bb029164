/*
 * extension.c: the extension as an object of this database, and when it may
 * change its catalog.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "core/extension.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/*
 * The role that owns the extension and so its catalog tables, or InvalidOid
 * where the extension is absent.
 */
Oid
svc_extension_owner_missing_ok(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(SVC_EXTENSION));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

/* The role that owns the extension. */
Oid
svc_extension_owner(void)
{
	Oid			owner = svc_extension_owner_missing_ok();

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" is not installed in this database", SVC_EXTENSION),
				 errhint("A superuser can install it with CREATE EXTENSION %s.", SVC_EXTENSION)));
	return owner;
}

/*
 * One of our catalog tables or indexes, or InvalidOid: while CREATE EXTENSION
 * runs some are not there yet.
 */
Oid
svc_catalog_relation(const char *name)
{
	Oid			schema = get_namespace_oid(SVC_SCHEMA, true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/*
 * Refuse where nothing can be written, under the name that the user called.
 *
 * A single-user server runs no event triggers: what a service owns would go
 * wrong unnoticed.
 */
void
svc_check_writable(const char *function)
{
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	if (!IsUnderPostmaster)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot run in single-user mode", function),
				 errdetail("Event triggers, which keep the ownership of relations right, do not fire there."),
				 errhint("Start the server normally and call it again.")));
}

/*
 * Does a catalog table have a row with one of these OIDs in a column, or, with
 * column 0, any row at all?  For tables of few rows, on the way of everybody's
 * DDL, where planning a query would cost more than the DDL does.
 */
bool
svc_catalog_mentions(const char *table, AttrNumber column, List *oids)
{
	Oid			relid = svc_catalog_relation(table);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	row;
	bool		found = false;

	if (!OidIsValid(relid))
		return false;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (!found && HeapTupleIsValid(row = systable_getnext(scan)))
	{
		bool		isnull;

		found = column == 0 ||
			list_member_oid(oids, DatumGetObjectId(heap_getattr(row, column, RelationGetDescr(rel),
																&isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}
