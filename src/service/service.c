/*
 * service.c: a service as the catalog knows it: look-ups, and who may act.
 *
 * Look-ups read the catalog tables directly, with a snapshot of their own:
 * they serve callers that have no rights on these tables, and always see what
 * was committed last.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/ddl.h"
#include "core/sql.h"
#include "service/assign.h"
#include "service/contract.h"
#include "service/database.h"
#include "service/ownership.h"
#include "service/place.h"
#include "service/producer.h"
#include "service/provision.h"
#include "service/right.h"
#include "service/role.h"
#include "service/service.h"
#include "service/status.h"
#include "service/store.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Columns of svc.service, in the order of its definition */
enum
{
	COL_SERVICE = 1,
	COL_FORM,
	COL_SCHEMA,
	COL_OWNER,
	COL_WRITER,
	COL_READER,
	COL_TEAM,
	COL_DESCRIPTION,
	COL_ADOPTED_SCHEMA,
	COL_ADOPTED_ROLES,
	COL_CREATED_AT,
	COL_ADOPTED_DATABASE,
	COL_CONFIRMED
};

#define CONTRACT_SUFFIX "_api"

SVC_FUNCTION(svc_current_service);

/* What services do when the library is loaded. */
void
ServiceInit(void)
{
	OwnershipInit();
	AssignInit();
	ProvisionInit();
	PlaceInit();
	DatabaseInit();
	ProducerInit();
	RightInit();
	RoleInit();
	StatusInit();
	StoreInit();
	ContractInit();
}

/* A name column of a catalog row, or NULL. */
static char *
name_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? NULL : pstrdup(NameStr(*DatumGetName(value)));
}

/* A role column of a catalog row, or InvalidOid. */
static Oid
role_column(HeapTuple tuple, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, column, desc, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

/* Make a Service from its catalog row. */
Service *
service_of_row(HeapTuple tuple, TupleDesc desc)
{
	Service    *service = palloc(sizeof(Service));
	bool		isnull;

	service->name = name_column(tuple, desc, COL_SERVICE);
	service->form = TextDatumGetCString(heap_getattr(tuple, COL_FORM, desc, &isnull));
	service->schema = name_column(tuple, desc, COL_SCHEMA);
	service->owner = role_column(tuple, desc, COL_OWNER);
	service->writer = role_column(tuple, desc, COL_WRITER);
	service->reader = role_column(tuple, desc, COL_READER);
	service->adopted_schema = DatumGetBool(heap_getattr(tuple, COL_ADOPTED_SCHEMA, desc, &isnull));
	service->adopted_database = DatumGetBool(heap_getattr(tuple, COL_ADOPTED_DATABASE, desc, &isnull));
	service->confirmed = DatumGetBool(heap_getattr(tuple, COL_CONFIRMED, desc, &isnull));
	return service;
}

/*
 * The services whose row matches a name key, or all of them where key is NULL.
 */
static List *
scan_services(const char *index, AttrNumber column, const char *key)
{
	Oid			relid = svc_catalog_relation("service");
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData scankey;
	HeapTuple	tuple;
	NameData	name;
	List	   *services = NIL;

	if (!OidIsValid(relid))
		return NIL;
	rel = table_open(relid, AccessShareLock);
	if (key)
	{
		namestrcpy(&name, key);
		ScanKeyInit(&scankey, column, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
	}
	scan = systable_beginscan(rel, svc_catalog_relation(index), true, NULL, key ? 1 : 0, &scankey);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		services = lappend(services, service_of_row(tuple, RelationGetDescr(rel)));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return services;
}

/* All services of this database. */
List *
service_list(void)
{
	return scan_services("service_pkey", COL_SERVICE, NULL);
}

/* Say that there is no such service here, and where there is one. */
static void
raise_missing(const char *name)
{
	List	   *databases = place_names(name);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 databases ? errmsg("service \"%s\" is not in this database", name)
			 : errmsg("service \"%s\" does not exist", name),
			 databases ? errhint("It is in database \"%s\": connect to that.", (char *) linitial(databases))
			 : errhint("SELECT * FROM svc.services lists the services.")));
}

/* The service of a name: an error, or NULL with missing_ok, where there is none. */
Service *
service_lookup(const char *name, bool missing_ok)
{
	List	   *found = NIL;

	/* a longer name would be cut, and the cut one might be there */
	if (strlen(name) < NAMEDATALEN)
		found = scan_services("service_pkey", COL_SERVICE, name);
	if (found != NIL)
		return linitial(found);
	if (!missing_ok)
		raise_missing(name);
	return NULL;
}

/*
 * The service that a name of a schema stands for: as its own schema, or as its
 * contract schema <service>_api.  Whether the schema of that name is the
 * service's, or there is one at all, is another question.
 */
Service *
service_claiming_schema(const char *schema)
{
	List	   *found = scan_services("service_schema_key", COL_SCHEMA, schema);
	int			length = strlen(schema) - strlen(CONTRACT_SUFFIX);

	if (found != NIL)
		return linitial(found);
	if (length > 0 && strcmp(schema + length, CONTRACT_SUFFIX) == 0)
		return service_lookup(pnstrdup(schema, length), true);
	return NULL;
}

