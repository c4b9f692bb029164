/*
 * plan_statement.h: what one statement of a migration does.
 */
#ifndef SVC_MIGRATION_PLAN_STATEMENT_H
#define SVC_MIGRATION_PLAN_STATEMENT_H

#include "migration/plan_impact.h"

extern Impact *plan_statement(PlanCatalog *catalog, RawStmt *raw);

#endif							/* SVC_MIGRATION_PLAN_STATEMENT_H */
