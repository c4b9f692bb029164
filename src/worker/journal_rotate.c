/*
 * journal_rotate.c: entries that all have read go, a generation at a time.
 *
 * Writers turn to another, empty generation when the one that they write has
 * become large or old.  One that they have left is truncated when everybody has
 * read everything in it.  That needs a lock that waits for everybody who wrote
 * there; it is never waited for, since new writers would queue behind it.  Who
 * holds it has no uncommitted entry to fear, and nobody who reads holds a lock
 * on what is read.
 */
#include "core/svc.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/tablecmds.h"
#include "core/extension.h"
#include "core/sql.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "worker/journal_append.h"
#include "worker/journal_cursor.h"
#include "worker/journal_rotate.h"
#include "worker/journal_run.h"
#include "worker/journal_scan.h"
#include "worker/worker.h"

/* A generation is left at a part of the limit, or at this size, or after this time */
#define LIMIT_PART 16
#define MAX_SIZE (INT64CONST(64) * 1024 * 1024)
#define MAX_AGE_HOURS 1

/* After how many milliseconds to try again to truncate what somebody has locked */
#define LOCKED_DELAY 5000

/* What is asked of a generation: has a consumer something in it that it did not read? */
typedef struct Question
{
	const JournalConsumer *consumer;
	bool		unread;
} Question;

/* Is an entry one of the consumer's? */
static bool
ask_entry(int generation, HeapTuple entry, TupleDesc desc, void *argument)
{
	Question   *question = argument;

	question->unread = journal_is_consumed_by(question->consumer, journal_entry_kind(entry, desc));
	return !question->unread;
}

/* Is there an entry in a generation that somebody has not read? */
static bool
has_unread(int generation)
{
	JournalSnapshot *now;
	Question	question = {NULL, false};
	ListCell   *cell;

	/* newer than the lock that keeps writers away, if we hold one */
	PushActiveSnapshot(GetLatestSnapshot());
	now = journal_snapshot_now();
	foreach(cell, journal_consumers())
	{
		JournalCursor cursor;

		question.consumer = lfirst(cell);
		journal_cursor_get(question.consumer->name, &cursor);
		(void) journal_scan(generation, cursor.read, now, ask_entry, &question);
		if (question.unread)
			break;
	}
	PopActiveSnapshot();
	return question.unread;
}

/* The size of a generation, in bytes, without what lies beside it. */
static int64
size_of(int generation)
{
	Relation	rel = table_open(journal_tables()->generation[generation], AccessShareLock);
	int64		size = (int64) RelationGetNumberOfBlocks(rel) * BLCKSZ;

	table_close(rel, AccessShareLock);
	return size;
}

/*
 * Truncate a generation, which we have locked.  Not by SQL: a publication of all
 * tables would truncate the journals of subscribers.
 */
static void
empty(int generation)
{
	Relation	rel = table_open(journal_tables()->generation[generation], NoLock);
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	CheckTableNotInUse(rel, "TRUNCATE");
	svc_truncate(list_make1(rel), list_make1_oid(RelationGetRelid(rel)));
	svc_sql_end(&scope);
	table_close(rel, NoLock);
}

/* Truncate a generation if everything in it is read; false if somebody has it locked. */
static bool
try_truncate(int generation)
{
	Oid			relid = journal_tables()->generation[generation];

	if (size_of(generation) == 0 || has_unread(generation))
		return true;
	if (!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return false;
	if (!has_unread(generation))
		empty(generation);
	return true;
}

/* Has the generation that is written become large or old? */
static bool
is_to_be_left(const JournalTables *t)
{
	int64		size = size_of(t->current);

	return size >= Min(MAX_SIZE, journal_limit_bytes() / LIMIT_PART) ||
		(size > 0 && TimestampDifferenceExceeds(t->since, GetCurrentTimestamp(),
												MAX_AGE_HOURS * SECS_PER_HOUR * 1000));
}

/* Let writers turn to an empty generation, if there is one. */
static void
leave_generation(void)
{
	int			current = journal_tables()->current;

	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
		if (i != current && size_of(i) == 0)
		{
			journal_switch(i);
			return;
		}
}

/* Truncate a generation that was left.  Sets *argument if somebody has it locked. */
static void
truncate_left(void *argument)
{
	bool	   *locked = argument;

	(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
		if (i != journal_tables()->current)
			*locked = !try_truncate(i) || *locked;
}

/* Turn to another generation if it is time.  Sets *argument if so. */
static void
leave_if_due(void *argument)
{
	bool	   *left = argument;

	*left = is_to_be_left(journal_tables());
	if (*left)
		leave_generation();
}

/*
 * Let go what has been read.  Returns after how many milliseconds there may be
 * more of it.
 */
long
journal_rotate(void)
{
	bool		locked = false;
	bool		left = false;
	ErrorData  *error = worker_transaction(XACT_READ_COMMITTED, leave_if_due, &left);

	if (!error)
		error = worker_transaction(XACT_READ_COMMITTED, truncate_left, &locked);
	if (error)
		worker_complain(JOURNAL_JOB, error);
	return locked ? LOCKED_DELAY : WORKER_IDLE;
}
