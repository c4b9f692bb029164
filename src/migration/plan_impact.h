/*
 * plan_impact.h: what one statement does to relations.
 */
#ifndef SVC_MIGRATION_PLAN_IMPACT_H
#define SVC_MIGRATION_PLAN_IMPACT_H

#include "migration/plan_catalog.h"
#include "storage/lockdefs.h"

typedef struct PlannedLock
{
	PlanRelation *relation;
	char	   *name;			/* before the statement, which may rename it */
	LOCKMODE	mode;			/* the strongest */
} PlannedLock;

typedef struct PlannedWork
{
	PlanRelation *relation;
	char	   *name;
	bool		rewrite;		/* else every row is read */
} PlannedWork;

typedef struct Impact
{
	PlanCatalog *catalog;
	List	   *locks;			/* PlannedLock */
	List	   *works;			/* PlannedWork */
	List	   *expanded;		/* PlanRelation: views and rules that were gone through */
	List	   *notes;			/* char *: what is not known, and what to look out for */
} Impact;

extern Impact *impact_make(PlanCatalog *catalog);
extern void impact_lock(Impact *impact, PlanRelation *relation, LOCKMODE mode);
extern void impact_lock_oids(Impact *impact, List *oids, LOCKMODE mode);
extern void impact_lock_tree(Impact *impact, PlanRelation *relation, bool children, LOCKMODE mode);
extern void impact_scan(Impact *impact, PlanRelation *relation);
extern void impact_scan_tree(Impact *impact, PlanRelation *relation, bool children);
extern void impact_rewrite(Impact *impact, PlanRelation *relation);
extern void impact_rewrite_tree(Impact *impact, PlanRelation *relation, bool children);
extern void impact_missing(Impact *impact, const RangeVar *name);
extern void impact_note(Impact *impact, const char *note);

extern List *impact_copy_locks(const Impact *impact, MemoryContext cxt);
extern char *impact_locks_json(const Impact *impact);
extern char *impact_works_json(const Impact *impact);
extern char *impact_notes_text(const Impact *impact);

#endif							/* SVC_MIGRATION_PLAN_IMPACT_H */
