/*
 * plan_catalog.c: relations as they will be when a statement of a plan runs.
 *
 * A plan runs nothing, so what its earlier statements create, rename and drop
 * is kept here, on top of the catalog.  Nothing is opened or locked: who plans
 * must not wait behind the very locks that he wants to know about, so all facts
 * come from pg_class and its like.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/sql.h"
#include "migration/plan_catalog.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#define TEMPORARY "pg_temp"

/* Take a search_path: a List of names of schemas. */
void
plan_catalog_set_path(PlanCatalog *catalog, List *schemas)
{
	MemoryContext old = MemoryContextSwitchTo(catalog->cxt);
	ListCell   *cell;

	catalog->path = list_make1(pstrdup(TEMPORARY));
	if (!service_mentions(schemas, "pg_catalog"))
		catalog->path = lappend(catalog->path, pstrdup("pg_catalog"));
	foreach(cell, schemas)
	{
		const char *schema = lfirst(cell);

		if (strcmp(schema, "$user") == 0)
			schema = svc_role_name(catalog->owner);
		catalog->path = lappend(catalog->path, pstrdup(schema));
	}
	MemoryContextSwitchTo(old);
}

/* What a migration begins with: settings and prepared statements of the one before are gone. */
void
plan_catalog_reset(PlanCatalog *catalog)
{
	char	   *path = pstrdup(catalog->default_path);
	List	   *schemas;

	if (!SplitIdentifierString(path, ',', &schemas))
		elog(ERROR, "invalid search_path: %s", catalog->default_path);
	plan_catalog_set_path(catalog, schemas);
	catalog->prepared = NIL;
}

/* The catalog as it is, seen by a service's owner role. */
PlanCatalog *
plan_catalog_make(const Service *service)
{
	PlanCatalog *catalog = palloc0(sizeof(PlanCatalog));

	catalog->cxt = CurrentMemoryContext;
	catalog->owner = service->owner;
	catalog->default_path = psprintf("%s, public, " SVC_TRIGGER_SCHEMA,
									 quote_identifier(service->schema ? service->schema : "public"));
	plan_catalog_reset(catalog);
	return catalog;
}

/* Note a relation. */
static PlanRelation *
add_relation(PlanCatalog *catalog, Oid oid, const char *schema, const char *name, char kind)
{
	MemoryContext old = MemoryContextSwitchTo(catalog->cxt);
	PlanRelation *relation = palloc0(sizeof(PlanRelation));

	relation->oid = oid;
	relation->schema = pstrdup(schema);
	relation->name = pstrdup(name);
	relation->kind = kind;
	catalog->relations = lappend(catalog->relations, relation);
	MemoryContextSwitchTo(old);
	return relation;
}

/* The relation of an OID; NULL if there is none in the database. */
PlanRelation *
plan_find_oid(PlanCatalog *catalog, Oid oid)
{
	HeapTuple	tuple;
	Form_pg_class form;
	PlanRelation *relation;
	ListCell   *cell;

	foreach(cell, catalog->relations)
	{
		relation = lfirst(cell);
		if (relation->oid == oid)
			return relation;
	}
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_class) GETSTRUCT(tuple);
	relation = add_relation(catalog, oid, form->relpersistence == RELPERSISTENCE_TEMP ? TEMPORARY :
							get_namespace_name(form->relnamespace),
							NameStr(form->relname), form->relkind);
	ReleaseSysCache(tuple);
	return relation;
}

/* The relation of a name in a schema, or NULL. */
static PlanRelation *
find_in_schema(PlanCatalog *catalog, const char *schema, const char *name)
{
	PlanRelation *relation;
	Oid			namespace;
	Oid			oid;
	ListCell   *cell;

	foreach(cell, catalog->relations)
	{
		relation = lfirst(cell);
		if (!relation->gone && strcmp(relation->name, name) == 0 &&
			strcmp(relation->schema, schema) == 0)
			return relation;
	}
	namespace = get_namespace_oid(schema, true);
	if (!OidIsValid(namespace) || strcmp(schema, TEMPORARY) == 0)
		return NULL;
	oid = get_relname_relid(name, namespace);
	if (!OidIsValid(oid))
		return NULL;
	relation = plan_find_oid(catalog, oid);
	/* it may have been dropped or renamed */
	return !relation || relation->gone || strcmp(relation->name, name) != 0 ||
		strcmp(relation->schema, schema) != 0 ? NULL : relation;
}

/* Does a schema on the search_path count?  One that its user may not use does not. */
static bool
may_use_schema(PlanCatalog *catalog, const char *schema)
{
	Oid			oid = get_namespace_oid(schema, true);

	return !OidIsValid(oid) ||
		object_aclcheck(NamespaceRelationId, oid, catalog->owner, ACL_USAGE) == ACLCHECK_OK;
}

