/*
 * role.h: the roles of services.
 */
#ifndef SVC_ROLE_H
#define SVC_ROLE_H

#include "nodes/pg_list.h"
#include "service/service.h"

/* How roles are made for one service, and which of them were there before */
typedef struct RoleMaker
{
	Oid			caller;			/* whose rights count */
	bool		adopt;			/* an existing role is taken over */
	List	   *adopted;		/* OIDs of those that were */
} RoleMaker;

extern void RoleInit(void);

extern Oid	role_check_new(RoleMaker *maker, const char *name);
extern Oid	role_make(RoleMaker *maker, const char *name, const char *options);
extern bool role_was_adopted(const RoleMaker *maker, Oid role);
extern void role_set_password(Oid role, const char *password);
extern void role_check_limited(Oid role);
extern Service *role_other_service(Oid role, const char *service);
extern void role_check_level(const char *level, const char *what);
extern void role_declare_member(const Service *service, Oid role, const char *kind,
								const char *level);
extern void role_drop(Oid role);

#endif							/* SVC_ROLE_H */
