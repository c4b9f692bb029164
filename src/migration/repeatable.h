/*
 * repeatable.h: what makes a repeatable migration run again.
 */
#ifndef SVC_MIGRATION_REPEATABLE_H
#define SVC_MIGRATION_REPEATABLE_H

#include "migration/history.h"

/*
 * Give the repeatable files the checksums that their text has with these values
 * for placeholders.  strict: a placeholder without value is an error; else its
 * file counts as it was run last.
 */
extern void repeatable_checksums(const History *history, List *variables, bool strict);

/* The variables of a service's files: flyway.conf's, the caller's, and Flyway's own */
extern List *migration_variables(const History *history, List *variables);

#endif							/* SVC_MIGRATION_REPEATABLE_H */
