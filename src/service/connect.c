/*
 * connect.c: connections to services elsewhere come, change and go.
 *
 * Two roles make a connection safe.  There, a login that may read the entities
 * that were granted and nothing else (link.c); here, a role that nobody logs in
 * as, the "link", which alone has a user mapping, and owns foreign tables and
 * views.  Nobody has USAGE on the server, and no login a mapping.
 *
 * In one cluster the login is made first, by the runner, in a transaction of
 * its own: only a login that was committed can be tried.  If anything fails
 * after that it is dropped again.  On another server it is made through the
 * channel, and commits with our transaction.
 */
#include "core/svc.h"

#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/sql.h"
#include "foreign/foreign.h"
#include "postmaster/postmaster.h"
#include "service/connection.h"
#include "service/contract.h"
#include "service/link.h"
#include "service/producer.h"
#include "service/remote_contract.h"
#include "service/remote_server.h"
#include "service/role.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

SVC_FUNCTION(svc_connect);
SVC_FUNCTION(svc_disconnect);
SVC_FUNCTION(svc_refresh_contract);
SVC_FUNCTION(svc_rotate_link);

/* The arguments of svc.connect, and what comes of them */
typedef struct Request
{
	Service    *consumer;
	RemotePlace place;
	char	   *username;
	char	   *password;
	bool		in_cluster;		/* the database is one of this cluster */
	bool		existing_server;
	Connection *connection;
	char	   *secret;			/* of the login that is made there */
} Request;

/* Refuse arguments that cannot be used together. */
static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_internal("%s", message),
			 errhint("%s", hint)));
}

/* The argument "port", as text, or NULL. */
static char *
port_arg(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return NULL;
	if (PG_GETARG_INT32(i) < 1 || PG_GETARG_INT32(i) > 65535)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid port %d", PG_GETARG_INT32(i)),
				 errhint("Ports are 1 to 65535.")));
	return psprintf("%d", PG_GETARG_INT32(i));
}

/* Is the host this machine, so that nobody listens on the way? */
static bool
is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
		strcmp(host, "::1") == 0 || host[0] == '/' || host[0] == '@';
}

/* The argument "sslmode", or what is right for the host. */
static const char *
sslmode_arg(FunctionCallInfo fcinfo, int i, const char *host)
{
	static const char *const modes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"};
	char	   *mode = svc_arg_text_or_null(fcinfo, i, "sslmode");

	if (!mode)
		return host && !is_loopback(host) ? "verify-full" : NULL;
	for (int k = 0; k < lengthof(modes); k++)
		if (strcmp(mode, modes[k]) == 0)
			return mode;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid sslmode \"%s\"", mode),
			 errhint("Modes are disable, allow, prefer, require, verify-ca and verify-full.")));
	return NULL;				/* keep compiler quiet */
}

/* Refuse places that make no sense. */
static void
check_place(const Request *r)
{
	const RemotePlace *p = &r->place;

	if (r->existing_server)
	{
		if (p->host || p->port || p->sslmode || p->database)
			refuse("server cannot be given together with database, host, port or sslmode",
				   "The options of the server say where it is.");
	}
	else if (!p->host)
	{
		if (!p->database)
			refuse("it was not said where the service is",
				   "Give database for one of this cluster, database and host for another server, or server for a foreign server.");
		if (p->port || p->sslmode)
			refuse("port and sslmode need a host", "Leave them away for a database of this cluster.");
		if (r->username)
			refuse("username and password need a host or a server",
				   "In this cluster the login is made without them.");
		if (strcmp(p->database, get_database_name(MyDatabaseId)) == 0)
			refuse(psprintf("database \"%s\" is this one", p->database),
				   "Services of one database read each other's contracts without a connection.");
	}
	else if (p->host[0] == '\0' || !p->database)
		refuse("host needs a database", "Name the database of the service there.");
	else if (!r->username)
		refuse("a host needs username and password",
			   "Give a role there that owns the service, once; or the login that its owner made for this consumer.");
}

