/*
 * attempt.h: how svc.migration_history is written; see also history.h.
 */
#ifndef SVC_MIGRATION_ATTEMPT_H
#define SVC_MIGRATION_ATTEMPT_H

#include "migration/history.h"

/* A row of svc.migration_history that is to be written */
typedef struct AttemptRow
{
	const char *action;			/* apply, undo, baseline, delete */
	const char *outcome;
	MigrationKind kind;
	const char *version;
	const char *description;
	const char *script;
	const char *checksum;
	const Attempt *attempt;		/* its progress; NULL: it has none */
	const char *sqlstate;
	const char *error;
	const char *installed_by;
	TimestampTz started_at;		/* 0: unknown */
	int64		duration;		/* microseconds; -1: unknown */
	int64		tool_key;		/* 0: none */
} AttemptRow;

/* Write a row, as extension's owner; returns its number */
extern int	attempt_insert(const char *service, const AttemptRow *row);

/* Change a row: its attempt is given up; or what it says of its file is as the file is now */
extern void attempt_abandon(const char *service, int number);
extern void attempt_align(const char *service, int number, const MigrationFile *file);

/* Write what a tool did without us */
extern void attempt_take_over(const History *history, List *past);

#endif							/* SVC_MIGRATION_ATTEMPT_H */
