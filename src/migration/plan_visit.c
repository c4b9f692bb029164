/*
 * plan_visit.c: the statements that svc.migrate would run now.
 *
 * Who plans and who tries a plan go through the same files in the same order,
 * each by its own means.
 */
#include "core/svc.h"

#include "migration/plan_visit.h"
#include "migration/repeatable.h"

/* Show the statements of one file. */
static void
visit_file(const History *history, const MigrationFile *file, List *variables,
		   const PlanVisitor *visitor)
{
	Size		length;
	char	   *text = store_content(history->service->name, file->script, &length);
	Script	   *script;
	ScriptStatement statement;

	visitor->begin_file(visitor->argument, file);
	if (!text)
		visitor->no_text(visitor->argument, file);
	else
	{
		script = script_open(history->source->format, file, DIRECTION_UP, text, length, variables);
		while (script_next(script, &statement))
			visitor->statement(visitor->argument, file, &statement);
		script_close(script);
	}
	visitor->end_file(visitor->argument, file);
}

/* Show all statements of the migrations of a service that are pending, in their order. */
void
plan_visit(const Service *service, List *variables, const PlanVisitor *visitor)
{
	MigrateOptions options = {.variables = variables};
	History    *history = history_read(service->name, false);
	ListCell   *cell;

	foreach(cell, history_pending(history, &options))
	{
		MigrationInfo *info = lfirst(cell);

		visit_file(history, info->file, migration_variables(history, variables), visitor);
	}
}
