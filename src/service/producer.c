/*
 * producer.c: a connected service: what it is asked, and what it tells.
 *
 * In a database of this cluster the runner asks, as the bootstrap superuser;
 * what it does there is committed at once.  On another server the channel is
 * postgres_fdw: two foreign tables over views of schema svc there, which the
 * link reads and inserts into with its own user mapping.  So the library needs
 * no client of its own, and what is asked commits with our transaction.
 * In both cases the contract is read through the channel, which shows at the
 * same time that the link works.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "core/args.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "runner/runner.h"
#include "service/producer.h"
#include "service/remote_server.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* What svc.link_contract and svc.link_request look like, by number */
#define PROTOCOL "1"

#define CONTRACT_TABLE "svc_contract"
#define REQUEST_TABLE "svc_link_request"
#define ENTRY_POINT "svc.link"

/* One of the foreign tables of the channel, as SQL names it. */
static char *
channel_table(const Connection *c, const char *table)
{
	return quote_qualified_identifier(connection_import_schema(c->service), table);
}

/* Make the foreign tables of a channel.  Inside a scope of the extension's owner. */
void
producer_make_channel(const Connection *c)
{
	svc_sql_do("CREATE FOREIGN TABLE %s (protocol int, version text, service name, consumer name, login name,"
			   "    entity name, key name, columns name[], types text[])"
			   " SERVER %s OPTIONS (schema_name 'svc', table_name 'link_contract')",
			   channel_table(c, CONTRACT_TABLE), quote_identifier(c->server));
	svc_sql_do("CREATE FOREIGN TABLE %s (action text, service name, consumer name, database name,"
			   "    verifier text, login name)"
			   " SERVER %s OPTIONS (schema_name 'svc', table_name 'link_request', updatable 'true')",
			   channel_table(c, REQUEST_TABLE), quote_identifier(c->server));
}

/* Let a link use the channel. */
void
producer_open_channel(const Connection *c)
{
	const char *link = quote_identifier(svc_role_name(c->link));

	svc_sql_do("GRANT USAGE ON SCHEMA %s TO %s", quote_identifier(connection_import_schema(c->service)), link);
	svc_sql_do("GRANT SELECT ON %s TO %s", channel_table(c, CONTRACT_TABLE), link);
	svc_sql_do("GRANT SELECT, INSERT ON %s TO %s", channel_table(c, REQUEST_TABLE), link);
}

/* Close it again. */
void
producer_close_channel(const Connection *c)
{
	const char *link = quote_identifier(svc_role_name(c->link));

	svc_sql_do("REVOKE ALL ON %s, %s FROM %s", channel_table(c, CONTRACT_TABLE), channel_table(c, REQUEST_TABLE), link);
	svc_sql_do("REVOKE ALL ON SCHEMA %s FROM %s", quote_identifier(connection_import_schema(c->service)), link);
}

/* Drop the foreign tables of a channel. */
void
producer_drop_channel(const Connection *c)
{
	svc_sql_do("DROP FOREIGN TABLE IF EXISTS %s, %s", channel_table(c, CONTRACT_TABLE),
			   channel_table(c, REQUEST_TABLE));
}

/* Something that is done through the channel */
typedef struct ChannelWork
{
	const Connection *connection;
	MemoryContext cxt;			/* of what comes out */
	const LinkRequest *request;
	char	   *login;			/* out */
	List	   *told;			/* out: of Told */
} ChannelWork;

/* A row of svc.link_contract */
typedef struct Told
{
	char	   *protocol;
	char	   *version;
	char	   *service;
	RemoteEntity *entity;		/* NULL: there is none */
	List	   *types;			/* their names */
} Told;

/* Is it an error of connecting or of the connection? */
static bool
is_connection_failure(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION;
}

/* Is it the error of a database where what the channel reads is absent or different? */
static bool
is_channel_missing(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_UNDEFINED_TABLE || sqlerrcode == ERRCODE_UNDEFINED_SCHEMA ||
		sqlerrcode == ERRCODE_UNDEFINED_COLUMN || sqlerrcode == ERRCODE_FDW_SCHEMA_NOT_FOUND ||
		sqlerrcode == ERRCODE_FDW_TABLE_NOT_FOUND;
}

