/*
 * right.c: what services' roles may do, on the services' objects and in our
 * own catalog.
 *
 * What is declared stands in views (right.sql).  Granting means running the
 * statements that these views say are missing, so that what is granted and
 * what svc.check_grants reports can never disagree.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_init_privs.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "service/assign.h"
#include "service/connection.h"
#include "service/ownership.h"
#include "service/right.h"
#include "service/service.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

SVC_FUNCTION(svc_check_grants);
SVC_FUNCTION(svc_service_changed);

/* Run statements that set or reset what roles have in this database. */
static int
run_settings(const char *query, const SqlArg *args, int nargs)
{
	int			context = svc_sql_open();
	int			n = svc_sql_do_each(query, args, nargs);

	svc_sql_close(context);
	return n;
}

/* The same right of one role on several objects, to be granted or taken back */
typedef struct Right
{
	char	   *keyword;		/* TABLE, SEQUENCE, SCHEMA, DATABASE */
	Oid			class_id;
	Oid			role;
	char	   *privileges;
	List	   *objects;		/* OIDs */
} Right;

/* Rights as rows of m, which "source" selects from and restricts */
#define RIGHTS(source) \
	"SELECT k.keyword, g.class_id::pg_catalog.oid, g.role::pg_catalog.oid, g.privileges," \
	"       pg_catalog.array_agg(g.object_id ORDER BY g.object_id)" \
	"  FROM (SELECT m.class_id, m.object_id, m.role," \
	"               pg_catalog.string_agg(DISTINCT m.privilege, ', ' ORDER BY m.privilege) AS privileges" \
	source \
	"         GROUP BY m.class_id, m.object_id, m.role) g" \
	"  LEFT JOIN pg_catalog.pg_class c ON c.oid = g.object_id" \
	" CROSS JOIN LATERAL (" \
	"       SELECT CASE WHEN g.class_id = 'pg_catalog.pg_namespace'::pg_catalog.regclass THEN 'SCHEMA'" \
	"                   WHEN g.class_id = 'pg_catalog.pg_database'::pg_catalog.regclass THEN 'DATABASE'" \
	"                   WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END) k (keyword)" \
	"  JOIN pg_catalog.pg_roles r ON r.oid = g.role" \
	" GROUP BY k.keyword, g.class_id, g.role, r.rolname, g.privileges ORDER BY k.keyword, r.rolname"

/* What is missing on some relations, and on the schemas they lie in for their sake; or everything */
#define MISSING_RIGHTS \
	"  FROM svc.missing_right m" \
	" WHERE m.service = $1 AND (pg_catalog.cardinality($2) = 0 OR m.relation = ANY ($2))"

/* What is missing on the database and on a service's own schemas */
#define MISSING_ON_PLACES \
	"  FROM svc.missing_right m" \
	" WHERE m.service = $1 AND m.relation IS NULL"

/*
 * What a service's roles hold on some objects of a class, and need not.  The
 * objects are named twice: a condition on the one side of an outer join is not
 * known on the other.
 */
#define UNDECLARED_RIGHTS(class) \
	"  FROM (SELECT * FROM svc.held_right" \
	"         WHERE class_id = '" class "'::pg_catalog.regclass AND object_id = ANY ($2)) m" \
	"  LEFT JOIN (SELECT * FROM svc.allowed_right" \
	"              WHERE class_id = '" class "'::pg_catalog.regclass AND object_id = ANY ($2)) a" \
	"    ON a.object_id = m.object_id AND a.role = m.role AND a.privilege = m.privilege" \
	" WHERE m.service = $1 AND (NOT m.adopted OR $3) AND a.role IS NULL"

/* What a role of a service holds on the service's relations and its own schemas */
#define HELD_ON_SERVICE \
	"  FROM svc.held_right m" \
	" WHERE m.service = $1 AND m.role = $2" \
	"   AND (m.class_id, m.object_id) IN (" \
	"       SELECT e.class_id, e.object_id FROM svc.expected_right e" \
	"        WHERE e.service = $1" \
	"          AND (e.relation IS NULL OR e.class_id = 'pg_catalog.pg_class'::pg_catalog.regclass))"

/* Memberships and default privileges that are missing, and settings */
#define MISSING_OTHERS \
	"SELECT m.fix FROM svc.missing_other m WHERE m.service = $1 AND m.step < 3 ORDER BY m.step, m.fix"