/* The names of the schemas in which something is looked for: the one that its name says, or the path. */
List *
plan_schemas(PlanCatalog *catalog, List *names)
{
	return list_length(names) > 1 ?
		list_make1(strVal(list_nth(names, list_length(names) - 2))) : catalog->path;
}

/* The relation that a statement of the plan means by a name; NULL: there is none. */
PlanRelation *
plan_find(PlanCatalog *catalog, const RangeVar *name)
{
	ListCell   *cell;

	if (name->schemaname)
		return find_in_schema(catalog, name->schemaname, name->relname);
	foreach(cell, catalog->path)
	{
		PlanRelation *relation = find_in_schema(catalog, lfirst(cell), name->relname);

		if (relation && may_use_schema(catalog, lfirst(cell)))
			return relation;
	}
	return NULL;
}

/* The same, for a List of String nodes. */
PlanRelation *
plan_find_names(PlanCatalog *catalog, List *names)
{
	RangeVar   *name = makeRangeVar(NULL, strVal(llast(names)), -1);

	if (list_length(names) > 1)
		name->schemaname = strVal(list_nth(names, list_length(names) - 2));
	return plan_find(catalog, name);
}

/* The same, for a name as regclass reads it. */
PlanRelation *
plan_find_text(PlanCatalog *catalog, const char *text)
{
	List	   *parts;
	RangeVar   *name;

	if (!SplitIdentifierString(pstrdup(text), '.', &parts) || parts == NIL)
		return NULL;
	name = makeRangeVar(NULL, llast(parts), -1);
	if (list_length(parts) > 1)
		name->schemaname = list_nth(parts, list_length(parts) - 2);
	return plan_find(catalog, name);
}

/* The relation of a name in the schema of another one, such as its index; or NULL. */
PlanRelation *
plan_find_beside(PlanCatalog *catalog, const PlanRelation *relation, const char *name)
{
	return find_in_schema(catalog, relation->schema, name);
}

/* Begin to look names up as the server would for the statement: with its search_path. */
int
plan_path_begin(PlanCatalog *catalog)
{
	int			level = NewGUCNestLevel();
	StringInfoData path;
	ListCell   *cell;

	initStringInfo(&path);
	foreach(cell, catalog->path)
		appendStringInfo(&path, "%s%s", path.len > 0 ? ", " : "", quote_identifier(lfirst(cell)));
	svc_sql_set("search_path", path.data);
	return level;
}

/* End what plan_path_begin began. */
void
plan_path_end(int level)
{
	AtEOXact_GUC(true, level);
}

/* The schema in which something new is made. */
static const char *
creation_schema(PlanCatalog *catalog, const RangeVar *name)
{
	ListCell   *cell;

	if (name->relpersistence == RELPERSISTENCE_TEMP)
		return TEMPORARY;
	if (name->schemaname)
		return name->schemaname;
	foreach(cell, catalog->path)
	{
		const char *schema = lfirst(cell);

		if (strcmp(schema, TEMPORARY) != 0 && strcmp(schema, "pg_catalog") != 0 &&
			OidIsValid(get_namespace_oid(schema, true)))
			return schema;
	}
	return "public";
}

/* A statement makes a relation; one that is there already stays. */
PlanRelation *
plan_make_relation(PlanCatalog *catalog, const RangeVar *name, char kind)
{
	const char *schema = creation_schema(catalog, name);
	PlanRelation *relation = find_in_schema(catalog, schema, name->relname);

	return relation ? relation :
		add_relation(catalog, InvalidOid, schema, name->relname, kind);
}

/* A relation gets another schema, or another name; NULL: keeps it. */
void
plan_rename(PlanCatalog *catalog, PlanRelation *relation, const char *schema, const char *name)
{
	if (schema)
		relation->schema = MemoryContextStrdup(catalog->cxt, schema);
	if (name)
		relation->name = MemoryContextStrdup(catalog->cxt, name);
}

/* A relation is gone. */
void
plan_forget(PlanRelation *relation)
{
	if (relation)
		relation->gone = true;
}

/* A relation becomes the child, or the partition, of another one. */
void
plan_add_parent(PlanCatalog *catalog, PlanRelation *relation, PlanRelation *parent)
{
	MemoryContext old = MemoryContextSwitchTo(catalog->cxt);

	relation->parents = list_append_unique_ptr(relation->parents, parent);
	MemoryContextSwitchTo(old);
}

/* A foreign key of a planned relation refers to another one. */
void
plan_add_partner(PlanCatalog *catalog, PlanRelation *relation, PlanRelation *partner)
{
	MemoryContext old = MemoryContextSwitchTo(catalog->cxt);

	relation->partners = list_append_unique_ptr(relation->partners, partner);
	MemoryContextSwitchTo(old);
}

/* Add the children that the catalog shows. */
static List *
add_known_children(PlanCatalog *catalog, List *found, Oid parent)
{
	List	   *children = find_inheritance_children(parent, NoLock);
	ListCell   *cell;

	foreach(cell, children)
	{
		PlanRelation *child = plan_find_oid(catalog, lfirst_oid(cell));

		if (child && !child->gone && !child->detached)
			found = list_append_unique_ptr(found, child);
	}
	return found;
}

