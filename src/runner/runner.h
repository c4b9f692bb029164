/*
 * runner.h: statements that run elsewhere, or as somebody else.
 */
#ifndef SVC_RUNNER_H
#define SVC_RUNNER_H

#include "nodes/pg_list.h"

/* What a runner is to do */
typedef struct RunnerJob
{
	const char *what;			/* for its activity and for contexts of errors */
	Oid			database;
	Oid			role;			/* its session user; InvalidOid: the bootstrap superuser */
	const char *entry;			/* a registered function; NULL: the items are statements */
	List	   *items;			/* statements, or arguments of the function; char *, may be NULL */
	const char *lock;			/* one runner of this name at a time in the cluster; NULL: any number */
	bool		any_database;	/* also one that allows no connections */
	const char *type;			/* what pg_stat_activity calls it; NULL: a runner */
} RunnerJob;

/* What came of one statement, or of the function */
typedef struct RunnerResult
{
	char	   *tag;			/* "INSERT 0 1" */
	List	   *columns;		/* names, char * */
	List	   *rows;			/* a List of char * (NULL: null) each */
} RunnerResult;

/* A function that a runner calls, in one transaction; it returns rows as above */
typedef List *(*RunnerEntry) (List *items);

/*
 * One that has transactions of its own.  Its items are as they were given, in
 * the client's encoding.
 */
typedef List *(*RunnerSession) (List *items);

extern void RunnerInit(void);
extern void runner_register_entry(const char *name, RunnerEntry function);
extern void runner_register_session(const char *name, RunnerSession function);

extern List *runner_results(const RunnerJob *job);
extern ErrorData *runner_try(const RunnerJob *job, List **results);
extern List *runner_run(const RunnerJob *job);

extern void runner_check_top_level(const char *function);
extern void runner_reset_session(void);

#endif							/* SVC_RUNNER_H */
