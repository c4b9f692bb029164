/*
 * resolve.c: what the names of a reference stand for, for the rows of one
 * relation.
 *
 * Triggers name everything: columns, contract, key, validator.  So a dump of one
 * schema keeps references that work, and a service that moves keeps those to
 * it.  Names prove nothing, though: whose rights a lookup has depends on who
 * declared the reference, or on who could have written its trigger.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "core/args.h"
#include "core/expression.h"
#include "core/extension.h"
#include "core/relation.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "reference/reference.h"
#include "reference/reference_row.h"
#include "reference/resolve.h"
#include "rewrite/rewriteHandler.h"
#include "service/connection.h"
#include "service/contract.h"
#include "service/ownership.h"
#include "service/service.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

/* The name of a contract, as triggers and messages have it. */
char *
reference_contract_name(const char *service, const char *entity)
{
	return quote_qualified_identifier(connection_contract_schema(service), entity);
}

/*
 * The relation of a qualified and quoted name, or InvalidOid; asks for no
 * rights.  Its parts, too, where they are wanted.
 */
Oid
reference_relation_of_name(const char *name, char **schema, char **relation)
{
	List	   *names = textToQualifiedNameList(cstring_to_text(name));
	Oid			schema_id;

	if (list_length(names) != 2)
		return InvalidOid;
	if (schema)
		*schema = strVal(linitial(names));
	if (relation)
		*relation = strVal(lsecond(names));
	schema_id = get_namespace_oid(strVal(linitial(names)), true);
	return OidIsValid(schema_id) ? get_relname_relid(strVal(lsecond(names)), schema_id) : InvalidOid;
}

/* The only column of a table's primary key, or NULL. */
static char *
primary_key_column(Oid relation)
{
	Oid			constraint;
	Bitmapset  *columns = get_primary_key_attnos(relation, false, &constraint);
	int			member = -1;

	if (!columns || bms_num_members(columns) != 1)
		return NULL;
	member = bms_next_member(columns, -1);
	return get_attname(relation, member + FirstLowInvalidHeapAttributeNumber, false);
}

/*
 * The key column of a contract: as it is published, or, of a plain table (a
 * read model), its primary key.  NULL if there is none.
 */
char *
reference_key_of(Oid contract)
{
	ContractEntry entry;

	if (contract_entry(contract, &entry))
		return get_attnum(contract, entry.key) > 0 ? entry.key : NULL;
	return primary_key_column(contract);
}

/*
 * The same of an entity that may not be there now, or not under this name yet:
 * NULL if nothing is known of it.
 */
char *
reference_key_named(const char *service, const char *entity)
{
	ContractEntry entry;
	Oid			contract;

	if (contract_entry_named(service, entity, &entry))
		return entry.key;
	contract = reference_relation_of_name(reference_contract_name(service, entity), NULL, NULL);
	return OidIsValid(contract) ? reference_key_of(contract) : NULL;
}

/* Where a search for foreign tables is: in a view, so many views deep */
typedef struct ForeignSearch
{
	Oid			view;
	int			depth;
} ForeignSearch;

#define MAX_VIEW_DEPTH 32

static bool reads_foreign(Oid relation, int depth);

/* Does a view's query read a foreign table?  The view itself stands in it, too. */
static bool
query_reads_foreign(Node *node, void *context)
{
	ForeignSearch *search = context;

	if (!node)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		return entry->rtekind == RTE_RELATION && entry->relid != search->view &&
			reads_foreign(entry->relid, search->depth + 1);
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, query_reads_foreign, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, query_reads_foreign, context);
}

/* Has a table a part that is a foreign one? */
static bool
has_foreign_part(Oid relation)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relation, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return true;
	return false;
}

/* The same for a relation, which lies below some views. */
static bool
reads_foreign(Oid relation, int depth)
{
	ForeignSearch search = {relation, depth};
	char		relkind = get_rel_relkind(relation);
	Relation	rel;
	bool		found;

	if (relkind != RELKIND_VIEW)
		return relkind == RELKIND_FOREIGN_TABLE || has_foreign_part(relation);
	if (depth > MAX_VIEW_DEPTH)
		return false;
	if ((rel = try_relation_open(relation, AccessShareLock)) == NULL)
		return false;
	found = query_reads_foreign((Node *) get_view_query(rel), &search);
	relation_close(rel, NoLock);
	return found;
}

/* Does a contract read from elsewhere?  A connected service's does, whatever stands behind it. */
bool
reference_reads_foreign(Oid contract)
{
	ContractEntry entry;

	return (contract_entry(contract, &entry) && entry.remote) || reads_foreign(contract, 0);
}

