/*
 * database.c: services in databases of their own: made, finished, dropped.
 *
 * CREATE DATABASE is no part of a transaction.  So what is about to be done is
 * written to svc.provisioning first, with the number that the database is going
 * to have; and everything inside of the new database, its roles and settings
 * too, is one transaction there, with which the database begins to allow
 * connections and to say whose it is:
 *
 *     nothing → recorded → database, closed → service → record gone
 *
 * A call that finds a record goes on from there.  An error in the first call
 * takes all of it back; a crash, a kill or a cancel leaves it to the next call.
 *
 * All of it is done by runners, one after the other.  They hold a lock in the
 * service's name, since a caller may die while its runner is at work.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "common/string.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/sql.h"
#include "mb/pg_wchar.h"
#include "runner/lock.h"
#include "runner/runner.h"
#include "service/database.h"
#include "service/drop.h"
#include "service/place.h"
#include "service/provision.h"
#include "service/role.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Columns of svc.provisioning, in the order of its definition */
enum
{
	COL_SERVICE = 1,
	COL_DATABASE,
	COL_DATABASE_ID,
	COL_STEP,
	COL_ROLES
};

#define STEP_CREATE "create database"
#define STEP_FILL "fill database"
#define STEP_DROP "drop"

/* What was begun for a service */
typedef struct Record
{
	char	   *database;
	Oid			database_id;
	bool		dropping;
	List	   *roles;			/* names, to be dropped */
} Record;

/* The names in an array. */
static List *
names_in(ArrayType *array)
{
	List	   *names = NIL;
	Datum	   *elements;
	int			n;

	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, pstrdup(NameStr(*DatumGetName(elements[i]))));
	return names;
}

