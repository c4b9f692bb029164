/*
 * job.h: a job as it lies in shared memory, for both sides of a runner.
 */
#ifndef SVC_RUNNER_JOB_H
#define SVC_RUNNER_JOB_H

#include "runner/runner.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"

/* The fixed part.  Values only: the segment lies at another address in each process. */
typedef struct JobHeader
{
	Oid			database;
	Oid			role;
	bool		any_database;
	int			encoding;		/* of all strings */
	int			min_messages;	/* client_min_messages of the caller */
	int			lock_timeout;	/* of the caller */
	int			n_items;
	Size		queue;			/* where the queue and the strings begin */
	Size		strings;
} JobHeader;

/* A job as the runner reads it, in its own memory */
typedef struct ReceivedJob
{
	JobHeader	header;
	RunnerJob	job;
	shm_mq	   *queue;
} ReceivedJob;

extern dsm_segment *job_write(const RunnerJob *job, shm_mq **queue);
extern ReceivedJob *job_read(dsm_segment *segment);

/* A function that runners call by name: one of the two */
typedef struct RunnerFunction
{
	const char *name;
	RunnerEntry entry;
	RunnerSession session;
} RunnerFunction;

extern const RunnerFunction *runner_find_function(const char *name);

#endif							/* SVC_RUNNER_JOB_H */
