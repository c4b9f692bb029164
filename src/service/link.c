/*
 * link.c: the producer's side of connections: the logins that consumers in
 * other databases read a contract with.
 *
 * Such a login <service>_for_<consumer> may connect to this database and read
 * the entities that were granted to its consumer, and nothing else: it has a
 * row in svc.link, from which its rights are declared as all others are
 * (svc.contract_reader), so that publishing, granting and revoking reach it.
 *
 * It is asked for in two ways: by the runner, from a database of this cluster,
 * and from other servers by an INSERT into svc.link_request, which commits with
 * the transaction there.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "commands/dbcommands.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "libpq/crypt.h"
#include "mb/pg_wchar.h"
#include "service/contract.h"
#include "service/link.h"
#include "service/role.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/rel.h"

SVC_FUNCTION(svc_link_requested);
SVC_FUNCTION(svc_drop_link);

/* random bytes in a password */
#define SECRET_BYTES 32

/* A row of svc.link */
typedef struct Link
{
	Oid			login;			/* InvalidOid if the role was dropped */
	char	   *database;
	char	   *address;
	bool		left;
} Link;

/* A new password, which nobody will ever type. */
char *
link_secret(void)
{
	char		bytes[SECRET_BYTES];
	char	   *secret = palloc(2 * SECRET_BYTES + 1);

	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random password")));
	secret[hex_encode(bytes, sizeof(bytes), secret)] = '\0';
	return secret;
}

/* What a server keeps of a password; it cannot be logged in with. */
char *
link_verifier(const char *secret)
{
	return encrypt_password(PASSWORD_TYPE_SCRAM_SHA_256, "", secret);
}

/*
 * The name of a role made from others' names.  One that would be too long is
 * cut, and ends with a hash of the whole, so that it stays one of its own.
 */
char *
link_role_name(const char *prefix, const char *middle, const char *suffix)
{
	char	   *name = psprintf("%s%s%s", prefix, middle, suffix);
	int			length = strlen(name);
	char	   *cut;

	if (length < NAMEDATALEN)
		return name;
	cut = psprintf("%.*s_%08x", pg_mbcliplen(name, length, NAMEDATALEN - 10), name,
				   DatumGetUInt32(hash_any((unsigned char *) name, length)));
	ereport(NOTICE,
			(errmsg("role name \"%s\" is cut to \"%s\"", name, cut),
			 errdetail("Names have at most %d bytes.", NAMEDATALEN - 1)));
	return cut;
}

/*
 * What the names of a service's links begin with: what those of its other roles
 * do, so that the same system fits into a cluster twice.
 */
char *
link_role_prefix(const Service *service)
{
	char	   *owner = svc_role_name(service->owner);
	int			length = strlen(owner) - strlen("_owner");

	return length > 0 && strcmp(owner + length, "_owner") == 0 ? pnstrdup(owner, length) : service->name;
}

/* The link of a consumer, or NULL.  Inside a scope of the extension's owner. */
static Link *
find_link(const char *service, const char *consumer)
{
	Link	   *link;

	if (svc_sql("SELECT r.oid, k.database, k.address, k.left_at IS NOT NULL"
				"  FROM svc.link k LEFT JOIN pg_catalog.pg_roles r ON r.oid = k.login"
				" WHERE k.service = $1 AND k.consumer = $2",
				sql_name(service), sql_name(consumer)) == 0)
		return NULL;
	link = palloc(sizeof(Link));
	link->login = svc_sql_oid_value(0, 1);
	link->database = svc_sql_value(0, 2);
	link->address = svc_sql_value(0, 3);
	link->left = svc_sql_bool_value(0, 4);
	return link;
}

/* Does a consumer read the contract from another database? */
bool
link_exists(const char *service, const char *consumer)
{
	Link	   *link = find_link(service, consumer);

	return link && !link->left;
}

