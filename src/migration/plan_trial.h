/*
 * plan_trial.h: migrations that are tried and taken back.
 */
#ifndef SVC_MIGRATION_PLAN_TRIAL_H
#define SVC_MIGRATION_PLAN_TRIAL_H

#include "service/service.h"

/* What came of one statement */
typedef struct TrialRow
{
	bool		tried;
	int64		duration;		/* microseconds */
	int64		rows;			/* -1: it failed */
	char	   *locks;			/* JSON; NULL: not tried, or it failed */
	char	   *note;			/* why it was not tried, or how it failed; or NULL */
} TrialRow;

extern void TrialInit(void);

extern List *trial_run(const Service *service, Datum variables);

#endif							/* SVC_MIGRATION_PLAN_TRIAL_H */
