/*
 * contract.c: what a service shows to others: publishing, and who may read.
 *
 * An entity is a view <service>_api.<entity> over one table, owned by the
 * service's owner role.  Column names and types of the view are the promise;
 * the server's own dependencies keep the table's columns in place, and an
 * event trigger keeps hands off the view.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/args.h"
#include "core/ddl.h"
#include "core/expression.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "service/contract.h"
#include "service/link.h"
#include "service/ownership.h"
#include "service/restore.h"
#include "service/right.h"
#include "service/service.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/rls.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

SVC_FUNCTION(svc_publish);
SVC_FUNCTION(svc_unpublish);
SVC_FUNCTION(svc_grant_contract);
SVC_FUNCTION(svc_revoke_contract);

/* An entity about to be published */
typedef struct Proposal
{
	Service    *service;
	char	   *entity;
	Relation	rel;
	char	   *key;
	List	   *columns;		/* names, in the order of the view */
	List	   *types;			/* their OIDs */
	List	   *typmods;
	char	   *filter;			/* as the server writes it, or NULL */
	bool		replace;
} Proposal;

/* What is known of an entity that is published already */
typedef struct Entity
{
	Oid			view;
	char	   *key;
	List	   *columns;
	List	   *types;
	List	   *typmods;
	bool		filtered;
} Entity;

/* The names of all columns of a relation. */
static List *
all_columns(Relation rel)
{
	List	   *columns = NIL;
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			columns = lappend(columns, pstrdup(NameStr(TupleDescAttr(desc, i)->attname)));
	return columns;
}

/* The columns that the argument lists, or all. */
static List *
columns_arg(FunctionCallInfo fcinfo, int i, Relation rel)
{
	List	   *columns = NIL;
	Datum	   *elements;
	int			n;

	if (PG_ARGISNULL(i))
		return all_columns(rel);
	elements = svc_arg_array(fcinfo, i, "columns", NAMEOID, MaxHeapAttributeNumber, &n);
	for (int k = 0; k < n; k++)
	{
		char	   *column = pstrdup(NameStr(*DatumGetName(elements[k])));

		svc_column_number(rel, column);
		if (service_mentions(columns, column))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" is named twice", column)));
		columns = lappend(columns, column);
	}
	return columns;
}

/* Note the types of the columns that are to be published. */
static void
set_types(Proposal *p)
{
	ListCell   *cell;

	p->types = p->typmods = NIL;
	foreach(cell, p->columns)
	{
		AttrNumber	number = svc_column_number(p->rel, lfirst(cell));
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(p->rel), number - 1);

		p->types = lappend_oid(p->types, column->atttypid);
		p->typmods = lappend_int(p->typmods, column->atttypmod);
	}
}

/* Refuse a key that could name two rows. */
static void
check_key(const Proposal *p)
{
	if (!svc_is_unique_key(p->rel, svc_column_number(p->rel, p->key)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FOREIGN_KEY),
				 errmsg("column \"%s\" of relation \"%s\" is not a key", p->key,
						RelationGetRelationName(p->rel)),
				 errdetail("No unique index stands behind this column alone."),
				 errhint("Make one: CREATE UNIQUE INDEX ON %s (%s).",
						 svc_quote_relation(RelationGetRelid(p->rel)), quote_identifier(p->key))));
	if (!service_mentions(p->columns, p->key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the key \"%s\" is not among the columns", p->key)));
}

/* Refuse a relation that is not the service's to show. */
static void
check_published_relation(const Proposal *p)
{
	NameData	owner;

	if (ownership_is(RelationGetRelid(p->rel), p->service->name))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("relation \"%s\" does not belong to service \"%s\"",
					RelationGetRelationName(p->rel), p->service->name),
			 ownership_of(RelationGetRelid(p->rel), &owner) == OWNED_NOT
			 ? errdetail("It belongs to no service.")
			 : errdetail("It belongs to service \"%s\".", NameStr(owner)),
			 errhint("svc.assign makes it the service's.")));
}

/* Refuse a condition that would run somebody's code with its readers' rights. */
static void
check_trusted(Node *condition)
{
	UntrustedCode code;

	if (svc_find_untrusted_code(condition, &code))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s cannot be used in a contract", svc_describe_untrusted_code(&code)),
				 errdetail("It could run code of others with the rights of whoever reads the contract."),
				 errhint("Functions that belong to a superuser can be called if they are immutable, "
						 "or stable and of plain types only, like now(); "
						 "a generated column can hold the result of others.")));
}