/* The link of a consumer. */
static Link *
get_link(const char *service, const char *consumer)
{
	Link	   *link = find_link(service, consumer);

	if (!link)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("service \"%s\" has no link for \"%s\"", service, consumer),
				 errhint("svc.connect, called in the database of \"%s\", makes one.", consumer)));
	return link;
}

/* Refuse a consumer to which nothing was granted. */
static void
check_granted(const LinkRequest *request)
{
	if (svc_sql("SELECT 1 FROM svc.consumer WHERE service = $1 AND consumer = $2",
				sql_name(request->service), sql_name(request->consumer)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("service \"%s\" has not granted its contract to \"%s\"", request->service,
						request->consumer),
				 errhint("Its owner can, in database \"%s\": SELECT svc.grant_contract(%s, %s).",
						 get_database_name(MyDatabaseId), quote_literal_cstr(request->service),
						 quote_literal_cstr(request->consumer))));
}

/* Is it the same, where either may be unknown? */
static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* Refuse a consumer of a name that is connected from somewhere else. */
static void
check_not_elsewhere(const LinkRequest *request, const Link *link, const char *address)
{
	if (link->left || !OidIsValid(link->login))
		return;
	if (same(link->address, address) && same(link->database, request->database))
		return;
	if (!link->address && !OidIsValid(get_database_oid(link->database, true)))
		return;					/* that database was dropped */
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("service \"%s\" already has a link for \"%s\"", request->service, request->consumer),
			 link->address
			 ? errdetail("It is used from database \"%s\" of the server at %s.", link->database, link->address)
			 : errdetail("It is used from database \"%s\" of this cluster.", link->database),
			 errhint("svc.disconnect there gives it up; if that database is gone: SELECT svc.drop_link(%s, %s) in database \"%s\".",
					 quote_literal_cstr(request->service), quote_literal_cstr(request->consumer),
					 get_database_name(MyDatabaseId))));
}

/* The role that a link logs in as: the one it had, or a new one. */
static Oid
make_login(const LinkRequest *request, const Link *link)
{
	char	   *name;

	if (link && OidIsValid(link->login))
	{
		svc_sql_do("ALTER ROLE %s LOGIN", quote_identifier(svc_role_name(link->login)));
		return link->login;
	}
	name = link_role_name(link_role_prefix(service_lookup(request->service, false)), "_for_", request->consumer);
	if (OidIsValid(get_role_oid(name, true)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("role \"%s\" already exists", name),
				 errdetail("The link of \"%s\" to service \"%s\" needs a role of this name.",
						   request->consumer, request->service),
				 errhint("Drop or rename that role.")));
	svc_sql_do("CREATE ROLE %s LOGIN NOINHERIT", quote_identifier(name));
	return get_role_oid(name, false);
}

/* Note where the consumer is, for those who look at svc.consumers. */
static void
note_database(const char *service, const char *consumer, const char *database)
{
	svc_sql("UPDATE svc.consumer SET database = $3"
			" WHERE service = $1 AND consumer = $2 AND database IS DISTINCT FROM $3",
			sql_name(service), sql_name(consumer), sql_name(database));
}

/* Refuse to go on without the verifier of a password. */
static void
check_verifier(const LinkRequest *request)
{
	if (!request->verifier || get_password_type(request->verifier) != PASSWORD_TYPE_SCRAM_SHA_256)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a link needs the SCRAM verifier of a password")));
}

/* Where the session comes from that asks, or NULL for this machine. */
static char *
caller_address(void)
{
	svc_sql_run("SELECT pg_catalog.host(pg_catalog.inet_client_addr())", NULL, 0);
	return svc_sql_value(0, 1);
}

