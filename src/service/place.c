/*
 * place.c: which database a service lives in.
 *
 * What a service is, its own database's catalog knows.  The rest of the cluster
 * sees only which database is whose: by the database's own setting
 * svc_ownership.service, read from the shared catalog, where every database
 * sees it, and never from the session, which can fake it.  It is information:
 * no right hangs on it.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "core/extension.h"
#include "core/sql.h"
#include "runner/runner.h"
#include "service/place.h"
#include "service/service.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

#define SETTING SVC_EXTENSION ".service"

static char *setting;

SVC_FUNCTION(svc_repair_settings);

/* Does an array of settings hold this line? */
static bool
has_line(ArrayType *lines, const char *line)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(lines, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		if (strcmp(TextDatumGetCString(elements[i]), line) == 0)
			return true;
	return false;
}

/* The service that a line of an array of settings names, or NULL. */
static char *
service_in_lines(ArrayType *lines)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(lines, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *line = TextDatumGetCString(elements[i]);

		if (strncmp(line, SETTING "=", strlen(SETTING "=")) == 0)
			return line + strlen(SETTING "=");
	}
	return NULL;
}

/* The databases that say they are a service's; of one of them, or of all. */
static List *
find_places(const char *service, Oid database)
{
	char	   *line = psprintf("%s=%s", SETTING, service);
	Relation	rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List	   *found = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_db_role_setting form = (Form_pg_db_role_setting) GETSTRUCT(tuple);
		bool		isnull;
		Datum		lines = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
										 RelationGetDescr(rel), &isnull);

		if (!OidIsValid(form->setrole) && OidIsValid(form->setdatabase) && !isnull &&
			(!OidIsValid(database) || form->setdatabase == database) &&
			has_line(DatumGetArrayTypeP(lines), line))
			found = lappend_oid(found, form->setdatabase);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Does a database say that it is a service's? */
bool
place_is(const char *service, Oid database)
{
	return OidIsValid(database) && find_places(service, database) != NIL;
}

/* The names of the databases that say they are a service's. */
List *
place_names(const char *service)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, find_places(service, InvalidOid))
	{
		char	   *name = get_database_name(lfirst_oid(cell));

		if (name)
			names = lappend(names, name);
	}
	return names;
}

/*
 * The database that says it is a service's, or InvalidOid.  The same system may
 * be deployed twice in a cluster, so there may be several: then it must be
 * named.
 */
Oid
place_find(const char *service, const char *database)
{
	List	   *names = place_names(service);

	if (database)
	{
		Oid			id = get_database_oid(database, true);

		return place_is(service, id) ? id : InvalidOid;
	}
	if (list_length(names) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is more than one service \"%s\" in this cluster", service),
				 errdetail("They are in databases: %s.", service_joined(names)),
				 errhint("Name one with database => ..., where the function has this argument, or connect to it.")));
	return names == NIL ? InvalidOid : get_database_oid(linitial(names), true);
}

/* Let this database say whose it is. */
void
place_set(const char *service)
{
	svc_sql_do("ALTER DATABASE %s SET %s = %s", quote_identifier(get_database_name(MyDatabaseId)),
			   SETTING, quote_literal_cstr(service));
}

/* Let this database be nobody's. */
void
place_reset(void)
{
	svc_sql_do("ALTER DATABASE %s RESET %s", quote_identifier(get_database_name(MyDatabaseId)), SETTING);
}

/* For a runner in a service's database: the service's owner role. */
static List *
tell_owner(List *items)
{
	Service    *service;

	(void) svc_extension_owner();
	service = service_lookup(linitial(items), false);
	return list_make1(list_make1(psprintf("%u", service->owner)));
}

/* Remember a service and where it lives. */
static List *
add_place(List *places, char *name, Oid database)
{
	PlacedService *place = palloc(sizeof(PlacedService));

	place->name = name;
	place->database = database;
	return lappend(places, place);
}

