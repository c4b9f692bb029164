/*
 * remote_server.c: foreign servers, and the user mappings of links.
 *
 * Passwords go into user mappings by the server's own functions, not by
 * statements, whose text would show them in logs and error contexts.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "core/args.h"
#include "core/sql.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "service/remote_server.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#define WRAPPER "postgres_fdw"

/*
 * Make the extension that reads other PostgreSQL servers, where it is missing.
 * In pg_catalog, as plpgsql is: a service's own schemas, public among them, go
 * with the service.
 */
void
remote_server_need_wrapper(void)
{
	if (!OidIsValid(get_extension_oid(WRAPPER, true)))
		svc_sql_do("CREATE EXTENSION " WRAPPER " SCHEMA pg_catalog");
}

/* Append an option of CREATE SERVER that is given. */
static void
append_option(StringInfo options, const char *name, const char *value)
{
	if (value)
		appendStringInfo(options, "%s%s %s", options->len ? ", " : "", name, quote_literal_cstr(value));
}

/*
 * Make the server of a connection.  Nobody is granted USAGE on it, and its
 * tables cannot be written.  Up to 10,000 rows come in one round trip.
 */
void
remote_server_make(const char *server, const RemotePlace *place)
{
	StringInfoData options;

	initStringInfo(&options);
	append_option(&options, "host", place->host);
	append_option(&options, "port", place->port);
	append_option(&options, "dbname", place->database);
	append_option(&options, "sslmode", place->sslmode);
	append_option(&options, "updatable", "false");
	append_option(&options, "fetch_size", "10000");
	append_option(&options, "connect_timeout", "10");
	append_option(&options, "application_name", "svc_ownership/%d");
	svc_sql_do("CREATE SERVER %s FOREIGN DATA WRAPPER " WRAPPER " OPTIONS (%s)",
			   quote_identifier(server), options.data);
}

/* Is it a server that postgres_fdw reads? */
bool
remote_server_is_postgres(const char *server)
{
	ForeignServer *found = GetForeignServerByName(server, false);

	return strcmp(GetForeignDataWrapper(found->fdwid)->fdwname, WRAPPER) == 0;
}

/* An option in a list, or NULL. */
static char *
find_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return defGetString(lfirst_node(DefElem, cell));
	return NULL;
}

/* An option of a server, or NULL, also where there is no such server. */
char *
remote_server_option(const char *server, const char *option)
{
	ForeignServer *found = GetForeignServerByName(server, true);

	return found ? find_option(found->options, option) : NULL;
}

/* Where a server is, for people. */
char *
remote_server_describe(const char *server)
{
	char	   *host = remote_server_option(server, "host");
	char	   *port = remote_server_option(server, "port");
	char	   *database = remote_server_option(server, "dbname");

	return psprintf("database \"%s\" at %s%s%s", database ? database : "", host ? host : "the default host",
					port ? ", port " : "", port ? port : "");
}

/*
 * Close the session's own connections to a server, so that the next look at it
 * logs in again.  One that is in use stays, and postgres_fdw would warn of that.
 */
void
remote_server_hang_up(const char *server)
{
	SqlScope	scope;

	if (!OidIsValid(get_foreign_server_oid(server, true)))
		return;
	svc_sql_begin(&scope, InvalidOid);
	svc_sql_quietly();
	if (svc_sql("SELECT n.nspname FROM pg_catalog.pg_extension x"
				"  JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE x.extname = $1",
				sql_name(WRAPPER)) > 0)
		svc_sql(psprintf("SELECT %s($1)", quote_qualified_identifier(svc_sql_value(0, 1), "postgres_fdw_disconnect")),
				sql_text(server));
	svc_sql_end(&scope);
}

/* The user mapping of a link itself, not the one for everybody; or InvalidOid. */
static Oid
find_mapping(Oid link, Oid server)
{
	return GetSysCacheOid2(USERMAPPINGUSERSERVER, Anum_pg_user_mapping_oid,
						   ObjectIdGetDatum(link), ObjectIdGetDatum(server));
}

/* An option as the grammar makes it. */
static DefElem *
mapping_option(const char *name, const char *value, bool exists)
{
	DefElem    *option = makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(value)), -1);

	option->defaction = exists ? DEFELEM_SET : DEFELEM_UNSPEC;
	return option;
}

/* Name a role as the grammar does. */
static RoleSpec *
role_spec(Oid role)
{
	RoleSpec   *spec = makeNode(RoleSpec);

	spec->roletype = ROLESPEC_CSTRING;
	spec->rolename = svc_role_name(role);
	spec->location = -1;
	return spec;
}

/* Let a link log in with this name and password from now on. */
void
remote_mapping_set(Oid link, const char *server, const char *user, const char *secret)
{
	Oid			server_oid = get_foreign_server_oid(server, false);
	CreateUserMappingStmt *create;
	AlterUserMappingStmt *alter;
	List	   *before;
	const char *user_option = remote_server_is_postgres(server) ? "user" : "username";

	if (!OidIsValid(find_mapping(link, server_oid)))
	{
		create = makeNode(CreateUserMappingStmt);
		create->user = role_spec(link);
		create->servername = pstrdup(server);
		create->options = list_make2(mapping_option(user_option, user, false),
									 mapping_option("password", secret, false));
		CreateUserMapping(create);
		CommandCounterIncrement();
		return;
	}
	before = GetUserMapping(link, server_oid)->options;
	alter = makeNode(AlterUserMappingStmt);
	alter->user = role_spec(link);
	alter->servername = pstrdup(server);
	alter->options = list_make2(mapping_option(user_option, user, find_option(before, user_option) != NULL),
								mapping_option("password", secret, find_option(before, "password") != NULL));
	AlterUserMapping(alter);
	CommandCounterIncrement();
}

/* Take a link's user mapping away, where it has one of its own. */
void
remote_mapping_drop(Oid link, const char *server)
{
	Oid			server_oid = get_foreign_server_oid(server, true);

	if (OidIsValid(link) && OidIsValid(server_oid) && OidIsValid(find_mapping(link, server_oid)))
		svc_sql_do("DROP USER MAPPING FOR %s SERVER %s", quote_identifier(svc_role_name(link)),
				   quote_identifier(server));
}

/* Who a link logs in as, or NULL where no mapping says so. */
char *
remote_mapping_user(Oid link, const char *server)
{
	Oid			server_oid = get_foreign_server_oid(server, false);

	if (!OidIsValid(find_mapping(link, server_oid)) && !OidIsValid(find_mapping(InvalidOid, server_oid)))
		return NULL;
	return find_option(GetUserMapping(link, server_oid)->options, "user");
}