/* Make a consumer's login, or give it a new password; returns its name. */
static char *
make_link(const LinkRequest *request, Oid caller)
{
	char	   *address = caller_address();
	Link	   *link;
	Oid			login;

	check_verifier(request);
	contract_lock(request->service, request->consumer);
	check_granted(request);
	link_drop_left(request->service);
	link = find_link(request->service, request->consumer);
	if (link)
		check_not_elsewhere(request, link, address);
	login = make_login(request, link);
	role_set_password(login, request->verifier);
	service_hold(request->service);
	svc_sql("INSERT INTO svc.link (service, consumer, login, database, address) VALUES ($1, $2, $3, $4, $5)"
			" ON CONFLICT (service, consumer) DO UPDATE SET login = EXCLUDED.login,"
			"    database = EXCLUDED.database, address = EXCLUDED.address, made_at = EXCLUDED.made_at, left_at = NULL",
			sql_name(request->service), sql_name(request->consumer), sql_regrole(login),
			sql_name(request->database), sql_text(address));
	note_database(request->service, request->consumer, request->database);
	svc_sql_do("GRANT CONNECT ON DATABASE %s TO %s", quote_identifier(get_database_name(MyDatabaseId)),
			   quote_identifier(svc_role_name(login)));
	contract_grant(request->service);
	return svc_role_name(login);
}

/* Refuse callers who are neither the login itself nor speak for the service. */
static void
check_may_change(const LinkRequest *request, const Link *link, Oid caller)
{
	Service    *service = service_lookup(request->service, false);

	if (caller != link->login && !svc_acts_for_role(caller, service->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the link of \"%s\" to service \"%s\"",
						request->consumer, request->service)));
}

/* Give a consumer's login another password. */
static char *
rotate_link(const LinkRequest *request, Oid caller)
{
	Link	   *link = get_link(request->service, request->consumer);

	check_may_change(request, link, caller);
	check_verifier(request);
	if (!OidIsValid(link->login) || link->left)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the login of \"%s\" for service \"%s\" does not exist any more",
						request->consumer, request->service)));
	role_set_password(link->login, request->verifier);
	return svc_role_name(link->login);
}

/*
 * A login gives itself up.  A session cannot drop its own role, so the role
 * stays, without rights and without a password, until somebody else comes by.
 */
static char *
leave_link(const LinkRequest *request, Oid caller)
{
	Link	   *link = get_link(request->service, request->consumer);
	char	   *login = svc_role_name(link->login);

	check_may_change(request, link, caller);
	contract_lock(request->service, request->consumer);
	svc_sql("UPDATE svc.link SET left_at = pg_catalog.now() WHERE service = $1 AND consumer = $2",
			sql_name(request->service), sql_name(request->consumer));
	note_database(request->service, request->consumer, NULL);
	contract_take_back(request->service, request->consumer);
	svc_sql_do("REVOKE CONNECT ON DATABASE %s FROM %s", quote_identifier(get_database_name(MyDatabaseId)),
			   quote_identifier(login));
	svc_sql_do("ALTER ROLE %s NOLOGIN PASSWORD NULL", quote_identifier(login));
	return login;
}

/* Drop the login of a link with all that it may do. */
static void
forget_link(const char *service, const char *consumer, Oid login)
{
	svc_sql("DELETE FROM svc.link WHERE service = $1 AND consumer = $2",
			sql_name(service), sql_name(consumer));
	note_database(service, consumer, NULL);
	if (OidIsValid(login))
		role_drop(login);
}

/* Drop the logins of links that a query of service, consumer and login gives. */
static void
forget_links(const char *query, const char *service)
{
	uint64		rows = svc_sql(query, sql_name(service));
	List	   *consumers = service_strings(rows);
	List	   *logins = NIL;
	ListCell   *consumer;
	ListCell   *login;

	for (uint64 row = 0; row < rows; row++)
		logins = lappend_oid(logins, svc_sql_oid_value(row, 2));
	forboth(consumer, consumers, login, logins)
		forget_link(service, lfirst(consumer), lfirst_oid(login));
}

#define LINKS \
	"SELECT k.consumer, r.oid FROM svc.link k LEFT JOIN pg_catalog.pg_roles r ON r.oid = k.login" \
	" WHERE k.service = $1"

/*
 * Drop the logins that gave themselves up, but for the one that is asking.
 * Inside a scope of the extension's owner.
 */
