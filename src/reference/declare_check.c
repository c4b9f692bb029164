/*
 * declare_check.c: what must be so for a reference to be declared.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "parser/parse_func.h"
#include "reference/check_request.h"
#include "reference/declare.h"
#include "reference/reference_row.h"
#include "reference/resolve.h"
#include "service/connection.h"
#include "service/contract.h"
#include "service/ownership.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"
#include "worker/worker.h"

/* Refuse what is no table whose rows can be watched. */
static void
check_kind(Relation rel)
{
	char		relkind = rel->rd_rel->relkind;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", RelationGetRelationName(rel)),
				 errdetail("Only writes to tables can be checked.")));
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("\"%s\" is a temporary table", RelationGetRelationName(rel))));
}

/*
 * Refuse a part of something: statements that name the whole fire no statement
 * trigger of its parts.
 */
static void
check_whole(Relation rel)
{
	Oid			whole;
	SqlScope	scope;

	if (!has_superclass(RelationGetRelid(rel)))
		return;
	svc_sql_begin(&scope, InvalidOid);
	whole = llast_oid(svc_ancestry(RelationGetRelid(rel), InvalidOid, NIL));
	svc_sql_end(&scope);
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("rows of \"%s\" cannot be checked alone: it is a part of \"%s\"",
					RelationGetRelationName(rel), get_rel_name(whole)),
			 errdetail("Statements on \"%s\" change its rows and fire no trigger of it.",
					   get_rel_name(whole)),
			 errhint("Declare the reference for %s.", svc_quote_relation(whole))));
}

/* Refuse a part that no trigger can watch, or that is not the caller's. */
static void
check_part(Relation rel, Oid part)
{
	if (get_rel_relkind(part) == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("rows of \"%s\" cannot be checked: \"%s\" is a foreign table",
						RelationGetRelationName(rel), get_rel_name(part))));
	if (!object_ownercheck(RelationRelationId, part, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", get_rel_name(part)),
				 errdetail("It is a part of \"%s\", and gets its triggers.",
						   RelationGetRelationName(rel)),
				 errhint("Give all parts of a table the same owner.")));
}

/* Check all parts of a table, as they are, and lock them. */
static void
lock_parts(Relation rel)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(RelationGetRelid(rel), NoLock, NULL))
		if (!isOtherTempNamespace(get_rel_namespace(lfirst_oid(cell))))
			check_part(rel, lfirst_oid(cell));
	foreach(cell, svc_lock_family(RelationGetRelid(rel), ShareRowExclusiveLock))
		check_part(rel, lfirst_oid(cell));
}

/*
 * Open the caller's own table that an argument names, with its parts, locked
 * against writers.  Whose it is is asked before the lock, or anybody could stall
 * a table by queueing behind its writers; and again after it.
 */
Relation
declare_open_own_table(FunctionCallInfo fcinfo, int i, const char *what)
{
	Oid			relation = svc_arg_relation(fcinfo, i, what);
	Relation	rel;

	svc_check_relation_owner(relation);
	svc_lock_relation(relation, ShareRowExclusiveLock);
	svc_check_relation_owner(relation);
	rel = relation_open(relation, NoLock);
	check_kind(rel);
	check_whole(rel);
	lock_parts(rel);
	return rel;
}

/* The service that a table belongs to, which the caller must own. */
static Service *
check_service_of(Relation rel)
{
	NameData	name;
	Service    *service;

	if (ownership_of(RelationGetRelid(rel), &name) == OWNED_NOT ||
		!(service = service_lookup(NameStr(name), true)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s\" belongs to no service", RelationGetRelationName(rel)),
				 errdetail("Keys are looked up with the rights of the owner role of its service."),
				 errhint("svc.assign(service, relation) gives it to one.")));
	service_check_owned_by(service, GetUserId());
	service_check_confirmed(service);
	if (superuser_arg(service->owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("owner role \"%s\" of service \"%s\" is a superuser",
						svc_role_name(service->owner), service->name),
				 errdetail("Keys are looked up with its rights, and contracts may run code."),
				 errhint("svc.alter_service(..., owner => ...) gives the service another owner role.")));
	return service;
}

/* Refuse a column whose values no trigger sees. */
static void
check_column(Declaration *d)
{
	Form_pg_attribute column;

	d->column = svc_column_number(d->rel, d->row.column);
	column = TupleDescAttr(RelationGetDescr(d->rel), d->column - 1);
	if (column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of relation \"%s\" cannot be a reference", d->row.column,
						RelationGetRelationName(d->rel)),
				 errdetail("It is a virtual generated column, which triggers do not see."),
				 errhint("Make it a stored one.")));
}