/* Read the arguments of svc.connect, and refuse those that cannot be right. */
static Request *
read_request(FunctionCallInfo fcinfo)
{
	Request    *r = palloc0(sizeof(Request));
	Connection *c = r->connection = palloc0(sizeof(Connection));
	char	   *server;

	c->service = svc_arg_name(fcinfo, 0, "service");
	r->place.database = svc_arg_name_or_null(fcinfo, 1, "database");
	r->place.host = svc_arg_text_or_null(fcinfo, 2, "host");
	r->place.port = port_arg(fcinfo, 3);
	r->place.sslmode = sslmode_arg(fcinfo, 4, r->place.host);
	r->username = svc_arg_name_or_null(fcinfo, 5, "username");
	r->password = svc_arg_text_or_null(fcinfo, 6, "password");
	server = svc_arg_name_or_null(fcinfo, 7, "server");
	r->consumer = service_lookup(svc_arg_name(fcinfo, 8, "consumer"), false);
	c->consumer = r->consumer->name;
	c->server = server ? server : c->service;
	r->existing_server = server != NULL;
	if (!r->password != !r->username)
		refuse("username and password belong together", "Give both, or neither.");
	check_place(r);
	r->in_cluster = !server && !r->place.host;
	if (r->in_cluster)
	{
		get_database_oid(r->place.database, false);
		c->database = unconstify(char *, r->place.database);
	}
	return r;
}

/* Refuse a name that cannot be connected. */
static void
check_service_name(const Connection *c)
{
	if (strlen(c->service) > SERVICE_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("service name \"%s\" is too long", c->service),
				 errdetail("It has %d bytes; the limit is %d.", (int) strlen(c->service), SERVICE_MAX_NAME)));
	if (service_lookup(c->service, true))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("service \"%s\" is in this database", c->service),
				 errhint("svc.grant_contract lets \"%s\" read its contract.", c->consumer)));
	if (connection_list(c->service, c->consumer, InvalidOid) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" is connected to \"%s\" already", c->consumer, c->service),
				 errhint("svc.refresh_contract brings its views up to date, svc.disconnect gives the connection up.")));
}

/* Refuse a role as a link that could be used by others, or that can do anything else. */
static void
check_link_role(Oid role, const char *name, const char *consumer)
{
	if (svc_sql("SELECT 1 FROM pg_catalog.pg_roles r"
				" WHERE r.oid = $1 AND NOT r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolbypassrls AND NOT r.rolreplication"
				"   AND NOT r.rolcreaterole AND NOT r.rolcreatedb"
				"   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_auth_members m WHERE m.roleid = r.oid OR m.member = r.oid)"
				"   AND NOT EXISTS (SELECT 1 FROM svc.own_role o WHERE o.role = r.oid AND o.service <> $2)",
				sql_oid(role), sql_name(consumer)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("role \"%s\" already exists", name),
				 errdetail("It would be the link of service \"%s\", but it can log in, has members, memberships or attributes, or is another service's.",
						   consumer),
				 errhint("Rename that role.")));
}

/* The name of a consumer's link: as those of its other roles are. */
static char *
link_name(const Service *consumer)
{
	return link_role_name(link_role_prefix(consumer), "", "_link");
}

/* The link of the consumer: the one it has for others, or a new role. */
static void
make_link_role(Request *r)
{
	Connection *c = r->connection;
	List	   *others = connection_list(NULL, c->consumer, InvalidOid);
	char	   *name;

	if (others != NIL && OidIsValid(((Connection *) linitial(others))->link))
	{
		c->link = ((Connection *) linitial(others))->link;
		c->made_link = ((Connection *) linitial(others))->made_link;
		return;
	}
	name = link_name(r->consumer);
	c->link = get_role_oid(name, true);
	if (OidIsValid(c->link))
	{
		check_link_role(c->link, name, c->consumer);
		return;
	}
	svc_sql_do("CREATE ROLE %s NOLOGIN", quote_identifier(name));
	c->link = get_role_oid(name, false);
	c->made_link = true;
}

