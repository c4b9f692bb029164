/*
 * history.h: what was run, ours and an adopted tool's.
 */
#ifndef SVC_MIGRATION_HISTORY_H
#define SVC_MIGRATION_HISTORY_H

#include "migration/migration.h"
#include "migration/state.h"
#include "migration/store.h"
#include "service/service.h"

/* Everything about a service's migrations, read in one snapshot */
typedef struct History
{
	Service    *service;
	MigrationSource *source;
	List	   *files;			/* MigrationFile */
	List	   *applied;		/* AppliedMigration, in order */
	List	   *unfinished;		/* PastAttempt: began in several transactions, and not at its end */
	int64	   *newest;			/* key of the newest row of the tool's table; -1: none */
} History;

/* What may be said when asking for something to be run */
typedef struct MigrateOptions
{
	const char *target;			/* a version, "latest" (NULL), "current", "next" */
	bool		out_of_order;
	bool		baseline_on_migrate;
	List	   *variables;		/* ScriptVariable */
} MigrateOptions;

/* An attempt at one migration, in svc.migration_history */
typedef struct Attempt
{
	int			number;			/* 0: not written yet */
	const MigrationFile *file;
	MigrationDirection direction;
	const char *asked_by;		/* the caller's session user */
	TimestampTz started_at;
	int			statements;		/* of the file */
	int			done;			/* of them that are done: where to go on */
	char	   *done_hash;		/* of their texts */
	int64		tool_key;		/* the row in the tool's table; 0: none */
	bool		interrupted;	/* nobody knows whether the statement after those that are done ended, too */
} Attempt;

/* A row of svc.migration_history that counts: neither rolled back nor abandoned */
typedef struct PastAttempt
{
	Attempt		attempt;		/* file: not known */
	AppliedMigration *applied;	/* the same as a tool would keep it */
	bool		unfinished;
	bool		in_tool;		/* the tool's table has its row */
} PastAttempt;

/*
 * All that read or write are called in a transaction, outside of any scope, and
 * open their own: our tables as the extension's owner; a tool's table as the
 * service's owner role, since triggers on it run with the rights of whoever
 * writes.
 */

/* Read; take_over: first write into ours what an adopted tool has done meanwhile */
extern History *history_read(const char *service, bool take_over);

/* All rows of ours that count, as PastAttempt */
extern List *history_past(const char *service);

/* The live row of a version: the last one that was not deleted; NULL: there is none */
extern AppliedMigration *history_live(const History *history, const MigrationFile *file);

/* States of all, in the order of svc.migrations() */
extern List *history_infos(const History *history, const MigrateOptions *options);

/*
 * What migrate has to do now, in order (List of MigrationInfo), after the checks
 * that Flyway's migrate makes; raises 55000 where they fail.  May write the
 * baseline row (baseline_on_migrate) and the tool's table.
 */
extern List *history_pending(History *history, const MigrateOptions *options);

/*
 * Is every file applied as it is, and nothing else in the history?  False also
 * where that is not easily seen.  A replica that starts asks it first.
 */
extern bool history_is_complete(const char *service);

/* What undo has to do, newest first: down to, but without, target; NULL: only the last one */
extern List *history_undoable(History *history, const char *target);

/* Has an adopted tool written something since history was read? */
extern bool history_changed(const History *history);

/* The attempt that was not finished, for a file that is to be resumed; NULL: start at the beginning */
extern Attempt *history_unfinished(const History *history, const MigrationFile *file,
								   MigrationDirection direction);

/*
 * One transaction's worth: with history_record everything is written at once, in
 * the transaction of the migration.  A file that runs in several transactions
 * uses begin (its own transaction, before the first statement), progress (in
 * the transaction of each statement), and finish.  The tool's table is written
 * along, as the tool would.
 */
extern void history_record(const History *history, Attempt *attempt);
extern void history_begin(const History *history, Attempt *attempt);
extern void history_progress(const History *history, Attempt *attempt);
extern void history_finish(const History *history, Attempt *attempt);

/* It failed: in a transaction of its own; half_done: what ran before stays */
extern void history_fail(const History *history, Attempt *attempt, const ErrorData *error,
						 bool half_done);

#endif							/* SVC_MIGRATION_HISTORY_H */
