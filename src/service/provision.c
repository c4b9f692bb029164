/*
 * provision.c: services come, change and go.
 *
 * All of a service in this database is made in the caller's transaction: it is
 * there as a whole or not at all.  What is made belongs to the extension's
 * owner's rights; the caller's own are checked first, by PostgreSQL's rules
 * (CREATEROLE for roles, CREATE on the database for a schema, ADMIN OPTION or
 * ownership for what is adopted).
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "service/assign.h"
#include "service/contract.h"
#include "service/provision.h"
#include "service/right.h"
#include "service/role.h"
#include "service/service.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

SVC_FUNCTION(svc_create_service);
SVC_FUNCTION(svc_alter_service);
SVC_FUNCTION(svc_drop_service);

/* extensions that a service may get although its maker may not create them */
static char *provision_extensions;

/* The arguments of svc.create_service */
typedef struct Request
{
	char	   *service;
	char	   *schema;
	char	   *owner;
	char	   *role_prefix;
	char	   *login;
	char	   *password;
	char	   *login_level;
	char	   *migrator;
	char	   *migrator_password;
	List	   *extensions;
	char	   *team;
	char	   *description;
	bool		adopt;
	bool		if_not_exists;
} Request;

/* What came of a request */
typedef struct Provision
{
	Request    *request;
	RoleMaker	roles;
	Service		service;
	Oid			login;
	Oid			migrator;
	bool		adopted_schema;
} Provision;

/* Is the text a comma separated list of names? */
static bool
check_name_list(char **value, void **extra, GucSource source)
{
	List	   *names;

	if (SplitIdentifierString(pstrdup(*value), ',', &names))
		return true;
	GUC_check_errdetail("List syntax is invalid.");
	return false;
}

/* The settings of provisioning. */
void
ProvisionInit(void)
{
	DefineCustomStringVariable("svc_ownership.provision_extensions",
							   "Extensions that svc.create_service may create as the bootstrap superuser.",
							   "They are made so only where the caller may not create them.",
							   &provision_extensions,
							   "svc_ownership, \"uuid-ossp\", pgcrypto, citext, pg_trgm, postgis",
							   PGC_SUSET, GUC_LIST_INPUT, check_name_list, NULL, NULL);
}

/* Refuse a name from which the names of roles and schemas could not be made. */
static void
check_name_length(const char *name, const char *what)
{
	if (strlen(name) > SERVICE_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("%s \"%s\" is too long", what, name),
				 errdetail("It has %d bytes; the limit is %d, so that names of roles and schemas can be made from it.",
						   (int) strlen(name), SERVICE_MAX_NAME)));
}

/* Refuse a password that is empty or belongs to nobody. */
static void
check_password(const char *password, const char *role, const char *what)
{
	if (password && (!role || password[0] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 role ? errmsg("the password of %s must not be empty", what)
				 : errmsg("a password was given, but no %s", what)));
}