#define MISSING_DEFAULTS \
	"SELECT m.fix FROM svc.missing_other m WHERE m.service = $1 AND m.step = 2"

#define MISSING_SETTINGS \
	"SELECT m.fix FROM svc.missing_other m WHERE m.service = $1 AND m.step = 3 ORDER BY m.privilege DESC, m.fix"

/*
 * Queries over access control lists are estimated to find next to nothing, and
 * with more relations than this the nested loops that follow from it are slower
 * than hash joins; with fewer, the hash joins are.
 */
#define MAX_NESTED 200

/* Read the rights that a query made with RIGHTS gives. */
static List *
read_rights(const char *query, const SqlArg *args, int nargs)
{
	List	   *rights = NIL;
	uint64		rows;

	rows = svc_sql_run(query, args, nargs);
	for (uint64 row = 0; row < rows; row++)
	{
		Right	   *right = palloc(sizeof(Right));
		bool		isnull;
		Datum	   *objects;
		int			n;

		right->keyword = svc_sql_value(row, 1);
		right->class_id = svc_sql_oid_value(row, 2);
		right->role = svc_sql_oid_value(row, 3);
		right->privileges = svc_sql_value(row, 4);
		right->objects = NIL;
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[row],
														   SPI_tuptable->tupdesc, 5, &isnull)),
						  OIDOID, sizeof(Oid), true, TYPALIGN_INT, &objects, NULL, &n);
		for (int i = 0; i < n; i++)
			right->objects = lappend_oid(right->objects, DatumGetObjectId(objects[i]));
		rights = lappend(rights, right);
	}
	return rights;
}

/* The objects of a class that some rights are on, each once, in the order of locking. */
static List *
objects_of(List *rights, Oid class_id)
{
	List	   *objects = NIL;
	ListCell   *cell;

	foreach(cell, rights)
	{
		Right	   *right = lfirst(cell);

		if (right->class_id == class_id)
			objects = list_concat(objects, right->objects);
	}
	list_sort(objects, list_oid_cmp);
	list_deduplicate_oid(objects);
	return objects;
}

/*
 * GRANT itself locks nothing: two at a time on one object, or one while the
 * object is dropped, end in "tuple concurrently updated".  So wait for whoever
 * grants on the same objects through us, or drops one of them.
 */
static void
lock_objects(List *rights)
{
	List	   *relations = objects_of(rights, RelationRelationId);
	ListCell   *cell;

	foreach(cell, objects_of(rights, DatabaseRelationId))
		LockSharedObject(DatabaseRelationId, lfirst_oid(cell), 0, ShareUpdateExclusiveLock);
	foreach(cell, objects_of(rights, NamespaceRelationId))
		LockDatabaseObject(NamespaceRelationId, lfirst_oid(cell), 0, ShareUpdateExclusiveLock);
	if (list_length(relations) > RIGHT_MAX_LOCKED)
		return;
	foreach(cell, relations)
	{
		LockRelationOid(lfirst_oid(cell), AccessShareLock);
		LockDatabaseObject(RelationRelationId, lfirst_oid(cell), 0, ShareUpdateExclusiveLock);
	}
}

/* The objects that a right is on, as GRANT names them now; empty if all are gone. */
static char *
object_names(const Right *right)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, right->objects)
	{
		Oid			object = lfirst_oid(cell);

		if (right->class_id == NamespaceRelationId && get_namespace_name(object))
			names = lappend(names, (char *) quote_identifier(get_namespace_name(object)));
		else if (right->class_id == DatabaseRelationId && get_database_name(object))
			names = lappend(names, (char *) quote_identifier(get_database_name(object)));
		else if (right->class_id == RelationRelationId && get_rel_name(object))
			names = lappend(names, svc_quote_relation(object));
	}
	return service_joined(names);
}

/* Grant rights, or take them back; returns the number of statements that it took. */
static int
run_rights(List *rights, bool grant)
{
	int			n = 0;
	ListCell   *cell;

	lock_objects(rights);
	foreach(cell, rights)
	{
		Right	   *right = lfirst(cell);
		char	   *role = GetUserNameFromId(right->role, true);
		char	   *names = object_names(right);

		if (!role || names[0] == '\0')
			continue;
		svc_sql_do("%s %s ON %s %s %s %s", grant ? "GRANT" : "REVOKE", right->privileges,
				   right->keyword, names, grant ? "TO" : "FROM", quote_identifier(role));
		n++;
	}
	return n;
}

