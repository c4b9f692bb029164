/*
 * count_filter_ddl.h: names that filters of counters use.
 */
#ifndef SVC_COUNT_FILTER_DDL_H
#define SVC_COUNT_FILTER_DDL_H

#include "nodes/pg_list.h"

extern void count_filter_check_altered(Node *command);
extern void count_filter_check_dropped(List *objects);

#endif							/* SVC_COUNT_FILTER_DDL_H */
