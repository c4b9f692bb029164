/*
 * validate.c: what is wrong between files and history.
 *
 * The verdicts are those of Flyway's validate, for all formats; which of them
 * keep a migration from running is each tool's own choice.
 */
#include "core/svc.h"

#include "core/args.h"
#include "funcapi.h"
#include "migration/formats.h"
#include "migration/tool.h"
#include "migration/validate.h"
#include "utils/builtins.h"

#define MAX_NAMED 10

SVC_FUNCTION(svc_validate_migrations);

/* What to say of a problem */
static const struct
{
	const char *problem;		/* of one migration */
	const char *refusal;		/* of migrate: a sentence, before a list of migrations */
	const char *hint;
}			problems[N_PROBLEMS] = {
	[PROBLEM_FAILED] = {
		"it failed half-way",
		"a migration failed half-way, and its tool left it so",
		"Put right what it did, then svc.repair_migrations takes it out of the history."
	},
	[PROBLEM_HALF_UNDONE] = {
		"its undo stopped half-way",
		"the undo of a migration stopped half-way",
		"CALL svc.undo_migrations goes on with it."
	},
	[PROBLEM_MISSING] = {
		"it was applied, and its file is gone",
		"files of migrations that were applied are gone",
		"Bring the files back, or let svc.repair_migrations mark the migrations as deleted."
	},
	[PROBLEM_CHECKSUM] = {
		"its file was changed after it was applied",
		"files of migrations were changed after they were applied",
		"Bring the files back as they were, or let svc.repair_migrations accept them as they are."
	},
	[PROBLEM_DESCRIPTION] = {
		"its file was renamed after it was applied",
		"files of migrations were renamed after they were applied",
		"Bring the names back, or let svc.repair_migrations accept them as they are."
	},
	[PROBLEM_IGNORED] = {
		"it is not applied, and later ones are",
		"migrations are not applied, and later ones are",
		"CALL svc.migrate(out_of_order => true) runs them now; or give them higher versions."
	},
	[PROBLEM_PENDING] = {
		"it is not applied",
		NULL,
		"CALL svc.migrate runs it."
	},
	[PROBLEM_OUTDATED] = {
		"its file was changed since it was run last",
		NULL,
		"CALL svc.migrate runs it again."
	}
};

#define PROBLEM_BIT(problem) (1 << (problem))

/* What keeps migrate from running, and what it only warns of */
static const struct
{
	int			refused;
	int			warned;
}			policies[] = {
	[FORMAT_PLAIN] = {
		PROBLEM_BIT(PROBLEM_FAILED) | PROBLEM_BIT(PROBLEM_HALF_UNDONE) |
		PROBLEM_BIT(PROBLEM_MISSING) | PROBLEM_BIT(PROBLEM_CHECKSUM) | PROBLEM_BIT(PROBLEM_IGNORED)
	},
	[FORMAT_FLYWAY] = {
		PROBLEM_BIT(PROBLEM_FAILED) | PROBLEM_BIT(PROBLEM_HALF_UNDONE) |
		PROBLEM_BIT(PROBLEM_MISSING) | PROBLEM_BIT(PROBLEM_CHECKSUM) |
		PROBLEM_BIT(PROBLEM_DESCRIPTION) | PROBLEM_BIT(PROBLEM_IGNORED)
	},
	[FORMAT_GOOSE] = {
		PROBLEM_BIT(PROBLEM_FAILED) | PROBLEM_BIT(PROBLEM_HALF_UNDONE) | PROBLEM_BIT(PROBLEM_IGNORED)
	},
	[FORMAT_DRIZZLE] = {
		PROBLEM_BIT(PROBLEM_FAILED) | PROBLEM_BIT(PROBLEM_HALF_UNDONE), PROBLEM_BIT(PROBLEM_IGNORED)
	},
	[FORMAT_GOLANG_MIGRATE] = {
		PROBLEM_BIT(PROBLEM_FAILED) | PROBLEM_BIT(PROBLEM_HALF_UNDONE), PROBLEM_BIT(PROBLEM_IGNORED)
	}
};

/* Begin to look for problems. */
void
validation_begin(Validation *validation, const History *history)
{
	ListCell   *cell;

	validation->history = history;
	validation->baseline = NULL;
	foreach(cell, history->applied)
	{
		const AppliedMigration *applied = lfirst(cell);

		if ((applied->type == APPLIED_BASELINE || applied->type == APPLIED_SQL_BASELINE) &&
			applied->version &&
			(!validation->baseline || version_compare(applied->version, validation->baseline) > 0))
			validation->baseline = applied->version;
	}
}

/* Is an attempt at undoing it half done? */
static bool
is_half_undone(const History *history, const MigrationInfo *info)
{
	return info->applied->resumable && info->file &&
		history_unfinished(history, info->file, DIRECTION_DOWN) != NULL;
}

