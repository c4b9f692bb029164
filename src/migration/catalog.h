/*
 * catalog.h: rows about migrations that others than our functions bring.
 */
#ifndef SVC_MIGRATION_CATALOG_H
#define SVC_MIGRATION_CATALOG_H

extern void MigrationCatalogInit(void);

#endif							/* SVC_MIGRATION_CATALOG_H */