/* Say what there is instead of an entity that is not there. */
static void
raise_no_contract(const Declaration *d)
{
	const char *service = d->row.service;
	SqlScope	scope;
	char	   *entities;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("SELECT pg_catalog.string_agg(pg_catalog.format('\"%s\"', e.entity), ', ' ORDER BY e.entity)"
			"  FROM svc.exported_entity e WHERE e.service = $1", sql_name(service));
	svc_sql_keep();
	entities = svc_sql_value(0, 1);
	svc_sql_end(&scope);
	if (!service_lookup(service, true) && !connection_exists(service))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("service \"%s\" does not exist, and has no contract here", service),
				 errdetail("There is no relation %s.", reference_contract_name(service, d->row.entity)),
				 errhint("svc.connect makes the contract of a service of another database; svc.services lists those that are known.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("service \"%s\" publishes no entity \"%s\"", service, d->row.entity),
			 entities ? errdetail("It publishes: %s.", entities) : 0,
			 errhint("svc.publish publishes a table; svc.refresh_contract fetches what a connected service published.")));
}

/* May the role read this column of a relation, and its schema? */
static bool
may_read(Oid relation, const char *column, Oid role)
{
	return object_aclcheck(NamespaceRelationId, get_rel_namespace(relation), role, ACL_USAGE) == ACLCHECK_OK &&
		(pg_class_aclcheck(relation, role, ACL_SELECT) == ACLCHECK_OK ||
		 pg_attribute_aclcheck(relation, get_attnum(relation, column), role, ACL_SELECT) == ACLCHECK_OK);
}

/* Refuse a contract that is not the service's, or that the referencing service may not read. */
static void
check_may_read(const Declaration *d, const Service *service, const char *key)
{
	if (!reference_trusts_contract(d->contract, d->row.service, d->run_as))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("schema of %s does not belong to service \"%s\"",
						svc_quote_relation(d->contract), d->row.service),
				 errdetail("What it holds would run with the rights of \"%s\".",
						   svc_role_name(d->run_as))));
	if (!may_read(d->contract, key, d->run_as))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("service \"%s\" may not read %s", service->name,
						svc_quote_relation(d->contract)),
				 errdetail("Keys are looked up with the rights of its owner role \"%s\".",
						   svc_role_name(d->run_as)),
				 service_lookup(d->row.service, true) || connection_exists(d->row.service)
				 ? errhint("Its owner grants that: SELECT svc.grant_contract(%s, %s, %s);",
						   quote_literal_cstr(d->row.service), quote_literal_cstr(service->name),
						   quote_literal_cstr(d->row.entity))
				 : errhint("GRANT USAGE on its schema and SELECT on it to that role.")));
}

/* Find the contract; returns its key column. */
static char *
check_contract(Declaration *d, const Service *service)
{
	ContractEntry entry;
	char	   *key;

	if (strcmp(d->row.service, service->name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation \"%s\" belongs to service \"%s\" itself",
						RelationGetRelationName(d->rel), service->name),
				 errhint("Inside a service a foreign key is right: it also keeps what is referenced from being deleted.")));
	d->contract = reference_relation_of_name(reference_contract_name(d->row.service, d->row.entity),
											 NULL, NULL);
	if (!OidIsValid(d->contract))
		raise_no_contract(d);
	key = reference_key_of(d->contract);
	if (!key)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s has no key", svc_quote_relation(d->contract)),
				 errdetail("It is no entity that svc.entities lists, and no table with a primary key of one column.")));
	check_may_read(d, service, key);
	d->is_foreign = reference_reads_foreign(d->contract);
	if (!d->is_foreign && contract_entry(d->contract, &entry))
		d->published = entry.relation;
	else if (!d->is_foreign && get_rel_relkind(d->contract) != RELKIND_VIEW)
		d->published = d->contract;
	return key;
}

/* Refuse a kind of key that cannot be looked up. */
static void
check_key_type(Oid type)
{
	Oid			base = getBaseType(type);
	TypeCacheEntry *entry;

	if (type_is_rowtype(base) || OidIsValid(get_element_type(base)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("keys of type %s cannot be referenced", format_type_be(type)),
				 errdetail("Composite keys and arrays as keys are not supported."),
				 errhint("Publish the table with a key of one column.")));
	entry = lookup_type_cache(base, TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC);
	if (!OidIsValid(GetDefaultOpClass(base, BTREE_AM_OID)) || !OidIsValid(entry->eq_opr) ||
		!OidIsValid(entry->hash_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("keys of type %s cannot be referenced", format_type_be(type)),
				 errdetail("The type has no equality that can be hashed and ordered.")));
}

/* Refuse a column whose values cannot be compared with the key. */
static void
check_types(const Declaration *d, const char *key)
{
	Oid			key_type = get_atttype(d->contract, get_attnum(d->contract, key));
	Oid			column_type = get_atttype(RelationGetRelid(d->rel), d->column);
	bool		is_array;
	Oid			stored_type = reference_element_type(column_type, &is_array);

	if (type_is_rowtype(stored_type))
		check_key_type(stored_type);
	check_key_type(key_type);
	if (!OidIsValid(reference_equality(key_type, &stored_type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" cannot be compared with the key it refers to",
						d->row.column, RelationGetRelationName(d->rel)),
				 errdetail("It is of type %s, and %s of %s is of type %s.",
						   format_type_be(column_type), quote_identifier(key),
						   svc_quote_relation(d->contract), format_type_be(key_type)),
				 errhint("Give both the same type.")));
	check_key_type(stored_type);
}

