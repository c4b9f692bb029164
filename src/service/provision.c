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
#include "service/connection.h"
#include "service/contract.h"
#include "service/database.h"
#include "service/place.h"
#include "service/provision.h"
#include "service/request.h"
#include "service/restore.h"
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

/* extensions that a service may get although its maker may not create them */
static char *provision_extensions;

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
	if (connection_of_schema(r->schema))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("schema \"%s\" holds the contract of service \"%s\" in another database",
						r->schema, connection_of_schema(r->schema))));
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

/*
 * Give the schema of a database that was made for the service to it: of public,
 * which everybody may use, nothing is left to those who may connect for less.
 */
static void
take_schema(const Provision *p)
{
	const char *schema = quote_identifier(p->request->schema);

	svc_sql_do("ALTER SCHEMA %s OWNER TO %s", schema, quote_identifier(svc_role_name(p->service.owner)));
	svc_sql_do("REVOKE ALL ON SCHEMA %s FROM PUBLIC", schema);
}

/* Make the service's schema, or adopt the one there is. */
static void
make_schema(Provision *p)
{
	const char *schema = p->request->schema;
	Oid			oid = get_namespace_oid(schema, true);
	Oid			caller = p->roles.caller;

	if (OidIsValid(oid) && p->request->made_database)
	{
		take_schema(p);
		return;
	}
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
	if (!p->request->made_database &&
		object_aclcheck(DatabaseRelationId, MyDatabaseId, caller, ACL_CREATE) != ACLCHECK_OK)
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
			"                         team, description, adopted_schema, adopted_roles, adopted_database)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
			sql_name(s->name), sql_text(s->form), sql_name(s->schema),
			sql_regrole(s->owner), sql_regrole(s->writer), sql_regrole(s->reader),
			sql_text(r->team), sql_text(r->description), sql_bool(p->adopted_schema),
			sql_oids(p->roles.adopted, REGROLEARRAYOID),
			sql_bool(r->database && !r->made_database));
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

/* May who has CREATE on a database create an extension there? */
static bool
is_trusted_extension(const char *extension)
{
	return svc_sql("SELECT 1 FROM pg_catalog.pg_available_extension_versions v"
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
	if (OidIsValid(get_namespace_oid("public", true)) || !s->schema)
		return " SCHEMA public";
	return psprintf(" SCHEMA %s", quote_identifier(s->schema));
}

/*
 * Who makes an extension: the caller, or, where the caller may not and the
 * setting says so, the bootstrap superuser.  In a database of its own the
 * caller would have CREATE.
 */
static Oid
extension_maker(const Request *r, const char *extension)
{
	bool		trusted;

	if (superuser_arg(r->caller))
		return r->caller;
	trusted = is_trusted_extension(extension);
	if (r->database ? trusted && r->made_database
		: trusted && object_aclcheck(DatabaseRelationId, MyDatabaseId, r->caller, ACL_CREATE) == ACLCHECK_OK)
		return r->database ? BOOTSTRAP_SUPERUSERID : r->caller;
	if (!is_provisioned(extension))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to create extension \"%s\"", extension),
				 errhint("A superuser can create it, or list it in svc_ownership.provision_extensions.")));
	return BOOTSTRAP_SUPERUSERID;
}

/* Refuse an extension that may not be made. */
void
provision_check_extension(const Request *r, const char *extension)
{
	(void) extension_maker(r, extension);
}

/* Make an extension where it is missing. */
static void
make_extension(Provision *p, const char *extension)
{
	Oid			user;
	int			context;

	if (OidIsValid(get_extension_oid(extension, true)))
		return;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(extension_maker(p->request, extension),
						   context | SECURITY_LOCAL_USERID_CHANGE);
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

/*
 * What can be known before there is a database: whether its roles and extensions
 * could be made.
 */
void
provision_check(Request *r)
{
	RoleMaker	maker = {.caller = r->caller, .adopt = r->adopt};
	const char *names[] = {r->owner ? r->owner : psprintf("%s_owner", r->role_prefix),
		psprintf("%s_writer", r->role_prefix), psprintf("%s_reader", r->role_prefix),
	r->login, r->migrator};
	ListCell   *cell;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	for (int i = 0; i < lengthof(names); i++)
		if (names[i])
			(void) role_check_new(&maker, names[i]);
	foreach(cell, r->extensions)
	{
		if (svc_sql("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = $1",
					sql_name(lfirst(cell))) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("extension \"%s\" is not available", (char *) lfirst(cell)),
					 errhint("The extension must first be installed on the system where PostgreSQL is running.")));
		provision_check_extension(r, lfirst(cell));
	}
	if (r->made_database)
		provision_check_extension(r, SVC_EXTENSION);
	svc_sql_end(&scope);
}

/*
 * The service's database: it belongs to the owner role, nobody else gets in, and
 * it says whose it is.  From here on it allows connections.
 */
static void
take_database(const Provision *p)
{
	const char *database = quote_identifier(get_database_name(MyDatabaseId));

	svc_sql_do("ALTER DATABASE %s OWNER TO %s", database,
			   quote_identifier(svc_role_name(p->service.owner)));
	svc_sql_do("REVOKE CONNECT ON DATABASE %s FROM PUBLIC", database);
	svc_sql_do("ALTER DATABASE %s ALLOW_CONNECTIONS true", database);
}

