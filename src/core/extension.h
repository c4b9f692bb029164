/*
 * extension.h: the extension as an object of this database, and when it may
 * change its catalog.
 */
#ifndef SVC_EXTENSION_H
#define SVC_EXTENSION_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

extern Oid	svc_extension_owner(void);
extern Oid	svc_extension_owner_missing_ok(void);
extern Oid	svc_catalog_relation(const char *name);
extern void svc_check_writable(const char *function);
extern bool svc_catalog_mentions(const char *table, AttrNumber column, List *oids);

#endif							/* SVC_EXTENSION_H */
