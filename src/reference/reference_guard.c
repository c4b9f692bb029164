/*
 * reference_guard.c: references that users restore.
 *
 * Who owns a table may bring its references.  They act with the rights of the
 * owner role of the table's service, though, and which service that is may not
 * be known yet.  So a row counts as brought by somebody who may only if he acts
 * for that role already; else the reference works while the table's owner does
 * (check_run_as in resolve.c), until svc.alter_reference is called for it.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "core/guard.h"
#include "core/relation.h"
#include "miscadmin.h"
#include "reference/reference_guard.h"
#include "reference/resolve.h"
#include "service/ownership.h"
#include "service/service.h"

/* Does the user act for the service that a relation belongs to? */
static bool
acts_for_service_of(Oid relation)
{
	NameData	name;
	Service    *service;

	if (ownership_of(relation, &name) == OWNED_NOT)
		return false;
	service = service_lookup(NameStr(name), true);
	return service && svc_acts_for_role(GetUserId(), service->owner);
}

/* A reference that a user restores: its column must be there. */
static HeapTuple
check_restored(Relation rel, HeapTuple row)
{
	Relation	table = relation_open(svc_row_oid(rel, row, "relation"), AccessShareLock);

	(void) svc_column_number(table, svc_row_name(rel, row, "column_name"));
	relation_close(table, AccessShareLock);
	return svc_row_with(rel, row, "confirmed",
						BoolGetDatum(acts_for_service_of(svc_row_oid(rel, row, "relation"))));
}

static const char *const reference_key[] = {"reference", NULL};

static const GuardedTable reference_table = {
	.name = "reference", .key = reference_key,
	.admit = svc_guard_admit_relation, .check = check_restored
};

/* What guarding does when the library is loaded. */
void
ReferenceGuardInit(void)
{
	svc_guard_register(&reference_table);
}
