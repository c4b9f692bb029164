/*
 * drop.c: services go.
 */
#include "core/svc.h"

#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/user.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "service/connection.h"
#include "service/contract.h"
#include "service/database.h"
#include "service/drop.h"
#include "service/link.h"
#include "service/place.h"
#include "service/provision.h"
#include "service/role.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/builtins.h"

SVC_FUNCTION(svc_drop_service);

/* Objects of others that depend on what lies in the service's schemas. */
#define OUTSIDE_DEPENDENTS \
	"WITH inside AS (" \
	"    SELECT c.oid AS object_id, 'pg_catalog.pg_class'::pg_catalog.regclass AS class_id" \
	"      FROM pg_catalog.pg_class c JOIN svc.service_schema x ON x.schema = c.relnamespace AND x.service = $1" \
	"    UNION ALL" \
	"    SELECT p.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass" \
	"      FROM pg_catalog.pg_proc p JOIN svc.service_schema x ON x.schema = p.pronamespace AND x.service = $1" \
	"    UNION ALL" \
	"    SELECT t.oid, 'pg_catalog.pg_type'::pg_catalog.regclass" \
	"      FROM pg_catalog.pg_type t JOIN svc.service_schema x ON x.schema = t.typnamespace AND x.service = $1" \
	")" \
	"SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)" \
	"  FROM inside i" \
	"  JOIN pg_catalog.pg_depend d ON d.refclassid = i.class_id AND d.refobjid = i.object_id" \
	"  LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid" \
	"  LEFT JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid" \
	"  LEFT JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND g.oid = d.objid" \
	"  LEFT JOIN pg_catalog.pg_policy y ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND y.oid = d.objid" \
	"  LEFT JOIN pg_catalog.pg_attrdef a ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND a.oid = d.objid" \
	"  LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid" \
	"  LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid" \
	" CROSS JOIN LATERAL (SELECT coalesce(k.conrelid, w.ev_class, g.tgrelid, y.polrelid, a.adrelid, c.oid, p.oid) AS object_id) o" \
	" WHERE d.deptype IN ('n', 'a') AND o.object_id <> 0" \
	"   AND o.object_id NOT IN (SELECT j.object_id FROM inside j)" \
	" ORDER BY 1"

/* Refuse to drop schemas while something of others depends on what is in them. */
static void
check_no_dependents(const Service *service)
{
	uint64		rows = svc_sql(OUTSIDE_DEPENDENTS, sql_name(service->name));

	if (rows > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop service \"%s\" because other objects depend on it", service->name),
				 errdetail("They are: %s.", service_joined(service_strings(rows))),
				 errhint("Drop them first, or leave drop_objects away to keep the service's schema.")));
}

/* Refuse to drop schemas with relations in them that are another service's. */
static void
check_no_relations_of_others(const Service *service)
{
	uint64		rows = svc_sql("SELECT pg_catalog.format('%I.%I of service \"%s\"', n.nspname, c.relname, svc.owner_of(c.oid))"
							   "  FROM svc.service_schema x"
							   "  JOIN svc.service s ON s.service = x.service"
							   "  JOIN pg_catalog.pg_namespace n ON n.oid = x.schema"
							   "  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
							   " WHERE x.service = $1 AND (x.contract OR NOT s.adopted_schema)"
							   "   AND svc.owner_of(c.oid) <> $1"
							   " ORDER BY n.nspname, c.relname",
							   sql_name(service->name));

	if (rows > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop service \"%s\" because relations of other services lie in its schemas",
						service->name),
				 errdetail("They are: %s.", service_joined(service_strings(rows))),
				 errhint("svc.release ends an assignment, ALTER TABLE ... SET SCHEMA moves a table elsewhere.")));
}

/* The roles that were made for a service, logins first; of one that is not confirmed nobody knows. */
static List *
made_roles(const Service *service)
{
	List	   *roles = NIL;
	uint64		rows = svc_sql("SELECT r.role::pg_catalog.oid"
							   "  FROM svc.service s"
							   " CROSS JOIN LATERAL ("
							   "       SELECT m.role, 0 AS rank FROM svc.member m"
							   "        WHERE m.service = s.service AND m.kind IN ('login', 'migrator')"
							   "       UNION ALL"
							   "       SELECT k.login, 0 FROM svc.link k WHERE k.service = s.service"
							   "       UNION ALL"
							   "       SELECT g.role, 4 - g.rank FROM svc.service_role g WHERE g.service = s.service) r"
							   "  JOIN pg_catalog.pg_roles p ON p.oid = r.role"
							   " WHERE s.service = $1 AND s.confirmed AND NOT r.role = ANY (s.adopted_roles)"
							   " ORDER BY r.rank, r.role",
							   sql_name(service->name));

	for (uint64 row = 0; row < rows; row++)
		roles = lappend_oid(roles, svc_sql_oid_value(row, 1));
	return roles;
}

