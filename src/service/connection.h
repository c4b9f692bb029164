/*
 * connection.h: what this database is connected to, as the catalog knows it.
 */
#ifndef SVC_CONNECTION_H
#define SVC_CONNECTION_H

#include "nodes/pg_list.h"
#include "service/service.h"

typedef struct Connection
{
	char	   *service;		/* elsewhere */
	char	   *consumer;		/* here */
	char	   *server;
	Oid			link;			/* the role with the user mapping; InvalidOid if it was dropped */
	char	   *login;			/* the role there; NULL where the server is not PostgreSQL */
	char	   *database;		/* where it is in this cluster, else NULL */
	bool		made_server;
	bool		made_link;
} Connection;

extern bool connection_exists(const char *service);
extern char *connection_of_schema(const char *schema);
extern char *connection_contract_schema(const char *service);
extern char *connection_import_schema(const char *service);
extern void connection_lock(void);
extern List *connection_list(const char *service, const char *consumer, Oid caller);
extern List *connection_of_caller(const char *service, Oid caller);
extern Connection *connection_get(const char *service, const char *consumer);
extern void connection_check_absent(const char *service);
extern void connection_check_no_consumer(const char *consumer);
extern void connection_check_superuser(const char *function);

#endif							/* SVC_CONNECTION_H */