/* Does what was applied count for comparisons with its file?  Not at or below the baseline. */
static bool
is_compared(const Validation *validation, const MigrationInfo *info)
{
	if (!info->file || !info->applied || info->applied->version == NULL)
		return false;
	return !validation->baseline ||
		version_compare(info->applied->version, validation->baseline) > 0;
}

/* How the file differs from what was applied. */
static MigrationProblem
mismatch(const Validation *validation, const MigrationInfo *info)
{
	const MigrationFile *file = info->file;
	const AppliedMigration *applied = info->applied;

	if (!is_compared(validation, info))
		return PROBLEM_NONE;
	if (applied->checksum && file->checksum && strcmp(applied->checksum, file->checksum) != 0)
		return PROBLEM_CHECKSUM;
	if (validation->history->source->format == FORMAT_FLYWAY &&
		strcmp(applied->description, file->description) != 0 &&
		strcmp(applied->description, flyway_description(file->description)) != 0)
		return PROBLEM_DESCRIPTION;
	return PROBLEM_NONE;
}

/* What is wrong with a migration. */
MigrationProblem
validation_problem(const Validation *validation, const MigrationInfo *info)
{
	switch (info->state)
	{
		case STATE_FAILED:
			return is_half_undone(validation->history, info) ? PROBLEM_HALF_UNDONE : PROBLEM_FAILED;
		case STATE_FAILED_MISSING:
			return PROBLEM_FAILED;
		case STATE_MISSING:
			return PROBLEM_MISSING;
		case STATE_IGNORED:
			/* a baseline file is for databases where nothing was run */
			return info->file->kind == KIND_BASELINE ? PROBLEM_NONE : PROBLEM_IGNORED;
		case STATE_PENDING:
			return PROBLEM_PENDING;
		case STATE_OUTDATED:
			return PROBLEM_OUTDATED;
		case STATE_SUCCESS:
		case STATE_OUT_OF_ORDER:
			return mismatch(validation, info);
		default:
			return PROBLEM_NONE;
	}
}

/* What a migration is called in a message. */
static const char *
info_name(const MigrationInfo *info)
{
	if (info->file)
		return info->file->script;
	return info->applied->script && info->applied->script[0] ? info->applied->script
		: info->applied->version ? info->applied->version : info->applied->description;
}

/* Some of the migrations with a problem, in one line; NULL: none has it. */
static char *
names_with(const Validation *validation, List *infos, MigrationProblem problem)
{
	StringInfoData names;
	int			n = 0;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, infos)
	{
		const MigrationInfo *info = lfirst(cell);

		if (validation_problem(validation, info) != problem ||
			(problem == PROBLEM_FAILED && info->file && info->applied->resumable))
			continue;
		if (n++ < MAX_NAMED)
			appendStringInfo(&names, "%s%s", n > 1 ? ", " : "", info_name(info));
	}
	if (n > MAX_NAMED)
		appendStringInfo(&names, " and %d more", n - MAX_NAMED);
	return n > 0 ? names.data : NULL;
}

/* Say what is wrong with some migrations. */
static void
complain(const History *history, int level, MigrationProblem problem, const char *names)
{
	ereport(level,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("service \"%s\": %s", history->service->name, problems[problem].refusal),
			 errdetail("These are: %s.", names),
			 errhint("%s", problems[problem].hint)));
}

/* Refuse to migrate over what the format's tool would not either. */
void
validation_check(const History *history, List *infos)
{
	int			refused = policies[history->source->format].refused;
	int			warned = policies[history->source->format].warned;
	Validation	validation;

	validation_begin(&validation, history);
	for (MigrationProblem problem = PROBLEM_NONE; problem < N_PROBLEMS; problem++)
	{
		char	   *names;

		if (((refused | warned) & PROBLEM_BIT(problem)) == 0)
			continue;
		names = names_with(&validation, infos, problem);
		if (names)
			complain(history, (refused & PROBLEM_BIT(problem)) ? ERROR : WARNING, problem, names);
	}
}

/* Add a row to the result. */
static void
report_problem(FunctionCallInfo fcinfo, const MigrationInfo *info, MigrationProblem problem)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *texts[] = {
		info->applied ? info->applied->version : info->file->version,
		info->file ? info->file->description : info->applied->description,
		info->file ? info->file->script : info->applied->script,
		problems[problem].problem,
		problems[problem].hint
	};
	Datum		values[lengthof(texts)];
	bool		nulls[lengthof(texts)];

	for (int i = 0; i < lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * svc.validate_migrations(service) → version, description, script, problem, hint
 */
Datum
svc_validate_migrations(PG_FUNCTION_ARGS)
{
	Service    *service = service_arg(fcinfo, 0);
	History    *history;
	Validation	validation;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	history = history_read(service->name, false);
	validation_begin(&validation, history);
	foreach(cell, history_infos(history, NULL))
	{
		const MigrationInfo *info = lfirst(cell);
		MigrationProblem problem = validation_problem(&validation, info);

		if (problem != PROBLEM_NONE)
			report_problem(fcinfo, info, problem);
	}
	PG_RETURN_NULL();
}
