/*
 * plan_alter.h: what ALTER TABLE and its like do.
 */
#ifndef SVC_MIGRATION_PLAN_ALTER_H
#define SVC_MIGRATION_PLAN_ALTER_H

#include "migration/plan_impact.h"

extern void plan_alter_table(Impact *impact, Node *node);
extern void plan_foreign_key(Impact *impact, PlanRelation *relation, Constraint *constraint,
							 bool existing);
extern void plan_lock_sequences(Impact *impact, PlanRelation *relation, const char *column,
								LOCKMODE mode);
extern void plan_lock_indexes(Impact *impact, PlanRelation *relation, bool children, LOCKMODE mode);

#endif							/* SVC_MIGRATION_PLAN_ALTER_H */
