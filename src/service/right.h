/*
 * right.h: what services' roles may do.
 */
#ifndef SVC_RIGHT_H
#define SVC_RIGHT_H

#include "nodes/pg_list.h"

extern void RightInit(void);

extern int	right_mend(const char *service, List *relations);
extern void right_take_back(const char *service, List *relations, bool adopted_too);

#endif							/* SVC_RIGHT_H */