/* Raise what went wrong in the channel, as whoever connects services wants to know it. */
static void
raise_channel_error(ErrorData *error, const Connection *c, const char *place, const char *login)
{
	if (is_connection_failure(error->sqlerrcode))
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("could not connect to service \"%s\" in %s as \"%s\"", c->service, place, login),
				 errdetail_internal("%s", error->detail ? error->detail : error->message),
				 errhint("svc.rotate_link sets a new password; the options of server \"%s\" say where it is.",
						 c->server)));
	if (error->sqlerrcode == ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED)
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("the server of service \"%s\" asks for no password", c->service),
				 errdetail("It is %s; only superusers may log in there without one.", place),
				 errhint("Let its pg_hba.conf ask \"%s\" for a password (scram-sha-256).", login)));
	if (is_channel_missing(error->sqlerrcode))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" is missing where service \"%s\" should be, or is of another version",
						SVC_EXTENSION, c->service),
				 errdetail("In %s: %s", place, error->message),
				 errhint("A superuser can install it there with CREATE EXTENSION %s.", SVC_EXTENSION)));
	ReThrowError(error);
}

/* Do something through the channel, as the link. */
static void
use_channel(void (*use) (ChannelWork *), ChannelWork *work)
{
	const Connection *c = work->connection;
	char	   *place = remote_server_describe(c->server);
	char	   *login = remote_mapping_user(c->link, c->server);
	SqlScope	scope;

	work->cxt = CurrentMemoryContext;
	if (!OidIsValid(c->link))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the link of \"%s\" to service \"%s\" was dropped", c->consumer, c->service),
				 errhint("Give the connection up with svc.disconnect and make it again with svc.connect.")));
	svc_sql_begin(&scope, c->link);
	PG_TRY();
	{
		use(work);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(work->cxt);
		error = CopyErrorData();
		FlushErrorState();
		raise_channel_error(error, c, place, login ? login : "");
	}
	PG_END_TRY();
	svc_sql_end(&scope);
}

/* Insert a request, and note what login came of it. */
static void
insert_request(ChannelWork *work)
{
	const LinkRequest *r = work->request;
	SqlArg		args[5] = {sql_text(r->action), sql_name(r->service), sql_name(r->consumer),
		sql_name(r->database), sql_text(r->verifier)};

	if (svc_sql_run(psprintf("INSERT INTO %s (action, service, consumer, database, verifier)"
							 " VALUES ($1, $2, $3, $4, $5) RETURNING login",
							 channel_table(work->connection, REQUEST_TABLE)), args, 5) == 1)
		work->login = MemoryContextStrdup(work->cxt, svc_sql_value(0, 1));
}

/* Ask on another server: the login that came of it, or NULL. */
static char *
ask_elsewhere(const Connection *c, const LinkRequest *request)
{
	ChannelWork work = {.connection = c, .request = request};

	use_channel(insert_request, &work);
	return work.login;
}

/* Ask in a database of this cluster: the login that came of it, or NULL. */
static char *
ask_here(const Connection *c, const LinkRequest *request)
{
	RunnerJob	job = {
		.what = psprintf("asking service \"%s\"", c->service),
		.database = get_database_oid(c->database, false),
		.entry = ENTRY_POINT,
		.items = list_make5(unconstify(char *, request->action), unconstify(char *, request->service),
							unconstify(char *, request->consumer), unconstify(char *, request->database),
							unconstify(char *, request->verifier))
	};
	List	   *rows = runner_run(&job);

	return linitial(linitial(rows));
}

/*
 * Ask the service for a login, another password, or an end; returns the login's
 * name.  Inside a scope of the extension's owner.
 */
char *
producer_ask(const Connection *c, const LinkRequest *request)
{
	return c->database ? ask_here(c, request) : ask_elsewhere(c, request);
}

/* The texts of an array column of the last result. */
static List *
texts_in(uint64 row, int column)
{
	List	   *texts = NIL;
	int			n;
	Datum	   *elements = svc_sql_array_value(row, column, &n);

	for (int i = 0; i < n; i++)
		texts = lappend(texts, TextDatumGetCString(elements[i]));
	return texts;
}

/* Read what the contract is now. */
static void
read_contract(ChannelWork *work)
{
	uint64		rows = svc_sql(psprintf("SELECT protocol, version, service, entity, key, columns, types FROM %s"
										" WHERE login = $1 ORDER BY entity",
										channel_table(work->connection, CONTRACT_TABLE)),
							   sql_name(work->connection->login));
	MemoryContext old = MemoryContextSwitchTo(work->cxt);

	for (uint64 row = 0; row < rows; row++)
	{
		Told	   *told = palloc0(sizeof(Told));

		told->protocol = svc_sql_value(row, 1);
		told->version = svc_sql_value(row, 2);
		told->service = svc_sql_value(row, 3);
		if (svc_sql_value(row, 4))
		{
			told->entity = palloc0(sizeof(RemoteEntity));
			told->entity->entity = svc_sql_value(row, 4);
			told->entity->key = svc_sql_value(row, 5);
			told->entity->columns = svc_sql_names_value(row, 6);
			told->types = texts_in(row, 7);
		}
		work->told = lappend(work->told, told);
	}
	MemoryContextSwitchTo(old);
}