/*
 * Does a schema with a name that the service claims belong to it?  Anybody may
 * have made a schema of that name, before the service came or after the
 * service's own was dropped.  So its owner must be the service's owner role,
 * but for a schema that was adopted, which keeps the owner it had.
 */
bool
service_owns_schema(const Service *service, Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Form_pg_namespace form;
	bool		owns;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_namespace) GETSTRUCT(tuple);
	owns = form->nspowner == service->owner ||
		(service->adopted_schema && service->schema &&
		 strcmp(NameStr(form->nspname), service->schema) == 0);
	ReleaseSysCache(tuple);
	return owns;
}

/*
 * The service that a schema belongs to, as its own or as its contract schema,
 * or NULL.  A name of no schema counts: after a rename there is none of the
 * old name.
 */
Service *
service_of_schema(const char *schema)
{
	Service    *service = service_claiming_schema(schema);
	Oid			oid = service ? get_namespace_oid(schema, true) : InvalidOid;

	return OidIsValid(oid) && !service_owns_schema(service, oid) ? NULL : service;
}

/* The name of the schema that holds a service's contract. */
char *
service_contract_schema(const char *service)
{
	return psprintf("%s" CONTRACT_SUFFIX, service);
}

/* Is the service of this form? */
bool
service_form_is(const Service *service, const char *form)
{
	return strcmp(service->form, form) == 0;
}

/* Refuse a user who is no member of a service's owner role, and no superuser. */
void
service_check_owned_by(const Service *service, Oid user)
{
	if (!svc_acts_for_role(user, service->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of service \"%s\"", service->name),
				 errhint("Members of role \"%s\" own it; svc.grant_role makes one.",
						 svc_role_name(service->owner))));
}

/*
 * Only members of a service's owner role, and superusers, may change it.
 * Returns the service.
 */
Service *
svc_check_service_owner(const char *name)
{
	Service    *service = service_lookup(name, false);

	service_check_owned_by(service, GetUserId());
	return service;
}

/*
 * Refuse what a service's owner could not do by himself, where a row says that
 * he owns it which he brought himself: in a restore, which no superuser has
 * confirmed.
 */
void
service_check_confirmed(const Service *service)
{
	if (!service->confirmed && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("service \"%s\" is not confirmed", service->name),
				 errdetail("It was restored by a role that is no superuser, so nothing is done for it that its owner role could not do."),
				 errhint("A superuser confirms it: SELECT svc.repair_settings().")));
}

/* The service that an argument names, which the caller must own. */
Service *
service_arg(FunctionCallInfo fcinfo, int i)
{
	return svc_check_service_owner(svc_arg_name(fcinfo, i, "service"));
}

/* Is the current user a member of one of the service's roles, as itself and not as superuser? */
static bool
is_member_of_service(const Service *service)
{
	Oid			user = GetUserId();

	return is_member_of_role_nosuper(user, service->owner) ||
		is_member_of_role_nosuper(user, service->writer) ||
		is_member_of_role_nosuper(user, service->reader);
}

/* The strings of the first column of the last result. */
List *
service_strings(uint64 rows)
{
	List	   *strings = NIL;

	for (uint64 row = 0; row < rows; row++)
		strings = lappend(strings, svc_sql_value(row, 1));
	return strings;
}

/* Is the string in the list? */
bool
service_mentions(List *strings, const char *string)
{
	ListCell   *cell;

	foreach(cell, strings)
		if (strcmp(lfirst(cell), string) == 0)
			return true;
	return false;
}

/* Strings in one line. */
char *
service_joined(List *strings)
{
	StringInfoData line;
	ListCell   *cell;

	initStringInfo(&line);
	foreach(cell, strings)
		appendStringInfo(&line, "%s%s", line.len ? ", " : "", (char *) lfirst(cell));
	return line.data;
}

/* The names in a list of services, for an error's detail. */
static char *
names_of(List *services)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, services)
		names = lappend(names, ((Service *) lfirst(cell))->name);
	return service_joined(names);
}

/*
 * svc.current_service() → name: the only service of this database, else the
 * one whose role the current user is a member of.
 */
Datum
svc_current_service(PG_FUNCTION_ARGS)
{
	List	   *services = service_list();
	List	   *mine = NIL;
	ListCell   *cell;

	foreach(cell, services)
		if (list_length(services) == 1 || is_member_of_service(lfirst(cell)))
			mine = lappend(mine, lfirst(cell));

	if (services == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no service in this database"),
				 errhint("svc.create_service makes one.")));
	if (list_length(mine) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot tell which service is meant"),
				 mine == NIL
				 ? errdetail("Role \"%s\" is a member of none of these services: %s.",
							 svc_role_name(GetUserId()), names_of(services))
				 : errdetail("Role \"%s\" is a member of several services: %s.",
							 svc_role_name(GetUserId()), names_of(mine)),
				 errhint("Name the service in the call.")));
	PG_RETURN_DATUM(DirectFunctionCall1(namein,
										CStringGetDatum(((Service *) linitial(mine))->name)));
}