/* A relation and all that inherit from it, each once. */
List *
plan_descendants(PlanCatalog *catalog, PlanRelation *relation)
{
	List	   *found = list_make1(relation);

	/* the list grows while it is read */
	for (int i = 0; i < list_length(found); i++)
	{
		PlanRelation *parent = list_nth(found, i);
		ListCell   *cell;

		if (OidIsValid(parent->oid) &&
			(plan_is_table(parent) || parent->kind == RELKIND_PARTITIONED_INDEX))
			found = add_known_children(catalog, found, parent->oid);
		foreach(cell, catalog->relations)
		{
			PlanRelation *child = lfirst(cell);

			if (!child->gone && list_member_ptr(child->parents, parent))
				found = list_append_unique_ptr(found, child);
		}
	}
	return found;
}

/* The relations that a query gives, as far as the plan did not drop them. */
static List *
relations_of(PlanCatalog *catalog, List *oids)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, oids)
	{
		PlanRelation *relation = plan_find_oid(catalog, lfirst_oid(cell));

		if (relation && !relation->gone)
			relations = list_append_unique_ptr(relations, relation);
	}
	return relations;
}

/* The tables whose foreign keys refer to one. */
List *
plan_referencing(PlanCatalog *catalog, PlanRelation *relation)
{
	List	   *found = NIL;
	ListCell   *cell;

	if (OidIsValid(relation->oid))
		found = relations_of(catalog, plan_oids("SELECT DISTINCT conrelid FROM pg_catalog.pg_constraint"
												" WHERE contype = 'f' AND confrelid = $1",
												sql_oid(relation->oid)));
	foreach(cell, catalog->relations)
	{
		PlanRelation *other = lfirst(cell);

		if (!other->gone && list_member_ptr(other->partners, relation))
			found = list_append_unique_ptr(found, other);
	}
	return found;
}

/* The table of an index, and of its parts. */
List *
plan_index_table(PlanCatalog *catalog, PlanRelation *index)
{
	List	   *indexes = NIL;
	ListCell   *cell;

	foreach(cell, plan_descendants(catalog, index))
		indexes = lappend_oid(indexes, ((PlanRelation *) lfirst(cell))->oid);
	return relations_of(catalog, plan_oids("SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = ANY ($1)",
										   sql_oids(indexes, OIDARRAYOID)));
}

/* The tables with a column of a type, or of a domain over it. */
List *
plan_users_of_type(PlanCatalog *catalog, Oid type)
{
	return relations_of(catalog, plan_oids("WITH RECURSIVE t (oid) AS (SELECT $1 UNION"
										   " SELECT d.oid FROM t JOIN pg_catalog.pg_type d ON d.typbasetype = t.oid)"
										   "SELECT DISTINCT a.attrelid FROM t"
										   "  JOIN pg_catalog.pg_attribute a ON a.atttypid = t.oid"
										   "  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
										   "   AND c.relkind IN ('r', 'm') AND NOT a.attisdropped",
										   sql_oid(type)));
}

/* Keep a prepared statement. */
void
plan_remember(PlanCatalog *catalog, const char *name, Node *query)
{
	MemoryContext old = MemoryContextSwitchTo(catalog->cxt);
	PlanPrepared *prepared = palloc(sizeof(PlanPrepared));

	prepared->name = pstrdup(name);
	prepared->query = copyObject(query);
	catalog->prepared = lcons(prepared, catalog->prepared);
	MemoryContextSwitchTo(old);
}

/* The query of a prepared statement, or NULL. */
Node *
plan_recall(PlanCatalog *catalog, const char *name)
{
	ListCell   *cell;

	foreach(cell, catalog->prepared)
	{
		PlanPrepared *prepared = lfirst(cell);

		if (strcmp(prepared->name, name) == 0)
			return prepared->query;
	}
	return NULL;
}

/* Is it a table that can have children? */
bool
plan_is_table(const PlanRelation *relation)
{
	return relation->kind == RELKIND_RELATION || relation->kind == RELKIND_PARTITIONED_TABLE ||
		relation->kind == RELKIND_FOREIGN_TABLE;
}

/* Does it have rows of its own, on disk? */
bool
plan_has_rows(const PlanRelation *relation)
{
	return relation->kind == RELKIND_RELATION || relation->kind == RELKIND_MATVIEW;
}

/* The OIDs in the first column of a query. */
List *
plan_catalog_oids(const char *query, const SqlArg *args, int nargs)
{
	List	   *oids = NIL;
	uint64		rows = svc_sql_run(query, args, nargs);

	for (uint64 row = 0; row < rows; row++)
		oids = lappend_oid(oids, svc_sql_oid_value(row, 1));
	return oids;
}
