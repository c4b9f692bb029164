/*
 * place.h: which database a service lives in.
 */
#ifndef SVC_PLACE_H
#define SVC_PLACE_H

#include "nodes/pg_list.h"

/* A service, and the database that it says it lives in */
typedef struct PlacedService
{
	char	   *name;
	Oid			database;
} PlacedService;

extern void PlaceInit(void);

extern bool place_is(const char *service, Oid database);
extern List *place_names(const char *service);
extern Oid	place_find(const char *service, const char *database);
extern List *place_services(void);
extern ErrorData *place_owner(const PlacedService *service, Oid *owner);
extern Oid	service_place(const char *service, Oid *owner);
extern void place_set(const char *service);
extern void place_reset(void);

#endif							/* SVC_PLACE_H */