/* Refuse two arguments that name the same role. */
static void
check_different(const char *a, const char *what_a, const char *b, const char *what_b)
{
	if (a && b && strcmp(a, b) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s and %s must be different roles", what_a, what_b)));
}

/* The names in the argument "extensions". */
static List *
extensions_arg(FunctionCallInfo fcinfo, int i)
{
	List	   *names = NIL;
	Datum	   *elements;
	int			n;

	if (PG_ARGISNULL(i) || ARR_NDIM(PG_GETARG_ARRAYTYPE_P(i)) == 0)
		return NIL;
	elements = svc_arg_array(fcinfo, i, "extensions", NAMEOID, 1000, &n);
	for (int k = 0; k < n; k++)
		names = lappend(names, pstrdup(NameStr(*DatumGetName(elements[k]))));
	return names;
}

/* Read the arguments of svc.create_service, and refuse those that cannot be right. */
static Request *
read_request(FunctionCallInfo fcinfo)
{
	Request    *r = palloc0(sizeof(Request));

	r->service = svc_arg_name(fcinfo, 0, "service");
	if (svc_arg_name_or_null(fcinfo, 1, "database"))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("services in databases of their own are not supported yet"),
				 errhint("Give schema => ... for a service in this database.")));
	r->schema = svc_arg_name_or_null(fcinfo, 2, "schema");
	r->owner = svc_arg_name_or_null(fcinfo, 3, "owner");
	r->role_prefix = svc_arg_name_or_null(fcinfo, 4, "role_prefix");
	r->login = svc_arg_name_or_null(fcinfo, 5, "login");
	r->password = svc_arg_text_or_null(fcinfo, 6, "password");
	r->login_level = svc_arg_text(fcinfo, 7, "login_level");
	r->migrator = svc_arg_name_or_null(fcinfo, 8, "migrator");
	r->migrator_password = svc_arg_text_or_null(fcinfo, 9, "migrator_password");
	r->extensions = extensions_arg(fcinfo, 10);
	r->team = svc_arg_text_or_null(fcinfo, 11, "team");
	r->description = svc_arg_text_or_null(fcinfo, 12, "description");
	r->adopt = svc_arg_bool(fcinfo, 13, "adopt");
	r->if_not_exists = svc_arg_bool(fcinfo, 14, "if_not_exists");

	check_name_length(r->service, "service name");
	if (!r->role_prefix)
		r->role_prefix = r->service;
	check_name_length(r->role_prefix, "role prefix");
	role_check_level(r->login_level, "login_level");
	check_password(r->password, r->login, "login");
	check_password(r->migrator_password, r->migrator, "migrator");
	check_different(r->login, "login", r->migrator, "migrator");
	check_different(r->owner, "owner", psprintf("%s_writer", r->role_prefix), "writer");
	check_different(r->owner, "owner", psprintf("%s_reader", r->role_prefix), "reader");
	check_different(r->owner, "owner", r->login, "login");
	check_different(r->owner, "owner", r->migrator, "migrator");
	return r;
}

/* Refuse a schema that is the server's, ours, or another extension's. */
static void
check_schema_free(const char *schema)
{
	Oid			oid = get_namespace_oid(schema, true);
	bool		ours = strcmp(schema, SVC_SCHEMA) == 0 || strcmp(schema, SVC_TRIGGER_SCHEMA) == 0;
	bool		extension = OidIsValid(oid) &&
		OidIsValid(getExtensionOfObject(NamespaceRelationId, oid));

	if (ours || extension || strcmp(schema, "information_schema") == 0 || IsReservedName(schema))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("schema \"%s\" cannot belong to a service", schema),
				 errdetail("It belongs to the server or to an extension.")));
}

/* Refuse a schema that another service has, and one that a contract would need. */
static void
check_schema_taken(const Request *r)
{
	Service    *other = service_claiming_schema(r->schema);

	if (other)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("schema \"%s\" already belongs to service \"%s\"", r->schema, other->name)));
	if (strcmp(r->schema, service_contract_schema(r->service)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schema \"%s\" is the name of the service's contract schema", r->schema),
				 errhint("Name another schema.")));
}

/*
 * Refuse a name for a service whose contract schema is somebody else's: another
 * service's, or one that the service's owner role does not own.
 */
static void
check_contract_schema_free(const char *name, const Service *service)
{
	char	   *schema = service_contract_schema(name);
	Service    *other = service_claiming_schema(schema);
	Oid			oid = get_namespace_oid(schema, true);

	if (other)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\", which the contract of \"%s\" would need, belongs to service \"%s\"",
						schema, name, other->name),
				 errhint("Give the service another name.")));
	if (OidIsValid(oid) && !service_owns_schema(service, oid))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\" already exists, and is not the service's", schema),
				 errdetail("The contract of service \"%s\" would need this name.", name),
				 errhint("Give the service another name, or rename the schema.")));
}

/* Refuse to adopt a schema with relations that the caller has no say over. */
static void
check_may_adopt_schema(Oid caller, Oid schema, const char *name)
{
	if (!object_ownercheck(NamespaceRelationId, schema, caller))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_SCHEMA, name);
	if (svc_sql("SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c"
				" WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
				"   AND NOT pg_catalog.pg_has_role($2, c.relowner, 'USAGE')"
				" ORDER BY c.relname LIMIT 1",
				sql_oid(schema), sql_oid(caller)) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to adopt schema \"%s\"", name),
				 errdetail("Relation %s belongs to somebody else.", svc_sql_value(0, 1))));
}