/*
 * A schema that is not the service's is not ours to open, but for those of
 * connected services.  USAGE on it is granted where the caller could grant it
 * himself.
 */
static bool
may_open(const char *service, Oid schema, Oid caller)
{
	char	   *name = get_namespace_name(schema);
	Service    *claiming = name ? service_claiming_schema(name) : NULL;

	if (claiming && strcmp(claiming->name, service) == 0 && service_owns_schema(claiming, schema))
		return true;
	if (name && connection_of_schema(name))
		return true;
	return name && OidIsValid(caller) &&
		(object_ownercheck(NamespaceRelationId, schema, caller) ||
		 object_aclcheck(NamespaceRelationId, schema, caller,
						 ACL_GRANT_OPTION_FOR(ACL_USAGE)) == ACLCHECK_OK);
}

/* Of some rights those that the caller may grant, or those that he may not. */
static List *
choose_rights(List *rights, const char *service, Oid caller, bool may)
{
	List	   *chosen = NIL;
	ListCell   *cell;

	foreach(cell, rights)
	{
		Right	   *right = lfirst(cell);
		List	   *objects = NIL;
		ListCell   *object;

		foreach(object, right->objects)
			if (may == (right->class_id != NamespaceRelationId ||
						may_open(service, lfirst_oid(object), caller)))
				objects = lappend_oid(objects, lfirst_oid(object));
		right->objects = objects;
		if (objects != NIL)
			chosen = lappend(chosen, right);
	}
	return chosen;
}

/* The best way to join for this many relations; NIL is all. */
static void
choose_joins(List *relations)
{
	if (relations == NIL || list_length(relations) > MAX_NESTED)
		svc_sql_join_by_hash();
}

/*
 * Of some rights those on objects that belong to a service's owner role: all
 * that is granted for a service that only its own user says is one.
 */
static List *
rights_on_own(List *rights, const Service *service)
{
	List	   *chosen = NIL;
	ListCell   *cell;

	foreach(cell, rights)
	{
		Right	   *right = lfirst(cell);
		List	   *objects = NIL;
		ListCell   *object;

		foreach(object, right->objects)
			if (object_ownercheck(right->class_id, lfirst_oid(object), service->owner))
				objects = lappend_oid(objects, lfirst_oid(object));
		right->objects = objects;
		if (objects != NIL)
			chosen = lappend(chosen, right);
	}
	return chosen;
}

/*
 * Grant what is declared for a service and missing: on some relations and, for
 * their sake, the schemas they lie in, or, with NIL, everything.  On schemas
 * that are not the service's only what the caller may grant; InvalidOid:
 * nothing.  Returns the number of statements that it took.  Inside a scope of
 * the extension's owner.
 */
int
right_mend_for(const char *service, List *relations, Oid caller)
{
	SqlArg		args[2] = {sql_name(service), sql_oids(relations, OIDARRAYOID)};
	Service    *s = service_lookup(service, true);
	bool		confirmed = !s || s->confirmed; /* connections are made by superusers */
	List	   *rights;
	int			n;

	choose_joins(relations);
	rights = read_rights(RIGHTS(MISSING_RIGHTS), args, 2);
	if (!confirmed)
		rights = rights_on_own(rights, s);
	n = run_rights(choose_rights(rights, service, caller, true), true);
	if (relations != NIL)
		return n;
	if (!confirmed)
		return n + svc_sql_do_each(MISSING_DEFAULTS, args, 1);
	return n + svc_sql_do_each(MISSING_OTHERS, args, 1) + run_settings(MISSING_SETTINGS, args, 1);
}

/*
 * Everything for a service that is new and has these relations only: to find
 * out which are its, out of all that there are, takes long where there are many.
 */
void
right_begin(const char *service, List *relations, Oid caller)
{
	SqlArg		args[1] = {sql_name(service)};
	SqlScope	scope;

	svc_sql_begin(&scope, InvalidOid);
	svc_sql_join_as_written();
	run_rights(read_rights(RIGHTS(MISSING_ON_PLACES), args, 1), true);
	svc_sql_do_each(MISSING_OTHERS, args, 1);
	run_settings(MISSING_SETTINGS, args, 1);
	svc_sql_end(&scope);
	if (relations != NIL)
		right_mend_for(service, relations, caller);
}

