/*
 * envsub.h: variables in a line of a Goose file.
 */
#ifndef SVC_MIGRATION_ENVSUB_H
#define SVC_MIGRATION_ENVSUB_H

#include "lib/stringinfo.h"

#include "migration/variable.h"

/* Append a line with its variables replaced; errors name the file and line */
extern void envsub(StringInfo out, const char *line, Size length, List *variables,
				   const char *file_name, int line_number);

#endif							/* SVC_MIGRATION_ENVSUB_H */