/* Make the service's schema, or adopt the one there is. */
static void
make_schema(Provision *p)
{
	const char *schema = p->request->schema;
	Oid			oid = get_namespace_oid(schema, true);
	Oid			caller = p->roles.caller;

	if (OidIsValid(oid))
	{
		if (!p->request->adopt)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_SCHEMA),
					 errmsg("schema \"%s\" already exists", schema),
					 errhint("Give adopt => true to take it over.")));
		check_may_adopt_schema(caller, oid, schema);
		p->adopted_schema = true;
		return;
	}
	if (object_aclcheck(DatabaseRelationId, MyDatabaseId, caller, ACL_CREATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_DATABASE, get_database_name(MyDatabaseId));
	svc_sql_do("CREATE SCHEMA %s AUTHORIZATION %s", quote_identifier(schema),
			   quote_identifier(svc_role_name(p->service.owner)));
}

/* Refuse a role for a service that is one of another's own. */
static void
check_role_free(Oid role, const char *service)
{
	Service    *other = OidIsValid(role) ? role_other_service(role, service) : NULL;

	if (other)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 role == other->owner
				 ? errmsg("role \"%s\" already owns service \"%s\"", svc_role_name(role), other->name)
				 : errmsg("role \"%s\" already belongs to service \"%s\"", svc_role_name(role),
						  other->name),
				 errhint("Each service has roles of its own; name another one.")));
}

/* Make one of the three group roles, or adopt it. */
static Oid
make_group(Provision *p, const char *name, const char *options)
{
	if (p->request->adopt)
		check_role_free(get_role_oid(name, true), p->request->service);
	return role_make(&p->roles, name, options);
}

/* Make the three group roles. */
static void
make_groups(Provision *p)
{
	Request    *r = p->request;
	Service    *s = &p->service;
	char	   *owner = r->owner ? r->owner : psprintf("%s_owner", r->role_prefix);

	s->owner = make_group(p, owner, SVC_OWNER_ROLE_OPTIONS);
	s->writer = make_group(p, psprintf("%s_writer", r->role_prefix), "NOLOGIN");
	s->reader = make_group(p, psprintf("%s_reader", r->role_prefix), "NOLOGIN");
}

/* Make a login; an adopted one keeps its password. */
static Oid
make_login(Provision *p, const char *name, const char *password)
{
	Oid			role;

	if (!name)
		return InvalidOid;
	role = role_make(&p->roles, name, "LOGIN");
	if (password && role_was_adopted(&p->roles, role))
		ereport(NOTICE, (errmsg("role \"%s\" was there before and keeps its password", name)));
	else if (password)
		role_set_password(role, password);
	return role;
}

/* Write the service's row. */
static void
register_service(Provision *p)
{
	Request    *r = p->request;
	Service    *s = &p->service;

	svc_sql("INSERT INTO svc.service (service, form, schema, owner, writer, reader,"
			"                         team, description, adopted_schema, adopted_roles)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
			sql_name(s->name), sql_text(s->form), sql_name(s->schema),
			sql_regrole(s->owner), sql_regrole(s->writer), sql_regrole(s->reader),
			sql_text(r->team), sql_text(r->description), sql_bool(p->adopted_schema),
			sql_oids(p->roles.adopted, REGROLEARRAYOID));
}

/*
 * Declare the logins.  One that was adopted is a member like any other: its
 * settings are not ours to change.
 */
static void
declare_logins(Provision *p)
{
	Service    *s = &p->service;
	Oid			caller = p->roles.caller;

	if (OidIsValid(p->login))
		role_declare_member(s, p->login,
							role_was_adopted(&p->roles, p->login) ? "granted" : "login",
							p->request->login_level);
	if (OidIsValid(p->migrator))
		role_declare_member(s, p->migrator,
							role_was_adopted(&p->roles, p->migrator) ? "granted" : "migrator",
							"owner");
	if (!superuser_arg(caller) && caller != s->owner)
	{
		role_declare_member(s, caller, "creator", "owner");
		if (!is_admin_of_role(caller, s->owner))
			svc_sql_do("GRANT %s TO %s WITH ADMIN OPTION", quote_identifier(svc_role_name(s->owner)),
					   quote_identifier(svc_role_name(caller)));
	}
}

