/*
 * plan_partition.h: partitions that come and go.
 */
#ifndef SVC_MIGRATION_PLAN_PARTITION_H
#define SVC_MIGRATION_PLAN_PARTITION_H

#include "migration/plan_impact.h"

extern void plan_lock_partitioned(Impact *impact, PlanRelation *parent, LOCKMODE mode);
extern void plan_attach(Impact *impact, PlanRelation *parent, PartitionCmd *cmd);
extern void plan_detach(Impact *impact, PlanRelation *parent, PartitionCmd *cmd);
extern void plan_new_partition(Impact *impact, PlanRelation *parent);

#endif							/* SVC_MIGRATION_PLAN_PARTITION_H */
