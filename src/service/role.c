/*
 * role.c: the roles of services: made, adopted, granted, dropped.
 *
 * A service has three group roles that nobody logs in as; each is a member of
 * the one below it: owner of writer, writer of reader.  Logins and other roles
 * are declared members of one of the three.
 */
#include "core/svc.h"

#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "commands/user.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "service/restore.h"
#include "service/right.h"
#include "service/role.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/builtins.h"

SVC_FUNCTION(svc_grant_role);
SVC_FUNCTION(svc_revoke_role);

/*
 * Refuse a role that no service can have as its own: a superuser could not be
 * kept inside the service, and a predefined role belongs to the server.
 */
void
role_check_limited(Oid role)
{
	const char *name = svc_role_name(role);

	if (superuser_arg(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("superuser \"%s\" cannot be a role of a service", name),
				 errdetail("Its rights could not be limited to the service."),
				 errhint("Name another role.")));
	if (IsReservedName(name))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("predefined role \"%s\" cannot be a role of a service", name)));
}

/*
 * Another service that a role is one of the own roles of, or NULL.  Inside a
 * scope of the extension's owner.
 */
Service *
role_other_service(Oid role, const char *service)
{
	if (svc_sql("SELECT service FROM svc.own_role WHERE role = $1 AND service <> $2 ORDER BY 1 LIMIT 1",
				sql_oid(role), sql_name(service)) == 0)
		return NULL;
	return service_lookup(svc_sql_value(0, 1), true);
}

/* Take an existing role over, as far as the caller may. */
static void
check_adoptable(RoleMaker *maker, Oid role, const char *name)
{
	if (!maker->adopt)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("role \"%s\" already exists", name),
				 errdetail("Roles are shared by all databases of the cluster."),
				 errhint("Give role_prefix for other names, or adopt => true to take the role over.")));
	role_check_limited(role);
	if (!svc_may_administer_role(maker->caller, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to adopt role \"%s\"", name),
				 errhint("Only roles with ADMIN OPTION on it may hand it to a service.")));
}

/*
 * Refuse a role that the caller may neither make nor adopt.  Returns the one
 * there is, or InvalidOid.
 */
Oid
role_check_new(RoleMaker *maker, const char *name)
{
	Oid			role = get_role_oid(name, true);

	if (OidIsValid(role))
		check_adoptable(maker, role, name);
	else if (IsReservedName(name))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("role name \"%s\" is reserved", name),
				 errdetail("Role names starting with \"pg_\" are reserved.")));
	else if (!has_createrole_privilege(maker->caller))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to create role \"%s\"", name),
				 errhint("Making a service needs the CREATEROLE attribute.")));
	return role;
}

/*
 * Make a role, or adopt the one there is.  Inside a scope of the extension's
 * owner; the caller's own rights are checked.
 */
Oid
role_make(RoleMaker *maker, const char *name, const char *options)
{
	Oid			role = role_check_new(maker, name);

	if (OidIsValid(role))
	{
		maker->adopted = lappend_oid(maker->adopted, role);
		return role;
	}
	svc_sql_do("CREATE ROLE %s %s", quote_identifier(name), options);
	if (svc_role_creator_options() && !superuser_arg(maker->caller))
		svc_sql_do("GRANT %s TO %s WITH %s", quote_identifier(name),
				   quote_identifier(svc_role_name(maker->caller)), svc_role_creator_options());
	return get_role_oid(name, false);
}

/* Was the role there before? */
bool
role_was_adopted(const RoleMaker *maker, Oid role)
{
	return list_member_oid(maker->adopted, role);
}

/*
 * Give a role its password.  By the server's function, not as a statement,
 * which would appear with the password in error contexts and statement logs.
 */
void
role_set_password(Oid role, const char *password)
{
	AlterRoleStmt *stmt = makeNode(AlterRoleStmt);

	stmt->role = makeNode(RoleSpec);
	stmt->role->roletype = ROLESPEC_CSTRING;
	stmt->role->rolename = svc_role_name(role);
	stmt->role->location = -1;
	stmt->options = list_make1(makeDefElem("password", (Node *) makeString(pstrdup(password)), -1));
	stmt->action = +1;
	AlterRole(make_parsestate(NULL), stmt);
	CommandCounterIncrement();
}

/* Refuse what is not a level of membership. */
void
role_check_level(const char *level, const char *what)
{
	if (strcmp(level, "owner") != 0 && strcmp(level, "writer") != 0 &&
		strcmp(level, "reader") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid %s \"%s\"", what, level),
				 errhint("Levels are owner, writer and reader.")));
}

