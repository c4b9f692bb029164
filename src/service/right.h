/*
 * right.h: what services' roles may do.
 */
#ifndef SVC_RIGHT_H
#define SVC_RIGHT_H

#include "nodes/pg_list.h"

extern void RightInit(void);

/*
 * More relations than this are not locked while rights on them are granted: the
 * lock table has room for some thousands, and a service may have more.
 */
#define RIGHT_MAX_LOCKED 1000

extern int	right_mend(const char *service, List *relations);
extern int	right_mend_for(const char *service, List *relations, Oid caller);
extern void right_begin(const char *service, List *relations, Oid caller);
extern void right_tell_closed(const char *service, List *relations, Oid caller);
extern void right_take_from(const char *service, Oid role);
extern void right_take_back(const char *service, List *relations, bool adopted_too);

#endif							/* SVC_RIGHT_H */