/*
 * Refuse a table whose row security would apply to the view: its policies would
 * run with the rights of the view's readers.
 */
static void
check_row_security(const Proposal *p)
{
	if (check_enable_rls(RelationGetRelid(p->rel), p->service->owner, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row security of \"%s\" applies to the owner role of service \"%s\"",
						RelationGetRelationName(p->rel), p->service->name),
				 errdetail("Its policies would run with the rights of whoever reads the contract."),
				 errhint("Let the owner role own the table, without FORCE ROW LEVEL SECURITY, and publish with a filter.")));
}

/* Is the equality of the key's type safe to be looked up below a security barrier? */
static bool
has_leakproof_equality(Relation rel, const char *key)
{
	Oid			type = get_atttype(RelationGetRelid(rel), svc_column_number(rel, key));
	Oid			operator = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;

	return OidIsValid(operator) && get_func_leakproof(get_opcode(operator));
}

/* Say what a filter means for look-ups where it means something. */
static void
tell_about_barrier(const Proposal *p)
{
	if (p->filter && !has_leakproof_equality(p->rel, p->key))
		ereport(NOTICE,
				(errmsg("look-ups of \"%s\" by key will scan the whole table", p->entity),
				 errdetail("With a filter the view is a security barrier, and the equality of the key's type is not leakproof."),
				 errhint("Publish without a filter, or with a key of a type such as uuid, integer or text.")));
}

/* Names of the services that may read an entity (NULL: any of the service's). */
static List *
consumers_of(const char *service, const char *entity)
{
	return service_strings(svc_sql("SELECT DISTINCT consumer FROM svc.consumer"
							   " WHERE service = $1 AND ($2 IS NULL OR entity IS NULL OR entity = $2)"
							   " ORDER BY 1",
							   sql_name(service), sql_name(entity)));
}

static ContractUsers registered_users = NULL;
static void (*registered_granted) (void) = NULL;

/* Let a module say what stands on contracts; called when the library is loaded. */
void
contract_register_users(ContractUsers users)
{
	registered_users = users;
}

/* Let a module hear of grants; called when the library is loaded. */
void
contract_register_granted(void (*granted) (void))
{
	registered_granted = granted;
}

/* Grant views to the consumers that were promised them, and say so. */
static void
mend(const char *service, List *views)
{
	right_mend(service, views);
	if (registered_granted)
		registered_granted();
}

/* What stands on an entity of a service, or on any, besides queries. */
List *
contract_users(const char *service, const char *entity)
{
	return registered_users ? registered_users(service, entity) : NIL;
}

/* Say what stands on something that goes. */
void
contract_tell_users(const char *service, const char *entity)
{
	List	   *users = contract_users(service, entity);

	if (users != NIL)
		ereport(NOTICE,
				(errmsg("keys of service \"%s\" cannot be looked up until it publishes them here again",
						service),
				 errdetail("They are needed by: %s.", service_joined(users))));
}

/* The entity of a name, or NULL.  Inside a scope of the extension's owner. */
static Entity *
find_entity(const Service *service, const char *name)
{
	Entity	   *entity;

	if (svc_sql("SELECT view::pg_catalog.oid, key, columns, types, typmods, filter IS NOT NULL FROM svc.entity"
				" WHERE service = $1 AND entity = $2",
				sql_name(service->name), sql_name(name)) == 0)
		return NULL;
	entity = palloc0(sizeof(Entity));
	entity->view = svc_sql_oid_value(0, 1);
	entity->key = svc_sql_value(0, 2);
	entity->columns = svc_sql_names_value(0, 3);
	entity->types = svc_sql_oids_value(0, 4);
	entity->typmods = svc_sql_ints_value(0, 5);
	entity->filtered = svc_sql_bool_value(0, 6);
	return entity;
}

/* The entity of a name. */
static Entity *
get_entity(const Service *service, const char *name)
{
	Entity	   *entity = find_entity(service, name);

	if (!entity)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("service \"%s\" does not publish \"%s\"", service->name, name),
				 errhint("SELECT * FROM svc.entities lists what is published.")));
	return entity;
}