/* What was begun for a service and has not ended, or NULL; as it is now. */
static Record *
read_record(const char *service)
{
	Relation	rel = table_open(svc_catalog_relation("provisioning"), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	NameData	name;
	SysScanDesc scan;
	HeapTuple	tuple;
	Record	   *record = NULL;
	bool		isnull;

	namestrcpy(&name, service);
	ScanKeyInit(&key, COL_SERVICE, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
	scan = systable_beginscan(rel, svc_catalog_relation("provisioning_pkey"), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		record = palloc(sizeof(Record));
		record->database = pstrdup(NameStr(*DatumGetName(heap_getattr(tuple, COL_DATABASE, desc, &isnull))));
		record->database_id = DatumGetObjectId(heap_getattr(tuple, COL_DATABASE_ID, desc, &isnull));
		record->dropping = strcmp(TextDatumGetCString(heap_getattr(tuple, COL_STEP, desc, &isnull)),
								  STEP_DROP) == 0;
		record->roles = names_in(DatumGetArrayTypeP(heap_getattr(tuple, COL_ROLES, desc, &isnull)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return record;
}

/* The lock that the runners of a service hold. */
static char *
lock_name(const char *service)
{
	return psprintf("service %s", service);
}

/* Let a runner run statements in this database, as superuser. */
static void
run_here(const char *service, const char *what, List *statements)
{
	RunnerJob	job = {.what = what, .database = MyDatabaseId, .items = statements,
	.lock = lock_name(service)};

	(void) runner_run(&job);
}

/* The statement that forgets what was begun. */
static char *
forget_statement(const char *service)
{
	return psprintf("DELETE FROM svc.provisioning WHERE service = %s", quote_literal_cstr(service));
}

/* The statement that records what is about to be done. */
static char *
record_statement(const char *service, const char *database, Oid id, const char *step, List *roles)
{
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, roles)
		appendStringInfo(&names, "%s%s::pg_catalog.name", names.len ? ", " : "",
						 quote_literal_cstr(lfirst(cell)));
	return psprintf("INSERT INTO svc.provisioning AS p (service, database, database_id, step, roles)"
					" VALUES (%s, %s, %u, '%s', ARRAY[%s]::pg_catalog.name[])"
					" ON CONFLICT (service) DO UPDATE SET database = EXCLUDED.database,"
					" database_id = EXCLUDED.database_id, step = EXCLUDED.step, roles = EXCLUDED.roles,"
					" started_at = EXCLUDED.started_at",
					quote_literal_cstr(service), quote_literal_cstr(database), id, step, names.data);
}

/* A number that no database has. */
static Oid
new_database_id(void)
{
	Relation	rel = table_open(DatabaseRelationId, AccessShareLock);
	Oid			id = GetNewOidWithIndex(rel, DatabaseOidIndexId, Anum_pg_database_oid);

	table_close(rel, AccessShareLock);
	return id;
}

/* The name of a database as it is now, whatever a runner did to it, or NULL. */
static char *
database_name(Oid id)
{
	AcceptInvalidationMessages();
	return OidIsValid(id) ? get_database_name(id) : NULL;
}

/* The database of a number, as the catalog has it; the caller releases it. */
static HeapTuple
database_tuple(Oid id)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(id));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for database %u", id);
	return tuple;
}

/*
 * Is a database that has the number which we chose the one that we made?  Until
 * it is the service's it belongs to whoever made it.  Who else may make
 * databases may choose their numbers, too, but never gives them this owner.
 */
static bool
is_our_making(Oid id)
{
	HeapTuple	tuple = database_tuple(id);
	bool		ours = ((Form_pg_database) GETSTRUCT(tuple))->datdba == BOOTSTRAP_SUPERUSERID;

	ReleaseSysCache(tuple);
	return ours;
}

/* Is a database one whose DROP DATABASE did not come to its end?  Nothing else can be done with it. */
static bool
is_half_dropped(Oid id)
{
	HeapTuple	tuple = database_tuple(id);
	bool		half = ((Form_pg_database) GETSTRUCT(tuple))->datconnlimit == DATCONNLIMIT_INVALID_DB;

	ReleaseSysCache(tuple);
	return half;
}

/* A call at work */
typedef struct Attempt
{
	Request    *request;
	Oid			database;		/* InvalidOid: still to be made */
	const char *result;
} Attempt;

/* Make the database.  It allows no connections before it is the service's. */
static void
make_database(Attempt *a)
{
	Request    *r = a->request;
	Oid			id = new_database_id();

	a->database = id;
	run_here(r->service, "svc.create_service",
			 list_make3(record_statement(r->service, r->database, id, STEP_CREATE, NIL),
						psprintf("CREATE DATABASE %s ALLOW_CONNECTIONS false OID %u",
								 quote_identifier(r->database), id),
						psprintf("UPDATE svc.provisioning SET step = '%s' WHERE service = %s",
								 STEP_FILL, quote_literal_cstr(r->service))));
}

/* Make everything in the database. */
static void
fill_database(Attempt *a)
{
	RunnerJob	job = {.what = "svc.create_service", .database = a->database,
		.entry = "create_service", .items = request_to_items(a->request),
	.lock = lock_name(a->request->service), .any_database = true};

	a->result = linitial(linitial(runner_run(&job)));
}

/* Do what is left to do. */
static void
attempt(void *argument)
{
	Attempt    *a = argument;

	if (!OidIsValid(a->database))
		make_database(a);
	fill_database(a);
}

/* Take back what a call began that failed. */
static void
undo(void *argument)
{
	Attempt    *a = argument;
	List	   *statements = list_make1(forget_statement(a->request->service));

	if (a->request->made_database && database_name(a->database) && is_our_making(a->database))
		statements = lcons(psprintf("DROP DATABASE %s", quote_identifier(database_name(a->database))),
						   statements);
	run_here(a->request->service, "taking back what was begun", statements);
}

/* Refuse a database that is another service's, or has this one as a part of it. */
static void
check_database_free(const char *service)
{
	ListCell   *cell;

	foreach(cell, service_list())
	{
		Service    *other = lfirst(cell);
		bool		whole = service_form_is(other, "database");
		bool		same = strcmp(other->name, service) == 0;

		if (whole != same)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 same ? errmsg("service \"%s\" already exists", service)
					 : errmsg("database \"%s\" already belongs to service \"%s\"",
							  get_database_name(MyDatabaseId), other->name),
					 same ? errdetail("It is in database \"%s\", as a service of form %s.",
									  get_database_name(MyDatabaseId), other->form) : 0));
	}
}