/* The type of one key in a column, domains taken off: a column of arrays has one in each element. */
Oid
reference_element_type(Oid column_type, bool *is_array)
{
	Oid			type = getBaseType(column_type);
	Oid			element = get_element_type(type);

	*is_array = OidIsValid(element);
	return OidIsValid(element) ? getBaseType(element) : type;
}

/*
 * The operator by which a key is found that is stored as *stored_type: the
 * equality of the key's own ordering, as a foreign key wants it, or InvalidOid.
 * A type that is nothing but another one with a name (varchar) becomes that.
 */
Oid
reference_equality(Oid key_type, Oid *stored_type)
{
	Oid			class;
	Oid			family;
	Oid			input;

	key_type = getBaseType(key_type);
	class = GetDefaultOpClass(key_type, BTREE_AM_OID);
	if (!OidIsValid(class))
		return InvalidOid;
	family = get_opclass_family(class);
	input = get_opclass_input_type(class);
	if (IsPolymorphicType(input) || input == RECORDOID)
		return key_type == *stored_type
			? get_opfamily_member(family, input, input, BTEqualStrategyNumber) : InvalidOid;
	if (IsBinaryCoercible(*stored_type, input))
		*stored_type = input;
	return get_opfamily_member(family, input, *stored_type, BTEqualStrategyNumber);
}

/*
 * The function of a signature as svc.reference has it, with all names
 * qualified, or InvalidOid.  Compared as text, since reading one may fail.
 */
Oid
reference_validator_of(const char *signature)
{
	const char *end = strchr(signature, '(');
	List	   *names;
	CatCList   *functions;
	Oid			found = InvalidOid;

	if (!end)
		return InvalidOid;
	names = textToQualifiedNameList(cstring_to_text_with_len(signature, end - signature));
	functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(strVal(llast(names))));
	for (int i = 0; i < functions->n_members && !OidIsValid(found); i++)
	{
		Oid			function = ((Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple))->oid;

		if (strcmp(format_procedure_qualified(function), signature) == 0)
			found = function;
	}
	ReleaseSysCacheList(functions);
	return found;
}

/* The role that owns a schema; of schema public, the one that owns the database. */
static Oid
schema_owner(Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (owner == ROLE_PG_DATABASE_OWNER)
	{
		tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
		owner = ((Form_pg_database) GETSTRUCT(tuple))->datdba;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/*
 * Whose rights look up what is in a relation: those of the owner role of its
 * service; of a relation of no service, those of whoever owns its schema.
 */
Oid
reference_run_as(Oid relation)
{
	NameData	name;
	Service    *service = NULL;

	if (ownership_of(relation, &name) != OWNED_NOT)
		service = service_lookup(NameStr(name), true);
	return service ? service->owner : schema_owner(get_rel_namespace(relation));
}

/* Would policies of a relation run as its reader? */
static bool
has_policies(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	bool		found = false;

	if (HeapTupleIsValid(tuple))
	{
		found = ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;
		ReleaseSysCache(tuple);
	}
	return found;
}

/* Does a view's query read something that may run code: another view, or a table with policies? */
static bool
reads_code(Node *node, void *view)
{
	if (!node)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		return entry->rtekind == RTE_RELATION && entry->relid != *(Oid *) view &&
			(get_rel_relkind(entry->relid) == RELKIND_VIEW || has_policies(entry->relid));
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_code, view, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_code, view);
}

/* Can a contract be read without running what somebody wrote: is it a table, or a view as svc.publish makes them? */
static bool
is_harmless(Oid contract)
{
	Relation	rel;
	Query	   *query;
	UntrustedCode code;
	bool		harmless;

	if (get_rel_relkind(contract) != RELKIND_VIEW)
		return !has_policies(contract);
	rel = relation_open(contract, AccessShareLock);
	query = get_view_query(rel);
	harmless = !svc_find_untrusted_code((Node *) query, &code) &&
		!reads_code((Node *) query, &contract);
	relation_close(rel, NoLock);
	return harmless;
}

/*
 * Is a contract that of the service by whose name its schema is called?
 * Anybody may have made a schema of that name, and a view can call functions.
 * So a service that is here must own it; one that is connected has its schema
 * from a superuser, and a read model lies in a superuser's, the database
 * owner's, or in one of the role that is going to read it.  What calls nothing
 * is trusted anyhow: schemas that came without their services' rows.
 */
bool
reference_trusts_contract(Oid contract, const char *service, Oid run_as)
{
	Oid			schema = get_rel_namespace(contract);
	Service    *here = service_lookup(service, true);
	Oid			owner = schema_owner(schema);

	if (here)
		return service_owns_schema(here, schema);
	return OidIsValid(owner) &&
		(superuser_arg(owner) || owner == run_as || svc_acts_for_role(owner, run_as) ||
		 object_ownercheck(DatabaseRelationId, MyDatabaseId, owner) || is_harmless(contract));
}

/*
 * Refuse to look anything up with a superuser's rights, or for somebody who has
 * no right to it: who could make the trigger, or restore its row, but not
 * declare the reference.
 */
static void
check_run_as(Oid part, const ReferenceNames *names, const Reference *reference, bool confirmed)
{
	if (superuser_arg(reference->run_as))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("reference \"%s\" of relation \"%s\" cannot be checked", names->reference,
						get_rel_name(part)),
				 errdetail("Its keys would be looked up as \"%s\", who is a superuser.",
						   svc_role_name(reference->run_as)),
				 errhint("Let the relation belong to a service: svc.create_service, svc.assign.")));
	if (!confirmed &&
		!svc_acts_for_role(svc_relation_owner(reference->relation), reference->run_as))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("reference \"%s\" of relation \"%s\" is not declared", names->reference,
						get_rel_name(part)),
				 errdetail("Its keys would be looked up as \"%s\", for whom the relation's owner does not act.",
						   svc_role_name(reference->run_as)),
				 errhint("Declare it with svc.create_reference.")));
}