/*
 * One at a time for a contract: what is published and who may read it are
 * granted together, and neither call would see what the other one brings.
 * The lock is on the name, since a consumer may come later.
 */
static void
lock_contract_of(const char *service)
{
	LockDatabaseObject(svc_catalog_relation("service"),
					   DatumGetUInt32(hash_any((const unsigned char *) service, strlen(service))),
					   0, ExclusiveLock);
}

/* The same for a service and its consumer, in one order for everybody. */
void
contract_lock(const char *service, const char *consumer)
{
	bool		in_order = strcmp(service, consumer) < 0;

	lock_contract_of(in_order ? service : consumer);
	lock_contract_of(in_order ? consumer : service);
}

/* Make the service's contract schema where it is missing. */
static void
make_contract_schema(const Service *service)
{
	char	   *schema = service_contract_schema(service->name);
	Oid			oid = get_namespace_oid(schema, true);

	if (!OidIsValid(oid))
		svc_sql_do("CREATE SCHEMA %s AUTHORIZATION %s", quote_identifier(schema),
				   quote_identifier(svc_role_name(service->owner)));
	else if (!service_owns_schema(service, oid))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\" already exists, and is not the service's", schema),
				 errhint("The contract of service \"%s\" needs this name: ALTER SCHEMA %s OWNER TO %s, or rename it.",
						 service->name, quote_identifier(schema),
						 quote_identifier(svc_role_name(service->owner)))));
}

/* Append the columns of a publication, each of the table's with its alias. */
static char *
select_list(List *columns)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, columns)
		appendStringInfo(&list, "%st.%s", list.len ? ", " : "", quote_identifier(lfirst(cell)));
	return list.data;
}

/* Make the view, or replace it, as the owner role that is to own it; returns its OID. */
static Oid
make_view(const Proposal *p, bool replace)
{
	char	   *schema = service_contract_schema(p->service->name);
	SqlScope	scope;

	svc_sql_begin_restricted(&scope, p->service->owner);
	svc_sql_do("CREATE %sVIEW %s%s AS SELECT %s FROM %s t%s%s%s",
			   replace ? "OR REPLACE " : "", quote_qualified_identifier(schema, p->entity),
			   p->filter ? " WITH (security_barrier)" : "",
			   select_list(p->columns), svc_quote_relation(RelationGetRelid(p->rel)),
			   p->filter ? " WHERE (" : "", p->filter ? p->filter : "", p->filter ? "\n)" : "");
	svc_sql_end(&scope);
	return get_relname_relid(p->entity, get_namespace_oid(schema, false));
}

/*
 * Write the entity's row.  The table is not open meanwhile: who watches what is
 * published makes triggers on it, which is refused while it is.
 */
static void
register_entity(Proposal *p, Oid view)
{
	Oid			relation = RelationGetRelid(p->rel);

	relation_close(p->rel, NoLock);
	service_hold(p->service->name);
	svc_sql("INSERT INTO svc.entity (service, entity, view, relation, key, columns, types, typmods, filter)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
			" ON CONFLICT (service, entity) DO UPDATE"
			"   SET view = EXCLUDED.view, relation = EXCLUDED.relation, key = EXCLUDED.key,"
			"       columns = EXCLUDED.columns, types = EXCLUDED.types, typmods = EXCLUDED.typmods,"
			"       filter = EXCLUDED.filter",
			sql_name(p->service->name), sql_name(p->entity), sql_regclass(view),
			sql_regclass(relation), sql_name(p->key),
			sql_names(p->columns),
			sql_oids(p->types, REGTYPEARRAYOID),
			sql_ints(p->typmods),
			sql_text(p->filter));
	p->rel = relation_open(relation, NoLock);
	mend(p->service->name, list_make1_oid(view));
}

/* How a published column would change: NULL if not at all. */
static const char *
column_change(const Proposal *p, const char *column, Oid type, int32 typmod)
{
	ListCell   *name;
	ListCell   *new_type;
	ListCell   *new_typmod;

	forthree(name, p->columns, new_type, p->types, new_typmod, p->typmods)
		if (strcmp(lfirst(name), column) == 0)
			return lfirst_oid(new_type) == type && lfirst_int(new_typmod) == typmod
				? NULL : "change the type of";
	return "take away";
}