/* Make everything that was asked for.  Inside a scope of the extension's owner. */
static const char *
provision(Provision *p)
{
	Request    *r = p->request;
	ListCell   *cell;

	p->service.name = r->service;
	p->service.confirmed = true;
	p->service.form = r->database ? "database" : r->schema ? "schema" : "logical";
	p->service.schema = r->schema;

	connection_check_absent(r->service);
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
	if (r->made_database)
		take_database(p);
	if (r->database)
		place_set(r->service);
	right_begin(r->service, relations_in_schema(p), p->roles.caller);
	contract_welcome_consumer(r->service);
	return p->adopted_schema || (r->database && !r->made_database) || p->roles.adopted != NIL ? "adopted" : "created";
}

/* A registered service is left alone, or in the way. */
bool
provision_is_registered(const Request *r)
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

/*
 * Wait for whoever makes or renames services at the same time.  Not by a lock
 * on the table, which LOCK TABLE takes: anybody who may insert could hold it.
 */
void
provision_lock(void)
{
	LockDatabaseObject(RelationRelationId, svc_catalog_relation("service"), 0, ExclusiveLock);
}

/*
 * Make a service in this database, with the rights of whoever asks for it.
 * Returns created, adopted or unchanged.
 */
const char *
provision_here(Request *r)
{
	Provision	p = {.request = r, .roles = {.caller = r->caller, .adopt = r->adopt}};
	SqlScope	scope;
	const char *result;

	if (provision_is_registered(r))
		return "unchanged";
	provision_lock();
	if (provision_is_registered(r))
		return "unchanged";
	if (r->schema)
	{
		check_schema_free(r->schema);
		check_schema_taken(r);
	}
	svc_sql_begin(&scope, svc_extension_owner());
	result = provision(&p);
	svc_sql_end(&scope);
	return result;
}

/*
 * svc.create_service(service, ...) → created, finished, adopted, unchanged
 */
Datum
svc_create_service(PG_FUNCTION_ARGS)
{
	Request    *r;

	svc_check_writable("svc.create_service()");
	r = request_read(fcinfo);
	PG_RETURN_TEXT_P(cstring_to_text(r->database ? database_create(r) : provision_here(r)));
}

/*
 * Wait for others, and look again: meanwhile the service may have been renamed,
 * given away or dropped.  The caller must own it, before and after.
 */
static Service *
lock_service(const char *name)
{
	svc_check_service_owner(name);
	provision_lock();
	return svc_check_service_owner(name);
}

/*
 * Refuse to go on where the transaction cannot see the service as it is now:
 * its own statements would pass over the row in silence.
 */
void
provision_check_visible(const Service *service)
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

	request_check_length(name, "service name");
	if (service_lookup(name, true))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" already exists", name)));
	connection_check_absent(name);
	check_contract_schema_free(name, service);
	check_not_promised(name, caller);
	svc_sql("UPDATE svc.service SET service = $2 WHERE service = $1",
			sql_name(service->name), sql_name(name));
	rename_consumer(service->name, name);
	if (service_form_is(service, "database"))
		place_set(name);
	if (!OidIsValid(schema) || !service_owns_schema(service, schema))
		return;
	svc_sql_do("ALTER SCHEMA %s RENAME TO %s", quote_identifier(before), quote_identifier(after));
	/* what watches what is published follows these rows, and has not found the contracts until now */
	svc_sql("UPDATE svc.entity SET filter = filter WHERE service = $1", sql_name(name));
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
	if (service_form_is(service, "database") && !service->adopted_database)
		svc_sql_do("ALTER DATABASE %s OWNER TO %s", quote_identifier(get_database_name(MyDatabaseId)),
				   quote_identifier(svc_role_name(role)));
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
	{
		service_check_confirmed(service);
		role = get_role_oid(owner, false);
	}

	svc_sql_begin(&scope, svc_extension_owner());
	provision_check_visible(service);
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
/*
 * May the user restore a service?  Only one that would be his; one that is
 * there must be his already.
 */
static bool
admit_restored_service(Relation rel, HeapTuple row)
{
	char	   *name = svc_row_name(rel, row, "service");
	Oid			owner = svc_row_oid(rel, row, "owner");
	Service    *existing = service_lookup(name, true);

	if (!GetUserNameFromId(owner, true) || !svc_acts_for_role(GetUserId(), owner))
		svc_guard_refuse(rel, "The service would belong to a role that you are not a member of.");
	if (!existing)
	{
		restore_begin(rel);
		provision_lock();
		existing = service_lookup(name, true);
	}
	if (existing && !svc_acts_for_role(GetUserId(), existing->owner))
		svc_guard_refuse(rel, psprintf("Service \"%s\" belongs to role \"%s\".", name,
									   svc_role_name(existing->owner)));
	return true;
}

/*
 * Refuse roles that are not a service's by the server's own account: the owner
 * role must be a member of the writer role, and that of the reader role.
 */
