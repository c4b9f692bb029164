/*
 * connection.c: what this database is connected to, as the catalog knows it.
 *
 * A connected service has no row in svc.service: it has no roles here and
 * nobody acts for it.  It has the two schemas of what it publishes.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "service/connection.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define CONTRACT_SUFFIX "_api"
#define IMPORT_SUFFIX "_import"

/* The schema that holds the views of a connected service's contract. */
char *
connection_contract_schema(const char *service)
{
	return service_contract_schema(service);
}

/* The schema that holds the foreign tables below them. */
char *
connection_import_schema(const char *service)
{
	return psprintf("%s" IMPORT_SUFFIX, service);
}

/*
 * Is a service of this name connected?  Reads the catalog directly, for callers
 * without rights on it.
 */
bool
connection_exists(const char *service)
{
	Oid			relid = svc_catalog_relation("connection");
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	NameData	name;
	bool		found;

	if (!OidIsValid(relid) || strlen(service) >= NAMEDATALEN)
		return false;
	namestrcpy(&name, service);
	rel = table_open(relid, AccessShareLock);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
	scan = systable_beginscan(rel, svc_catalog_relation("connection_pkey"), true, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* The name without a suffix, or NULL if it does not end with it. */
static char *
without_suffix(const char *name, const char *suffix)
{
	int			length = strlen(name) - strlen(suffix);

	return length > 0 && strcmp(name + length, suffix) == 0 ? pnstrdup(name, length) : NULL;
}

/* Does a superuser own the schema?  True for one that does not exist. */
static bool
is_superusers(const char *schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum(schema));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return true;
	result = superuser_arg(((Form_pg_namespace) GETSTRUCT(tuple))->nspowner);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * The connected service that a schema holds the contract of, or NULL.  Only
 * superusers connect, so somebody else's schema of the name is not it
 * (svc.connection_schema).
 */
char *
connection_of_schema(const char *schema)
{
	char	   *service = without_suffix(schema, CONTRACT_SUFFIX);

	if (!service || !connection_exists(service))
		service = without_suffix(schema, IMPORT_SUFFIX);
	return service && connection_exists(service) && is_superusers(schema) ? service : NULL;
}

/* Wait for whoever connects or refreshes at the same time. */
void
connection_lock(void)
{
	LockRelationOid(svc_catalog_relation("connection"), ShareRowExclusiveLock);
}

/* Whom to ask for when a caller asks for connections: a superuser sees all. */
static Oid
limit_to(Oid caller)
{
	return OidIsValid(caller) && !superuser_arg(caller) ? caller : InvalidOid;
}

/*
 * The connections to a service (NULL: any) of a consumer (NULL: any) for which
 * somebody acts (InvalidOid: whoever).  Inside a scope of the extension's owner.
 */
List *
connection_list(const char *service, const char *consumer, Oid caller)
{
	List	   *connections = NIL;
	uint64		rows = svc_sql("SELECT c.service, c.consumer, c.server, r.oid, c.login, c.database, c.made_server, c.made_link"
							   "  FROM svc.connection c"
							   "  LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.link"
							   "  LEFT JOIN svc.service s ON s.service = c.consumer"
							   " WHERE ($1 IS NULL OR c.service = $1) AND ($2 IS NULL OR c.consumer = $2)"
							   "   AND ($3 IS NULL OR pg_catalog.pg_has_role($3, s.owner, 'MEMBER'))"
							   " ORDER BY c.service, c.connected_at, c.consumer",
							   sql_name(service), sql_name(consumer), sql_oid(limit_to(caller)));

	for (uint64 row = 0; row < rows; row++)
	{
		Connection *c = palloc(sizeof(Connection));

		c->service = svc_sql_value(row, 1);
		c->consumer = svc_sql_value(row, 2);
		c->server = svc_sql_value(row, 3);
		c->link = svc_sql_oid_value(row, 4);
		c->login = svc_sql_value(row, 5);
		c->database = svc_sql_value(row, 6);
		c->made_server = svc_sql_bool_value(row, 7);
		c->made_link = svc_sql_bool_value(row, 8);
		connections = lappend(connections, c);
	}
	return connections;
}

/* Refuse a service that is not connected. */
static void
raise_not_connected(const char *service, const char *consumer)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 consumer
			 ? errmsg("service \"%s\" is not connected to \"%s\"", consumer, service)
			 : errmsg("service \"%s\" is not connected", service),
			 service_lookup(service, true)
			 ? errdetail("It is a service of this database.") : 0,
			 errhint("svc.connect connects a service of another database; svc.check_connections() lists them.")));
}

/* The connections to a service of the consumers that somebody acts for: at least one. */
List *
connection_of_caller(const char *service, Oid caller)
{
	List	   *connections = connection_list(service, NULL, caller);

	if (connections != NIL)
		return connections;
	if (connection_list(service, NULL, InvalidOid) == NIL)
		raise_not_connected(service, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for the connection to service \"%s\"", service),
			 errhint("Superusers and members of the owner role of a service that is connected to it may do this.")));
	return NIL;					/* keep compiler quiet */
}

/* The connection of a consumer to a service. */
Connection *
connection_get(const char *service, const char *consumer)
{
	List	   *found = connection_list(service, consumer, InvalidOid);

	if (found == NIL)
		raise_not_connected(service, consumer);
	return linitial(found);
}

/* Refuse to name a service here as one that is connected. */
void
connection_check_absent(const char *service)
{
	if (connection_exists(service))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" is connected from another database", service),
				 errhint("Choose another name, or give the connection up with svc.disconnect.")));
}

/* Refuse to let a service go that is connected to others. */
void
connection_check_no_consumer(const char *consumer)
{
	List	   *services = service_strings(svc_sql("SELECT service FROM svc.connection WHERE consumer = $1 ORDER BY 1",
												   sql_name(consumer)));

	if (services != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop service \"%s\" because it is connected to other services", consumer),
				 errdetail("They are: %s.", service_joined(services)),
				 errhint("Give the connections up first: SELECT svc.disconnect(%s, %s).",
						 quote_literal_cstr(linitial(services)), quote_literal_cstr(consumer))));
}

/* What opens sockets and handles secrets is for superusers. */
void
connection_check_superuser(const char *function)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", function),
				 errdetail("It makes foreign servers and user mappings with secrets."),
				 errhint("Ask a superuser.")));
}
