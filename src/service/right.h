/*
 * right.h: what services' roles may do.
 */
#ifndef SVC_RIGHT_H
#define SVC_RIGHT_H

#include "core/sql.h"
#include "nodes/pg_list.h"

extern void RightInit(void);

extern List *right_statements(const char *query, const SqlArg *args, int nargs);
extern int	right_run(List *statements);

extern int	right_mend(const char *service, List *relations);
extern void right_take_back(const char *service, List *relations, bool adopted_too);

#endif							/* SVC_RIGHT_H */
