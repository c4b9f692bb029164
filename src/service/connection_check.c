/*
 * connection_check.c: how connections are, and where services are.
 */
#include "core/svc.h"

#include "core/args.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "service/connection.h"
#include "service/remote_contract.h"
#include "service/remote_server.h"
#include "service/service.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_check_connections);
SVC_FUNCTION(svc_connection_info);

/* One connection that is tried */
typedef struct Trial
{
	const Connection *connection;
	List	   *differences;
} Trial;

/* Try a connection, and compare. */
static void
try_connection(void *argument)
{
	Trial	   *trial = argument;

	remote_server_hang_up(trial->connection->server);
	trial->differences = remote_contract_differences(trial->connection);
}

/* An error in one text. */
static char *
error_text(const ErrorData *error)
{
	return psprintf("%s%s%s%s%s", error->message,
					error->detail ? ": " : "", error->detail ? error->detail : "",
					error->hint ? "; " : "", error->hint ? error->hint : "");
}

/* What differs, in one text. */
static char *
differences_text(const Connection *c, List *differences)
{
	return psprintf("%s; SELECT svc.refresh_contract(%s)", service_joined(differences),
					quote_literal_cstr(c->service));
}

/* Look at one connection, and add its row. */
static void
check_connection(FunctionCallInfo fcinfo, const Connection *c)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Trial		trial = {.connection = c};
	TimestampTz start = GetCurrentTimestamp();
	ErrorData  *error = svc_try(try_connection, &trial);
	Interval   *duration = palloc0(sizeof(Interval));
	char	   *detail = NULL;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (error && svc_is_interruption(error))
		ReThrowError(error);
	duration->time = GetCurrentTimestamp() - start;
	if (error)
		detail = error_text(error);
	else if (trial.differences != NIL)
		detail = differences_text(c, trial.differences);
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(c->service));
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(c->server));
	values[2] = BoolGetDatum(detail == NULL);
	values[3] = IntervalPGetDatum(duration);
	values[4] = detail ? CStringGetTextDatum(detail) : (Datum) 0;
	nulls[4] = detail == NULL;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * svc.check_connections() → service, server, ok, duration, detail
 */
Datum
svc_check_connections(PG_FUNCTION_ARGS)
{
	SqlScope	scope;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, connection_list(NULL, NULL, scope.saved_user))
		check_connection(fcinfo, lfirst(cell));
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}

/* Where one login gets in */
typedef struct Address
{
	char	   *host;
	char	   *port;
	char	   *database;
	char	   *login;			/* NULL: there is none */
	char	   *level;
	char	   *url;			/* of what is not PostgreSQL, which has no host here */
} Address;

/* Append a part of a URL. */
static void
append_encoded(StringInfo url, const char *part)
{
	for (const char *p = part; *p; p++)
	{
		bool		plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			strchr("-._~", *p) != NULL;

		if (plain)
			appendStringInfoChar(url, *p);
		else
			appendStringInfo(url, "%%%02X", (unsigned char) *p);
	}
}

/* The URL of an address, without a password. */
static char *
make_url(const Address *a)
{
	StringInfoData url;
	bool		is_socket = a->host[0] == '/' || a->host[0] == '@';

	initStringInfo(&url);
	appendStringInfoString(&url, "postgresql://");
	if (a->login)
	{
		append_encoded(&url, a->login);
		appendStringInfoChar(&url, '@');
	}
	if (is_socket)
		append_encoded(&url, a->host);
	else
		appendStringInfo(&url, strchr(a->host, ':') ? "[%s]" : "%s", a->host);
	appendStringInfo(&url, ":%s/", a->port);
	append_encoded(&url, a->database);
	return url.data;
}

