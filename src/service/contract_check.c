/*
 * contract_check.c: is what is published still what was published?
 *
 * An event trigger keeps hands off the views of contracts; what gets past it
 * (DROP ... CASCADE, event triggers switched off) svc.check_contracts finds.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/ddl.h"
#include "core/expression.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "rewrite/rewriteHandler.h"
#include "service/connection.h"
#include "service/contract.h"
#include "service/ownership.h"
#include "service/restore.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

SVC_FUNCTION(svc_check_contracts);
SVC_FUNCTION(svc_export_contract);

/* Columns of svc.entity, in the order of its definition */
enum
{
	COL_SERVICE = 1,
	COL_ENTITY,
	COL_VIEW,
	COL_RELATION,
	COL_KEY
};

/* A column as it was published */
typedef struct PublishedColumn
{
	char	   *name;
	Oid			type;
	int32		typmod;
} PublishedColumn;

/* One entity that is looked at */
typedef struct Check
{
	ReturnSetInfo *result;		/* NULL: problems become warnings */
	char	   *service;
	char	   *entity;
	Oid			view;
	bool		remote;			/* of a connected service */
	Oid			relation;
	char	   *key;
	List	   *columns;		/* of PublishedColumn */
	Datum		consumers;
} Check;

/* Report one problem. */
static void
report(const Check *c, const char *problem, const char *detail)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	if (!c->result)
	{
		ereport(WARNING,
				(errmsg("entity \"%s\" of service \"%s\": %s", c->entity, c->service, problem),
				 errdetail_internal("%s", detail),
				 errhint("svc.check_contracts() lists who would break.")));
		return;
	}
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(c->service));
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(c->entity));
	values[2] = CStringGetTextDatum(problem);
	values[3] = CStringGetTextDatum(detail);
	values[4] = c->consumers;
	tuplestore_putvalues(c->result->setResult, c->result->setDesc, values, nulls);
}

/* Compare a column of the view with what was published. */
static void
check_column(const Check *c, const PublishedColumn *column)
{
	AttrNumber	number = get_attnum(c->view, column->name);
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (number == InvalidAttrNumber)
	{
		report(c, "column missing",
			   psprintf("column %s of type %s is gone", quote_identifier(column->name),
						format_type_with_typemod(column->type, column->typmod)));
		return;
	}
	get_atttypetypmodcoll(c->view, number, &type, &typmod, &collation);
	if (type != column->type || typmod != column->typmod)
		report(c, "column type changed",
			   psprintf("column %s is of type %s, and was published as %s",
						quote_identifier(column->name), format_type_with_typemod(type, typmod),
						format_type_with_typemod(column->type, column->typmod)));
}

/* The relation of a range table entry, or InvalidOid. */
static Oid
entry_relation(Query *query, int index)
{
	RangeTblEntry *entry = list_nth_node(RangeTblEntry, query->rtable, index - 1);

	return entry->rtekind == RTE_RELATION ? entry->relid : InvalidOid;
}

/*
 * The column of the published table that is the key of the view, or 0: names
 * may differ, since a column can be renamed below a view.
 */
static AttrNumber
key_below_view(const Check *c, Query *query)
{
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Var		   *var = (Var *) entry->expr;

		if (!entry->resjunk && strcmp(entry->resname, c->key) == 0 && IsA(var, Var) &&
			entry_relation(query, var->varno) == c->relation)
			return var->varattno;
	}
	return InvalidAttrNumber;
}

/* Look at the published table, and at what the view makes of it. */
static void
check_below_view(const Check *c)
{
	Relation	view = relation_open(c->view, AccessShareLock);
	Query	   *query = get_view_query(view);
	AttrNumber	key = key_below_view(c, query);
	UntrustedCode code;
	Relation	rel = try_relation_open(c->relation, AccessShareLock);

	if (!rel)
		report(c, "relation missing", psprintf("relation with OID %u is gone", c->relation));
	else
	{
		if (!ownership_is(c->relation, c->service))
			report(c, "relation not owned",
				   psprintf("%s does not belong to the service", svc_quote_relation(c->relation)));
		if (key == InvalidAttrNumber || !svc_is_unique_key(rel, key))
			report(c, "key not unique",
				   psprintf("no unique index stands behind column %s", quote_identifier(c->key)));
		if (check_enable_rls(c->relation, view->rd_rel->relowner, true) == RLS_ENABLED)
			report(c, "row security",
				   psprintf("policies of %s run with the rights of whoever reads the contract",
							svc_quote_relation(c->relation)));
		relation_close(rel, AccessShareLock);
	}
	if (view->rd_rel->relowner != service_lookup(c->service, false)->owner)
		report(c, "view not owned",
			   psprintf("%s belongs to role %s, and reads with that role's rights",
						svc_quote_relation(c->view),
						quote_identifier(GetUserNameFromId(view->rd_rel->relowner, false))));
	if (svc_find_untrusted_code((Node *) query, &code))
		report(c, "unsafe code",
			   psprintf("%s runs with the rights of whoever reads the contract",
						svc_describe_untrusted_code(&code)));
	relation_close(view, AccessShareLock);
}

