/*
 * golang_migrate.h: folders as golang-migrate reads them.
 */
#ifndef SVC_MIGRATION_GOLANG_MIGRATE_H
#define SVC_MIGRATION_GOLANG_MIGRATE_H

#include "migration/folder.h"

extern bool golang_migrate_recognizes(const InputFile *input);
extern void golang_migrate_read(Folder *folder);

#endif							/* SVC_MIGRATION_GOLANG_MIGRATE_H */