/* Make a schema for the service, where it has none yet. */
static void
make_schema(const char *schema, const Request *r, bool may_exist)
{
	if (!OidIsValid(get_namespace_oid(schema, true)))
		svc_sql_do("CREATE SCHEMA %s", quote_identifier(schema));
	else if (!may_exist)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\" already exists", schema),
				 errdetail("The contract of service \"%s\" needs this name here.", r->connection->service),
				 errhint("Rename it, or drop it: DROP SCHEMA %s.", quote_identifier(schema))));
}

/* Make the schemas, and find or refuse the server. */
static void
prepare_place(Request *r, const Connection *other)
{
	Connection *c = r->connection;

	if (r->existing_server)
		GetForeignServerByName(c->server, false);
	else if (!other && OidIsValid(get_foreign_server_oid(c->server, true)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("server \"%s\" already exists", c->server),
				 errhint("Give server => %s to use it.", quote_literal_cstr(c->server))));
	make_schema(connection_contract_schema(c->service), r, other != NULL);
	make_schema(connection_import_schema(c->service), r, other || r->existing_server);
}

/* Refuse another place than the one where the service is connected already. */
static void
check_same_place(const Request *r, const Connection *other)
{
	const RemotePlace *p = &r->place;
	char	   *host = remote_server_option(other->server, "host");
	char	   *database = remote_server_option(other->server, "dbname");

	if (r->existing_server ? strcmp(r->connection->server, other->server) == 0
		: r->in_cluster ? other->database && strcmp(p->database, other->database) == 0
		: !other->database && host && database && strcmp(p->host, host) == 0 && strcmp(p->database, database) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("service \"%s\" is connected through another place already", other->service),
			 errdetail("\"%s\" reads it through server \"%s\".", other->consumer, other->server),
			 errhint("A service is in one place: give the same one, or the other connection up.")));
}

/* The request for a login there, with a new password. */
static LinkRequest
login_request(Request *r, const char *action)
{
	LinkRequest request = {
		.action = action,
		.service = r->connection->service,
		.consumer = r->connection->consumer,
		.database = get_database_name(MyDatabaseId)
	};

	if (!r->secret)
		r->secret = link_secret();
	request.verifier = link_verifier(r->secret);
	return request;
}

/* Open the channel to the service for the link, and make it where that is to be done. */
static void
open_channel(Request *r, bool make)
{
	if (make)
		producer_make_channel(r->connection);
	producer_open_channel(r->connection);
}

/* One way to reach a server of this cluster */
typedef struct Attempt
{
	Request    *request;
	const char *host;			/* NULL: the server is there */
} Attempt;

/* Try to log in as the link. */
static void
try_host(void *argument)
{
	Attempt    *attempt = argument;
	Request    *r = attempt->request;
	Connection *c = r->connection;

	if (attempt->host)
	{
		r->place.host = attempt->host;
		r->place.port = psprintf("%d", PostPortNumber);
		remote_server_make(c->server, &r->place);
		c->made_server = true;
	}
	remote_mapping_set(c->link, c->server, c->login, r->secret);
	open_channel(r, attempt->host != NULL);
	producer_knows_login(c);
}

/* Where this server can be reached from itself, in the order of trying. */
static List *
own_hosts(void)
{
	List	   *hosts = list_make1("127.0.0.1");
	List	   *directories = NIL;

	if (SplitDirectoriesString(pstrdup(Unix_socket_directories), ',', &directories))
		hosts = list_concat(hosts, directories);
	return hosts;
}

/* What a failed attempt says, in a line. */
static char *
failure_line(const char *host, const ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED)
		return psprintf("%s: it asks for no password.", host);
	return psprintf("%s: %s", host, error->detail ? error->detail : error->message);
}

