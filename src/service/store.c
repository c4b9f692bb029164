/*
 * store.c: what services keep outside PostgreSQL.  Recorded, never contacted.
 */
#include "core/svc.h"

#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "service/restore.h"
#include "service/service.h"
#include "service/store.h"

SVC_FUNCTION(svc_add_store);
SVC_FUNCTION(svc_drop_store);

/*
 * Refuse an address with a password: rows are in every dump.  Everything
 * between "://" and the last "@" of the authority is user information.
 */
static void
check_no_password(const char *uri)
{
	const char *start = strstr(uri, "://");
	const char *end;
	const char *at = NULL;

	if (!start)
		return;
	start += 3;
	end = start + strcspn(start, "/?#");
	for (const char *p = start; p < end; p++)
		if (*p == '@')
			at = p;
	if (at && memchr(start, ':', at - start))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the uri of a store must not hold a password"),
				 errhint("Leave it out; nothing is ever contacted.")));
}

/*
 * svc.add_store(service, store, engine, uri, description)
 */
Datum
svc_add_store(PG_FUNCTION_ARGS)
{
	Service    *service;
	char	   *store;
	char	   *engine;
	char	   *uri;
	char	   *description;
	SqlScope	scope;

	svc_check_writable("svc.add_store()");
	service = service_arg(fcinfo, 0);
	store = svc_arg_name(fcinfo, 1, "store");
	engine = svc_arg_text(fcinfo, 2, "engine");
	uri = svc_arg_text_or_null(fcinfo, 3, "uri");
	description = svc_arg_text_or_null(fcinfo, 4, "description");
	if (engine[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", "engine")));
	if (uri)
		check_no_password(uri);

	svc_sql_begin(&scope, svc_extension_owner());
	service_hold(service->name);
	if (svc_sql("INSERT INTO svc.store (service, store, engine, uri, description)"
				" VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1",
				sql_name(service->name), sql_name(store), sql_text(engine), sql_text(uri),
				sql_text(description)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" already has a store \"%s\"", service->name, store),
				 errhint("svc.drop_store forgets it.")));
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * svc.drop_store(service, store)
 */
Datum
svc_drop_store(PG_FUNCTION_ARGS)
{
	Service    *service;
	char	   *store;
	SqlScope	scope;

	svc_check_writable("svc.drop_store()");
	service = service_arg(fcinfo, 0);
	store = svc_arg_name(fcinfo, 1, "store");

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("DELETE FROM svc.store WHERE service = $1 AND store = $2 RETURNING 1",
				sql_name(service->name), sql_name(store)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("service \"%s\" has no store \"%s\"", service->name, store),
				 errhint("SELECT * FROM svc.stores lists them.")));
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* A store that a user restores: nothing is ever done about it, but it must not hold a password. */
static HeapTuple
check_restored_store(Relation rel, HeapTuple row)
{
	char	   *uri = svc_row_text(rel, row, "uri");

	if (uri)
		check_no_password(uri);
	return row;
}

static const char *const store_key[] = {"service", "store", NULL};

static const GuardedTable store_table = {
	.name = "store", .key = store_key,
	.admit = restore_admit, .check = check_restored_store
};

/* What stores do when the library is loaded. */
void
StoreInit(void)
{
	svc_guard_register(&store_table);
}