/* Refuse a change that consumers would notice: a column less, or of another type. */
static void
check_compatible(const Proposal *p, const Entity *before, List *consumers)
{
	ListCell   *column;
	ListCell   *type;
	ListCell   *typmod;

	if (strcmp(p->key, before->key) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot change the key of published entity \"%s\"", p->entity),
				 errdetail("It is read by: %s.", service_joined(consumers)),
				 errhint("Publish it under another name, and unpublish this one when nobody reads it.")));
	forthree(column, before->columns, type, before->types, typmod, before->typmods)
	{
		const char *change = column_change(p, lfirst(column), lfirst_oid(type), lfirst_int(typmod));

		if (change)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot %s column \"%s\" of published entity \"%s\"", change,
							(char *) lfirst(column), p->entity),
					 errdetail("It is read by: %s.", service_joined(consumers)),
					 errhint("Publish it under another name, and unpublish this one when nobody reads it.")));
	}
}

/* Put the columns that were there before first, as CREATE OR REPLACE VIEW wants them. */
static void
keep_column_order(Proposal *p, const Entity *before)
{
	List	   *columns = list_copy(before->columns);
	ListCell   *cell;

	foreach(cell, p->columns)
		if (!service_mentions(columns, lfirst(cell)))
			columns = lappend(columns, lfirst(cell));
	p->columns = columns;
	set_types(p);
}

/* Publish what was not published, or replace what may be. */
static void
publish(Proposal *p)
{
	Entity	   *before;
	List	   *consumers;

	lock_contract_of(p->service->name);
	before = find_entity(p->service, p->entity);
	if (before && !p->replace)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("service \"%s\" already publishes \"%s\"", p->service->name, p->entity),
				 errhint("Give replace => true to change it.")));
	make_contract_schema(p->service);
	if (!before)
	{
		register_entity(p, make_view(p, false));
		return;
	}
	if (before->filtered && !p->filter)
		ereport(NOTICE,
				(errmsg("entity \"%s\" shows all rows from now on", p->entity),
				 errdetail("It was published with a filter.")));
	consumers = list_concat(consumers_of(p->service->name, p->entity),
							contract_users(p->service->name, p->entity));
	if (consumers != NIL)
	{
		check_compatible(p, before, consumers);
		keep_column_order(p, before);
	}
	else if (get_rel_name(before->view))
		svc_sql_do("DROP VIEW %s", svc_quote_relation(before->view));
	register_entity(p, make_view(p, consumers != NIL));
}

/*
 * svc.publish(service, entity, relation, key, columns, filter, replace)
 */
Datum
svc_publish(PG_FUNCTION_ARGS)
{
	Proposal p = {0};
	char	   *filter;
	Node	   *condition = NULL;
	SqlScope	scope;

	svc_check_writable("svc.publish()");
	p.service = service_arg(fcinfo, 0);
	p.entity = svc_arg_name(fcinfo, 1, "entity");
	p.rel = svc_open_relation_arg(fcinfo, 2, "relation", AccessShareLock);
	p.key = svc_arg_name(fcinfo, 3, "key");
	check_published_relation(&p);
	p.columns = columns_arg(fcinfo, 4, p.rel);
	filter = svc_arg_text_or_null(fcinfo, 5, "filter");
	p.replace = svc_arg_bool(fcinfo, 6, "replace");
	check_key(&p);
	check_row_security(&p);
	if (filter)
	{
		condition = svc_parse_condition(p.rel, filter, "filter");
		check_trusted(condition);
	}

	svc_sql_begin(&scope, svc_extension_owner());
	set_types(&p);
	svc_sql_fix_formats();
	if (condition)
		p.filter = svc_deparse_condition(p.rel, condition);
	publish(&p);
	svc_sql_end(&scope);
	tell_about_barrier(&p);
	relation_close(p.rel, NoLock);
	PG_RETURN_VOID();
}

/*
 * svc.unpublish(service, entity, force)
 */
