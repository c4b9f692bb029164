/*
 * baseline.h: what was there before the first migration.
 */
#ifndef SVC_MIGRATION_BASELINE_H
#define SVC_MIGRATION_BASELINE_H

#include "migration/history.h"

/* Before the first migration of a schema that is not empty: write a baseline, or refuse */
extern void baseline_check(History *history, const MigrateOptions *options);

#endif							/* SVC_MIGRATION_BASELINE_H */