void
link_drop_left(const char *service)
{
	forget_links(LINKS " AND k.left_at IS NOT NULL AND r.rolname IS DISTINCT FROM SESSION_USER", service);
}

/* Drop all logins of a service that goes. */
void
link_drop_all(const char *service)
{
	forget_links(LINKS, service);
}

/* Drop a consumer's login. */
static char *
drop_link(const LinkRequest *request, Oid caller)
{
	Link	   *link = get_link(request->service, request->consumer);

	contract_lock(request->service, request->consumer);
	forget_link(request->service, request->consumer, link->login);
	return NULL;
}

/* What can be asked */
typedef struct LinkAction
{
	const char *name;
	bool		owner_only;		/* else the login itself may ask, too */
	char	   *(*perform) (const LinkRequest *request, Oid caller);
} LinkAction;

static const LinkAction actions[] = {
	{"make", true, make_link},
	{"rotate", false, rotate_link},
	{"leave", false, leave_link},
	{"drop", true, drop_link}
};

/* The action of a name. */
static const LinkAction *
find_action(const char *name)
{
	for (int i = 0; name && i < lengthof(actions); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid action \"%s\"", name ? name : "NULL"),
			 errhint("Actions are make, rotate, leave and drop.")));
	return NULL;				/* keep compiler quiet */
}

/* Do what is asked, as far as the caller may ask for it; returns the login's name or NULL. */
static char *
serve(const LinkRequest *request)
{
	const LinkAction *action = find_action(request->action);
	SqlScope	scope;
	char	   *login;

	if (!request->service || !request->consumer)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("service and consumer of a link must not be null")));
	if (action->owner_only)
		service_check_confirmed(svc_check_service_owner(request->service));
	svc_sql_begin(&scope, svc_extension_owner());
	login = action->perform(request, scope.saved_user);
	if (login)
		login = MemoryContextStrdup(scope.cxt, login);
	svc_sql_end(&scope);
	return login;
}

/*
 * The runner's entry point, in the service's database: items are action,
 * service, consumer, database and verifier; one row with the login's name.
 */
List *
link_entry(List *items)
{
	LinkRequest request = {
		.action = list_nth(items, 0),
		.service = list_nth(items, 1),
		.consumer = list_nth(items, 2),
		.database = list_nth(items, 3),
		.verifier = list_nth(items, 4)
	};

	return list_make1(list_make1(serve(&request)));
}

/* A column of the row that is inserted. */
static char *
column(TriggerData *data, const char *name)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);

	return SPI_getvalue(data->tg_trigtuple, desc, SPI_fnumber(desc, name));
}

/*
 * svc.link_requested(): row trigger on svc.link_request, INSTEAD OF INSERT.
 */
Datum
svc_link_requested(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	LinkRequest request = {0};
	char	   *login;
	Datum		value;
	int			number;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		RelationGetRelid(data->tg_relation) != svc_catalog_relation("link_request"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	svc_check_writable("INSERT INTO svc.link_request");
	request.action = column(data, "action");
	request.service = column(data, "service");
	request.consumer = column(data, "consumer");
	request.database = column(data, "database");
	request.verifier = column(data, "verifier");
	login = serve(&request);

	isnull = login == NULL;
	value = isnull ? (Datum) 0 : DirectFunctionCall1(namein, CStringGetDatum(login));
	number = SPI_fnumber(RelationGetDescr(data->tg_relation), "login");
	return PointerGetDatum(heap_modify_tuple_by_cols(data->tg_trigtuple, RelationGetDescr(data->tg_relation),
													 1, &number, &value, &isnull));
}

/*
 * svc.drop_link(service, consumer)
 */
Datum
svc_drop_link(PG_FUNCTION_ARGS)
{
	LinkRequest request = {.action = "drop"};

	svc_check_writable("svc.drop_link()");
	request.service = svc_arg_name(fcinfo, 0, "service");
	request.consumer = svc_arg_name(fcinfo, 1, "consumer");
	serve(&request);
	PG_RETURN_VOID();
}
