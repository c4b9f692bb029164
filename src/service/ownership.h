/*
 * ownership.h: which service owns a relation.
 */
#ifndef SVC_OWNERSHIP_H
#define SVC_OWNERSHIP_H

extern void OwnershipInit(void);

/* How a relation came to its service */
typedef enum OwnedHow
{
	OWNED_NOT,
	OWNED_ASSIGNED,				/* svc.assign, or its table was, or its partitioned table */
	OWNED_SCHEMA				/* it lies in the service's schema */
} OwnedHow;

extern OwnedHow ownership_of(Oid relation, NameData *service);
extern bool ownership_assignment(Oid relation, NameData *service);
extern bool ownership_is(Oid relation, const char *service);
extern Oid	ownership_parent(Oid relation);

#endif							/* SVC_OWNERSHIP_H */
