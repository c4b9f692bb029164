/*
 * task.c: what a runner of migrations is asked to do, as a list of strings.
 *
 * Strings are in the caller's encoding, but for the contents of files, which
 * are UTF-8 as they were handed over.
 */
#include "core/svc.h"

#include "mb/pg_wchar.h"
#include "migration/script.h"
#include "migration/task.h"
#include "utils/builtins.h"

/* Append a number, or a truth. */
static List *
append_number(List *items, int number)
{
	return lappend(items, psprintf("%d", number));
}

/* Refuse what would not arrive whole. */
static void
check_has_no_zero(const InputFile *input)
{
	if (memchr(input->content, '\0', input->length))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("file \"%s\" contains a zero byte", input->name),
				 errhint("Migrations are text in UTF-8.")));
}

/* Refuse files that could not be written into a task. */
void
task_check_inputs(List *inputs)
{
	ListCell   *cell;

	foreach(cell, inputs)
		check_has_no_zero(lfirst(cell));
}

/* A file's content as a string. */
static char *
content_string(const InputFile *input)
{
	char	   *string = MemoryContextAllocHuge(CurrentMemoryContext, input->length + 1);

	memcpy(string, input->content, input->length);
	string[input->length] = '\0';
	return string;
}

/* The items of a job. */
List *
task_write(const MigrationTask *task)
{
	List	   *items = list_make3(task->service, task->target, task->asked_by);
	ListCell   *cell;

	task_check_inputs(task->inputs);
	items = append_number(items, task->undo);
	items = append_number(items, task->out_of_order);
	items = append_number(items, task->baseline_on_migrate);
	items = append_number(items, task->rollback_comments);
	items = append_number(items, task->lock_timeout);
	items = append_number(items, task->lock_retries);
	items = append_number(items, list_length(task->variables));
	foreach(cell, task->variables)
	{
		ScriptVariable *variable = lfirst(cell);

		items = lappend(lappend(items, variable->name), variable->value);
	}
	items = append_number(items, task->has_inputs);
	foreach(cell, task->inputs)
	{
		InputFile  *input = lfirst(cell);

		items = lappend(lappend(items, input->name), content_string(input));
	}
	return items;
}

/* Take the next item as it is. */
static char *
take(List *items, int *at)
{
	return list_nth(items, (*at)++);
}

/* Take the next item in this database's encoding. */
static char *
take_string(List *items, int *at)
{
	char	   *string = take(items, at);

	return string ? pg_client_to_server(string, strlen(string)) : NULL;
}

/* Take the next item as a number. */
static int
take_number(List *items, int *at)
{
	return pg_strtoint32(take(items, at));
}

/* Read the items of a job. */
MigrationTask *
task_read(List *items)
{
	MigrationTask *task = palloc0(sizeof(MigrationTask));
	int			at = 0;

	task->service = take_string(items, &at);
	task->target = take_string(items, &at);
	task->asked_by = take_string(items, &at);
	task->undo = take_number(items, &at);
	task->out_of_order = take_number(items, &at);
	task->baseline_on_migrate = take_number(items, &at);
	task->rollback_comments = take_number(items, &at);
	task->lock_timeout = take_number(items, &at);
	task->lock_retries = take_number(items, &at);
	for (int n = take_number(items, &at); n > 0; n--)
	{
		ScriptVariable *variable = palloc(sizeof(ScriptVariable));

		variable->name = take_string(items, &at);
		variable->value = take_string(items, &at);
		task->variables = lappend(task->variables, variable);
	}
	task->has_inputs = take_number(items, &at);
	while (at < list_length(items))
	{
		InputFile  *input = palloc(sizeof(InputFile));

		input->name = take_string(items, &at);
		input->content = take(items, &at);
		input->length = strlen(input->content);
		task->inputs = lappend(task->inputs, input);
	}
	return task;
}
