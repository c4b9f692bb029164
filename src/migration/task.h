/*
 * task.h: what a runner of migrations is asked to do.
 */
#ifndef SVC_MIGRATION_TASK_H
#define SVC_MIGRATION_TASK_H

#include "migration/migration.h"

typedef struct MigrationTask
{
	char	   *service;
	bool		undo;
	char	   *target;			/* NULL: none was said */
	bool		out_of_order;
	bool		baseline_on_migrate;
	bool		rollback_comments;
	char	   *asked_by;		/* the session user of the caller */
	int			lock_timeout;	/* svc_ownership.migration_lock_timeout, milliseconds */
	int			lock_retries;	/* svc_ownership.migration_lock_retries */
	List	   *variables;		/* ScriptVariable */
	bool		has_inputs;
	List	   *inputs;			/* InputFile, to be kept before anything is run */
} MigrationTask;

extern void task_check_inputs(List *inputs);
extern List *task_write(const MigrationTask *task);
extern MigrationTask *task_read(List *items);

#endif							/* SVC_MIGRATION_TASK_H */
