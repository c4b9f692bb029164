/*
 * relation.h: small questions about relations.
 */
#ifndef SVC_RELATION_H
#define SVC_RELATION_H

#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"

extern void svc_lock_relation(Oid relation, LOCKMODE lockmode);
extern Relation svc_open_relation_arg(FunctionCallInfo fcinfo, int i, const char *what,
									  LOCKMODE lockmode);
extern char *svc_quote_relation(Oid relation);
extern AttrNumber svc_column_number(Relation rel, const char *column);
extern bool svc_is_unique_key(Relation rel, AttrNumber key);
extern bool svc_has_index_on(Relation rel, AttrNumber column);
extern char *svc_search_path_of(Oid relation);
extern Oid	svc_relation_owner(Oid relation);
extern void svc_check_relation_owner(Oid relation);
extern List *svc_ancestry(Oid relation, Oid child, List *left_out);
extern List *svc_lock_family(Oid relation, LOCKMODE lockmode);

#endif							/* SVC_RELATION_H */
