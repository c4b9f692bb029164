/*
 * count_filter.h: conditions that say which rows a counter counts.
 */
#ifndef SVC_COUNT_FILTER_H
#define SVC_COUNT_FILTER_H

#include "nodes/nodes.h"
#include "utils/array.h"
#include "utils/rel.h"

extern char *count_filter_declare(Relation source, const char *filter, ArrayType **columns);
extern void count_filter_check(Relation source, const char *filter);
extern Node *count_filter_parse(Relation rel, const char *filter, Oid owner);
extern char *count_filter_rename(Relation source, const char *filter,
								 const char *before, const char *after);
extern void count_check_key(Relation rel, AttrNumber number);

#endif							/* SVC_COUNT_FILTER_H */
