/*
 * run.h: migrations at work, in their runner.
 */
#ifndef SVC_MIGRATION_RUN_H
#define SVC_MIGRATION_RUN_H

#include "migration/history.h"
#include "migration/script.h"
#include "migration/task.h"

/* A run, from the first migration to the last */
typedef struct MigrationRun
{
	MigrationTask *task;
	MigrateOptions options;
	MemoryContext cxt;			/* of the history */
	History    *history;
	const char *lock;			/* the runner's */
	int			done;			/* how many migrations */
} MigrationRun;

/* One file of it */
typedef struct FileRun
{
	MigrationRun *run;
	const MigrationFile *file;
	MigrationFormat format;		/* by whose rules it is cut */
	MigrationDirection direction;
	const char *text;
	Size		length;
	List	   *variables;		/* with those of the file */
	MemoryContext cxt;			/* gone with the file */
	Attempt    *attempt;		/* NULL: a callback, which nobody remembers */
	bool		atomic;			/* it is one transaction; false as long as it was not read through */
	bool		leaves_traces;	/* the statement at which it goes on, if it fails, or failed */
	bool		replay;			/* the session is another than that which began */
	RawStmt    *begin;			/* of the block that a statement passed over began */
	uint64		hash;			/* of the statements up to the one at work */
	char		done_hash[17];	/* the same of those that are done, as it is written down */
} FileRun;

/* What becomes of one try */
typedef enum FileOutcome
{
	FILE_DONE,
	FILE_BUSY,					/* the other tool is at work */
	FILE_CHANGED				/* the other tool was at work meanwhile */
} FileOutcome;

extern void callback_run(MigrationRun *run, const char *event);
extern bool callback_exists(List *files, const char *event);
extern FileRun *file_open(MigrationRun *run, const MigrationFile *file,
						  MigrationDirection direction);
extern bool file_is_atomic(FileRun *f);
extern void run_begin(void);
extern void run_end(void);
extern char *run_search_path(const Service *service);
extern void run_check_service_stays(const char *service, const MigrationFile *file);
extern void run_session(MigrationRun *run);
extern FileOutcome file_run_atomic(FileRun *f);
extern FileOutcome file_run_stepwise(FileRun *f);
extern void file_run_callback(FileRun *f);

extern List *migration_session(List *items);
extern bool migration_is_running(void);

#endif							/* SVC_MIGRATION_RUN_H */
