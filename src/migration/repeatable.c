/*
 * repeatable.c: what makes a repeatable migration run again.
 *
 * Flyway's checksum of one is that of its text with the placeholders replaced,
 * so that another value runs it again.
 */
#include "core/svc.h"

#include "commands/dbcommands.h"
#include "core/args.h"
#include "core/protect.h"
#include "migration/repeatable.h"
#include "migration/script.h"
#include "migration/setting.h"
#include "migration/store.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A file whose checksum is to be found out */
typedef struct Question
{
	const char *service;
	MigrationFile *file;
	List	   *variables;
} Question;

/* All variables: flyway.conf's, the caller's, and Flyway's own. */
List *
migration_variables(const History *history, List *variables)
{
	const Service *service = history->service;
	Oid			table = history->source->history;
	char	   *name = OidIsValid(table) ? get_rel_name(table) : setting_text(history->source, "table");

	return script_variables(list_concat(setting_pairs(history->source, "placeholders"), variables),
							service->schema ? service->schema : "public",
							svc_role_name(service->owner), get_database_name(MyDatabaseId),
							name ? name : "flyway_schema_history");
}

/* Find it out, in the current memory context; the argument is a Question. */
static void
answer(void *argument)
{
	Question   *question = argument;
	/* gone also when it fails, and the transaction goes on */
	MemoryContext own = AllocSetContextCreate(CurTransactionContext, "svc_ownership checksum",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext result = MemoryContextSwitchTo(own);
	Size		length;
	char	   *text = store_content(question->service, question->file->script, &length);

	if (text)
		question->file->checksum =
			MemoryContextStrdup(result, script_checksum(question->file, text, length,
														question->variables));
	MemoryContextSwitchTo(result);
	MemoryContextDelete(own);
}

/* The file counts as it was run last. */
static void
take_last(const History *history, MigrationFile *file)
{
	const AppliedMigration *live = history_live(history, file);

	if (live && live->checksum)
		file->checksum = live->checksum;
}

/* Find it out, if there is a value for every placeholder. */
static void
answer_if_possible(Question *question, const History *history)
{
	ErrorData  *error = svc_try(answer, question);

	if (error && svc_is_interruption(error))
		ReThrowError(error);
	if (error)
		take_last(history, question->file);
}

/* Give the repeatable files the checksums that their text has with these values. */
void
repeatable_checksums(const History *history, List *variables, bool strict)
{
	Question	question = {.service = history->service->name};
	ListCell   *cell;

	foreach(cell, history->files)
	{
		MigrationFile *file = lfirst(cell);

		if (file->kind != KIND_REPEATABLE || !file->placeholders || !file->present)
			continue;
		if (question.file == NULL)
			question.variables = migration_variables(history, variables);
		question.file = file;
		if (strict)
			answer(&question);
		else
			answer_if_possible(&question, history);
	}
}
