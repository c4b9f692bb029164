/*
 * folder.c: a folder of migrations while a format's reader understands it.
 *
 * The readers add files; order, duplicates and what is the same for all formats
 * is here.  All texts are in UTF-8, which may not be the database's encoding.
 */
#include "core/svc.h"

#include "migration/checksum.h"
#include "migration/folder.h"
#include "migration/utf8.h"
#include "migration/version.h"

/* So many names of files that were passed over are shown */
#define MAX_NAMES_SHOWN 10

/* What is compared while a folder's files are sorted: list_sort passes no argument */
static MigrationFormat sorted_format;

/* The name of a file without its folders. */
const char *
file_base_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* Does a name end so? */
bool
file_name_ends(const char *name, const char *end)
{
	Size		length = strlen(name);
	Size		end_length = strlen(end);

	return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* Does a name end so, in lower or upper case? */
bool
file_name_ends_anyhow(const char *name, const char *end)
{
	Size		length = strlen(name);
	Size		end_length = strlen(end);

	return length >= end_length && pg_strcasecmp(name + length - end_length, end) == 0;
}

/* How many digits does a name begin with? */
Size
digits_length(const char *name)
{
	return strspn(name, "0123456789");
}

/* Words with underscores between them, as a description. */
char *
description_of(const char *words, Size length)
{
	char	   *description = pnstrdup(words, length);

	for (char *c = description; *c; c++)
		if (*c == '_')
			*c = ' ';
	return description;
}

/* The line of a place in a text, from 1. */
int
line_of(const char *text, Size offset)
{
	int			line = 1;

	for (const char *at = text; (at = memchr(at, '\n', text + offset - at)); at++)
		line++;
	return line;
}

/* A version that the tool keeps in a bigint column. */
char *
number_version(const InputFile *input, const char *digits, Size length)
{
	char	   *version = version_of_digits(digits, length);

	if (!version)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the version of \"%s\" is too large", utf8_shown(input->name)),
				 errdetail("The largest is 9223372036854775807.")));
	return version;
}

/* Add a migration's file. */
MigrationFile *
folder_add(Folder *folder, const InputFile *input, MigrationKind kind, char *version,
		   char *description)
{
	MigrationFile *file = palloc0(sizeof(MigrationFile));

	file->kind = kind;
	file->script = input->name;
	file->version = version;
	file->description = description;
	file->transactional = -1;
	file->size = input->length;
	file->present = true;
	file->content = input->content;
	file->checksum = folder->format == FORMAT_FLYWAY ?
		flyway_checksum(input->content, input->length) :
		sha256_checksum(input->content, input->length);
	folder->files = lappend(folder->files, file);
	return file;
}

/* Remember that the tool would not run a file, although it looks like a migration. */
void
folder_pass_over(Folder *folder, const InputFile *input)
{
	folder->passed_over = lappend(folder->passed_over, input->name);
}

/* The file of this name, or NULL. */
const InputFile *
folder_find(const Folder *folder, const char *name)
{
	int			low = 0;
	int			high = list_length(folder->inputs) - 1;

	while (low <= high)
	{
		int			middle = low + (high - low) / 2;
		const InputFile *input = list_nth(folder->inputs, middle);
		int			order = strcmp(name, input->name);

		if (order == 0)
			return input;
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return NULL;
}

/* What runs first: versions and baselines, then repeatables; the others are run by name or when asked. */
static int
kind_rank(MigrationKind kind)
{
	switch (kind)
	{
		case KIND_VERSIONED:
		case KIND_BASELINE:
			return 0;
		case KIND_REPEATABLE:
			return 1;
		case KIND_UNDO:
			return 2;
		case KIND_CALLBACK:
			return 3;
	}
	return 4;
}

/* Order of what has no version: by event, then by description. */
static int
compare_names(const MigrationFile *a, const MigrationFile *b)
{
	int			order = strcmp(a->event ? a->event : "", b->event ? b->event : "");

	return order != 0 ? order : utf8_compare_as_utf16(a->description, b->description);
}

/* Order of execution; 0 for two files that claim the same place. */
static int
compare_files(const MigrationFile *a, const MigrationFile *b)
{
	int			order = kind_rank(a->kind) - kind_rank(b->kind);

	if (order != 0)
		return order;
	if (!a->version || !b->version)
		return compare_names(a, b);
	order = migration_compare(sorted_format, a->version, a->created_at, b->version, b->created_at);
	/* a baseline migration stands for all up to its version */
	return order != 0 ? order : (b->kind == KIND_BASELINE) - (a->kind == KIND_BASELINE);
}

/* The same for list_sort; files that claim the same place by their names, so that errors are always the same. */
static int
compare_cells(const ListCell *a, const ListCell *b)
{
	const MigrationFile *file_a = lfirst(a);
	const MigrationFile *file_b = lfirst(b);
	int			order = compare_files(file_a, file_b);

	return order != 0 ? order : strcmp(file_a->script, file_b->script);
}

/* Two files of one version are a mistake that no tool lets pass. */
static void
refuse_duplicate(const MigrationFile *a, const MigrationFile *b)
{
	if (a->version)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("two files have the version \"%s\"", utf8_shown(b->version)),
				 errdetail("They are \"%s\" and \"%s\".",
						   utf8_shown(a->script), utf8_shown(b->script))));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 a->event ?
			 errmsg("two callbacks for %s have the description \"%s\"", a->event,
					utf8_shown(b->description)) :
			 errmsg("two repeatable migrations have the description \"%s\"",
					utf8_shown(b->description)),
			 errdetail("They are \"%s\" and \"%s\".",
					   utf8_shown(a->script), utf8_shown(b->script))));
}

/* Bring the files in their order. */
static void
sort_files(Folder *folder)
{
	const MigrationFile *last = NULL;
	ListCell   *cell;

	sorted_format = folder->format;
	list_sort(folder->files, compare_cells);
	foreach(cell, folder->files)
	{
		const MigrationFile *file = lfirst(cell);

		if (last && compare_files(last, file) == 0)
			refuse_duplicate(last, file);
		last = file;
	}
}

/* Tell which files the tool would silently leave out: somebody may wonder. */
static void
tell_passed_over(const Folder *folder)
{
	int			n = list_length(folder->passed_over);
	StringInfoData names;

	if (n == 0)
		return;
	initStringInfo(&names);
	for (int i = 0; i < Min(n, MAX_NAMES_SHOWN); i++)
		appendStringInfo(&names, "%s\"%s\"", i == 0 ? "" : ", ",
						 utf8_shown(list_nth(folder->passed_over, i)));
	if (n > MAX_NAMES_SHOWN)
		appendStringInfoString(&names, ", ...");
	ereport(NOTICE,
			(errmsg_plural("%d file is not a migration by the rules of %s",
						   "%d files are not migrations by the rules of %s",
						   n, n, migration_format_name(folder->format)),
			 errdetail("Passed over: %s.", names.data)));
}

/* All files were added: order them, and number them. */
void
folder_finish(Folder *folder)
{
	int			position = 0;
	ListCell   *cell;

	if (!folder->ordered)
		sort_files(folder);
	foreach(cell, folder->files)
		((MigrationFile *) lfirst(cell))->position = ++position;
	tell_passed_over(folder);
}
