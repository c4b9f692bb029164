/*
 * plan_catalog.h: relations as they will be when a statement of a plan runs.
 */
#ifndef SVC_MIGRATION_PLAN_CATALOG_H
#define SVC_MIGRATION_PLAN_CATALOG_H

#include "core/sql.h"
#include "nodes/parsenodes.h"
#include "service/service.h"

/* A relation that a plan has met */
typedef struct PlanRelation
{
	Oid			oid;			/* InvalidOid: an earlier statement of the plan makes it */
	char	   *schema;			/* "pg_temp" for temporary ones */
	char	   *name;
	char		kind;			/* as pg_class.relkind */
	bool		gone;			/* an earlier statement dropped it */
	bool		detached;		/* from the parent that the catalog shows */
	List	   *parents;		/* PlanRelation: those that the catalog does not show */
	List	   *partners;		/* PlanRelation: what its foreign keys refer to, of a planned one */
} PlanRelation;

/* A prepared statement that a plan has met */
typedef struct PlanPrepared
{
	char	   *name;
	Node	   *query;
} PlanPrepared;

/* What the statements before change, on top of what the catalog says; lives in cxt */
typedef struct PlanCatalog
{
	MemoryContext cxt;
	Oid			owner;			/* whose statements they are */
	List	   *path;			/* names of schemas, char * */
	char	   *default_path;
	List	   *relations;		/* PlanRelation */
	List	   *prepared;		/* PlanPrepared */
} PlanCatalog;

extern PlanCatalog *plan_catalog_make(const Service *service);
extern void plan_catalog_set_path(PlanCatalog *catalog, List *schemas);
extern void plan_catalog_reset(PlanCatalog *catalog);

extern PlanRelation *plan_find(PlanCatalog *catalog, const RangeVar *name);
extern PlanRelation *plan_find_names(PlanCatalog *catalog, List *names);
extern PlanRelation *plan_find_oid(PlanCatalog *catalog, Oid oid);
extern PlanRelation *plan_find_text(PlanCatalog *catalog, const char *text);
extern List *plan_schemas(PlanCatalog *catalog, List *names);
extern PlanRelation *plan_find_beside(PlanCatalog *catalog, const PlanRelation *relation,
									  const char *name);
extern int	plan_path_begin(PlanCatalog *catalog);
extern void plan_path_end(int level);
extern PlanRelation *plan_make_relation(PlanCatalog *catalog, const RangeVar *name, char kind);
extern void plan_rename(PlanCatalog *catalog, PlanRelation *relation, const char *schema,
						const char *name);
extern void plan_forget(PlanRelation *relation);
extern void plan_add_parent(PlanCatalog *catalog, PlanRelation *relation, PlanRelation *parent);
extern void plan_add_partner(PlanCatalog *catalog, PlanRelation *relation, PlanRelation *partner);

extern void plan_remember(PlanCatalog *catalog, const char *name, Node *query);
extern Node *plan_recall(PlanCatalog *catalog, const char *name);

extern List *plan_descendants(PlanCatalog *catalog, PlanRelation *relation);
extern List *plan_referencing(PlanCatalog *catalog, PlanRelation *relation);
extern List *plan_index_table(PlanCatalog *catalog, PlanRelation *index);
extern List *plan_users_of_type(PlanCatalog *catalog, Oid type);
extern bool plan_is_table(const PlanRelation *relation);
extern bool plan_has_rows(const PlanRelation *relation);
extern List *plan_catalog_oids(const char *query, const SqlArg *args, int nargs);

/* plan_oids("SELECT oid ... $1", sql_oid(x)): a List of the OIDs that a query gives */
#define plan_oids(query, ...) \
	plan_catalog_oids(query, (const SqlArg[]){__VA_ARGS__}, \
					  (int) lengthof(((const SqlArg[]){__VA_ARGS__})))

#endif							/* SVC_MIGRATION_PLAN_CATALOG_H */
