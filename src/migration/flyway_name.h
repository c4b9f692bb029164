/*
 * flyway_name.h: names of Flyway's migrations and callbacks.
 */
#ifndef SVC_MIGRATION_FLYWAY_NAME_H
#define SVC_MIGRATION_FLYWAY_NAME_H

#include "migration/migration.h"

typedef struct FlywayName
{
	MigrationKind kind;
	const char *event;			/* a callback's */
	char	   *version;		/* as the history table holds it; NULL: repeatable, callback */
	char	   *description;
} FlywayName;

/* False for a name that Flyway passes over; the version is then what stands in its place, or NULL */
extern bool flyway_parse_name(const char *name, FlywayName *parts);

/* Refuse what Flyway takes for a version and should not, and what does not fit its table: 22023 */
extern void flyway_check_version(const char *name, const char *version);

/* More than this does not fit its table */
#define FLYWAY_MAX_VERSION 50

#endif							/* SVC_MIGRATION_FLYWAY_NAME_H */