/* All services of this database, and those of others that say whose they are. */
List *
place_services(void)
{
	List	   *places = NIL;
	Relation	rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	ListCell   *cell;

	foreach(cell, service_list())
		places = add_place(places, ((Service *) lfirst(cell))->name, MyDatabaseId);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_db_role_setting form = (Form_pg_db_role_setting) GETSTRUCT(tuple);
		bool		isnull;
		Datum		lines = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
										 RelationGetDescr(rel), &isnull);
		char	   *name = isnull ? NULL : service_in_lines(DatumGetArrayTypeP(lines));

		if (name && !OidIsValid(form->setrole) && OidIsValid(form->setdatabase) &&
			form->setdatabase != MyDatabaseId)
			places = add_place(places, pstrdup(name), form->setdatabase);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return places;
}

/* The owner role of a service of the cluster; returns the error if it cannot be asked. */
ErrorData *
place_owner(const PlacedService *place, Oid *owner)
{
	RunnerJob	job = {.what = "looking for the service's owner role", .entry = "service_owner"};
	ErrorData  *error;
	List	   *results = NIL;

	if (place->database == MyDatabaseId)
	{
		*owner = service_lookup(place->name, false)->owner;
		return NULL;
	}
	job.database = place->database;
	job.items = list_make1(place->name);
	error = runner_try(&job, &results);
	if (!error)
		*owner = strtoul(linitial(linitial(((RunnerResult *) llast(results))->rows)), NULL, 10);
	return error;
}

/* The database that a service lives in, and its owner role. */
Oid
service_place(const char *name, Oid *owner)
{
	Service    *service = service_lookup(name, true);
	RunnerJob	job = {.what = "looking for the service's owner role", .entry = "service_owner"};
	List	   *rows;

	if (service)
	{
		*owner = service->owner;
		return MyDatabaseId;
	}
	job.database = place_find(name, NULL);
	job.items = list_make1(unconstify(char *, name));
	if (!OidIsValid(job.database))
		(void) service_lookup(name, false);
	rows = runner_run(&job);
	*owner = strtoul(linitial(linitial(rows)), NULL, 10);
	return job.database;
}

/*
 * A superuser has looked: services that their own users restored are what they
 * say.  Writing the owner once more opens the catalog to it.
 */
static void
confirm_services(void)
{
	List	   *names = service_strings(svc_sql_run("UPDATE svc.service SET confirmed = true, owner = owner"
													" WHERE NOT confirmed RETURNING service",
													NULL, 0));
	ListCell   *cell;

	foreach(cell, names)
		ereport(NOTICE,
				(errmsg("service \"%s\" is confirmed", (char *) lfirst(cell)),
				 errdetail("Its own user restored it.")));
}

/*
 * svc.repair_settings() → how many: sets what a dump of one database does not
 * carry.
 */
Datum
svc_repair_settings(PG_FUNCTION_ARGS)
{
	int			n;
	SqlScope	scope;

	svc_check_writable("svc.repair_settings()");
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set settings of databases and roles"),
				 errhint("A superuser can call svc.repair_settings().")));
	svc_sql_begin(&scope, svc_extension_owner());
	confirm_services();
	(void) svc_sql_open();
	svc_sql_join_by_hash();
	n = svc_sql_do_each("SELECT m.fix, 1 FROM svc.missing_other m WHERE m.step = 3"
						" UNION ALL "
						"SELECT p.fix, 2 FROM svc.grant_problem p WHERE p.fix ~ '^(GRANT|REVOKE) [A-Z]+ ON DATABASE '"
						" ORDER BY 2, 1",
						NULL, 0);
	svc_sql_end(&scope);
	PG_RETURN_INT32(n);
}

/* What places do when the library is loaded. */
void
PlaceInit(void)
{
	DefineCustomStringVariable(SETTING,
							   "The service that this database belongs to.",
							   "Set for the database by svc.create_service; information only.",
							   &setting, NULL, PGC_SUSET, 0, NULL, NULL, NULL);
	runner_register_entry("service_owner", tell_owner);
}
