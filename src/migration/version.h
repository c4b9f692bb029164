/*
 * version.h: versions of migrations, and which comes first.
 */
#ifndef SVC_MIGRATION_VERSION_H
#define SVC_MIGRATION_VERSION_H

#include "migration/migration.h"

/* Whole numbers with dots (or, as in names of files, underscores) between them? */
extern bool version_is_valid(const char *version);

/*
 * Flyway's order, which is also right for whole numbers of any length: parts are
 * compared as numbers, and zeros at the end do not count.  What is no version
 * comes before all that are, by its bytes.
 */
extern int	version_compare(const char *a, const char *b);

/* The order in which a format runs two files or rows that have a version */
extern int	migration_compare(MigrationFormat format, const char *version_a, int64 created_a,
							  const char *version_b, int64 created_b);

/* The decimal number without leading zeros; NULL: it does not fit a bigint */
extern char *version_of_digits(const char *digits, Size length);

#endif							/* SVC_MIGRATION_VERSION_H */