/* Say why none of the ways to this cluster's other database works. */
static void
raise_no_host(const Request *r, List *failures, int sqlerrcode)
{
	const Connection *c = r->connection;
	StringInfoData detail;
	ListCell   *cell;

	initStringInfo(&detail);
	foreach(cell, failures)
		appendStringInfo(&detail, "%s%s", detail.len ? "\n" : "", (char *) lfirst(cell));
	ereport(ERROR,
			(errcode(sqlerrcode),
			 errmsg("no way to database \"%s\" asks \"%s\" for a password and lets it in", c->database, c->login),
			 errdetail_internal("%s", detail.data),
			 errhint("A line of pg_hba.conf, above others that fit, and pg_reload_conf(), would help: "
					 "host %s %s 127.0.0.1/32 scram-sha-256",
					 quote_identifier(c->database), quote_identifier(c->login))));
}

/* Find a way to a database of this cluster that works, by trying. */
static void
find_host(Request *r)
{
	List	   *failures = NIL;
	int			sqlerrcode = 0;
	ListCell   *cell;

	foreach(cell, own_hosts())
	{
		Attempt		attempt = {r, lfirst(cell)};
		ErrorData  *error = svc_try(try_host, &attempt);

		if (!error)
			return;
		if (svc_is_interruption(error))
			ReThrowError(error);
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_CONNECTION_EXCEPTION &&
			error->sqlerrcode != ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED)
			ReThrowError(error);
		sqlerrcode = error->sqlerrcode;
		failures = lappend(failures, failure_line(lfirst(cell), error));
	}
	raise_no_host(r, failures, sqlerrcode);
}

/* Log in with what was given, and become the link's own login where that is not it. */
static void
log_in_elsewhere(Request *r)
{
	Connection *c = r->connection;
	LinkRequest request;

	c->login = r->username ? r->username : remote_mapping_user(c->link, c->server);
	if (!c->login)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" has no user mapping for server \"%s\"", svc_role_name(c->link), c->server),
				 errhint("Give username and password, or make one: CREATE USER MAPPING FOR %s SERVER %s OPTIONS (user ..., password ...).",
						 quote_identifier(svc_role_name(c->link)), quote_identifier(c->server))));
	if (r->username)
		remote_mapping_set(c->link, c->server, r->username, r->password);
	if (producer_knows_login(c))
		return;
	if (!r->username)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" is no link of service \"%s\"", c->login, c->service),
				 errdetail("The user mapping of \"%s\" for server \"%s\" names it.", svc_role_name(c->link), c->server),
				 errhint("Give username and password of a role there that owns the service: it makes a link.")));
	request = login_request(r, "make");
	c->login = producer_ask(c, &request);
	remote_mapping_set(c->link, c->server, c->login, r->secret);
}

/* Write the connection's row. */
static void
register_connection(const Connection *c)
{
	svc_sql("INSERT INTO svc.connection (service, consumer, server, link, login, database, made_server, made_link)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			sql_name(c->service), sql_name(c->consumer), sql_name(c->server), sql_regrole(c->link),
			sql_name(c->login), sql_name(c->database), sql_bool(c->made_server), sql_bool(c->made_link));
}

/* Make everything here; the login of a database of this cluster is there already. */
static void
make_connection(void *argument)
{
	Request    *r = argument;
	Connection *c = r->connection;
	List	   *others = connection_list(c->service, NULL, InvalidOid);
	Connection *other = others != NIL ? linitial(others) : NULL;

	if (other)
		c->made_server = other->made_server;
	make_link_role(r);
	prepare_place(r, other);
	if (!r->existing_server)
		remote_server_need_wrapper();
	if (r->in_cluster && !other)
		find_host(r);
	else if (r->in_cluster)
	{
		Attempt		attempt = {r, NULL};

		try_host(&attempt);
	}
	else
	{
		if (!r->existing_server && !other)
		{
			remote_server_make(c->server, &r->place);
			c->made_server = true;
		}
		if (remote_server_is_postgres(c->server))
		{
			open_channel(r, !other);
			log_in_elsewhere(r);
		}
		else if (r->username)
			remote_mapping_set(c->link, c->server, r->username, r->password);
	}
	service_hold(c->consumer);
	register_connection(c);
	remote_contract_sync(c->service, list_make1(c), true);
}