/* Is the relation this ancestor, or one of its partitions or children, at any depth? */
static bool
descends_from(Oid relation, Oid ancestor)
{
	return relation == ancestor ||
		list_member_oid(find_all_inheritors(ancestor, NoLock, NULL), relation);
}

/* Do two texts say the same, NULL being one of them? */
static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* A text of a row of svc.reference, or NULL. */
static char *
row_text(HeapTuple row, TupleDesc desc, AttrNumber column)
{
	bool		isnull;
	Datum		value = heap_getattr(row, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* A name of such a row. */
static const char *
row_name(HeapTuple row, TupleDesc desc, AttrNumber column)
{
	bool		isnull;

	return NameStr(*DatumGetName(heap_getattr(row, column, desc, &isnull)));
}

/* The milliseconds of an interval, a month having 30 days. */
static int64
milliseconds(const Interval *interval)
{
	return interval->time / 1000 +
		(interval->day + (int64) interval->month * DAYS_PER_MONTH) * SECS_PER_DAY * 1000;
}

/*
 * Take over what a row of svc.reference says, if it declares what the names say.
 * Returns whether that was somebody who may.
 */
static bool
use_row(Reference *reference, const ReferenceNames *names, HeapTuple row, TupleDesc desc)
{
	bool		isnull;
	Oid			relation = DatumGetObjectId(heap_getattr(row, COL_RELATION, desc, &isnull));

	if (!descends_from(reference->part, relation) ||
		strcmp(row_name(row, desc, COL_SERVICE), names->service) != 0 ||
		strcmp(row_name(row, desc, COL_COLUMN_NAME), names->column) != 0 ||
		strcmp(reference_contract_name(row_name(row, desc, COL_SERVICE),
									   row_name(row, desc, COL_ENTITY)), names->contract) != 0 ||
		!same_text(row_text(row, desc, COL_VALIDATOR), names->validator))
		return false;
	reference->relation = relation;
	reference->declared = true;
	reference->on_missing = reference_on_missing_of(row_text(row, desc, COL_ON_MISSING));
	reference->on_unavailable = reference_on_unavailable_of(row_text(row, desc, COL_ON_UNAVAILABLE));
	reference->on_delete = reference_on_delete_of(row_text(row, desc, COL_ON_DELETE));
	reference->cache_ttl = milliseconds(DatumGetIntervalP(heap_getattr(row, COL_CACHE_TTL, desc,
																	   &isnull)));
	return DatumGetBool(heap_getattr(row, COL_CONFIRMED, desc, &isnull));
}

/*
 * What is declared besides the names; the defaults for what nobody declared.
 * Returns whether somebody declared it who may.
 */
static bool
resolve_declaration(Reference *reference, const ReferenceNames *names)
{
	Oid			catalog = svc_catalog_relation("reference");
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	row;
	bool		confirmed = false;

	reference->relation = reference->part;
	reference->cache_ttl = REFERENCE_CACHE_TTL;
	if (!OidIsValid(catalog))
		return false;
	rel = table_open(catalog, AccessShareLock);
	ScanKeyInit(&key, COL_REFERENCE, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&reference->name));
	scan = systable_beginscan(rel, svc_catalog_relation("reference_pkey"), true, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
		confirmed = use_row(reference, names, row, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return confirmed;
}

/*
 * The key column of a contract: the one that was named, or, in a contract that
 * came in place of another, the one that this has.
 */
static AttrNumber
resolve_key(Reference *reference, Oid contract, const char *name)
{
	const char *key = get_attnum(contract, name) > 0 ? name : reference_key_of(contract);

	if (!key)
		return InvalidAttrNumber;
	namestrcpy(&reference->key, key);
	return get_attnum(contract, key);
}

/*
 * The contract of a name, locked until the transaction ends: nobody drops it
 * while it is looked at.  InvalidOid: there is none, also if it was dropped just now.
 */
static Oid
hold_contract(const char *name, char **entity)
{
	for (;;)
	{
		Oid			contract = reference_relation_of_name(name, NULL, entity);

		CHECK_FOR_INTERRUPTS();
		if (!OidIsValid(contract))
			return InvalidOid;
		LockRelationOid(contract, AccessShareLock);
		if (reference_relation_of_name(name, NULL, entity) == contract)
			return contract;
		UnlockRelationOid(contract, AccessShareLock);
	}
}

/* The contract and how its keys are compared; left out where it cannot be used. */
static void
resolve_contract(Reference *reference, const ReferenceNames *names)
{
	char	   *entity = NULL;
	Oid			contract = hold_contract(names->contract, &entity);
	AttrNumber	key;
	ContractEntry entry;
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (entity)
		namestrcpy(&reference->entity, entity);
	key = OidIsValid(contract) ? resolve_key(reference, contract, names->key) : 0;
	if (key <= 0 || !reference_trusts_contract(contract, names->service, reference->run_as))
		return;
	get_atttypetypmodcoll(contract, key, &type, &typmod, &collation);
	reference->equality = reference_equality(type, &reference->key_type);
	if (!OidIsValid(reference->equality))
		return;
	reference->contract = contract;
	reference->collation = collation;
	reference->is_foreign = reference_reads_foreign(contract);
	if (reference->is_foreign)
		return;
	if (contract_entry(contract, &entry))
		reference->published = entry.relation;
	else if (get_rel_relkind(contract) != RELKIND_VIEW)
		reference->published = contract;
}

/* The mode in effect: by default, by where the contract is. */
static ReferenceMode
effective_mode(const Reference *reference, const ReferenceNames *names)
{
	int			mode = reference_mode_of(names->mode);

	if (mode < 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("reference \"%s\" has no mode \"%s\"", names->reference, names->mode)));
	if (mode == REFERENCE_DEFAULT)
		return reference->is_foreign ? REFERENCE_ASYNC : REFERENCE_STATEMENT;
	return mode;
}

/* A reference as its names say it, for the rows of one relation. */
Reference *
reference_resolve(Oid part, const ReferenceNames *names)
{
	Reference  *reference = palloc0(sizeof(Reference));
	bool		confirmed;
	int32		typmod;

	reference->part = part;
	reference->column = get_attnum(part, names->column);
	if (reference->column <= 0)
		return NULL;
	namestrcpy(&reference->name, names->reference);
	namestrcpy(&reference->service, names->service);
	namestrcpy(&reference->key, names->key);
	reference->contract_name = pstrdup(names->contract);
	get_atttypetypmodcoll(part, reference->column, &reference->column_type, &typmod,
						  &reference->collation);
	reference->key_type = reference_element_type(reference->column_type, &reference->is_array);
	confirmed = resolve_declaration(reference, names);
	reference->run_as = reference_run_as(reference->relation);
	check_run_as(part, names, reference, confirmed);
	resolve_contract(reference, names);
	if (names->validator)
	{
		reference->validator_name = pstrdup(names->validator);
		reference->validator = reference_validator_of(names->validator);
		/* a validator that is gone cannot be asked, and the contract is not asked in its place */
		if (!OidIsValid(reference->validator))
			reference->contract = InvalidOid;
	}
	reference->mode = effective_mode(reference, names);
	return reference;
}

/* What the arguments of a trigger say. */
ReferenceNames
reference_names_of_trigger(Relation rel, const Trigger *trigger)
{
	char	  **args = trigger->tgargs;

	if (trigger->tgnargs != REFERENCE_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of \"%s\" does not say what it is to check",
						trigger->tgname, RelationGetRelationName(rel)),
				 errhint("svc.create_reference makes the triggers that a reference needs.")));
	return (ReferenceNames) {
		.service = args[0],
		.column = args[1],
		.contract = args[2],
		.key = args[3],
		.mode = args[4],
		.reference = args[5],
		.validator = args[6][0] ? args[6] : NULL
	};
}