/* The same on the service's own schemas. */
int
right_mend(const char *service, List *relations)
{
	return right_mend_for(service, relations, InvalidOid);
}

/* Say which schemas of some relations stay closed to a service, since the caller may not open them. */
void
right_tell_closed(const char *service, List *relations, Oid caller)
{
	SqlArg		args[2] = {sql_name(service), sql_oids(relations, OIDARRAYOID)};
	List	   *rights;
	ListCell   *cell;

	choose_joins(relations);
	rights = read_rights(RIGHTS(MISSING_RIGHTS), args, 2);
	foreach(cell, choose_rights(rights, service, caller, false))
	{
		Right	   *right = lfirst(cell);
		char	   *role = svc_role_name(right->role);

		ereport(NOTICE,
				(errmsg("role \"%s\" has no %s on schema %s", role, right->privileges,
						object_names(right)),
				 errdetail("The schema is not the service's, and role \"%s\" may not grant it.",
						   svc_role_name(caller)),
				 errhint("Its owner can: GRANT %s ON SCHEMA %s TO %s.", right->privileges,
						 object_names(right), quote_identifier(role))));
	}
}

/*
 * The schemas that some relations lie in, without those that another relation
 * keeps open to the service: whether one does is seen at once where relations
 * are assigned to it, and takes a look at each relation in the schema else.
 */
static List *
schemas_left(const char *service, List *relations)
{
	List	   *schemas = NIL;
	List	   *left = NIL;
	ListCell   *cell;

	foreach(cell, relations)
		if (OidIsValid(get_rel_namespace(lfirst_oid(cell))))
			schemas = list_append_unique_oid(schemas, get_rel_namespace(lfirst_oid(cell)));
	foreach(cell, schemas)
		if (svc_sql("SELECT 1 FROM svc.assignment a"
					"  JOIN pg_catalog.pg_class c ON c.oid = a.relation"
					" WHERE a.service = $1 AND c.relnamespace = $2 LIMIT 1",
					sql_name(service), sql_oid(lfirst_oid(cell))) == 0)
			left = lappend_oid(left, lfirst_oid(cell));
	return left;
}

/*
 * Take back what a service's roles hold on some relations, and the schemas
 * they lie in, without its being declared any more.  Roles that were adopted
 * keep it, unless adopted_too: what they had before is not known.
 */
void
right_take_back(const char *service, List *relations, bool adopted_too)
{
	List	   *schemas = schemas_left(service, relations);
	SqlArg		args[3] = {sql_name(service), sql_oids(relations, OIDARRAYOID), sql_bool(adopted_too)};

	if (relations == NIL)
		return;
	choose_joins(relations);
	run_rights(read_rights(RIGHTS(UNDECLARED_RIGHTS("pg_catalog.pg_class")), args, 3), false);
	if (schemas == NIL)
		return;
	args[1] = sql_oids(schemas, OIDARRAYOID);
	run_rights(read_rights(RIGHTS(UNDECLARED_RIGHTS("pg_catalog.pg_namespace")), args, 3), false);
}

/*
 * Take back what one of a service's roles, which will be that no more, was
 * granted on the service's relations and in its own schemas.
 */
void
right_take_from(const char *service, Oid role)
{
	SqlArg		args[2] = {sql_name(service), sql_oid(role)};

	svc_sql_join_by_hash();
	run_rights(read_rights(RIGHTS(HELD_ON_SERVICE), args, 2), false);
}

/* An object of our catalog */
typedef struct CatalogObject
{
	Oid			class_id;
	Oid			object_id;
	Oid			owner;
	Acl		   *acl;			/* as it is now */
	AclMode		privilege;		/* that a service's owner role gets */
} CatalogObject;

/* Read who owns an object, and its access control list. */
static void
read_acl(CatalogObject *object)
{
	int			cache = get_object_catcache_oid(object->class_id);
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object->object_id));
	bool		isnull;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for object %u", object->object_id);
	value = SysCacheGetAttr(cache, tuple, get_object_attnum_owner(object->class_id), &isnull);
	object->owner = DatumGetObjectId(value);
	value = SysCacheGetAttr(cache, tuple, get_object_attnum_acl(object->class_id), &isnull);
	object->acl = isnull ? make_empty_acl() : DatumGetAclPCopy(value);
	object->privilege = object->class_id == RelationRelationId ? ACL_SELECT : ACL_EXECUTE;
	ReleaseSysCache(tuple);
}