/* For a runner in the service's database: make everything in it. */
static List *
create_here(List *items)
{
	Request    *r = request_from_items(items);
	const char *result;
	SqlScope	scope;

	svc_sql_begin(&scope, InvalidOid);
	if (!OidIsValid(get_extension_oid(SVC_EXTENSION, true)))
	{
		provision_check_extension(r, SVC_EXTENSION);
		svc_sql_do("CREATE EXTENSION %s", SVC_EXTENSION);
	}
	svc_sql_end(&scope);
	check_database_free(r->service);
	/* one that is here already only lacks the setting, of which a dump has nothing */
	r->if_not_exists = true;
	result = provision_here(r);
	if (strcmp(result, "unchanged") == 0)
	{
		svc_sql_begin(&scope, svc_extension_owner());
		place_set(r->service);
		svc_sql_end(&scope);
		result = "adopted";
	}
	return list_make1(list_make1(pstrdup(result)));
}

/* May a role create databases?  The server's own answer is not exported by all minor versions of 15. */
static bool
may_create_databases(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		may = superuser_arg(role);

	if (HeapTupleIsValid(tuple))
	{
		may |= ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
		ReleaseSysCache(tuple);
	}
	return may;
}

/* Refuse callers who could not do by themselves what is done for them. */
static void
check_may_create(const Request *r)
{
	if (!may_create_databases(GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to create database \"%s\"", r->database),
				 errhint("Making a service in a database of its own needs the CREATEDB and CREATEROLE attributes.")));
}

/* Refuse to take over a database that the caller has no say over, or that is no ordinary one. */
static void
check_may_adopt(const Request *r, Oid database)
{
	HeapTuple	tuple;
	Form_pg_database form;
	bool		template;
	bool		closed;

	if (!r->adopt)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_DATABASE),
				 errmsg("database \"%s\" already exists", r->database),
				 errhint("Give adopt => true to take it over.")));
	tuple = database_tuple(database);
	form = (Form_pg_database) GETSTRUCT(tuple);
	template = form->datistemplate;
	closed = !form->datallowconn;
	ReleaseSysCache(tuple);
	if (!object_ownercheck(DatabaseRelationId, database, r->caller))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_DATABASE, r->database);
	if (template || closed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 template ? errmsg("database \"%s\" is a template, and cannot belong to a service", r->database)
				 : errmsg("database \"%s\" allows no connections", r->database)));
}

/* Refuse to go on with what was begun otherwise. */
static void
check_record(const Record *record, const Request *r)
{
	if (!record)
		return;
	if (record->dropping)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" is being dropped", r->service),
				 errhint("Call svc.drop_service(..., drop_objects => true) again to finish that.")));
	if (strcmp(record->database, r->database) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" was begun in database \"%s\"", r->service, record->database),
				 errhint("Name this database to finish it, or take it back with svc.drop_service(..., drop_objects => true).")));
}

/* Is the service there, as a whole?  An error if that is not what the caller wants. */
static bool
is_complete(const Request *r)
{
	if (provision_is_registered(r))
		return true;
	if (!place_is(r->service, get_database_oid(r->database, true)))
		return false;
	if (!r->if_not_exists)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" already exists", r->service),
				 errdetail("It is in database \"%s\".", r->database),
				 errhint("Give if_not_exists => true to leave it as it is.")));
	return true;
}

/*
 * Refuse names that would not be the same there: those of databases and roles
 * are bytes that all databases share, whatever the encoding of each.
 */