/* Refuse what the other side says where it is not what we expect. */
static void
check_told(const Connection *c, const Told *told)
{
	if (strcmp(told->protocol, PROTOCOL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" runs version %s of %s, which this one cannot read", c->service,
						told->version, SVC_EXTENSION),
				 errdetail("This is version %s.", SVC_VERSION),
				 errhint("Update the older one: ALTER EXTENSION %s UPDATE.", SVC_EXTENSION)));
	if (strcmp(told->service, c->service) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" is called \"%s\" now", c->service, told->service),
				 errhint("Connect it under its new name with svc.connect, and give up this connection with svc.disconnect.")));
}

/* Find the types of an entity's columns here; notes one that is not. */
static void
resolve_types(Told *told)
{
	RemoteEntity *entity = told->entity;
	ListCell   *column;
	ListCell   *name;

	if (list_length(entity->columns) != list_length(told->types))
		elog(ERROR, "columns and types of \"%s\" differ in number", entity->entity);
	forboth(column, entity->columns, name, told->types)
	{
		Oid			type;
		int32		typmod;

		if (!svc_parse_type(lfirst(name), &type, &typmod))
		{
			entity->unknown = psprintf("column %s is of type %s", quote_identifier(lfirst(column)),
									   (char *) lfirst(name));
			return;
		}
		entity->types = lappend_oid(entity->types, type);
		entity->typmods = lappend_int(entity->typmods, typmod);
	}
}

/* What the service on a PostgreSQL server says that it publishes for the link. */
static List *
entities_told(const Connection *c)
{
	ChannelWork work = {.connection = c};
	List	   *entities = NIL;
	ListCell   *cell;

	use_channel(read_contract, &work);
	if (work.told == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" has no link for login \"%s\"", c->service, c->login),
				 errdetail("In %s.", remote_server_describe(c->server)),
				 errhint("Give the connection up with svc.disconnect and make it again with svc.connect.")));
	foreach(cell, work.told)
	{
		Told	   *told = lfirst(cell);

		check_told(c, told);
		if (!told->entity)
			continue;
		resolve_types(told);
		entities = lappend(entities, told->entity);
	}
	return entities;
}

/* Foreign tables that somebody made for servers of other wrappers */
#define FOREIGN_TABLES \
	"SELECT c.relname, c.oid," \
	"       coalesce(o.option_value, pg_catalog.max(a.attname) FILTER (WHERE a.attname = 'id')," \
	"                (pg_catalog.array_agg(a.attname ORDER BY a.attnum))[1])," \
	"       pg_catalog.array_agg(a.attname ORDER BY a.attnum)," \
	"       pg_catalog.array_agg(a.atttypid ORDER BY a.attnum)," \
	"       pg_catalog.array_agg(a.atttypmod ORDER BY a.attnum)" \
	"  FROM pg_catalog.pg_foreign_table f" \
	"  JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver AND s.srvname = $1" \
	"  JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid" \
	"  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $2" \
	"  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped" \
	"  LEFT JOIN LATERAL pg_catalog.pg_options_to_table(f.ftoptions) o ON o.option_name = 'key'" \
	" GROUP BY c.relname, c.oid, o.option_value ORDER BY c.relname"

/* What foreign tables there are of a server that is not PostgreSQL. */
static List *
entities_made(const Connection *c)
{
	List	   *entities = NIL;
	uint64		rows = svc_sql(FOREIGN_TABLES, sql_name(c->server), sql_name(connection_import_schema(c->service)));

	for (uint64 row = 0; row < rows; row++)
	{
		RemoteEntity *entity = palloc0(sizeof(RemoteEntity));

		entity->entity = svc_sql_value(row, 1);
		entity->relation = svc_sql_oid_value(row, 2);
		entity->key = svc_sql_value(row, 3);
		entity->columns = svc_sql_names_value(row, 4);
		entity->types = svc_sql_oids_value(row, 5);
		entity->typmods = svc_sql_ints_value(row, 6);
		entities = lappend(entities, entity);
	}
	return entities;
}

/* What a connected service publishes for a connection now.  Inside a scope of the extension's owner. */
List *
producer_entities(const Connection *c)
{
	return c->login ? entities_told(c) : entities_made(c);
}

/* Does the service know the login of a connection as a link already? */
bool
producer_knows_login(const Connection *c)
{
	ChannelWork work = {.connection = c};

	use_channel(read_contract, &work);
	return work.told != NIL;
}

/* What connections do when the library is loaded. */
void
ProducerInit(void)
{
	runner_register_entry(ENTRY_POINT, link_entry);
}
