/*
 * goose.h: folders as Goose reads them.
 */
#ifndef SVC_MIGRATION_GOOSE_H
#define SVC_MIGRATION_GOOSE_H

#include "migration/folder.h"

extern bool goose_recognizes(const InputFile *input);
extern void goose_read(Folder *folder);

#endif							/* SVC_MIGRATION_GOOSE_H */