/* Refuse to do with rows what cannot be done. */
void
declare_check_on_delete(const Declaration *d)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(d->rel), d->column - 1);
	bool		is_array;

	if (d->row.on_delete != ON_DELETE_SET_NULL && d->row.on_delete != ON_DELETE_DELETE)
		return;
	(void) reference_element_type(column->atttypid, &is_array);
	if (is_array)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("on_delete %s is not supported for a column of arrays",
						reference_on_delete_name(d->row.on_delete)),
				 errdetail("Other elements of \"%s\" may still be valid.", d->row.column),
				 errhint("Use report or keep.")));
	if (d->row.on_delete == ON_DELETE_SET_NULL &&
		(column->attnotnull || column->attgenerated || DomainHasConstraints(column->atttypid)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of relation \"%s\" cannot be set to null", d->row.column,
						RelationGetRelationName(d->rel)),
				 errhint("Use report, delete or keep; or ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL.",
						 svc_quote_relation(RelationGetRelid(d->rel)),
						 quote_identifier(d->row.column))));
}

/*
 * The function that a caller names as a validator: by its signature, or by its
 * name alone, which means the one for such keys before one for any, before the
 * only one of that name.  InvalidOid if there is none.
 */
static Oid
find_validator(const char *given, Oid key)
{
	Oid			arguments[] = {get_array_type(key), ANYARRAYOID};
	Oid			found = InvalidOid;
	List	   *names;

	if (strchr(given, '('))
		return DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(given)));
	names = textToQualifiedNameList(cstring_to_text(given));
	for (int i = 0; i < lengthof(arguments) && !OidIsValid(found); i++)
		if (OidIsValid(arguments[i]))
			found = LookupFuncName(names, 1, &arguments[i], true);
	return OidIsValid(found) ? found : LookupFuncName(names, -1, arguments, true);
}

/* Refuse a validator that cannot be asked; its signature is written with all names qualified. */
void
declare_check_validator(Declaration *d)
{
	Oid			function;
	Form_pg_proc form;
	HeapTuple	tuple;
	bool		is_array;
	Oid			key = reference_element_type(get_atttype(RelationGetRelid(d->rel), d->column), &is_array);
	bool		fits;

	if (!d->row.validator)
		return;
	function = find_validator(d->row.validator, key);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s does not exist", d->row.validator),
				 errhint("Name it with its schema, and with its arguments where there are several: my_schema.missing_keys(%s).",
						 format_type_be(get_array_type(key)))));
	form = (Form_pg_proc) GETSTRUCT(tuple);
	fits = form->prokind == PROKIND_FUNCTION && form->proretset && form->pronargs == 1 &&
		(form->proargtypes.values[0] == ANYARRAYOID ?
		 form->prorettype == ANYELEMENTOID || form->prorettype == key :
		 get_element_type(form->proargtypes.values[0]) == key && form->prorettype == key);
	ReleaseSysCache(tuple);
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot validate keys of type %s", d->row.validator,
						format_type_be(key)),
				 errdetail("A validator takes an array of keys and returns the set of those that are missing: f(%s) RETURNS SETOF %s, or f(anyarray) RETURNS SETOF anyelement.",
						   format_type_be(get_array_type(key)), format_type_be(key))));
	if (object_aclcheck(ProcedureRelationId, function, d->run_as, ACL_EXECUTE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not execute function %s", svc_role_name(d->run_as),
						d->row.validator),
				 errdetail("Validators run as the owner role of the referencing service.")));
	d->row.validator = format_procedure_qualified(function);
}

/*
 * Say what a mode needs that is not there: checkers while somebody waits,
 * workers for everything later.
 */
void
declare_check_mode(const Declaration *d)
{
	if (!d->is_foreign)
		return;
	if ((d->row.mode == REFERENCE_STATEMENT || d->row.mode == REFERENCE_COMMIT) &&
		!check_request_possible())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("mode %s needs a checker for %s, which is elsewhere",
						reference_mode_name(d->row.mode), svc_quote_relation(d->contract)),
				 errhint("Add %s to shared_preload_libraries and restart, with %s.max_checkers above 0; or use mode async.",
						 SVC_EXTENSION, SVC_EXTENSION)));
	if (d->row.mode != REFERENCE_OFF && !worker_available())
		ereport(NOTICE,
				(errmsg("keys of reference \"%s\" that are not checked at once are checked by svc.run_pending()",
						d->row.name),
				 errdetail("%s is elsewhere, and there is no worker to ask it: %s is not in shared_preload_libraries, or %s.max_workers is 0.",
						   svc_quote_relation(d->contract), SVC_EXTENSION, SVC_EXTENSION)));
}

/*
 * Check all that must be so for a reference; fills in what is found out.  The
 * table is locked.
 */
void
declare_check(Declaration *d)
{
	Service    *service = check_service_of(d->rel);
	char	   *key;

	d->run_as = service->owner;
	d->row.relation = RelationGetRelid(d->rel);
	d->row.confirmed = true;
	check_column(d);
	key = check_contract(d, service);
	check_types(d, key);
	declare_check_on_delete(d);
	declare_check_validator(d);
}
