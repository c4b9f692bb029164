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

#endif							/* SVC_MIGRATION_REPEATABLE_H */
