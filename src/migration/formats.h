/*
 * formats.h: a folder of files, read by the rules of the tool it was made for.
 *
 * Pure C: nothing but palloc, ereport and the lexer of the server.  Text is
 * UTF-8.
 */
#ifndef SVC_MIGRATION_FORMATS_H
#define SVC_MIGRATION_FORMATS_H

#include "migration/checksum.h"
#include "migration/migration.h"
#include "migration/version.h"

/*
 * Understand a folder.  Raises errors that name file and line (22023 and the
 * like; see docs/migration.md).  The settings are a JSON object:
 *
 *   Flyway   {"table": "...", "schemas": ["..."], "baselineOnMigrate": true,
 *            "baselineVersion": "1", "baselineDescription": "...", "outOfOrder": true,
 *            "placeholders": {"name": "value"}}, each only where flyway.conf says so;
 *            the history table is in the first of the schemas
 *   Drizzle  {"generation": 0 | 1}
 */
extern MigrationSet *formats_read(MigrationFormat format, List *inputs);

/* The format of a folder; 22023 if it could be more than one */
extern MigrationFormat formats_detect(List *inputs);

#endif							/* SVC_MIGRATION_FORMATS_H */
