/*
 * job.c: a job goes through shared memory to its runner.
 *
 * The segment holds a header, the queue on which answers come back, and the
 * strings: each a byte that says whether there is one, and the string with its
 * final zero.  What, entry and lock come first, then the items.
 */
#include "core/svc.h"

#include "mb/pg_wchar.h"
#include "runner/job.h"
#include "storage/shmem.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "storage/proc.h"

#define QUEUE_SIZE ((Size) 65536)

/* The strings of a job, in their order. */
static List *
strings_of(const RunnerJob *job)
{
	List	   *strings = list_make3((char *) job->what, (char *) job->entry, (char *) job->lock);

	return list_concat(strings, job->items);
}

/* The room that some strings take. */
static Size
size_of(List *strings)
{
	Size		size = 0;
	ListCell   *cell;

	foreach(cell, strings)
		size = add_size(size, add_size(lfirst(cell) ? strlen(lfirst(cell)) : 0, 2));
	return size;
}

/* Write some strings. */
static void
write_strings(char *to, List *strings)
{
	ListCell   *cell;

	foreach(cell, strings)
	{
		const char *string = lfirst(cell) ? lfirst(cell) : "";
		Size		length = strlen(string) + 1;

		*to++ = lfirst(cell) != NULL;
		memcpy(to, string, length);
		to += length;
	}
}

/* Read the next string, or NULL. */
static char *
read_string(const char **from)
{
	bool		present = *(*from)++;
	const char *string = *from;

	*from += strlen(string) + 1;
	return present ? pstrdup(string) : NULL;
}

/* Put a job into a segment of its own; the queue is made, and ours to read. */
dsm_segment *
job_write(const RunnerJob *job, shm_mq **queue)
{
	List	   *strings = strings_of(job);
	Size		queue_at = MAXALIGN(sizeof(JobHeader));
	Size		strings_at = add_size(queue_at, QUEUE_SIZE);
	dsm_segment *segment = dsm_create(add_size(strings_at, size_of(strings)), 0);
	char	   *start = dsm_segment_address(segment);
	JobHeader  *header = (JobHeader *) start;

	header->database = job->database;
	header->role = job->role;
	header->any_database = job->any_database;
	header->encoding = GetDatabaseEncoding();
	header->min_messages = client_min_messages;
	header->lock_timeout = LockTimeout;
	header->n_items = list_length(job->items);
	header->queue = queue_at;
	header->strings = strings_at;
	write_strings(start + strings_at, strings);
	*queue = shm_mq_create(start + queue_at, QUEUE_SIZE);
	shm_mq_set_receiver(*queue, MyProc);
	return segment;
}

/* Read a job from its segment. */
ReceivedJob *
job_read(dsm_segment *segment)
{
	char	   *start = dsm_segment_address(segment);
	ReceivedJob *received = palloc0(sizeof(ReceivedJob));
	RunnerJob  *job = &received->job;
	const char *from;

	received->header = *(JobHeader *) start;
	received->queue = (shm_mq *) (start + received->header.queue);
	from = start + received->header.strings;
	job->database = received->header.database;
	job->role = received->header.role;
	job->any_database = received->header.any_database;
	job->what = read_string(&from);
	job->entry = read_string(&from);
	job->lock = read_string(&from);
	for (int i = 0; i < received->header.n_items; i++)
		job->items = lappend(job->items, read_string(&from));
	return received;
}
