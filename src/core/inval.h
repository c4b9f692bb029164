/*
 * inval.h: the caches' way to hear that a relation changed.
 */
#ifndef SVC_INVAL_H
#define SVC_INVAL_H

/* Called with the relation, or InvalidOid: any of them.  Only sets flags, and looks nothing up. */
typedef void (*RelationChanged) (Oid relation);

/* Have it called in this process from now on; for what is called when the library is loaded */
extern void svc_on_relation_change(RelationChanged changed);

#endif							/* SVC_INVAL_H */
