/*
 * plain.h: folders of plain SQL files.
 */
#ifndef SVC_MIGRATION_PLAIN_H
#define SVC_MIGRATION_PLAIN_H

#include "migration/folder.h"

extern void plain_read(Folder *folder);

#endif							/* SVC_MIGRATION_PLAIN_H */