Datum
svc_unpublish(PG_FUNCTION_ARGS)
{
	Service    *service;
	char	   *name;
	bool		force;
	Entity	   *entity;
	List	   *consumers;
	List	   *users;
	ListCell   *cell;
	SqlScope	scope;

	svc_check_writable("svc.unpublish()");
	service = service_arg(fcinfo, 0);
	name = svc_arg_name(fcinfo, 1, "entity");
	force = svc_arg_bool(fcinfo, 2, "force");

	svc_sql_begin(&scope, svc_extension_owner());
	lock_contract_of(service->name);
	entity = get_entity(service, name);
	consumers = consumers_of(service->name, name);
	users = contract_users(service->name, name);
	if (users != NIL && !force)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot unpublish \"%s\" because keys of it are looked up", name),
				 errdetail("They are needed by: %s.", service_joined(users)),
				 errhint("Drop them with svc.drop_reference, or give force => true.")));
	if (consumers != NIL && !force)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot unpublish \"%s\" because other services may read it", name),
				 errdetail("They are: %s.", service_joined(consumers)),
				 errhint("Take it back with svc.revoke_contract, or give force => true.")));
	svc_sql("DELETE FROM svc.entity WHERE service = $1 AND entity = $2",
			sql_name(service->name), sql_name(name));
	svc_sql("DELETE FROM svc.consumer WHERE service = $1 AND entity = $2",
			sql_name(service->name), sql_name(name));
	foreach(cell, consumers)
		right_take_back(lfirst(cell), list_make1_oid(entity->view), true);
	if (get_rel_name(entity->view))
		svc_sql_do("DROP VIEW %s", svc_quote_relation(entity->view));
	contract_tell_users(service->name, name);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* The views of a service's contract. */
static List *
views_of(const char *service)
{
	uint64		rows = svc_sql("SELECT view::pg_catalog.oid FROM svc.entity WHERE service = $1",
							   sql_name(service));
	List	   *views = NIL;

	for (uint64 row = 0; row < rows; row++)
		views = lappend_oid(views, svc_sql_oid_value(row, 1));
	return views;
}

/*
 * Drop a service's contract, where nothing else depends on it: keys are looked
 * up by its name, which another contract can only have when this one is gone.
 */
void
contract_drop(const Service *service)
{
	char	   *schema = service_contract_schema(service->name);
	Oid			oid = get_namespace_oid(schema, true);
	ListCell   *cell;

	if (!OidIsValid(oid) || !service_owns_schema(service, oid))
		return;
	foreach(cell, views_of(service->name))
		if (get_rel_name(lfirst_oid(cell)))
			svc_sql_do("DROP VIEW %s", svc_quote_relation(lfirst_oid(cell)));
	svc_sql_do("DROP SCHEMA %s", quote_identifier(schema));
}

/* Grant a service's contract to everybody who was promised it. */
void
contract_grant(const char *service)
{
	List	   *views = views_of(service);

	if (views != NIL)
		mend(service, views);
}

/* Take back what a consumer holds on a service's contract and is not granted any more. */
void
contract_take_back(const char *service, const char *consumer)
{
	right_take_back(consumer, views_of(service), true);
}

/*
 * svc.grant_contract(service, consumer, entity)
 */
Datum
svc_grant_contract(PG_FUNCTION_ARGS)
{
	Service    *service;
	char	   *consumer;
	char	   *entity;
	SqlScope	scope;

	svc_check_writable("svc.grant_contract()");
	service = service_arg(fcinfo, 0);
	consumer = svc_arg_name(fcinfo, 1, "consumer");
	entity = svc_arg_name_or_null(fcinfo, 2, "entity");
	if (strcmp(service->name, consumer) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("service \"%s\" cannot be its own consumer", consumer)));
	contract_lock(service->name, consumer);
	svc_sql_begin(&scope, svc_extension_owner());
	if (!service_lookup(consumer, true) && !link_exists(service->name, consumer))
		ereport(NOTICE,
				(errmsg("service \"%s\" is not in this database", consumer),
				 errdetail("The grant is recorded, and takes effect when the service comes, or connects from another database.")));
	if (entity)
		get_entity(service, entity);
	service_hold(service->name);
	svc_sql("INSERT INTO svc.consumer (service, entity, consumer, database)"
			" VALUES ($1, $2, $3, (SELECT k.database FROM svc.link k"
			"                       WHERE k.service = $1 AND k.consumer = $3 AND k.left_at IS NULL))"
			" ON CONFLICT DO NOTHING",
			sql_name(service->name), sql_name(entity), sql_name(consumer));
	contract_grant(service->name);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* Explain why there was nothing to take back. */
