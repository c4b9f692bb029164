/*
 * ownership.c: which service owns a relation, and a cache that knows.
 *
 * The rule: a partition belongs with its partitioned table, an index and a
 * sequence with the table they serve; else an assignment counts, else the
 * schema's service (one here, or a connected one), else (inheritance) the parent
 * table, else nobody.
 *
 * The cache is the session's own.  Its entries go stale in three ways, and each
 * has its invalidation message, sent by transactions when they commit:
 *   - our catalog tables changed: a statement trigger on them sends one
 *     message for the table (so assigning 10,000 tables sends one), and the
 *     whole cache is dropped;
 *   - the relation itself changed (moved, attached, dropped): the server's own
 *     message for it marks its entry, or drops everything if other entries
 *     were derived from it;
 *   - a schema changed (made, renamed, given to another owner, dropped), which
 *     may now be a service's or not: the whole cache is dropped.
 * Rollback and ROLLBACK TO run the same messages backwards.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/inval.h"
#include "service/connection.h"
#include "service/ownership.h"
#include "service/service.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

typedef struct OwnershipEntry
{
	Oid			relation;		/* hash key */
	bool		valid;
	bool		is_parent;		/* other entries were derived from this relation */
	OwnedHow	how;
	NameData	service;
} OwnershipEntry;

/* more relations than this in one session's map: it starts afresh */
#define MAX_ENTRIES 1000000

static HTAB *ownership_cache = NULL;

/* set by the invalidation callback, obeyed at the next look-up */
static bool drop_cache = false;

/* counts invalidations, so that an entry made while one came is not kept */
static uint64 invalidations = 0;

/* our catalog tables, by which the callback knows their messages */
static Oid	service_relid = InvalidOid;
static Oid	assignment_relid = InvalidOid;
static Oid	connection_relid = InvalidOid;

SVC_FUNCTION(svc_owner_of);
SVC_FUNCTION(svc_how_owned);
SVC_FUNCTION(svc_catalog_changed);

/* Note that something changed.  Only sets flags, as a callback must. */
static void
invalidate_ownership(Oid relid)
{
	OwnershipEntry *entry;

	invalidations++;
	if (!ownership_cache || drop_cache)
		return;
	if (!OidIsValid(relid) || relid == service_relid || relid == assignment_relid ||
		relid == connection_relid)
	{
		drop_cache = true;
		return;
	}
	entry = hash_search(ownership_cache, &relid, HASH_FIND, NULL);
	if (!entry)
		return;
	entry->valid = false;
	if (entry->is_parent)
		drop_cache = true;
}

/* Note that a schema changed. */
static void
invalidate_schema(Datum arg, int cacheid, uint32 hashvalue)
{
	invalidations++;
	drop_cache = true;
}

/* Listen for changes; called once when the library is loaded. */
void
OwnershipInit(void)
{
	svc_on_relation_change(invalidate_ownership);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_schema, (Datum) 0);
}

/* Begin with an empty map. */
static void
reset_cache(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(OwnershipEntry),
		.hcxt = CacheMemoryContext
	};

	if (ownership_cache)
		hash_destroy(ownership_cache);
	ownership_cache = NULL;
	ownership_cache = hash_create("svc_ownership map", 256, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	service_relid = svc_catalog_relation("service");
	assignment_relid = svc_catalog_relation("assignment");
	connection_relid = svc_catalog_relation("connection");
	drop_cache = false;
}

/*
 * svc.catalog_changed(): statement trigger on catalog tables.  Every session
 * drops what it remembers when the transaction commits, and this one at once.
 */