/* May the caller create an extension as itself? */
static bool
may_create_extension(Oid caller, const char *extension)
{
	if (superuser_arg(caller))
		return true;
	return object_aclcheck(DatabaseRelationId, MyDatabaseId, caller, ACL_CREATE) == ACLCHECK_OK &&
		svc_sql("SELECT 1 FROM pg_catalog.pg_available_extension_versions v"
				"  JOIN pg_catalog.pg_available_extensions e"
				"    ON e.name = v.name AND e.default_version = v.version"
				" WHERE v.name = $1 AND (v.trusted OR NOT v.superuser)",
				sql_name(extension)) > 0;
}

/* Does svc_ownership.provision_extensions list the extension? */
static bool
is_provisioned(const char *extension)
{
	List	   *names;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(provision_extensions), ',', &names))
		return false;
	foreach(cell, names)
		if (strcmp(lfirst(cell), extension) == 0)
			return true;
	return false;
}

/* The schema that an extension is made in, unless its control file names one. */
static char *
schema_for_extension(const Service *s, const char *extension)
{
	if (svc_sql("SELECT 1 FROM pg_catalog.pg_available_extension_versions"
				" WHERE name = $1 AND schema IS NOT NULL",
				sql_name(extension)) > 0)
		return "";
	return psprintf(" SCHEMA %s", quote_identifier(OidIsValid(get_namespace_oid("public", true)) ||
												   !s->schema ? "public" : s->schema));
}

/*
 * Make an extension where it is missing: as the caller, or, where the caller
 * may not and the setting says so, as the bootstrap superuser.
 */
static void
make_extension(Provision *p, const char *extension)
{
	Oid			caller = p->roles.caller;
	Oid			maker = caller;
	Oid			user;
	int			context;

	if (OidIsValid(get_extension_oid(extension, true)))
		return;
	if (!may_create_extension(caller, extension))
	{
		if (!is_provisioned(extension))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to create extension \"%s\"", extension),
					 errhint("A superuser can create it, or list it in svc_ownership.provision_extensions.")));
		maker = BOOTSTRAP_SUPERUSERID;
	}
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(maker, context | SECURITY_LOCAL_USERID_CHANGE);
	svc_sql_do("CREATE EXTENSION %s%s CASCADE", quote_identifier(extension),
			   schema_for_extension(&p->service, extension));
	SetUserIdAndSecContext(user, context);
}

/*
 * Refuse a name to which contracts were granted before there is a service of
 * that name here: whoever takes the name gets them.
 */
static void
check_not_promised(const char *name, Oid caller)
{
	if (!superuser_arg(caller) &&
		svc_sql("SELECT 1 FROM svc.consumer WHERE consumer = $1", sql_name(name)) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to name a service \"%s\"", name),
				 errdetail("Contracts were granted to a service of that name, which is not in this database; they would be granted to this one."),
				 errhint("A superuser can give the name; svc.revoke_contract takes a grant back.")));
}

/* What lies in the service's schema already, and what goes with it. */
static List *
relations_in_schema(const Provision *p)
{
	List	   *relations = NIL;
	uint64		rows;

	if (!p->request->schema)
		return NIL;
	rows = svc_sql("SELECT c.oid FROM pg_catalog.pg_class c"
				   " WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')",
				   sql_oid(get_namespace_oid(p->request->schema, false)));
	for (uint64 row = 0; row < rows; row++)
		relations = lappend_oid(relations, svc_sql_oid_value(row, 1));
	return assign_families(relations);
}