/*
 * Take a role out of the group roles of a service that it is a direct member
 * of, but for the one of a level that it keeps (NULL: none).  An owner may go
 * on administering the lower ones, as who made them does since 16.
 */
static void
leave_groups(const Service *service, Oid role, const char *kept_level)
{
	SqlArg		args[3] = {sql_name(service->name), sql_oid(role), sql_text(kept_level)};

	svc_sql_do_each("SELECT m.revoke FROM svc.service_role r"
					"  JOIN svc.membership m ON m.group_role = r.role AND m.role = $2"
					" WHERE r.service = $1 AND r.level IS DISTINCT FROM $3"
					"   AND (m.inherits OR m.can_set OR $3 IS DISTINCT FROM 'owner')",
					args, 3);
}

/* Take away the settings that this database has for a role, where they are ours. */
static void
reset_settings(const Service *service, Oid role)
{
	List	   *names = service_strings(svc_sql("SELECT name FROM svc.expected_setting"
											   " WHERE service = $1 AND role = $2",
											   sql_name(service->name), sql_regrole(role)));
	ListCell   *cell;
	int			context;

	context = svc_sql_open();
	foreach(cell, names)
		svc_sql_do("ALTER ROLE %s IN DATABASE %s RESET %s", quote_identifier(svc_role_name(role)),
				   quote_identifier(get_database_name(MyDatabaseId)), (char *) lfirst(cell));
	svc_sql_close(context);
}

/*
 * Make a role a declared member of a service, at this level and no other.
 * Inside a scope of the extension's owner.  Granting is left to right_mend.
 */
void
role_declare_member(const Service *service, Oid role, const char *kind, const char *level)
{
	service_hold(service->name);
	reset_settings(service, role);
	leave_groups(service, role, level);
	svc_sql("INSERT INTO svc.member AS m (service, role, kind, level) VALUES ($1, $2, $3, $4)"
			" ON CONFLICT (service, role) DO UPDATE SET level = EXCLUDED.level",
			sql_name(service->name), sql_regrole(role), sql_text(kind), sql_text(level));
}

/* Refuse a role that is one of the service's own three. */
static void
check_not_group(const Service *service, Oid role)
{
	if (role == service->owner || role == service->writer || role == service->reader)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_GRANT_OPERATION),
				 errmsg("role \"%s\" is one of the roles of service \"%s\" itself",
						svc_role_name(role), service->name)));
}

/*
 * Refuse a role that is another service's own, unless the caller may speak for
 * that service: all who are in it would come along.
 */
static void
check_not_of_another(const Service *service, Oid role, Oid caller)
{
	Service    *other = role_other_service(role, service->name);

	if (other && !svc_acts_for_role(caller, other->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make role \"%s\" a member of service \"%s\"",
						svc_role_name(role), service->name),
				 errdetail("It is a role of service \"%s\".", other->name),
				 errhint("svc.grant_contract lets a service read what another one publishes; a superuser can grant more.")));
}

/* The group role of a level. */
static Oid
group_of_level(const Service *service, const char *level)
{
	return strcmp(level, "owner") == 0 ? service->owner :
		strcmp(level, "writer") == 0 ? service->writer : service->reader;
}

/* Refuse a level whose role was dropped: there is nothing to grant. */
static void
check_group_exists(const Service *service, const char *level)
{
	if (!GetUserNameFromId(group_of_level(service, level), true))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the %s role of service \"%s\" does not exist", level, service->name),
				 errdetail("It was dropped, so that there is nothing to be a member of."),
				 errhint("A superuser can put another role in its place; see svc.status().")));
}

/*
 * svc.grant_role(service, role, level)
 */
Datum
svc_grant_role(PG_FUNCTION_ARGS)
{
	Service    *service;
	Oid			role;
	char	   *level;
	SqlScope	scope;

	svc_check_writable("svc.grant_role()");
	service = service_arg(fcinfo, 0);
	role = get_role_oid(svc_arg_name(fcinfo, 1, "role"), false);
	level = svc_arg_text(fcinfo, 2, "level");
	role_check_level(level, "level");
	service_check_confirmed(service);
	check_not_group(service, role);
	check_group_exists(service, level);
	if (strcmp(level, "owner") == 0 && !svc_may_administer_role(GetUserId(), service->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make an owner of service \"%s\"", service->name),
				 errhint("That needs ADMIN OPTION on role \"%s\".", svc_role_name(service->owner))));

	svc_sql_begin(&scope, svc_extension_owner());
	check_not_of_another(service, role, scope.saved_user);
	role_declare_member(service, role, "granted", level);
	right_mend_for(service->name, NIL, scope.saved_user);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * svc.revoke_role(service, role)
 */
