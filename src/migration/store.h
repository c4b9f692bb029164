/*
 * store.h: migrations as the database keeps them.
 */
#ifndef SVC_MIGRATION_STORE_H
#define SVC_MIGRATION_STORE_H

#include "migration/input.h"
#include "migration/migration.h"
#include "service/service.h"

/* What is known of a service's migrations as a whole: svc.migration_source */
typedef struct MigrationSource
{
	MigrationFormat format;
	char	   *settings;		/* JSON */
	Oid			history;		/* the adopted tool's table; InvalidOid: none */
} MigrationSource;

/* But for store_content all are called inside a scope of the extension's owner (svc_sql_begin); results are in the caller's memory */
extern MigrationSource *store_source(const char *service);	/* NULL: no migrations were loaded */
extern List *store_files(const char *service);	/* MigrationFile without content, by position */

/* By which rules to read files that come: those asked for; for auto those of the service's history, if it has one */
extern MigrationFormat store_format(const char *service, MigrationFormat asked);

/*
 * Keep a set: returns how many files are new or changed.  What is not in the set
 * goes, unless it was applied: then it stays, not present.
 */
extern int	store_set(const char *service, const MigrationSet *set);

/*
 * The text of a file in the database's encoding, terminated; NULL: it was not
 * kept.  Called outside of a scope; the text is in the current memory context.
 */
extern char *store_content(const char *service, const char *script, Size *length);

/* Refuse to go on without it */
extern void store_raise_no_content(const char *script);

/* svc_ownership.migration_text */
extern bool store_keeps_text(void);

extern void StoredMigrationsInit(void);

#endif							/* SVC_MIGRATION_STORE_H */