/* Make everything that was asked for.  Inside a scope of the extension's owner. */
static const char *
provision(Provision *p)
{
	Request    *r = p->request;
	ListCell   *cell;

	p->service.name = r->service;
	p->service.form = r->schema ? "schema" : "logical";
	p->service.schema = r->schema;

	check_not_promised(r->service, p->roles.caller);
	make_groups(p);
	check_contract_schema_free(r->service, &p->service);
	p->login = make_login(p, r->login, r->password);
	p->migrator = make_login(p, r->migrator, r->migrator_password);
	if (r->schema)
		make_schema(p);
	register_service(p);
	declare_logins(p);
	foreach(cell, r->extensions)
		make_extension(p, lfirst(cell));
	right_begin(r->service, relations_in_schema(p), p->roles.caller);
	contract_welcome_consumer(r->service);
	return p->adopted_schema || p->roles.adopted != NIL ? "adopted" : "created";
}

/* A registered service is left alone, or in the way. */
static bool
is_registered(const Request *r)
{
	if (!service_lookup(r->service, true))
		return false;
	if (!r->if_not_exists)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" already exists", r->service),
				 errhint("Give if_not_exists => true to leave it as it is, or use svc.alter_service.")));
	return true;
}

/* Wait for whoever makes or renames services at the same time. */
static void
lock_services(void)
{
	LockRelationOid(svc_catalog_relation("service"), ShareRowExclusiveLock);
}

/*
 * svc.create_service(service, ...) → created, adopted, unchanged
 */
Datum
svc_create_service(PG_FUNCTION_ARGS)
{
	Provision	p = {0};
	SqlScope	scope;
	const char *result;

	svc_check_writable("svc.create_service()");
	p.request = read_request(fcinfo);
	p.roles.caller = GetUserId();
	p.roles.adopt = p.request->adopt;

	if (is_registered(p.request))
		PG_RETURN_TEXT_P(cstring_to_text("unchanged"));
	lock_services();
	if (is_registered(p.request))
		PG_RETURN_TEXT_P(cstring_to_text("unchanged"));
	if (p.request->schema)
	{
		check_schema_free(p.request->schema);
		check_schema_taken(p.request);
	}

	svc_sql_begin(&scope, svc_extension_owner());
	result = provision(&p);
	svc_sql_end(&scope);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/*
 * Wait for others, and look again: meanwhile the service may have been renamed,
 * given away or dropped.  The caller must own it, before and after.
 */
static Service *
lock_service(const char *name)
{
	svc_check_service_owner(name);
	lock_services();
	return svc_check_service_owner(name);
}

/*
 * Refuse to go on where the transaction cannot see the service as it is now:
 * its own statements would pass over the row in silence.
 */
static void
check_visible(const Service *service)
{
	if (svc_sql("SELECT 1 FROM svc.service WHERE service = $1 AND owner = $2",
				sql_name(service->name), sql_regrole(service->owner)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access to service \"%s\" due to a concurrent change",
						service->name),
				 errhint("Try the transaction again.")));
}

/*
 * What was granted to a service goes along with its name, and is added to what
 * the new name was promised.  Nobody is a consumer of his own.
 */
static void
rename_consumer(const char *before, const char *after)
{
	svc_sql("DELETE FROM svc.consumer c"
			" WHERE c.consumer = $1"
			"   AND EXISTS (SELECT 1 FROM svc.consumer o"
			"                WHERE o.service = c.service AND o.consumer = $2"
			"                  AND o.entity IS NOT DISTINCT FROM c.entity)",
			sql_name(before), sql_name(after));
	svc_sql("UPDATE svc.consumer SET consumer = $2 WHERE consumer = $1",
			sql_name(before), sql_name(after));
	svc_sql("DELETE FROM svc.consumer WHERE service = $1 AND consumer = $1", sql_name(after));
	contract_welcome_consumer(after);
}

/* Rename a service, and its contract schema with it. */
static void
rename_service(const Service *service, const char *name, Oid caller)
{
	const char *before = service_contract_schema(service->name);
	const char *after = service_contract_schema(name);
	Oid			schema = get_namespace_oid(before, true);

	check_name_length(name, "service name");
	if (service_lookup(name, true))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" already exists", name)));
	check_contract_schema_free(name, service);
	check_not_promised(name, caller);
	svc_sql("UPDATE svc.service SET service = $2 WHERE service = $1",
			sql_name(service->name), sql_name(name));
	rename_consumer(service->name, name);
	if (!OidIsValid(schema) || !service_owns_schema(service, schema))
		return;
	svc_sql_do("ALTER SCHEMA %s RENAME TO %s", quote_identifier(before), quote_identifier(after));
	ereport(NOTICE,
			(errmsg("contract schema \"%s\" is now \"%s\"", before, after),
			 errdetail("Queries of consumers must name the new one.")));
}