static void
check_restored_roles(Relation rel, const Service *s)
{
	Oid			roles[] = {s->owner, s->writer, s->reader};

	for (int i = 0; i < lengthof(roles); i++)
	{
		if (!GetUserNameFromId(roles[i], true))
			svc_guard_refuse(rel, psprintf("There is no role with OID %u.", roles[i]));
		role_check_limited(roles[i]);
		check_role_free(roles[i], s->name);
	}
	if (s->owner == s->writer || s->owner == s->reader || s->writer == s->reader ||
		!is_member_of_role_nosuper(s->owner, s->writer) ||
		!is_member_of_role_nosuper(s->writer, s->reader))
		svc_guard_refuse(rel, psprintf("Role \"%s\" is not a member of \"%s\", and that of \"%s\".",
									   svc_role_name(s->owner), svc_role_name(s->writer),
									   svc_role_name(s->reader)));
}

/* Refuse to say of roles that were not adopted, or are none of the service's, that they were. */
static void
check_restored_adoption(Relation rel, HeapTuple row, const Service *s)
{
	ArrayType  *adopted = DatumGetArrayTypeP(svc_row_value(rel, row, "adopted_roles"));
	Datum	   *roles;
	int			n;

	deconstruct_array(adopted, REGROLEOID, sizeof(Oid), true, TYPALIGN_INT, &roles, NULL, &n);
	for (int i = 0; i < n; i++)
		if (!is_member_of_role_nosuper(DatumGetObjectId(roles[i]), s->reader))
			svc_guard_refuse(rel, psprintf("Role with OID %u is none of the service's.",
										   DatumGetObjectId(roles[i])));
}

/* Refuse a schema that the user could not make a service's. */
static void
check_restored_schema(Relation rel, const Service *s, Oid caller)
{
	Request		request = {.service = s->name, .schema = s->schema};
	Oid			schema = get_namespace_oid(s->schema, true);

	check_schema_free(s->schema);
	check_schema_taken(&request);
	if (!OidIsValid(schema))
		svc_guard_refuse(rel, psprintf("Schema \"%s\" does not exist.", s->schema));
	if (s->adopted_schema)
		check_may_adopt_schema(caller, schema, s->schema);
	else if (!service_owns_schema(s, schema))
		svc_guard_refuse(rel, psprintf("Schema \"%s\" does not belong to role \"%s\".", s->schema,
									   svc_role_name(s->owner)));
}

/* Refuse a name to which contracts were granted by services that are not the user's. */
static void
check_restored_name(Relation rel, const Service *s, Oid caller)
{
	List	   *services = service_strings(svc_sql("SELECT DISTINCT service FROM svc.consumer WHERE consumer = $1",
												   sql_name(s->name)));
	ListCell   *cell;

	request_check_length(s->name, "service name");
	foreach(cell, services)
	{
		Service    *other = service_lookup(lfirst(cell), true);

		if (other && !svc_acts_for_role(caller, other->owner))
			check_not_promised(s->name, caller);
	}
	check_contract_schema_free(s->name, s);
}

/*
 * A database that is not the owner role's own was there before the service, as
 * far as we can know: it is not closed to others, nor dropped with the service.
 */
static HeapTuple
with_database_of(Relation rel, HeapTuple row, const Service *s)
{
	if (!service_form_is(s, "database") || s->adopted_database ||
		object_ownercheck(DatabaseRelationId, MyDatabaseId, s->owner))
		return row;
	ereport(NOTICE,
			(errmsg("service \"%s\" is restored as one that adopted its database", s->name),
			 errdetail("The database does not belong to role \"%s\".", svc_role_name(s->owner))));
	return svc_row_with(rel, row, "adopted_database", BoolGetDatum(true));
}

/*
 * A service that a user restores.  He gets nothing that he has not, since
 * nothing is done for it that its owner role could not do, until a superuser
 * confirms it.
 */
static HeapTuple
check_restored_service(Relation rel, HeapTuple row)
{
	Service    *s = service_of_row(row, RelationGetDescr(rel));
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	check_restored_name(rel, s, scope.saved_user);
	check_restored_roles(rel, s);
	check_restored_adoption(rel, row, s);
	if (s->schema)
		check_restored_schema(rel, s, scope.saved_user);
	svc_sql_end(&scope);
	return svc_row_with(rel, with_database_of(rel, row, s), "confirmed", BoolGetDatum(false));
}

static const char *const service_key[] = {"service", NULL};

static const GuardedTable service_table = {
	.name = "service", .key = service_key,
	.admit = admit_restored_service, .check = check_restored_service
};

/* What provisioning does when the library is loaded. */
void
ProvisionInit(void)
{
	svc_guard_register(&service_table);
	DefineCustomStringVariable("svc_ownership.provision_extensions",
							   "Extensions that svc.create_service may create as the bootstrap superuser.",
							   "They are made so only where the caller may not create them.",
							   &provision_extensions,
							   "svc_ownership, \"uuid-ossp\", pgcrypto, citext, pg_trgm, postgis",
							   PGC_SUSET, GUC_LIST_INPUT, check_name_list, NULL, NULL);
}
