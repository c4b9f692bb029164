/*
 * migrate.h: migrations asked for.
 */
#ifndef SVC_MIGRATION_MIGRATE_H
#define SVC_MIGRATION_MIGRATE_H

extern void MigrateInit(void);

#endif							/* SVC_MIGRATION_MIGRATE_H */