/* Refuse a new owner role that would not do. */
static void
check_new_owner(const Service *service, Oid role, Oid caller)
{
	check_role_free(role, service->name);
	if (role == service->writer || role == service->reader)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("role \"%s\" cannot be the owner and another role of the service",
						svc_role_name(role))));
	role_check_limited(role);
	if (!member_can_set_role(caller, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be able to SET ROLE \"%s\"", svc_role_name(role))));
}

/*
 * The statements that give a service another owner role: what the old one owns
 * in the service's schemas goes to the new one, and then the memberships, default
 * privileges and settings go that were the old one's.  All in one query: when
 * the schemas have gone over they are not the service's until its row says so.
 */
#define CHANGE_OWNERS \
	"SELECT pg_catalog.format('%s OWNER TO %I', i.alter, r.rolname), 1, i.class_id, i.object_id" \
	"  FROM svc.owned_object i" \
	"  JOIN pg_catalog.pg_roles r ON r.oid = $3" \
	"  JOIN svc.service_schema x ON x.service = $1" \
	"  JOIN pg_catalog.pg_namespace n ON n.oid = x.schema" \
	" WHERE i.owner = $2" \
	"   AND (i.schema = pg_catalog.quote_ident(n.nspname)" \
	"        OR i.class_id = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND i.object_id = n.oid)" \
	" UNION ALL " \
	"SELECT m.revoke, 2, m.group_role, m.role" \
	"  FROM svc.membership m" \
	"  JOIN svc.service_role r ON r.service = $1 AND r.role = m.group_role AND r.level = 'writer'" \
	" WHERE m.role = $2" \
	" UNION ALL " \
	"SELECT x.revoke, 2, x.group_role, x.role" \
	"  FROM svc.member m" \
	"  JOIN svc.membership x ON x.group_role = $2 AND x.role = m.role" \
	" WHERE m.service = $1 AND m.level = 'owner' AND m.role <> $3" \
	" UNION ALL " \
	"SELECT pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I REVOKE ALL ON %s FROM %I'," \
	"                         o.rolname, n.nspname, k.kind, r.rolname), 3, x.schema, s.role" \
	"  FROM svc.service_schema x" \
	"  JOIN pg_catalog.pg_namespace n ON n.oid = x.schema" \
	"  JOIN pg_catalog.pg_roles o ON o.oid = $2" \
	"  JOIN svc.service_role s ON s.service = x.service AND s.level <> 'owner'" \
	"  JOIN pg_catalog.pg_roles r ON r.oid = s.role" \
	" CROSS JOIN (VALUES ('TABLES'), ('SEQUENCES')) k (kind)" \
	" WHERE x.service = $1 AND NOT x.contract" \
	" UNION ALL " \
	"SELECT pg_catalog.format('ALTER ROLE %I IN DATABASE %I RESET %s'," \
	"                         o.rolname, pg_catalog.current_database(), e.name), 4, o.oid, o.oid" \
	"  FROM svc.expected_setting e" \
	"  JOIN pg_catalog.pg_roles o ON o.oid = e.role" \
	" WHERE e.service = $1 AND e.role = $2" \
	" ORDER BY 2, 3, 4, 1"

/* Give a service another owner role. */
static void
change_owner(const Service *service, Oid role, Oid caller)
{
	SqlArg		args[3] = {sql_name(service->name), sql_oid(service->owner), sql_oid(role)};

	right_take_from(service->name, service->owner);
	svc_sql_join_by_hash();
	svc_sql_do_each(CHANGE_OWNERS, args, 3);
	svc_sql("DELETE FROM svc.member WHERE service = $1 AND role = $2",
			sql_name(service->name), sql_regrole(role));
	svc_sql("UPDATE svc.service SET owner = $2, adopted_roles = pg_catalog.array_append(adopted_roles, $2)"
			" WHERE service = $1",
			sql_name(service->name), sql_regrole(role));
	right_mend_for(service->name, NIL, caller);
}