/*
 * Could the caller drop a role of a service that it owns by itself?  DROP ROLE
 * asks for CREATEROLE, and since 16 for ADMIN OPTION on the role besides.
 */
static bool
may_drop_role(Oid caller, Oid role)
{
	if (superuser_arg(role))
		return superuser_arg(caller);
	return has_createrole_privilege(caller) && svc_may_administer_role(caller, role);
}

/* Refuse callers who could not drop the roles by themselves. */
static void
check_may_drop_roles(Oid caller, List *roles)
{
	ListCell   *cell;

	foreach(cell, roles)
		if (!may_drop_role(caller, lfirst_oid(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to drop role \"%s\"", svc_role_name(lfirst_oid(cell))),
					 errhint("Leave drop_objects away to keep the roles, or ask a superuser.")));
}

/* Drop the schemas of a service, as far as they were made for it. */
static void
drop_schemas(const Service *service)
{
	uint64		rows = svc_sql("SELECT pg_catalog.quote_ident(n.nspname)"
							   "  FROM svc.service_schema x"
							   "  JOIN svc.service s ON s.service = x.service"
							   "  JOIN pg_catalog.pg_namespace n ON n.oid = x.schema"
							   " WHERE x.service = $1 AND (x.contract OR NOT s.adopted_schema)"
							   " ORDER BY x.contract DESC, n.nspname",
							   sql_name(service->name));

	if (rows > 0)
		svc_sql_do("DROP SCHEMA %s CASCADE", service_joined(service_strings(rows)));
}

/*
 * Forget a service, and drop what was made for it where that is wanted.  What
 * looks up keys in its contract is left waiting for another one of that name.
 */
static void
forget_service(const Service *service, bool drop_objects, Oid caller)
{
	List	   *roles = NIL;
	ListCell   *cell;

	link_drop_all(service->name);
	if (drop_objects)
	{
		check_no_relations_of_others(service);
		check_no_dependents(service);
		roles = made_roles(service);
		check_may_drop_roles(caller, roles);
		drop_schemas(service);
	}
	else if (contract_users(service->name, NULL) != NIL)
		contract_drop(service);
	contract_forget_consumer(service->name);
	svc_sql("DELETE FROM svc.service WHERE service = $1", sql_name(service->name));
	contract_tell_users(service->name, NULL);
	if (service_form_is(service, "database"))
		place_reset();
	foreach(cell, roles)
		role_drop(lfirst_oid(cell));
}

/* Refuse to drop a database that holds more than this service. */
static void
check_only_service(const Service *service)
{
	uint64		rows = svc_sql("SELECT service FROM svc.service WHERE service <> $1 ORDER BY 1",
							   sql_name(service->name));

	if (rows > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop database \"%s\" because other services are in it",
						get_database_name(MyDatabaseId)),
				 errdetail("They are: %s.", service_joined(service_strings(rows)))));
}

/*
 * Refuse to drop roles that have something that stays: something of their own
 * outside of this database, or a right in databases other than the one that the
 * roles are going to be dropped from.
 */
static void
check_nothing_elsewhere(List *roles, Oid database)
{
	if (svc_sql("SELECT r.rolname, d.datname, pg_catalog.pg_describe_object(s.classid, s.objid, 0)"
				"  FROM pg_catalog.pg_shdepend s"
				"  JOIN pg_catalog.pg_database h ON h.datname = pg_catalog.current_database()"
				"  JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid"
				"  LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid"
				" WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = ANY ($1)"
				"   AND s.dbid <> h.oid"
				"   AND NOT (s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND s.objid = h.oid)"
				"   AND (s.dbid NOT IN (0, $2)"
				"        OR s.deptype = 'o' AND s.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass)"
				" ORDER BY 1, 2, 3",
				sql_oids(roles, OIDARRAYOID), sql_oid(database)) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 svc_sql_value(0, 2)
			 ? errmsg("role \"%s\" cannot be dropped because it owns objects or has rights in database \"%s\"",
					  svc_sql_value(0, 1), svc_sql_value(0, 2))
			 : errmsg("role \"%s\" cannot be dropped because it owns %s",
					  svc_sql_value(0, 1), svc_sql_value(0, 3)),
			 svc_sql_value(0, 2)
			 ? errhint("In that database: REASSIGN OWNED and DROP OWNED.")
			 : errhint("Drop it, or give it another owner.")));
}