/* Look at one entity. */
static void
check_entity(const Check *c)
{
	ListCell   *cell;

	if (get_rel_relkind(c->view) != RELKIND_VIEW)
	{
		report(c, "view missing",
			   psprintf("view %s is gone; svc.publish(..., replace => true) makes it again",
						quote_qualified_identifier(service_contract_schema(c->service), c->entity)));
		return;
	}
	foreach(cell, c->columns)
		check_column(c, lfirst(cell));
	check_below_view(c);
}

/* The columns of an entity as they were published. */
static List *
column_list(const char *service, const char *entity)
{
	List	   *columns = NIL;
	uint64		rows = svc_sql("SELECT c.name, c.type, c.typmod FROM svc.entity e"
							   " CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(e.columns), pg_catalog.unnest(e.types), pg_catalog.unnest(e.typmods)) c (name, type, typmod)"
							   " WHERE e.service = $1 AND e.entity = $2",
							   sql_name(service), sql_name(entity));

	for (uint64 row = 0; row < rows; row++)
	{
		PublishedColumn *column = palloc(sizeof(PublishedColumn));

		column->name = svc_sql_value(row, 1);
		column->type = svc_sql_oid_value(row, 2);
		column->typmod = atoi(svc_sql_value(row, 3));
		columns = lappend(columns, column);
	}
	return columns;
}

/* The entities that a role may ask about; of one published relation, if one is given. */
static List *
entities_to_check(ReturnSetInfo *result, Oid caller, Oid relation)
{
	List	   *checks = NIL;
	uint64		rows = svc_sql("SELECT e.service, e.entity, e.view::pg_catalog.oid, e.relation::pg_catalog.oid, e.key,"
							   "       ARRAY(SELECT DISTINCT c.consumer FROM svc.consumer c"
							   "              WHERE c.service = e.service AND (c.entity IS NULL OR c.entity = e.entity)"
							   "              ORDER BY 1)"
							   "  FROM svc.entity e JOIN svc.service s ON s.service = e.service"
							   " WHERE pg_catalog.pg_has_role($1, s.owner, 'MEMBER')"
							   "   AND ($2 IS NULL OR e.relation = $2)"
							   " ORDER BY e.service, e.entity",
							   sql_oid(caller), sql_oid(relation));

	for (uint64 row = 0; row < rows; row++)
	{
		Check	   *c = palloc0(sizeof(Check));
		bool		isnull;

		c->result = result;
		c->service = svc_sql_value(row, 1);
		c->entity = svc_sql_value(row, 2);
		c->view = svc_sql_oid_value(row, 3);
		c->relation = svc_sql_oid_value(row, 4);
		c->key = svc_sql_value(row, 5);
		c->consumers = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 6, &isnull);
		checks = lappend(checks, c);
	}
	return checks;
}

/* Look at all entities, or those of one relation.  Inside a scope of the extension's owner. */
static void
check_entities(ReturnSetInfo *result, Oid caller, Oid relation)
{
	ListCell   *cell;

	foreach(cell, entities_to_check(result, caller, relation))
	{
		Check	   *c = lfirst(cell);

		c->columns = column_list(c->service, c->entity);
		check_entity(c);
	}
}

/*
 * svc.check_contracts() → entities that are not what was published.
 */
Datum
svc_check_contracts(PG_FUNCTION_ARGS)
{
	SqlScope	scope;

	InitMaterializedSRF(fcinfo, 0);
	svc_sql_begin(&scope, svc_extension_owner());
	check_entities((ReturnSetInfo *) fcinfo->resultinfo, scope.saved_user, InvalidOid);
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}

/*
 * svc.export_contract(service) → a script.
 */