static void
raise_not_granted(const Service *service, const char *consumer, const char *entity)
{
	if (entity && svc_sql("SELECT 1 FROM svc.consumer"
						  " WHERE service = $1 AND consumer = $2 AND entity IS NULL",
						  sql_name(service->name), sql_name(consumer)) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" was granted all entities of \"%s\"", consumer, service->name),
				 errhint("Take back all of them, and grant the others one by one.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("service \"%s\" was not granted %s%s%s of \"%s\"", consumer,
					entity ? "\"" : "", entity ? entity : "the contract", entity ? "\"" : "",
					service->name),
			 errhint("SELECT * FROM svc.consumers lists who was granted what.")));
}

/*
 * svc.revoke_contract(service, consumer, entity)
 */
Datum
svc_revoke_contract(PG_FUNCTION_ARGS)
{
	Service    *service;
	char	   *consumer;
	char	   *entity;
	SqlScope	scope;

	svc_check_writable("svc.revoke_contract()");
	service = service_arg(fcinfo, 0);
	consumer = svc_arg_name(fcinfo, 1, "consumer");
	entity = svc_arg_name_or_null(fcinfo, 2, "entity");

	contract_lock(service->name, consumer);
	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("DELETE FROM svc.consumer"
				" WHERE service = $1 AND consumer = $2 AND ($3 IS NULL OR entity = $3) RETURNING 1",
				sql_name(service->name), sql_name(consumer), sql_name(entity)) == 0)
		raise_not_granted(service, consumer, entity);
	contract_take_back(service->name, consumer);
	link_drop_left(service->name);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/* A service came: it gets what it was promised before. */
void
contract_welcome_consumer(const char *consumer)
{
	List	   *services;
	ListCell   *cell;

	lock_contract_of(consumer);
	services = service_strings(svc_sql("SELECT DISTINCT service FROM svc.consumer WHERE consumer = $1",
								   sql_name(consumer)));
	foreach(cell, services)
		contract_grant(lfirst(cell));
}

/* A service goes: what it was granted is taken back. */
void
contract_forget_consumer(const char *consumer)
{
	List	   *services = service_strings(svc_sql("DELETE FROM svc.consumer WHERE consumer = $1 RETURNING service",
											   sql_name(consumer)));
	ListCell   *cell;

	foreach(cell, services)
		contract_take_back(lfirst(cell), consumer);
}

/*
 * Refuse to let a service go while others read its contract.  A consumer in
 * another database cannot be asked, and counts unless forced.
 */
void
contract_check_no_consumers(const Service *service, bool force)
{
	List	   *consumers = service_strings(svc_sql("SELECT c.consumer FROM svc.consumer c"
												" WHERE c.service = $1"
												"   AND (NOT $2 OR EXISTS (SELECT 1 FROM svc.service s WHERE s.service = c.consumer))"
												" UNION "
												"SELECT k.consumer FROM svc.link k"
												" WHERE k.service = $1 AND k.left_at IS NULL AND NOT $2"
												" ORDER BY 1",
												sql_name(service->name), sql_bool(force)));
	List	   *users = contract_users(service->name, NULL);

	if (users != NIL && !force)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop service \"%s\" because keys of it are looked up", service->name),
				 errdetail("They are needed by: %s.", service_joined(users)),
				 errhint("Drop them with svc.drop_reference; force => true keeps them until the service is connected.")));
	if (consumers != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop service \"%s\" because other services may read its contract",
						service->name),
				 errdetail("They are: %s.", service_joined(consumers)),
				 errhint("Take it back with svc.revoke_contract; svc.disconnect gives a connection up in its database; force => true passes over services that are not in this one.")));
}

/* A consumer that a user restores: he could grant what is his to anybody. */
static HeapTuple
check_restored_consumer(Relation rel, HeapTuple row)
{
	if (strcmp(svc_row_name(rel, row, "service"), svc_row_name(rel, row, "consumer")) == 0)
		svc_guard_refuse(rel, "No service is its own consumer.");
	return row;
}

static const char *const consumer_key[] = {"service", "consumer", "entity", NULL};

static const GuardedTable consumer_table = {
	.name = "consumer", .key = consumer_key,
	.admit = restore_admit, .check = check_restored_consumer
};

/* What publishing does when the library is loaded. */
void
PublishInit(void)
{
	svc_guard_register(&consumer_table);
}
