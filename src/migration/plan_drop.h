/*
 * plan_drop.h: what goes with an object that is dropped.
 */
#ifndef SVC_MIGRATION_PLAN_DROP_H
#define SVC_MIGRATION_PLAN_DROP_H

#include "catalog/objectaddress.h"
#include "migration/plan_impact.h"

extern void plan_drop_object(Impact *impact, Oid class_id, Oid object_id, int32 sub_id);
extern void plan_drop_relation(Impact *impact, PlanRelation *relation);
extern void plan_drop_statement(Impact *impact, Node *node);

#endif							/* SVC_MIGRATION_PLAN_DROP_H */