/* Set a text column of the service's row; an empty text removes it. */
static void
set_text(const Service *service, const char *column, const char *value)
{
	svc_sql_run(psprintf("UPDATE svc.service SET %s = NULLIF($2, '') WHERE service = $1", column),
				(const SqlArg[]){sql_name(service->name), sql_text(value)}, 2);
}

/*
 * svc.alter_service(service, new_name, owner, team, description)
 */
Datum
svc_alter_service(PG_FUNCTION_ARGS)
{
	Service    *service;
	char	   *new_name;
	char	   *owner;
	char	   *team;
	char	   *description;
	Oid			role = InvalidOid;
	Oid			caller = GetUserId();
	SqlScope	scope;

	svc_check_writable("svc.alter_service()");
	service = service_arg(fcinfo, 0);
	new_name = svc_arg_name_or_null(fcinfo, 1, "new_name");
	owner = svc_arg_name_or_null(fcinfo, 2, "owner");
	team = svc_arg_text_or_null(fcinfo, 3, "team");
	description = svc_arg_text_or_null(fcinfo, 4, "description");
	if (!new_name && !owner && !team && !description)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("nothing to change in service \"%s\"", service->name),
				 errhint("Give new_name, owner, team or description.")));
	service = lock_service(service->name);
	if (owner)
		role = get_role_oid(owner, false);

	svc_sql_begin(&scope, svc_extension_owner());
	check_visible(service);
	if (owner && role != service->owner)
		check_new_owner(service, role, caller);
	if (team)
		set_text(service, "team", team);
	if (description)
		set_text(service, "description", description);
	if (owner && role != service->owner)
	{
		change_owner(service, role, caller);
		service->owner = role;
	}
	if (new_name && strcmp(new_name, service->name) != 0)
		rename_service(service, new_name, caller);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

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

/* The roles that were made for a service, logins first. */
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
							   "       SELECT g.role, 4 - g.rank FROM svc.service_role g WHERE g.service = s.service) r"
							   "  JOIN pg_catalog.pg_roles p ON p.oid = r.role"
							   " WHERE s.service = $1 AND NOT r.role = ANY (s.adopted_roles)"
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

/* Forget a service, and drop what was made for it where that is wanted. */
static void
forget_service(const Service *service, bool drop_objects, Oid caller)
{
	List	   *roles = NIL;
	ListCell   *cell;

	if (drop_objects)
	{
		check_no_relations_of_others(service);
		check_no_dependents(service);
		roles = made_roles(service);
		check_may_drop_roles(caller, roles);
		drop_schemas(service);
	}
	contract_forget_consumer(service->name);
	svc_sql("DELETE FROM svc.service WHERE service = $1", sql_name(service->name));
	foreach(cell, roles)
		role_drop(lfirst_oid(cell));
}

/* Is there no such service?  Says that it is skipped. */
static bool
is_absent(const char *name)
{
	if (service_lookup(name, true))
		return false;
	ereport(NOTICE, (errmsg("service \"%s\" does not exist, skipping", name)));
	return true;
}

/*
 * svc.drop_service(service, drop_objects, if_exists, force)
 */
Datum
svc_drop_service(PG_FUNCTION_ARGS)
{
	char	   *name;
	bool		drop_objects;
	bool		if_exists;
	bool		force;
	Service    *service;
	Oid			caller = GetUserId();
	SqlScope	scope;

	svc_check_writable("svc.drop_service()");
	name = svc_arg_name(fcinfo, 0, "service");
	drop_objects = svc_arg_bool(fcinfo, 1, "drop_objects");
	if_exists = svc_arg_bool(fcinfo, 2, "if_exists");
	force = svc_arg_bool(fcinfo, 3, "force");
	if (if_exists && is_absent(name))
		PG_RETURN_VOID();
	svc_check_service_owner(name);
	lock_services();
	if (if_exists && is_absent(name))
		PG_RETURN_VOID();
	service = svc_check_service_owner(name);

	svc_sql_begin(&scope, svc_extension_owner());
	check_visible(service);
	contract_check_no_consumers(service, force);
	forget_service(service, drop_objects, caller);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}