Datum
svc_export_contract(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *service = svc_arg_name(fcinfo, 0, "service");
	char	   *script;
	text	   *result;
	MemoryContext old;
	SqlScope	scope;

	if (!connection_exists(service))
		svc_check_service_owner(service);
	svc_sql_begin(&scope, svc_extension_owner());
	if (connection_exists(service))
		connection_of_caller(service, scope.saved_user);
	if (svc_sql("SELECT pg_catalog.count(v.oid) = pg_catalog.count(*) AND pg_catalog.count(*) > 0"
				"  FROM svc.exported_entity e LEFT JOIN pg_catalog.pg_class v ON v.oid = e.view WHERE e.service = $1",
				sql_name(service)) == 1 && !svc_sql_bool_value(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" has no contract to export", service),
				 errdetail("It publishes nothing, or the view of an entity is missing."),
				 errhint("See svc.entities and svc.check_contracts().")));
	svc_sql("SELECT pg_catalog.string_agg(statement, E'\\n' ORDER BY step, rank, statement)"
			"  FROM svc.contract_script WHERE service = $1",
			sql_name(service));
	script = svc_sql_value(0, 1);
	old = MemoryContextSwitchTo(cxt);
	result = cstring_to_text(script);
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	PG_RETURN_TEXT_P(result);
}

/* The catalog tables whose first columns are service, entity, view, relation and key, with their keys */
static const struct
{
	const char *table;
	const char *key;
	bool		remote;
}			publishing[] = {
	{"entity", "entity_view_key", false},
	{"remote_entity", "remote_entity_view_key", true}
};

/* Read what one of these tables says of an entity. */
static Check *
read_entity(Relation rel, HeapTuple tuple, bool remote)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Check	   *c = palloc0(sizeof(Check));
	bool		isnull;

	c->service = pstrdup(NameStr(*DatumGetName(heap_getattr(tuple, COL_SERVICE, desc, &isnull))));
	c->entity = pstrdup(NameStr(*DatumGetName(heap_getattr(tuple, COL_ENTITY, desc, &isnull))));
	c->view = DatumGetObjectId(heap_getattr(tuple, COL_VIEW, desc, &isnull));
	c->relation = DatumGetObjectId(heap_getattr(tuple, COL_RELATION, desc, &isnull));
	c->key = pstrdup(NameStr(*DatumGetName(heap_getattr(tuple, COL_KEY, desc, &isnull))));
	c->remote = remote;
	return c;
}

/* The entity that an index of one of these tables finds, or NULL. */
static Check *
scan_entity(const char *table, const char *index, ScanKey keys, int nkeys, bool remote)
{
	Oid			relid = svc_catalog_relation(table);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	Check	   *c = NULL;

	if (!OidIsValid(relid))
		return NULL;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, svc_catalog_relation(index), true, NULL, nkeys, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		c = read_entity(rel, tuple, remote);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return c;
}

/* The service and entity whose view this is, as one of these tables says, or NULL. */
static Check *
entity_in(int i, Oid view)
{
	ScanKeyData key;

	ScanKeyInit(&key, COL_VIEW, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(view));
	return scan_entity(publishing[i].table, publishing[i].key, &key, 1, publishing[i].remote);
}

/* The service and entity whose view this is, or NULL. */
static Check *
entity_of_view(Oid view)
{
	Check	   *c = NULL;

	for (int i = 0; !c && i < lengthof(publishing); i++)
		c = entity_in(i, view);
	return c;
}

/* Hand out what is known of an entity; false: there is none. */
static bool
use_entity(const Check *c, ContractEntry *entry)
{
	if (!c)
		return false;
	entry->relation = c->relation;
	entry->key = c->key;
	entry->remote = c->remote;
	return true;
}

/* What is known of an entity by its view; false: it is none. */
bool
contract_entry(Oid view, ContractEntry *entry)
{
	return use_entity(entity_of_view(view), entry);
}

/* The same by its name. */
bool
contract_entry_named(const char *service, const char *entity, ContractEntry *entry)
{
	NameData	names[2];
	ScanKeyData keys[2];
	Check	   *c = NULL;

	namestrcpy(&names[0], service);
	namestrcpy(&names[1], entity);
	ScanKeyInit(&keys[0], COL_SERVICE, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&names[0]));
	ScanKeyInit(&keys[1], COL_ENTITY, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&names[1]));
	for (int i = 0; !c && i < lengthof(publishing); i++)
		c = scan_entity(publishing[i].table, psprintf("%s_pkey", publishing[i].table), keys, 2,
						publishing[i].remote);
	return use_entity(c, entry);
}

