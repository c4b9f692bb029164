/*
 * plan_visit.h: the statements that svc.migrate would run now.
 */
#ifndef SVC_MIGRATION_PLAN_VISIT_H
#define SVC_MIGRATION_PLAN_VISIT_H

#include "migration/history.h"
#include "migration/script.h"

/* Who looks at them, file by file and statement by statement */
typedef struct PlanVisitor
{
	void		(*begin_file) (void *argument, const MigrationFile *file);
	void		(*statement) (void *argument, const MigrationFile *file,
							  const ScriptStatement *statement);
	void		(*no_text) (void *argument, const MigrationFile *file);
	void		(*end_file) (void *argument, const MigrationFile *file);
	void	   *argument;
} PlanVisitor;

extern void plan_visit(const Service *service, List *variables, const PlanVisitor *visitor);

#endif							/* SVC_MIGRATION_PLAN_VISIT_H */