/* What is to be undone in another database */
typedef struct Undo
{
	const Connection *connection;
	LinkRequest request;
} Undo;

/* Undo it. */
static void
drop_login(void *argument)
{
	Undo	   *undo = argument;

	producer_ask(undo->connection, &undo->request);
}

/* Have the login there dropped; a warning says what to do where that fails. */
static bool
drop_login_there(const Connection *c)
{
	Undo		undo = {c, {.action = c->database ? "drop" : "leave", .service = c->service, .consumer = c->consumer}};

	return svc_run_protected(drop_login, &undo, false,
							 psprintf("could not drop login \"%s\" of service \"%s\"", c->login, c->service),
							 psprintf("In its database: SELECT svc.drop_link(%s, %s).",
									  quote_literal_cstr(c->service), quote_literal_cstr(c->consumer)));
}

/* Connect to a database of this cluster: what was committed there is undone on failure. */
static void
connect_in_cluster(Request *r)
{
	LinkRequest request = login_request(r, "make");
	ErrorData  *error;

	r->connection->login = producer_ask(r->connection, &request);
	error = svc_try(make_connection, r);
	if (!error)
		return;
	drop_login_there(r->connection);
	ReThrowError(error);
}

/*
 * svc.connect(service, database, host, port, sslmode, username, password, server, consumer)
 */
