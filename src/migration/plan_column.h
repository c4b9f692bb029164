/*
 * plan_column.h: columns that are added or changed, and what that costs.
 */
#ifndef SVC_MIGRATION_PLAN_COLUMN_H
#define SVC_MIGRATION_PLAN_COLUMN_H

#include "migration/plan_impact.h"

extern bool plan_new_column_rewrites(Impact *impact, ColumnDef *column);
extern bool plan_has_default(ColumnDef *column);
extern bool plan_new_column_is_checked(Impact *impact, ColumnDef *column);
extern void plan_set_not_null(Impact *impact, PlanRelation *relation, const char *column,
							  bool children);
extern bool plan_type_change_rewrites(Impact *impact, PlanRelation *relation, const char *column,
									  ColumnDef *definition);
extern void plan_type_change(Impact *impact, PlanRelation *relation, const char *column);
extern List *plan_key_columns(PlanRelation *relation, Constraint *constraint);
extern bool plan_is_implied(Oid relation, List *condition);
extern bool plan_find_type(Impact *impact, TypeName *name, Oid *type, int32 *typmod);

#endif							/* SVC_MIGRATION_PLAN_COLUMN_H */