/*
 * The initial privileges of an object with what one role holds now, and without
 * the entries of roles that are gone: no command that we see drops a role.
 */
static Acl *
merged_acl(const Acl *initial, const CatalogObject *object, Oid role)
{
	int			room = ACL_NUM(initial) + ACL_NUM(object->acl);
	AclItem    *items = palloc(sizeof(AclItem) * Max(room, 1));
	int			n = 0;
	Acl		   *acl;

	for (int i = 0; i < ACL_NUM(initial); i++)
	{
		AclItem		item = ACL_DAT(initial)[i];

		if (item.ai_grantee != role &&
			(item.ai_grantee == ACL_ID_PUBLIC || GetUserNameFromId(item.ai_grantee, true)))
			items[n++] = item;
	}
	for (int i = 0; i < ACL_NUM(object->acl); i++)
	{
		AclItem		item = ACL_DAT(object->acl)[i];

		ACLITEM_SET_RIGHTS(item, ACLITEM_GET_PRIVS(item) & object->privilege);
		if (item.ai_grantee == role && ACLITEM_GET_PRIVS(item) != ACL_NO_RIGHTS)
			items[n++] = item;
	}
	acl = palloc0(ACL_N_SIZE(n));
	SET_VARSIZE(acl, ACL_N_SIZE(n));
	acl->ndim = 1;
	acl->elemtype = ACLITEMOID;
	ARR_LBOUND(acl)[0] = 1;
	ARR_DIMS(acl)[0] = n;
	memcpy(ACL_DAT(acl), items, sizeof(AclItem) * n);
	return acl;
}

/* Write the initial privileges of an object: a new row, or in place of an old one. */
static void
write_initial(Relation rel, HeapTuple before, const CatalogObject *object, Acl *acl)
{
	Datum		values[Natts_pg_init_privs] = {0};
	bool		nulls[Natts_pg_init_privs] = {false};
	bool		replace[Natts_pg_init_privs] = {false};

	values[Anum_pg_init_privs_initprivs - 1] = PointerGetDatum(acl);
	if (before)
	{
		replace[Anum_pg_init_privs_initprivs - 1] = true;
		before = heap_modify_tuple(before, RelationGetDescr(rel), values, nulls, replace);
		CatalogTupleUpdate(rel, &before->t_self, before);
		return;
	}
	values[Anum_pg_init_privs_objoid - 1] = ObjectIdGetDatum(object->object_id);
	values[Anum_pg_init_privs_classoid - 1] = ObjectIdGetDatum(object->class_id);
	values[Anum_pg_init_privs_privtype - 1] = CharGetDatum(INITPRIVS_EXTENSION);
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
}

/*
 * Let the initial privileges of an object say of one role what its access
 * control list says, and keep what they say of others.
 */
