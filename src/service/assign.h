/*
 * assign.h: relations assigned to services one by one.
 */
#ifndef SVC_ASSIGN_H
#define SVC_ASSIGN_H

#include "nodes/parsenodes.h"

extern void AssignInit(void);

extern List *assign_families(List *relations);

#endif							/* SVC_ASSIGN_H */
