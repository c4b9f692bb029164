/*
 * place.h: which database a service lives in.
 */
#ifndef SVC_PLACE_H
#define SVC_PLACE_H

extern void PlaceInit(void);

extern bool place_is(const char *service, Oid database);
extern List *place_names(const char *service);
extern Oid	place_find(const char *service, const char *database);
extern Oid	service_place(const char *service, Oid *owner);
extern void place_set(const char *service);
extern void place_reset(void);

#endif							/* SVC_PLACE_H */
