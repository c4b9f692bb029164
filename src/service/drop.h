/*
 * drop.h: services go.
 */
#ifndef SVC_DROP_H
#define SVC_DROP_H

#include "nodes/pg_list.h"

extern List *drop_here(List *items);

#endif							/* SVC_DROP_H */
