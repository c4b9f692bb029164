/*
 * flyway.h: folders as Flyway reads them.
 */
#ifndef SVC_MIGRATION_FLYWAY_H
#define SVC_MIGRATION_FLYWAY_H

#include "migration/folder.h"

extern bool flyway_recognizes(const InputFile *input);
extern void flyway_read(Folder *folder);

#endif							/* SVC_MIGRATION_FLYWAY_H */