/*
 * Refuse to rename a contract schema by other means than ours.  It has its new
 * name already; somebody else's of the old name is none of our business.
 */
static void
check_schema_rename(const char *before, List *objects)
{
	Service    *service = service_claiming_schema(before);
	ListCell   *cell;

	if (connection_of_schema(before))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot rename schema \"%s\": it holds the contract of service \"%s\"",
						before, connection_of_schema(before)),
				 errhint("svc.disconnect gives the connection up.")));
	if (!service || strcmp(before, service_contract_schema(service->name)) != 0)
		return;
	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		if (object->class_id == NamespaceRelationId && service_owns_schema(service, object->object_id))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot rename schema \"%s\": it is the contract schema of service \"%s\"",
							before, service->name),
					 errhint("svc.alter_service(..., new_name => ...) renames both.")));
	}
}

/* Refuse to change a relation if it is a published view. */
static void
refuse_published(Oid relation)
{
	Check	   *c = entity_of_view(relation);

	if (c)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot alter view %s because service \"%s\" publishes it",
						quote_qualified_identifier(service_contract_schema(c->service), c->entity),
						c->service),
				 c->remote ? errhint("svc.refresh_contract brings it up to date.")
				 : errhint("svc.publish(..., replace => true) changes it.")));
}

/* Is it ALTER ... OWNER TO and nothing else?  So views come back to the role that should own them. */
static bool
is_owner_change(Node *command)
{
	ListCell   *cell;

	if (!command || !IsA(command, AlterTableStmt))
		return false;
	foreach(cell, ((AlterTableStmt *) command)->cmds)
		if (lfirst_node(AlterTableCmd, cell)->subtype != AT_ChangeOwner)
			return false;
	return true;
}

/* Refuse to let a published view be changed by other means than ours. */
static void
check_altered(Node *command, List *objects)
{
	ListCell   *cell;

	if (!is_owner_change(command))
		foreach(cell, objects)
			if (((DdlObject *) lfirst(cell))->class_id == RelationRelationId)
				refuse_published(((DdlObject *) lfirst(cell))->object_id);
	if (!command)
		return;
	if (IsA(command, RuleStmt))
		refuse_published(RangeVarGetRelid(((RuleStmt *) command)->relation, NoLock, true));
	if (IsA(command, CreateTrigStmt))
		refuse_published(RangeVarGetRelid(((CreateTrigStmt *) command)->relation, NoLock, true));
	if (IsA(command, RenameStmt) && ((RenameStmt *) command)->renameType == OBJECT_SCHEMA)
		check_schema_rename(((RenameStmt *) command)->subname, objects);
}

/* Refuse a DROP that names a published view or its schema. */
static void
check_dropped(List *objects)
{
	ListCell   *cell;
	bool		by_schema = false;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		by_schema |= object->named && object->class_id == NamespaceRelationId;
	}
	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);
		Check	   *c;

		if (object->class_id != RelationRelationId || object->sub_id != 0 ||
			(!object->named && !by_schema))
			continue;
		c = entity_of_view(object->object_id);
		if (c)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot drop view %s because service \"%s\" publishes it",
							quote_qualified_identifier(object->schema, object->name), c->service),
					 c->remote ? errhint("svc.disconnect gives the connection up, with all its views.")
					 : errhint("svc.unpublish takes it out of the contract.")));
	}
}

/* Warn of what is wrong with the entities of a relation, or with all. */
static void
warn_of_problems(Oid relation)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	check_entities(NULL, svc_extension_owner(), relation);
	svc_sql_end(&scope);
}

/* Can the command make row security apply to who it did not apply to before? */
static bool
touches_row_security(Node *command)
{
	ListCell   *cell;

	if (IsA(command, AlterTableStmt))
		foreach(cell, ((AlterTableStmt *) command)->cmds)
		{
			AlterTableType type = lfirst_node(AlterTableCmd, cell)->subtype;

			if (type == AT_EnableRowSecurity || type == AT_ForceRowSecurity || type == AT_ChangeOwner)
				return true;
		}
	return false;
}

/* A published table went elsewhere, or was altered: say what that does to its contract. */
static void
follow_altered(Node *command, List *objects)
{
	List	   *relations = svc_ddl_relations(objects);
	ListCell   *cell;

	if (!command || !(IsA(command, AlterObjectSchemaStmt) || touches_row_security(command)) ||
		!svc_catalog_mentions("entity", COL_RELATION, relations))
		return;
	foreach(cell, relations)
		warn_of_problems(lfirst_oid(cell));
}