/* Refuse callers who do not own the database, which may have been given away since. */
static void
check_owns_database(Oid caller)
{
	if (!object_ownercheck(DatabaseRelationId, MyDatabaseId, caller))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_DATABASE, get_database_name(MyDatabaseId));
}

/* The names of roles, a row each. */
static List *
name_rows(List *roles)
{
	List	   *rows = NIL;
	ListCell   *cell;

	foreach(cell, roles)
		rows = lappend(rows, list_make1(pstrdup(svc_role_name(lfirst_oid(cell)))));
	return rows;
}

/*
 * For a runner in the service's database.  Where the database is going to be
 * dropped nothing is done, and a row says so, with a row for each role that goes
 * with it; there may be none.  Everywhere else the service is forgotten, and
 * there are no rows.
 */
List *
drop_here(List *items)
{
	bool		drop_objects = *(char *) lsecond(items) == 't';
	bool		force = *(char *) lthird(items) == 't';
	Oid			caller = strtoul(lfourth(items), NULL, 10);
	Oid			database = strtoul(list_nth(items, 4), NULL, 10);
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext old;
	List	   *roles = NIL;
	List	   *rows = NIL;
	Service    *service;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	provision_lock();
	service = service_lookup(linitial(items), false);
	service_check_owned_by(service, caller);
	connection_check_no_consumer(service->name);
	contract_check_no_consumers(service, force);
	if (drop_objects && service_form_is(service, "database") && !service->adopted_database)
	{
		check_owns_database(caller);
		check_only_service(service);
		roles = made_roles(service);
		check_may_drop_roles(caller, roles);
		check_nothing_elsewhere(roles, database);
		old = MemoryContextSwitchTo(cxt);
		rows = lcons(list_make1("drop database"), name_rows(roles));
		MemoryContextSwitchTo(old);
	}
	else
		forget_service(service, drop_objects, caller);
	svc_sql_end(&scope);
	return rows;
}

/* Refuse to drop the database that the caller is in. */
static void
check_not_inside(const Service *service)
{
	if (service_form_is(service, "database") && !service->adopted_database)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot drop the database of service \"%s\" from inside", service->name),
				 errhint("Call svc.drop_service in another database of the cluster, or leave drop_objects away to keep the database.")));
}

/* Say that there is nothing to drop, or raise it. */
static void
raise_absent(const char *name, const char *database, bool if_exists)
{
	if (!if_exists && database)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("service \"%s\" is not in database \"%s\"", name, database),
				 errhint("SELECT * FROM svc.services lists the services.")));
	if (!if_exists)
		(void) service_lookup(name, false);
	ereport(NOTICE, (errmsg("service \"%s\" does not exist, skipping", name)));
}

/*
 * svc.drop_service(service, drop_objects, if_exists, force, database)
 */
Datum
svc_drop_service(PG_FUNCTION_ARGS)
{
	char	   *name;
	bool		drop_objects;
	bool		if_exists;
	bool		force;
	char	   *database;
	Service    *service;
	Oid			caller = GetUserId();
	SqlScope	scope;

	svc_check_writable("svc.drop_service()");
	name = svc_arg_name(fcinfo, 0, "service");
	drop_objects = svc_arg_bool(fcinfo, 1, "drop_objects");
	if_exists = svc_arg_bool(fcinfo, 2, "if_exists");
	force = svc_arg_bool(fcinfo, 3, "force");
	database = svc_arg_name_or_null(fcinfo, 4, "database");
	if (database && strcmp(database, get_database_name(MyDatabaseId)) == 0)
		database = NULL;
	if (database || !service_lookup(name, true))
	{
		if (!database_drop(name, database, drop_objects, force))
			raise_absent(name, database, if_exists);
		PG_RETURN_VOID();
	}
	svc_check_service_owner(name);
	provision_lock();
	if (!service_lookup(name, true))
	{
		raise_absent(name, NULL, if_exists);
		PG_RETURN_VOID();
	}
	service = svc_check_service_owner(name);
	if (drop_objects)
		check_not_inside(service);

	svc_sql_begin(&scope, svc_extension_owner());
	provision_check_visible(service);
	connection_check_no_consumer(service->name);
	contract_check_no_consumers(service, force);
	forget_service(service, drop_objects, caller);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}
