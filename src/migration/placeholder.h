/*
 * placeholder.h: Flyway's placeholders in a text.
 */
#ifndef SVC_MIGRATION_PLACEHOLDER_H
#define SVC_MIGRATION_PLACEHOLDER_H

#include "migration/origin.h"
#include "migration/variable.h"

/*
 * The text with its ${name} replaced, and where it comes from; the text itself if
 * there are none.  Errors name the script and the line.
 */
extern const char *placeholders_replace(const char *text, Size *length, List *variables,
										const char *script, Origin *origin);

#endif							/* SVC_MIGRATION_PLACEHOLDER_H */
