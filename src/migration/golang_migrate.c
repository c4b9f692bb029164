/*
 * golang_migrate.c: folders as golang-migrate reads them.
 *
 * <digits>_<title>.up.<anything> and .down.<anything>, not in subfolders; what
 * is named otherwise is no migration.
 */
#include "core/svc.h"

#include "migration/golang_migrate.h"

/* What a name says */
typedef struct GolangMigrateName
{
	Size		digits;
	Size		title_length;	/* from behind the underscore */
	MigrationKind kind;
} GolangMigrateName;

/* The last place of a word in a text, or NULL. */
static const char *
last_place(const char *text, const char *word)
{
	const char *last = NULL;

	for (const char *at = text; (at = strstr(at, word)); at++)
		last = at;
	return last;
}

/* Take a name apart; false if it is not a migration's. */
static bool
parse_name(const char *name, GolangMigrateName *parts)
{
	const char *title;
	const char *up;
	const char *down;

	parts->digits = digits_length(name);
	if (parts->digits == 0 || name[parts->digits] != '_' || strchr(name, '/'))
		return false;
	title = name + parts->digits + 1;
	up = last_place(title, ".up.");
	down = last_place(title, ".down.");
	if (!up && !down)
		return false;
	parts->kind = up > down ? KIND_VERSIONED : KIND_UNDO;
	parts->title_length = (up > down ? up : down) - title;
	return true;
}

/* Of SQL files only: an archive may well be called 1_x.up.tar. */
bool
golang_migrate_recognizes(const InputFile *input)
{
	GolangMigrateName parts;

	return file_name_ends(input->name, ".sql") && parse_name(input->name, &parts);
}

/* Read a folder. */
void
golang_migrate_read(Folder *folder)
{
	ListCell   *cell;

	foreach(cell, folder->inputs)
	{
		const InputFile *input = lfirst(cell);
		GolangMigrateName parts;

		if (parse_name(input->name, &parts))
			folder_add(folder, input, parts.kind,
					   number_version(input, input->name, parts.digits),
					   description_of(input->name + parts.digits + 1, parts.title_length));
		else if (file_name_ends_anyhow(input->name, ".sql"))
			folder_pass_over(folder, input);
	}
}
