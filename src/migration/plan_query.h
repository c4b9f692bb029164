/*
 * plan_query.h: what queries, and statements that hold queries, lock.
 */
#ifndef SVC_MIGRATION_PLAN_QUERY_H
#define SVC_MIGRATION_PLAN_QUERY_H

#include "migration/plan_impact.h"

extern void plan_query_analyzed(Impact *impact, Node *query);
extern void plan_query_rewritten(Impact *impact, Node *query);
extern void plan_query_executed(Impact *impact, Node *query);
extern void plan_relation_read(Impact *impact, PlanRelation *relation);
extern void plan_view_read(Impact *impact, PlanRelation *view);
extern void plan_lock_view(Impact *impact, PlanRelation *view, LOCKMODE mode);
extern void plan_write(Impact *impact, PlanRelation *relation, CmdType command, List *columns);
extern List *plan_all_columns(PlanRelation *relation);

#endif							/* SVC_MIGRATION_PLAN_QUERY_H */