static void
record_initial(CatalogObject *object, Oid role)
{
	Relation	rel = table_open(InitPrivsRelationId, RowExclusiveLock);
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tuple;
	Acl		   *before;
	Acl		   *after;
	bool		isnull;
	Oid		   *old_members = NULL;
	Oid		   *new_members;
	int			n_old = 0;
	int			n_new;

	ScanKeyInit(&key[0], Anum_pg_init_privs_objoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object->object_id));
	ScanKeyInit(&key[1], Anum_pg_init_privs_classoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object->class_id));
	ScanKeyInit(&key[2], Anum_pg_init_privs_objsubid, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(0));
	scan = systable_beginscan(rel, InitPrivsObjIndexId, true, NULL, 3, key);
	tuple = systable_getnext(scan);
	if (tuple)
		before = DatumGetAclPCopy(heap_getattr(tuple, Anum_pg_init_privs_initprivs,
											   RelationGetDescr(rel), &isnull));
	else
		before = acldefault(object->class_id == RelationRelationId ? OBJECT_TABLE : OBJECT_FUNCTION,
							object->owner);
	after = merged_acl(before, object, role);
	if (!aclequal(before, after))
	{
		write_initial(rel, tuple, object, after);
		if (tuple)
			n_old = aclmembers(before, &old_members);
		n_new = aclmembers(after, &new_members);
		updateInitAclDependencies(object->class_id, object->object_id, 0,
								  n_old, old_members, n_new, new_members);
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

/* Record what a role holds in our catalog now, of all that owner roles are granted there. */
static void
record_initial_rights(Oid role)
{
	uint64		rows = svc_sql_run("SELECT class_id::pg_catalog.oid, object_id FROM svc.owner_objects",
								   NULL, 0);
	CatalogObject *objects = palloc(sizeof(CatalogObject) * rows);

	for (uint64 row = 0; row < rows; row++)
	{
		objects[row].class_id = svc_sql_oid_value(row, 1);
		objects[row].object_id = svc_sql_oid_value(row, 2);
		read_acl(&objects[row]);
		record_initial(&objects[row], role);
	}
	CommandCounterIncrement();
}

/*
 * May an owner role read our catalog, with the rows of all services?  Not one
 * that says itself that it is one, in a restore, where there are services of
 * others.
 */
static bool
may_read_catalog(Oid role)
{
	return svc_sql("SELECT 1 FROM svc.service s WHERE s.owner = $1 AND s.confirmed", sql_oid(role)) > 0 ||
		svc_sql("SELECT 1 FROM svc.service s"
				" WHERE s.owner IN (SELECT r.oid FROM pg_catalog.pg_roles r)"
				"   AND NOT pg_catalog.pg_has_role($1, s.owner, 'USAGE')",
				sql_oid(role)) == 0;
}

/*
 * Open or close our catalog to a service's owner role: its tables for
 * pg_dump, and the functions that change a service for calling them.  Nothing
 * is granted to a role that is gone, nor taken from it.
 *
 * These grants are recorded as initial privileges, as those of the install
 * script are.  Else every dump would repeat them, and a restore by the
 * service's own user, who cannot grant them, would fail there.  What a DBA
 * grants on the same objects is not recorded, so that dumps hold it.
 */
static void
grant_catalog(Oid role, bool grant)
{
	const char *name = GetUserNameFromId(role, true);
	SqlScope	scope;
	SqlArg		args[3] = {sql_bool(grant), sql_name(name)};

	svc_sql_begin(&scope, svc_extension_owner());
	args[2] = sql_bool(!grant || may_read_catalog(role));
	if (name)
		svc_sql_do_each("SELECT pg_catalog.format(CASE WHEN $1 THEN 'GRANT %s ON %s %s TO %I'"
					   "                              ELSE 'REVOKE %s ON %s %s FROM %I' END,"
					   "                         o.privilege, o.keyword, pg_catalog.string_agg(o.name, ', '), $2)"
					   "  FROM svc.owner_objects o WHERE $3 OR o.privilege <> 'SELECT'"
					   " GROUP BY o.privilege, o.keyword",
					   args, 3);
	record_initial_rights(role);
	svc_sql_end(&scope);
}

/* The owner column of a row of svc.service. */
static Oid
owner_of_row(HeapTuple row, TupleDesc desc)
{
	bool		isnull;

	return DatumGetObjectId(SPI_getbinval(row, desc, SPI_fnumber(desc, "owner"), &isnull));
}

/*
 * svc.service_changed(): row trigger on svc.service, AFTER INSERT OR UPDATE OF
 * owner OR DELETE.  Also fires for rows that a restore brings, unless it
 * disables triggers: then the owner is set again to what it is.
 */
Datum
svc_service_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	Oid			before = InvalidOid;
	Oid			after = InvalidOid;

	/* on another table it would open the catalog to anybody */
	if (!CALLED_AS_TRIGGER(fcinfo) ||
		RelationGetRelid(data->tg_relation) != svc_catalog_relation("service"))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	desc = RelationGetDescr(data->tg_relation);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		after = owner_of_row(data->tg_trigtuple, desc);
	else
		before = owner_of_row(data->tg_trigtuple, desc);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		after = owner_of_row(data->tg_newtuple, desc);

	if (before != after && OidIsValid(before))
		grant_catalog(before, false);
	if (OidIsValid(after))
		grant_catalog(after, true);
	return PointerGetDatum(NULL);
}

