/*
 * remote_server.h: foreign servers, and the user mappings of links.
 */
#ifndef SVC_REMOTE_SERVER_H
#define SVC_REMOTE_SERVER_H

/* Where a server is, as libpq wants to know it; NULL: as libpq thinks best */
typedef struct RemotePlace
{
	const char *host;
	const char *port;
	const char *database;
	const char *sslmode;
} RemotePlace;

extern void remote_server_need_wrapper(void);
extern void remote_server_make(const char *server, const RemotePlace *place);
extern bool remote_server_is_postgres(const char *server);
extern char *remote_server_option(const char *server, const char *option);
extern void remote_server_hang_up(const char *server);
extern char *remote_server_describe(const char *server);

extern void remote_mapping_set(Oid link, const char *server, const char *user, const char *secret);
extern void remote_mapping_drop(Oid link, const char *server);
extern char *remote_mapping_user(Oid link, const char *server);

#endif							/* SVC_REMOTE_SERVER_H */
