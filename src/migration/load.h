/*
 * load.h: files of migrations that come and are kept.
 */
#ifndef SVC_MIGRATION_LOAD_H
#define SVC_MIGRATION_LOAD_H

#include "migration/migration.h"

/* Called outside of a scope, by whoever may write the service's migrations */
extern int	load_files(const char *service, MigrationFormat format, List *inputs);

#endif							/* SVC_MIGRATION_LOAD_H */
