/*
 * request.h: what svc.create_service is asked for.
 */
#ifndef SVC_REQUEST_H
#define SVC_REQUEST_H

#include "nodes/pg_list.h"

typedef struct Request
{
	char	   *service;
	char	   *database;		/* NULL: in this one */
	char	   *schema;
	char	   *owner;
	char	   *role_prefix;
	char	   *login;
	char	   *password;
	char	   *login_level;
	char	   *migrator;
	char	   *migrator_password;
	char	   *team;
	char	   *description;
	List	   *extensions;
	bool		adopt;
	bool		if_not_exists;
	bool		made_database;	/* by us, for this request */
	Oid			caller;
} Request;

extern Request *request_read(FunctionCallInfo fcinfo);
extern List *request_to_items(const Request *r);
extern Request *request_from_items(List *items);

extern void request_check_length(const char *name, const char *what);

#endif							/* SVC_REQUEST_H */
