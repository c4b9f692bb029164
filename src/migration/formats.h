/*
 * formats.h: a folder of files, read by the rules of the tool it was made for.
 *
 * Pure C: nothing but palloc, ereport and the lexer of the server.  Text is
 * UTF-8.
 */
#ifndef SVC_MIGRATION_FORMATS_H
#define SVC_MIGRATION_FORMATS_H

#include "migration/migration.h"

/*
 * Understand a folder.  Raises errors that name file and line (22023 and the
 * like; see docs/migration.md).  The settings are a JSON object:
 *
 *   Flyway   {"table": "...", "schemas": ["..."], "baselineOnMigrate": true,
 *            "baselineVersion": "1", "baselineDescription": "...", "outOfOrder": true,
 *            "placeholders": {"name": "value"}, "placeholderReplacement": false}
 *   Drizzle  {"generation": 0 | 1}
 */
extern MigrationSet *formats_read(MigrationFormat format, List *inputs);

/* Flyway's order of versions; also right for whole numbers of any length */
extern int	version_compare(const char *a, const char *b);
extern bool version_is_valid(const char *version);

/* The order in which a format runs two files or rows that have a version */
extern int	migration_compare(MigrationFormat format, const char *version_a, int64 created_a,
							  const char *version_b, int64 created_b);

extern char *flyway_checksum(const char *text, Size length);
extern char *sha256_checksum(const char *text, Size length);

#endif							/* SVC_MIGRATION_FORMATS_H */