/*
 * An index or a published view went, the view perhaps with the table it stood
 * on: say so.  Whose index it was is not known any more.
 */
static void
follow_dropped(List *objects)
{
	ListCell   *cell;
	bool		matters = false;

	foreach(cell, objects)
	{
		DdlObject  *object = lfirst(cell);

		matters |= strcmp(object->type, "index") == 0 || strcmp(object->type, "view") == 0;
	}
	if (matters && !svc_sql_is_own() && svc_catalog_mentions("entity", 0, NIL))
		warn_of_problems(InvalidOid);
}

/* The elements of a list of columns, their types or modifiers: how many, or -1 where it is no such list. */
static int
list_length_of(Relation rel, HeapTuple row, const char *column)
{
	ArrayType  *list = DatumGetArrayTypeP(svc_row_value(rel, row, column));

	return ARR_NDIM(list) == 1 && !array_contains_nulls(list) ? ARR_DIMS(list)[0] : -1;
}

/* Refuse columns that are not the view's, or do not go with each other. */
static void
check_restored_columns(Relation rel, HeapTuple row, const Check *c)
{
	ArrayType  *list = DatumGetArrayTypeP(svc_row_value(rel, row, "columns"));
	int			length = list_length_of(rel, row, "columns");
	bool		has_key = false;
	Datum	   *columns;
	int			n = 0;

	if (length > 0 && length == list_length_of(rel, row, "types") &&
		length == list_length_of(rel, row, "typmods"))
		deconstruct_array(list, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &columns, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *column = NameStr(*DatumGetName(columns[i]));

		has_key |= strcmp(column, c->key) == 0;
		if (get_attnum(c->view, column) <= 0)
			svc_guard_refuse(rel, psprintf("View %s has no column %s.", svc_quote_relation(c->view),
										   quote_identifier(column)));
	}
	if (!has_key)
		svc_guard_refuse(rel, "The key is not among the columns.");
}

/* Refuse a view that is not one of the contract, or would run somebody's code with its readers' rights. */
static void
check_restored_view(Relation rel, const Check *c)
{
	Service    *service = service_lookup(c->service, false);
	char	   *schema = service_contract_schema(c->service);
	Relation	view = get_rel_relkind(c->view) == RELKIND_VIEW
		? try_relation_open(c->view, AccessShareLock) : NULL;
	UntrustedCode code;

	if (!view || view->rd_rel->relkind != RELKIND_VIEW ||
		view->rd_rel->relowner != service->owner ||
		strcmp(RelationGetRelationName(view), c->entity) != 0 ||
		RelationGetNamespace(view) != get_namespace_oid(schema, true) ||
		!service_owns_schema(service, RelationGetNamespace(view)))
		svc_guard_refuse(rel, psprintf("Entity \"%s\" is not shown by view %s of role \"%s\".", c->entity,
									   quote_qualified_identifier(schema, c->entity),
									   svc_role_name(service->owner)));
	if (svc_find_untrusted_code((Node *) get_view_query(view), &code))
		svc_guard_refuse(rel, psprintf("%s runs with the rights of whoever reads the contract.",
									   svc_describe_untrusted_code(&code)));
	relation_close(view, AccessShareLock);
}

/*
 * An entity that a user restores.  Indexes and policies come later in a
 * restore, so svc.check_contracts asks for them.
 */
static HeapTuple
check_restored_entity(Relation rel, HeapTuple row)
{
	Check		c = {0};

	c.service = svc_row_name(rel, row, "service");
	c.entity = svc_row_name(rel, row, "entity");
	c.view = svc_row_oid(rel, row, "view");
	c.key = svc_row_name(rel, row, "key");
	svc_guard_check_relation(rel, svc_row_oid(rel, row, "relation"));
	check_restored_view(rel, &c);
	check_restored_columns(rel, row, &c);
	return row;
}

static const char *const entity_key[] = {"service", "entity", NULL};

static const GuardedTable entity_table = {
	.name = "entity", .key = entity_key,
	.admit = restore_admit, .check = check_restored_entity
};

static const DdlHandler contract_ddl = {
	.check_altered = check_altered,
	.check_dropped = check_dropped,
	.follow_altered = follow_altered,
	.follow_dropped = follow_dropped
};

/* What contracts do when the library is loaded. */
void
ContractInit(void)
{
	PublishInit();
	svc_guard_register(&entity_table);
	svc_register_ddl_handler(&contract_ddl);
}
