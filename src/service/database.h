/*
 * database.h: services in databases of their own.
 */
#ifndef SVC_DATABASE_H
#define SVC_DATABASE_H

#include "service/request.h"

extern void DatabaseInit(void);

extern const char *database_create(Request *r);
extern bool database_drop(const char *service, const char *database, bool drop_objects, bool force);

#endif							/* SVC_DATABASE_H */
