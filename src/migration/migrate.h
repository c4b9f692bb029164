/*
 * migrate.h: migrations asked for.
 */
#ifndef SVC_MIGRATION_MIGRATE_H
#define SVC_MIGRATION_MIGRATE_H

#include "migration/migration.h"

extern char *migrate_lock_name(Oid database, const char *service);
extern int	migrate_keep(const char *service, MigrationFormat format, List *inputs);
extern void MigrateInit(void);

#endif							/* SVC_MIGRATION_MIGRATE_H */
