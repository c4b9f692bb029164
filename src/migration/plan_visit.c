/*
 * plan_visit.c: the statements that svc.migrate would run now.
 *
 * Who plans and who tries a plan go through the same files in the same order,
 * each by its own means.
 */
#include "core/svc.h"

#include "commands/dbcommands.h"
#include "core/extension.h"
#include "core/sql.h"
#include "migration/plan_visit.h"
#include "migration/repeatable.h"
#include "miscadmin.h"

/* The text of a file, or NULL: it was not kept. */
static char *
file_text(const Service *service, const MigrationFile *file, Size *length)
{
	SqlScope	scope;
	char	   *text;

	svc_sql_begin(&scope, svc_extension_owner());
	MemoryContextSwitchTo(scope.cxt);
	text = store_content(service->name, file->script, length);
	svc_sql_end(&scope);
	return text;
}

/* Show the statements of one file. */
static void
visit_file(const History *history, const MigrationFile *file, List *variables,
		   const PlanVisitor *visitor)
{
	Size		length;
	char	   *text = file_text(history->service, file, &length);
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