Datum
svc_catalog_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* Is the relation itself assigned to a service? */
bool
ownership_assignment(Oid relation, NameData *service)
{
	Oid			relid = svc_catalog_relation("assignment");
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found;

	if (!OidIsValid(relid))
		return false;
	rel = table_open(relid, AccessShareLock);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(rel, svc_catalog_relation("assignment_pkey"), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found && service)
	{
		bool		isnull;

		*service = *DatumGetName(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* The first parent table of a relation by inheritance or partitioning, or InvalidOid. */
Oid
ownership_parent(Oid relation)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Oid			parent = InvalidOid;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		parent = ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return parent;
}

/* The relation whose owner decides before its own assignment does, or InvalidOid. */
static Oid
governing_relation(Oid relation, char relkind, bool is_partition)
{
	Oid			table;
	int32		column;

	if (is_partition)
		return ownership_parent(relation);
	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
		return IndexGetRelation(relation, true);
	if (relkind == RELKIND_SEQUENCE &&
		(sequenceIsOwned(relation, DEPENDENCY_AUTO, &table, &column) ||
		 sequenceIsOwned(relation, DEPENDENCY_INTERNAL, &table, &column)))
		return table;
	return InvalidOid;
}

static OwnedHow cached_ownership(Oid relation, NameData *service, bool is_parent);

/* Work out a relation's service from the catalogs; see the rule above. */
static OwnedHow
resolve_ownership(Oid relation, NameData *service)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Form_pg_class form;
	char		relkind;
	bool		is_partition;
	char	   *schema;
	Oid			other;
	Service    *found;
	char	   *connected;

	if (!HeapTupleIsValid(tuple))
		return OWNED_NOT;
	form = (Form_pg_class) GETSTRUCT(tuple);
	relkind = form->relkind;
	is_partition = form->relispartition;
	schema = get_namespace_name(form->relnamespace);
	ReleaseSysCache(tuple);

	other = governing_relation(relation, relkind, is_partition);
	if (OidIsValid(other))
		return cached_ownership(other, service, true);
	if (ownership_assignment(relation, service))
		return OWNED_ASSIGNED;
	found = schema ? service_of_schema(schema) : NULL;
	/* what an extension brings into a service's schema is the extension's */
	if (found && !OidIsValid(getExtensionOfObject(RelationRelationId, relation)))
	{
		namestrcpy(service, found->name);
		return OWNED_SCHEMA;
	}
	connected = schema ? connection_of_schema(schema) : NULL;
	if (connected)
	{
		namestrcpy(service, connected);
		return OWNED_SCHEMA;
	}
	other = ownership_parent(relation);
	if (OidIsValid(other))
		return cached_ownership(other, service, true);
	return OWNED_NOT;
}

/* Keep what was worked out, unless something changed meanwhile. */
static void
remember(Oid relation, OwnedHow how, const NameData *service, bool is_parent, uint64 seen)
{
	OwnershipEntry *entry;
	bool		found;

	if (seen != invalidations)
		return;
	if (hash_get_num_entries(ownership_cache) >= MAX_ENTRIES)
	{
		drop_cache = true;
		return;
	}
	entry = hash_search(ownership_cache, &relation, HASH_ENTER, &found);
	entry->is_parent = is_parent || (found && entry->is_parent);
	entry->how = how;
	if (how != OWNED_NOT)
		entry->service = *service;
	entry->valid = true;
}

/* Look a relation up in the map, or work it out and remember it. */
static OwnedHow
cached_ownership(Oid relation, NameData *service, bool is_parent)
{
	OwnershipEntry *entry;
	OwnedHow	how;
	uint64		seen;

	if (drop_cache || !ownership_cache)
		reset_cache();

	entry = hash_search(ownership_cache, &relation, HASH_FIND, NULL);
	if (entry && entry->valid)
	{
		entry->is_parent |= is_parent;
		if (entry->how != OWNED_NOT)
			*service = entry->service;
		return entry->how;
	}
	seen = invalidations;
	how = resolve_ownership(relation, service);
	remember(relation, how, service, is_parent, seen);
	return how;
}

/* The service that owns a relation, in *service unless OWNED_NOT. */
OwnedHow
ownership_of(Oid relation, NameData *service)
{
	return cached_ownership(relation, service, false);
}

/* Does the service own the relation? */
bool
ownership_is(Oid relation, const char *service)
{
	NameData	owner;

	return ownership_of(relation, &owner) != OWNED_NOT && strcmp(NameStr(owner), service) == 0;
}

/*
 * svc.owner_of(relation regclass) → name, or NULL.
 */
Datum
svc_owner_of(PG_FUNCTION_ARGS)
{
	Name		service = palloc(sizeof(NameData));

	if (ownership_of(PG_GETARG_OID(0), service) == OWNED_NOT)
		PG_RETURN_NULL();
	PG_RETURN_NAME(service);
}

/*
 * svc.how_owned(relation regclass) → text: assigned, schema, or NULL.
 */
Datum
svc_how_owned(PG_FUNCTION_ARGS)
{
	NameData	service;

	switch (ownership_of(PG_GETARG_OID(0), &service))
	{
		case OWNED_ASSIGNED:
			PG_RETURN_TEXT_P(cstring_to_text("assigned"));
		case OWNED_SCHEMA:
			PG_RETURN_TEXT_P(cstring_to_text("schema"));
		case OWNED_NOT:
			break;
	}
	PG_RETURN_NULL();
}
