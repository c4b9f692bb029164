/*
 * validate.h: what is wrong between files and history.
 */
#ifndef SVC_MIGRATION_VALIDATE_H
#define SVC_MIGRATION_VALIDATE_H

#include "migration/history.h"

/* In the order of migrate's checks */
typedef enum MigrationProblem
{
	PROBLEM_NONE,
	PROBLEM_FAILED,
	PROBLEM_HALF_UNDONE,
	PROBLEM_MISSING,
	PROBLEM_CHECKSUM,
	PROBLEM_DESCRIPTION,
	PROBLEM_IGNORED,
	PROBLEM_PENDING,
	PROBLEM_OUTDATED,
	N_PROBLEMS
} MigrationProblem;

/* What is wrong with one migration; infos are all of them */
typedef struct Validation
{
	const History *history;
	const char *baseline;		/* the highest version of a baseline row; NULL: none */
} Validation;

extern void validation_begin(Validation *validation, const History *history);
extern MigrationProblem validation_problem(const Validation *validation, const MigrationInfo *info);

/* Refuse to migrate over what the format's tool would not either */
extern void validation_check(const History *history, List *infos);

#endif							/* SVC_MIGRATION_VALIDATE_H */