Datum
svc_revoke_role(PG_FUNCTION_ARGS)
{
	Service    *service;
	Oid			role;
	SqlScope	scope;

	svc_check_writable("svc.revoke_role()");
	service = service_arg(fcinfo, 0);
	role = get_role_oid(svc_arg_name(fcinfo, 1, "role"), false);
	service_check_confirmed(service);

	svc_sql_begin(&scope, svc_extension_owner());
	reset_settings(service, role);
	if (svc_sql("DELETE FROM svc.member WHERE service = $1 AND role = $2 RETURNING 1",
				sql_name(service->name), sql_regrole(role)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" is not a member of service \"%s\"",
						svc_role_name(role), service->name),
				 errhint("Roles get there by svc.create_service and svc.grant_role.")));
	leave_groups(service, role, NULL);
	right_mend_for(service->name, NIL, scope.saved_user);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* Is it a role as svc.create_service makes logins: one that may log in, and nothing else? */
static bool
is_plain_login(Oid role)
{
	return svc_sql("SELECT 1 FROM pg_catalog.pg_roles WHERE oid = $1 AND rolcanlogin"
				   "   AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)",
				   sql_oid(role)) > 0;
}

/*
 * A member that a user restores: the role must be one by the server's own
 * account.  A login, whose settings are ours to change, it becomes only with
 * the service: a superuser confirms both.
 */
static HeapTuple
check_restored_member(Relation rel, HeapTuple row)
{
	Service    *service = restore_service(rel, row);
	Oid			role = svc_row_oid(rel, row, "role");
	char	   *level = svc_row_text(rel, row, "level");
	char	   *kind = svc_row_text(rel, row, "kind");
	bool		declared_only;
	SqlScope	scope;

	role_check_level(level, "level");
	if (!GetUserNameFromId(role, true))
		svc_guard_refuse(rel, psprintf("There is no role with OID %u.", role));
	check_not_group(service, role);
	if (!is_member_of_role_nosuper(role, group_of_level(service, level)))
		svc_guard_refuse(rel, psprintf("Role \"%s\" is not a member of the %s role of service \"%s\".",
									   svc_role_name(role), level, service->name));
	svc_sql_begin(&scope, svc_extension_owner());
	check_not_of_another(service, role, scope.saved_user);
	declared_only = service->confirmed || !is_plain_login(role);
	svc_sql_end(&scope);
	if (!declared_only || strcmp(kind, "granted") == 0 || strcmp(kind, "creator") == 0)
		return row;
	ereport(NOTICE,
			(errmsg("role \"%s\" is restored as a member of service \"%s\" like any other",
					svc_role_name(role), service->name),
			 errdetail("It was a %s that the service has settings for.", kind)));
	return svc_row_with(rel, row, "kind", CStringGetTextDatum("granted"));
}

static const char *const member_key[] = {"service", "role", NULL};

static const GuardedTable member_table = {
	.name = "member", .key = member_key,
	.admit = restore_admit, .check = check_restored_member
};

/* What roles do when the library is loaded. */
void
RoleInit(void)
{
	svc_guard_register(&member_table);
}

/*
 * Drop a role that was made for a service, with the rights it was granted.  It
 * must not own anything any more but default privileges: DROP OWNED would drop
 * that too.
 */
void
role_drop(Oid role)
{
	const char *name = svc_role_name(role);

	if (svc_sql("SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)"
				"  FROM pg_catalog.pg_shdepend d"
				" WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.refobjid = $1"
				"   AND d.deptype = 'o' AND d.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass"
				"   AND d.dbid = (SELECT b.oid FROM pg_catalog.pg_database b"
				"                  WHERE b.datname = pg_catalog.current_database())"
				" ORDER BY 1",
				sql_oid(role)) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("role \"%s\" cannot be dropped because it owns objects outside of its service", name),
				 errdetail("One of them is %s.", svc_sql_value(0, 1)),
				 errhint("Drop them, or give them another owner.")));
	svc_sql_do("DROP OWNED BY %s", quote_identifier(name));
	svc_sql_do("DROP ROLE %s", quote_identifier(name));
}
