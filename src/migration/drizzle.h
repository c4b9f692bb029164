/*
 * drizzle.h: folders as Drizzle reads them.
 */
#ifndef SVC_MIGRATION_DRIZZLE_H
#define SVC_MIGRATION_DRIZZLE_H

#include "migration/folder.h"

extern bool drizzle_recognizes(const InputFile *input);
extern void drizzle_read(Folder *folder);

#endif							/* SVC_MIGRATION_DRIZZLE_H */