/* Append a line of an env file: AUTH_DB_HOST=localhost. */
static void
append_line(StringInfo env, const char *service, const char *what, const char *value)
{
	if (!value)
		return;
	if (env->len)
		appendStringInfoChar(env, '\n');
	for (const char *p = service; *p; p++)
		appendStringInfoChar(env, (*p >= 'a' && *p <= 'z') ? *p - 'a' + 'A' :
							 (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ? *p : '_');
	appendStringInfo(env, "_DB_%s=%s", what, value);
}

/* Add the row of an address. */
static void
add_address(FunctionCallInfo fcinfo, const char *service, const Address *a)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *url = a->host ? make_url(a) : a->url;
	StringInfoData env;
	Datum		values[8] = {0};
	bool		nulls[8] = {false};

	initStringInfo(&env);
	append_line(&env, service, "HOST", a->host);
	append_line(&env, service, "PORT", a->port);
	append_line(&env, service, "NAME", a->database);
	append_line(&env, service, "USER", a->login);
	append_line(&env, service, "URL", url);
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(service));
	nulls[1] = nulls[2] = nulls[3] = !a->host;
	if (a->host)
	{
		values[1] = CStringGetTextDatum(a->host);
		values[2] = Int32GetDatum(atoi(a->port));
		values[3] = DirectFunctionCall1(namein, CStringGetDatum(a->database));
	}
	nulls[4] = !a->login;
	if (a->login)
		values[4] = DirectFunctionCall1(namein, CStringGetDatum(a->login));
	nulls[5] = !a->level;
	if (a->level)
		values[5] = CStringGetTextDatum(a->level);
	nulls[6] = !url;
	if (url)
		values[6] = CStringGetTextDatum(url);
	values[7] = CStringGetTextDatum(env.data);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The addresses of a service of this database: a row a login. */
static void
add_own_addresses(FunctionCallInfo fcinfo, const char *service)
{
	uint64		rows = svc_sql("SELECT coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), 'localhost'),"
							   "       coalesce(pg_catalog.inet_server_port()::text, pg_catalog.current_setting('port')),"
							   "       pg_catalog.current_database(), l.rolname, l.level"
							   "  FROM svc.service s"
							   "  LEFT JOIN (SELECT m.service, r.rolname, m.level, m.kind"
							   "               FROM svc.member m JOIN pg_catalog.pg_roles r ON r.oid = m.role AND r.rolcanlogin) l"
							   "    ON l.service = s.service AND l.kind <> 'creator'"
							   " WHERE s.service = $1 ORDER BY l.kind <> 'login', l.kind, l.rolname",
							   sql_name(service));

	for (uint64 row = 0; row < rows; row++)
	{
		Address		a = {svc_sql_value(row, 1), svc_sql_value(row, 2), svc_sql_value(row, 3),
			svc_sql_value(row, 4), svc_sql_value(row, 5)};

		add_address(fcinfo, service, &a);
	}
}

/* The addresses of a connected service: a row a connection. */
static void
add_remote_addresses(FunctionCallInfo fcinfo, const char *service, Oid caller)
{
	ListCell   *cell;

	foreach(cell, connection_of_caller(service, caller))
	{
		Connection *c = lfirst(cell);
		char	   *host = remote_server_option(c->server, "host");
		char	   *port = remote_server_option(c->server, "port");
		char	   *database = remote_server_option(c->server, "dbname");
		Address		a = {.level = "contract", .url = remote_server_option(c->server, "url")};

		if (c->login)
			a = (Address) {host ? host : "localhost", port ? port : "5432", database ? database : "",
						   c->login, "contract"};

		add_address(fcinfo, service, &a);
	}
}

/*
 * svc.connection_info(service) → service, host, port, database, login, level, url, env
 */
Datum
svc_connection_info(PG_FUNCTION_ARGS)
{
	char	   *service = svc_arg_name(fcinfo, 0, "service");
	bool		connected = connection_exists(service);
	SqlScope	scope;

	if (!connected)
		svc_check_service_owner(service);
	InitMaterializedSRF(fcinfo, 0);
	svc_sql_begin(&scope, svc_extension_owner());
	if (connected)
		add_remote_addresses(fcinfo, service, scope.saved_user);
	else
		add_own_addresses(fcinfo, service);
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}
