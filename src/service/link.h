/*
 * link.h: the logins that consumers in other databases read a contract with.
 */
#ifndef SVC_LINK_H
#define SVC_LINK_H

#include "nodes/pg_list.h"
#include "service/service.h"

/* What is asked of the service whose contract it is */
typedef struct LinkRequest
{
	const char *action;			/* make, rotate, leave, drop */
	const char *service;
	const char *consumer;
	const char *database;		/* the consumer's */
	const char *verifier;		/* of the password; NULL where there is none to set */
} LinkRequest;

extern char *link_secret(void);
extern char *link_verifier(const char *secret);
extern char *link_role_prefix(const Service *service);
extern char *link_role_name(const char *prefix, const char *middle, const char *suffix);
extern List *link_entry(List *items);
extern bool link_exists(const char *service, const char *consumer);
extern void link_drop_left(const char *service);
extern void link_drop_all(const char *service);

#endif							/* SVC_LINK_H */
