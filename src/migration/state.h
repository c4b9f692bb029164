/*
 * state.h: what Flyway's info calls the state of each migration.
 *
 * Pure C, no catalog: files and rows in, states out.
 */
#ifndef SVC_MIGRATION_STATE_H
#define SVC_MIGRATION_STATE_H

#include "migration/migration.h"

typedef enum MigrationState
{
	STATE_PENDING,
	STATE_ABOVE_TARGET,
	STATE_BELOW_BASELINE,
	STATE_IGNORED_BASELINE,
	STATE_BASELINE,
	STATE_IGNORED,
	STATE_MISSING,
	STATE_FAILED_MISSING,
	STATE_SUCCESS,
	STATE_UNDONE,
	STATE_FAILED,
	STATE_OUT_OF_ORDER,
	STATE_FUTURE,
	STATE_FAILED_FUTURE,
	STATE_OUTDATED,
	STATE_SUPERSEDED,
	STATE_DELETED
} MigrationState;

typedef struct MigrationInfo
{
	MigrationFile *file;		/* NULL: there is none */
	AppliedMigration *applied;	/* NULL: there is no row */
	MigrationState state;
} MigrationInfo;

typedef struct StateOptions
{
	const char *target;			/* a version; NULL: the latest */
	bool		out_of_order;
} StateOptions;

extern const char *migration_state_name(MigrationState state);

/* In the order of svc.migrations() */
extern List *migration_states(MigrationFormat format, List *files, List *applied,
							  const StateOptions *options);

#endif							/* SVC_MIGRATION_STATE_H */
