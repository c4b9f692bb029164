/*
 * repair.c: svc.repair_migrations, history put right.
 *
 * As Flyway's repair does it, in its order: what failed is forgotten, what lost
 * its file is marked as deleted, and what was changed or renamed counts as it is
 * now.  Nothing is run, and nothing of the schema is changed.
 */
#include "core/svc.h"

#include "core/extension.h"
#include "funcapi.h"
#include "migration/attempt.h"
#include "migration/history.h"
#include "migration/running.h"
#include "migration/tool.h"
#include "migration/validate.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_repair_migrations);

/* A repair of a service's history, and where to say what it did */
typedef struct Repair
{
	History    *history;
	ReturnSetInfo *result;
} Repair;

/* Say what was done. */
static void
report(const Repair *repair, const char *action, const MigrationInfo *info)
{
	const AppliedMigration *applied = info->applied;
	bool		named = applied->script && applied->script[0];
	const char *texts[] = {action, applied->version,
		named || !info->file ? applied->description : info->file->description,
		named || !info->file ? applied->script : info->file->script};
	Datum		values[lengthof(texts)];
	bool		nulls[lengthof(texts)];

	for (int i = 0; i < lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
	tuplestore_putvalues(repair->result->setResult, repair->result->setDesc, values, nulls);
}

/* The adopted tool, where its table has a row for each migration. */
static const Tool *
row_keeping_tool(const Repair *repair)
{
	return tool_keeps_rows(repair->history) ? tool_adopted(repair->history) : NULL;
}

/* What failed is forgotten, and begins at the beginning next time. */
static void
forget_failed(const Repair *repair, const MigrationInfo *info)
{
	const Tool *tool = tool_adopted(repair->history);
	SqlScope	scope;

	if (tool && tool->forget)
	{
		tool_begin(repair->history, &scope, true);
		tool->forget(repair->history, info->applied);
		svc_sql_end(&scope);
	}
	if (info->applied->attempt != 0 && info->applied->resumable)
		attempt_abandon(repair->history->service->name, info->applied->attempt);
	report(repair, "forgotten", info);
}

/* An undo that stopped half-way is given up: its version counts as applied. */
static void
forget_undo(const Repair *repair, const MigrationInfo *info)
{
	Attempt    *undo = history_unfinished(repair->history, info->file, DIRECTION_DOWN);

	attempt_abandon(repair->history->service->name, undo->number);
	report(repair, "undo forgotten", info);
}

/* What lost its file is marked as deleted. */
static void
mark_deleted(const Repair *repair, const MigrationInfo *info)
{
	const Tool *tool = row_keeping_tool(repair);
	const AppliedMigration *applied = info->applied;
	AttemptRow	row = {
		.action = "delete", .outcome = "success",
		.kind = applied->version ? KIND_VERSIONED : KIND_REPEATABLE, .version = applied->version,
		.description = applied->description, .script = applied->script,
		.checksum = applied->checksum, .installed_by = GetUserNameFromId(GetSessionUserId(), false),
		.started_at = GetCurrentTimestamp(), .duration = 0
	};
	SqlScope	scope;

	if (tool && !tool->missing)
		return;
	if (tool)
	{
		tool_begin(repair->history, &scope, true);
		row.tool_key = tool->missing(repair->history, applied);
		svc_sql_end(&scope);
	}
	(void) attempt_insert(repair->history->service->name, &row);
	report(repair, "deleted", info);
}

/* What was changed or renamed counts as it is. */
static void
align(const Repair *repair, const MigrationInfo *info)
{
	const Tool *tool = row_keeping_tool(repair);
	SqlScope	scope;

	if (tool && tool->align)
	{
		tool_begin(repair->history, &scope, true);
		tool->align(repair->history, info->applied, info->file);
		svc_sql_end(&scope);
	}
	if (info->applied->attempt != 0)
		attempt_align(repair->history->service->name, info->applied->attempt, info->file);
	report(repair, "aligned", info);
}

/* What is done about a problem, in this order */
static const struct
{
	MigrationProblem problem;
	void		(*mend) (const Repair *repair, const MigrationInfo *info);
}			steps[] = {
	{PROBLEM_FAILED, forget_failed},
	{PROBLEM_HALF_UNDONE, forget_undo},
	{PROBLEM_MISSING, mark_deleted},
	{PROBLEM_CHECKSUM, align},
	{PROBLEM_DESCRIPTION, align}
};

/* What is to be mended; a failure of what somebody else runs is forgotten, too. */
static MigrationProblem
problem_to_mend(const Validation *validation, const MigrationInfo *info)
{
	return info->state == STATE_FAILED_FUTURE ? PROBLEM_FAILED : validation_problem(validation, info);
}

/*
 * svc.repair_migrations(service) → action, version, description, script
 */
Datum
svc_repair_migrations(PG_FUNCTION_ARGS)
{
	Service    *service;
	Repair		repair = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	Validation	validation;
	List	   *infos;
	ListCell   *cell;

	svc_check_writable("svc.repair_migrations()");
	service = service_arg(fcinfo, 0);
	InitMaterializedSRF(fcinfo, 0);
	running_lock(service);
	repair.history = history_read(service->name, true);
	running_lock_tool(repair.history);
	validation_begin(&validation, repair.history);
	infos = history_infos(repair.history, NULL);
	for (int i = 0; i < lengthof(steps); i++)
		foreach(cell, infos)
			if (problem_to_mend(&validation, lfirst(cell)) == steps[i].problem)
				steps[i].mend(&repair, lfirst(cell));
	PG_RETURN_NULL();
}
