/*
 * setting.h: what a flyway.conf or a journal said about a folder.
 */
#ifndef SVC_MIGRATION_SETTING_H
#define SVC_MIGRATION_SETTING_H

#include "migration/store.h"

/* The settings of formats.h; NULL, NIL and false where they are not there */
extern char *setting_text(const MigrationSource *source, const char *name);
extern bool setting_bool(const MigrationSource *source, const char *name);
extern List *setting_texts(const MigrationSource *source, const char *name);
extern List *setting_pairs(const MigrationSource *source, const char *name);	/* ScriptVariable */

#endif							/* SVC_MIGRATION_SETTING_H */
