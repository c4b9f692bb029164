/*
 * properties.h: files of settings as Flyway reads them.
 */
#ifndef SVC_MIGRATION_PROPERTIES_H
#define SVC_MIGRATION_PROPERTIES_H

#include "migration/migration.h"

/* A place in a file of settings, and the setting that was read last */
typedef struct Properties
{
	const InputFile *file;
	const char *at;
	int			line;			/* of the last setting, from 1 */
	int			next_line;
	char	   *key;
	char	   *value;
} Properties;

extern void properties_begin(Properties *properties, const InputFile *file);
extern bool properties_next(Properties *properties);

/* The value, which must be true or false; 22023 if it is neither */
extern bool properties_bool(const Properties *properties);

#endif							/* SVC_MIGRATION_PROPERTIES_H */