/* Is it a relation of a kind that rights are granted on? */
static bool
is_grantable(Oid relation)
{
	char		relkind = get_rel_relkind(relation);

	return (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
			relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW ||
			relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_SEQUENCE) &&
		get_rel_persistence(relation) != RELPERSISTENCE_TEMP;
}

/*
 * The relations that a command made.  What a service's owner role makes in the
 * service's schema is left to its default privileges: migrations make
 * thousands of tables.
 */
static List *
made_by(List *objects)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);
		Service    *service;

		if (object->class_id != RelationRelationId || object->sub_id != 0 ||
			strncmp(object->tag, "ALTER", 5) == 0 || !object->schema)
			continue;
		service = service_of_schema(object->schema);
		if (!service || !object_ownercheck(RelationRelationId, object->object_id, service->owner))
			relations = lappend_oid(relations, object->object_id);
	}
	return relations;
}

/* The relations, there before, that a command brought to another place. */
static List *
moved_by(Node *command, List *objects)
{
	List	   *relations = NIL;
	ListCell   *cell;

	if (command && IsA(command, AlterObjectSchemaStmt))
		foreach(cell, objects)
		{
			DdlObject  *object = lfirst(cell);

			if (object->class_id == RelationRelationId)
				relations = lappend_oid(relations, object->object_id);
		}
	else if (command && IsA(command, AlterTableStmt))
		foreach(cell, ((AlterTableStmt *) command)->cmds)
		{
			AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

			if (cmd->subtype == AT_AttachPartition)
				relations = lappend_oid(relations, svc_ddl_named_table(cmd));
		}
	return assign_families(relations);
}

/* Grant a service's roles what they lack on some relations, and say so. */
static void
mend_and_tell(const char *service, List *relations)
{
	SqlScope	scope;
	ListCell   *cell;

	svc_sql_begin(&scope, svc_extension_owner());
	if (right_mend_for(service, relations, scope.saved_user) > 0)
		foreach(cell, relations)
			ereport(NOTICE,
					(errmsg("granted rights on %s to the roles of service \"%s\"",
							svc_quote_relation(lfirst_oid(cell)), service)));
	svc_sql_end(&scope);
}

/*
 * Somebody made a relation in a service's schema, moved it there, or attached
 * it to a service's table: the service's roles get their rights on it.
 */
static void
follow_altered(Node *command, List *objects)
{
	List	   *arrived = list_concat(made_by(objects), moved_by(command, objects));
	List	   *pending = NIL;
	NameData	current;
	ListCell   *cell;

	foreach(cell, arrived)
	{
		Oid			relation = lfirst_oid(cell);
		NameData	service;

		if (!is_grantable(relation) || ownership_of(relation, &service) == OWNED_NOT)
			continue;
		if (pending != NIL && strcmp(NameStr(current), NameStr(service)) != 0)
		{
			mend_and_tell(NameStr(current), pending);
			pending = NIL;
		}
		current = service;
		pending = lappend_oid(pending, relation);
	}
	if (pending != NIL)
		mend_and_tell(NameStr(current), pending);
}

static const DdlHandler right_ddl = {.follow_altered = follow_altered};

/* What rights do when the library is loaded. */
void
RightInit(void)
{
	svc_register_ddl_handler(&right_ddl);
}

/*
 * svc.check_grants() → rights that differ from what was declared.
 */
Datum
svc_check_grants(PG_FUNCTION_ARGS)
{
	SqlScope	scope;
	SqlArg		args[1] = {sql_oid(GetUserId())};

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_join_by_hash();
	svc_sql_report(fcinfo,
				   "SELECT p.service, p.object,"
				   "       CASE WHEN p.role = 0 THEN 'PUBLIC' ELSE coalesce(r.rolname, p.role::pg_catalog.text::pg_catalog.name) END,"
				   "       p.privilege, p.problem, v.rolname, p.fix"
				   "  FROM svc.grant_problem p"
				   "  JOIN svc.service s ON s.service = p.service"
				   "  LEFT JOIN pg_catalog.pg_roles r ON r.oid = p.role"
				   "  LEFT JOIN pg_catalog.pg_roles v ON v.oid = p.via"
				   " WHERE pg_catalog.pg_has_role($1, s.owner, 'MEMBER')"
				   " ORDER BY p.service, p.object, 3, p.privilege, p.problem, v.rolname",
				   args, 1);
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}