static void
check_names(const Request *r, Oid database)
{
	const char *names[] = {r->service, r->database, r->owner, r->role_prefix, r->login, r->migrator};
	HeapTuple	tuple = database_tuple(OidIsValid(database) ? database : get_database_oid("template1", false));
	int			encoding = ((Form_pg_database) GETSTRUCT(tuple))->encoding;

	ReleaseSysCache(tuple);
	/* without an encoding bytes go as they are */
	if (encoding == GetDatabaseEncoding() || encoding == PG_SQL_ASCII ||
		GetDatabaseEncoding() == PG_SQL_ASCII)
		return;
	for (int i = 0; i < lengthof(names); i++)
		if (names[i] && !pg_is_ascii(names[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("name \"%s\" has characters other than those of ASCII", names[i]),
					 errdetail("It would be another name in the service's database, whose encoding is %s and not %s.",
							   pg_encoding_to_char(encoding), GetDatabaseEncodingName()),
					 errhint("Call svc.create_service in a database of that encoding.")));
}

/* Finish what was begun, or begin. */
static const char *
make_complete(Request *r, const Record *record)
{
	Attempt		a = {.request = r, .database = get_database_oid(r->database, true)};
	ErrorData  *error;

	if (OidIsValid(a.database) &&
		!(record && record->database_id == a.database && is_our_making(a.database)))
		check_may_adopt(r, a.database);
	else
		r->made_database = true;
	check_names(r, a.database);
	provision_check(r);
	if (r->made_database && OidIsValid(a.database) && is_half_dropped(a.database))
	{
		run_here(r->service, "svc.create_service",
				 list_make1(psprintf("DROP DATABASE %s", quote_identifier(database_name(a.database)))));
		a.database = InvalidOid;
	}

	error = svc_try(attempt, &a);
	if (error)
	{
		if (!record && !svc_is_interruption(error))
			(void) svc_run_protected(undo, &a, false, "could not take back what was begun",
									 "svc.drop_service(..., drop_objects => true) does, or svc.create_service finishes it.");
		ReThrowError(error);
	}
	if (r->made_database)
		run_here(r->service, "svc.create_service", list_make1(forget_statement(r->service)));
	return record ? "finished" : a.result;
}

/*
 * Make a service in a database of its own.  Returns created, finished, adopted
 * or unchanged.
 */
const char *
database_create(Request *r)
{
	Record	   *record;

	runner_check_top_level("svc.create_service(database => ...)");
	check_may_create(r);
	if (!read_record(r->service) && is_complete(r))
		return "unchanged";
	runner_lock(lock_name(r->service));
	record = read_record(r->service);
	check_record(record, r);
	if (record && place_is(r->service, record->database_id))
	{
		/* all was done but this */
		run_here(r->service, "svc.create_service", list_make1(forget_statement(r->service)));
		return "finished";
	}
	if (!record && is_complete(r))
		return "unchanged";
	return make_complete(r, record);
}

/* Drop the roles of a record, and forget it: for a runner where it is. */
static List *
drop_roles(List *items)
{
	SqlScope	scope;
	ListCell   *cell;

	svc_sql_begin(&scope, svc_extension_owner());
	for_each_from(cell, items, 1)
	{
		Oid			role = get_role_oid(lfirst(cell), true);

		if (OidIsValid(role))
			role_drop(role);
	}
	svc_sql("DELETE FROM svc.provisioning WHERE service = $1", sql_name(linitial(items)));
	svc_sql_end(&scope);
	return NIL;
}

/* Drop a database and what is recorded with it. */
static void
drop_recorded(const char *service, const char *database, Oid id, List *roles)
{
	RunnerJob	job = {.what = "svc.drop_service", .database = MyDatabaseId, .entry = "drop_roles",
		.items = lcons(unconstify(char *, service), roles),
	.lock = lock_name(service)};
	List	   *statements = list_make1(record_statement(service, database, id, STEP_DROP, roles));

	if (database_name(id))
		statements = lappend(statements,
							 psprintf("DROP DATABASE %s", quote_identifier(database_name(id))));
	run_here(service, "svc.drop_service", statements);
	(void) runner_run(&job);
}

/* What svc.drop_service is asked for, and what it runs in */
typedef struct Dropping
{
	const char *service;
	Oid			database;
	List	   *roles;
} Dropping;

/* Drop what can be dropped, as an attempt. */
static void
drop_attempt(void *argument)
{
	Dropping   *d = argument;

	drop_recorded(d->service, database_name(d->database), d->database, d->roles);
}

/* Forget that something was to be dropped: it is all still there. */
static void
drop_undo(void *argument)
{
	Dropping   *d = argument;

	run_here(d->service, "svc.drop_service", list_make1(forget_statement(d->service)));
}

/* Drop a service that is complete: ask its database, which forgets it if that is all. */
static void
drop_complete(const char *service, Oid database, bool drop_objects, bool force)
{
	RunnerJob	job = {.what = "svc.drop_service", .database = database, .entry = "drop_service",
		.items = list_make5(unconstify(char *, service), drop_objects ? "t" : "f", force ? "t" : "f",
							psprintf("%u", GetUserId()), psprintf("%u", MyDatabaseId)),
	.lock = lock_name(service)};
	List	   *rows = runner_run(&job);
	Dropping	d = {.service = service, .database = database};
	ErrorData  *error;
	ListCell   *cell;

	/* nothing is left to drop from here */
	if (rows == NIL)
		return;
	for_each_from(cell, rows, 1)
		d.roles = lappend(d.roles, linitial(lfirst(cell)));
	error = svc_try(drop_attempt, &d);
	if (!error)
		return;
	if (!svc_is_interruption(error) && database_name(database))
		(void) svc_run_protected(drop_undo, &d, false, "could not forget that the service is being dropped",
								 "Call svc.drop_service again.");
	ReThrowError(error);
}

/* What was begun for a service, in this database or in any (NULL). */
static Record *
begun_in(const char *service, const char *database)
{
	Record	   *record = read_record(service);

	return record && (!database || strcmp(record->database, database) == 0) ? record : NULL;
}

/* Was all done that was begun, but for forgetting it?  Then the database is somebody's. */
static bool
is_outdated(const Record *record)
{
	return !record->dropping && database_name(record->database_id) && !is_our_making(record->database_id);
}

/* Refuse callers who could not drop what was begun. */
static void
check_may_drop(const char *service, const Record *record, bool drop_objects)
{
	const char *database = database_name(record->database_id);

	if (!may_create_databases(GetUserId()) || !has_createrole_privilege(GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to drop service \"%s\"", service),
				 errdetail("It is not finished, and has no owner yet."),
				 errhint("That needs the CREATEDB and CREATEROLE attributes.")));
	if (database && !is_our_making(record->database_id) &&
		!object_ownercheck(DatabaseRelationId, record->database_id, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_DATABASE, database);
	if (!drop_objects)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" is not finished", service),
				 errhint("Give drop_objects => true to take back what was begun, or call svc.create_service again.")));
}

/*
 * Drop a service that is in another database.  Returns false where there is
 * none.
 */
bool
database_drop(const char *service, const char *database, bool drop_objects, bool force)
{
	Oid			place;
	Record	   *record = begun_in(service, database);

	if (!record && !OidIsValid(place_find(service, database)))
		return false;
	runner_check_top_level("svc.drop_service() of a service in another database");
	runner_lock(lock_name(service));
	record = begun_in(service, database);
	if (record && is_outdated(record))
	{
		run_here(service, "svc.drop_service", list_make1(forget_statement(service)));
		record = NULL;
	}
	if (record)
	{
		check_may_drop(service, record, drop_objects);
		drop_recorded(service, record->database, record->database_id, record->roles);
		return true;
	}
	place = place_find(service, database);
	if (!OidIsValid(place))
		return false;
	drop_complete(service, place, drop_objects, force);
	return true;
}

/* What databases do when the library is loaded. */
void
DatabaseInit(void)
{
	runner_register_entry("create_service", create_here);
	runner_register_entry("drop_service", drop_here);
	runner_register_entry("drop_roles", drop_roles);
}