Datum
svc_connect(PG_FUNCTION_ARGS)
{
	Request    *r;
	List	   *others;
	SqlScope	scope;

	svc_check_writable("svc.connect()");
	connection_check_superuser("svc.connect");
	r = read_request(fcinfo);

	svc_sql_begin(&scope, svc_extension_owner());
	connection_lock();
	check_service_name(r->connection);
	others = connection_list(r->connection->service, NULL, InvalidOid);
	if (others != NIL)
	{
		check_same_place(r, linitial(others));
		r->connection->server = ((Connection *) linitial(others))->server;
	}
	if (r->in_cluster)
		connect_in_cluster(r);
	else
		make_connection(r);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* Drop a schema that may have other things in it, or a server that may be used by others */
typedef struct Removal
{
	const char *statement;
	Oid			role;
} Removal;

/* Drop it. */
static void
remove_one(void *argument)
{
	Removal    *removal = argument;

	if (removal->statement)
		svc_sql_do("%s", removal->statement);
	else
		role_drop(removal->role);
}

/* Drop something of a connection; what others use stays, and a warning says so. */
static void
try_to_remove(const char *kind, const char *name)
{
	Removal		removal = {.statement = psprintf("DROP %s IF EXISTS %s", kind, name)};

	svc_run_protected(remove_one, &removal, false, "something of the connection is used by others and stays",
					  "Drop it when it is not needed any more.");
}

/* Is there anything in the schema? */
static bool
is_empty(const char *schema)
{
	return svc_sql("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
				   " WHERE n.nspname = $1 LIMIT 1", sql_name(schema)) == 0;
}

/* Nobody here reads the service any more: drop what all connections to it shared. */
static void
remove_place(const Connection *c)
{
	const char *import = connection_import_schema(c->service);

	if (c->login)
		producer_drop_channel(c);
	if (c->made_server)
		try_to_remove("SERVER", quote_identifier(c->server));
	try_to_remove("SCHEMA", quote_identifier(connection_contract_schema(c->service)));
	/* whoever made foreign tables by hand made this schema for them */
	if (c->made_server || is_empty(import))
		try_to_remove("SCHEMA", quote_identifier(import));
}

/* Take what the link could use of this service, and the link itself where it has no other. */
static void
remove_link(const Connection *c, bool server_stays)
{
	Removal		removal = {.role = c->link};

	if (!OidIsValid(c->link))
		return;
	if (connection_list(NULL, c->consumer, InvalidOid) == NIL && c->made_link)
		svc_run_protected(remove_one, &removal, false, "the link of the connection is used by others and stays",
						  "Drop it when it is not needed any more.");
	else if (server_stays && c->login)
		producer_close_channel(c);
}

/* Forget the login that a service of this cluster had made, when its database is gone. */
static bool
drop_login_of_dropped_database(const Connection *c)
{
	Removal		removal = {0};

	if (!c->database || OidIsValid(get_database_oid(c->database, true)))
		return false;
	removal.role = get_role_oid(c->login, true);
	if (OidIsValid(removal.role))
		svc_run_protected(remove_one, &removal, false, "the login of the connection is used by others and stays",
						  "Drop it when it is not needed any more.");
	return true;
}

/*
 * svc.disconnect(service, consumer)
 */
Datum
svc_disconnect(PG_FUNCTION_ARGS)
{
	char	   *service;
	char	   *consumer;
	Connection *c;
	bool		last;
	SqlScope	scope;

	svc_check_writable("svc.disconnect()");
	connection_check_superuser("svc.disconnect");
	service = svc_arg_name(fcinfo, 0, "service");
	consumer = svc_arg_name(fcinfo, 1, "consumer");

	svc_sql_begin(&scope, svc_extension_owner());
	connection_lock();
	c = connection_get(service, consumer);
	remote_contract_leave(c);
	if (c->login && !c->database)
		drop_login_there(c);
	svc_sql("DELETE FROM svc.connection WHERE service = $1 AND consumer = $2",
			sql_name(service), sql_name(consumer));
	last = connection_list(service, NULL, InvalidOid) == NIL;
	if (c->made_link || c->made_server)
		remote_mapping_drop(c->link, c->server);
	if (last)
		remove_place(c);
	if (last)
		contract_tell_users(service, NULL);
	remove_link(c, !last);
	if (c->login && c->database && !drop_login_of_dropped_database(c))
		drop_login_there(c);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * svc.refresh_contract(service)
 */
Datum
svc_refresh_contract(PG_FUNCTION_ARGS)
{
	char	   *service;
	List	   *asked;
	SqlScope	scope;

	svc_check_writable("svc.refresh_contract()");
	service = svc_arg_name(fcinfo, 0, "service");

	svc_sql_begin(&scope, svc_extension_owner());
	connection_of_caller(service, scope.saved_user);
	connection_lock();
	asked = connection_of_caller(service, scope.saved_user);
	remote_contract_sync(service, asked, false);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* Give the login of a connection another password, there and here. */
static void
rotate(Connection *c)
{
	Request		r = {.connection = c};
	LinkRequest request = login_request(&r, "rotate");

	if (!c->login)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" has no login of ours", c->service),
				 errdetail("It is read through server \"%s\", which is not PostgreSQL.", c->server),
				 errhint("ALTER USER MAPPING changes what the link logs in with.")));
	if (c->database)
		role_set_password(get_role_oid(c->login, false), request.verifier);
	else
		producer_ask(c, &request);
	remote_mapping_set(c->link, c->server, c->login, r.secret);
}

/*
 * svc.rotate_link(service)
 */
Datum
svc_rotate_link(PG_FUNCTION_ARGS)
{
	char	   *service;
	ListCell   *cell;
	SqlScope	scope;

	svc_check_writable("svc.rotate_link()");
	connection_check_superuser("svc.rotate_link");
	service = svc_arg_name(fcinfo, 0, "service");

	svc_sql_begin(&scope, svc_extension_owner());
	connection_lock();
	foreach(cell, connection_of_caller(service, InvalidOid))
		rotate(lfirst(cell));
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}
