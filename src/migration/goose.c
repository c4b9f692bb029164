/*
 * goose.c: folders as Goose reads them.
 *
 * <digits>_<anything>.sql, not in subfolders.  As Goose's command we refuse other
 * SQL files, and read the Up part of every file before anything is run.
 */
#include "core/svc.h"

#include "migration/goose.h"
#include "migration/goose_parser.h"
#include "migration/utf8.h"

#define GOOSE_MARK "+goose"

/* Is there an annotation in the text? */
static bool
has_annotation(const char *text, Size length)
{
	const char *end = text + length;

	for (const char *at = text; (at = memchr(at, '+', end - at)); at++)
	{
		const char *line = at;

		if (end - at < strlen(GOOSE_MARK) || memcmp(at, GOOSE_MARK, strlen(GOOSE_MARK)) != 0)
			continue;
		while (line > text && line[-1] != '\n')
			line--;
		if (at - line >= 2 && line[0] == '-' && line[1] == '-')
			return true;
	}
	return false;
}

/* Does a file tell that the folder is Goose's?  Its name alone does not. */
bool
goose_recognizes(const InputFile *input)
{
	const char *base = file_base_name(input->name);
	Size		digits = digits_length(base);

	return digits > 0 && base[digits] == '_' && file_name_ends(base, ".sql") &&
		has_annotation(input->content, input->length);
}

/* The version of a file, which must be a number from 1. */
static char *
version_of(const InputFile *input)
{
	Size		digits = digits_length(input->name);
	char	   *version;

	if (digits == 0 || input->name[digits] != '_')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not the name of a Goose migration", utf8_shown(input->name)),
				 errhint("Goose's names are <digits>_<description>.sql.")));
	version = number_version(input, input->name, digits);
	if (strcmp(version, "0") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must not have the version 0", utf8_shown(input->name)),
				 errhint("Goose's versions begin with 1.")));
	return version;
}

/*
 * Read a file to its end, and what it says as a whole.  Variables have no values
 * yet, so what they are in is looked at when the file is run.
 */
static void
read_annotations(const InputFile *input, MigrationFile *file)
{
	GooseParser parser;
	GooseChunk	chunk;

	goose_begin(&parser, utf8_shown(input->name), DIRECTION_UP, input->content, input->length);
	while (goose_next(&parser, &chunk))
		;
	file->transactional = parser.transaction ? 1 : 0;
	file->has_undo = parser.has_down;
	file->placeholders = parser.has_variables;
	pfree(parser.buffer.data);
	if (parser.origin.spans)
		pfree(parser.origin.spans);
}

/* Add a file. */
static void
add_file(Folder *folder, const InputFile *input)
{
	Size		description = digits_length(input->name) + 1;
	Size		end = strlen(input->name) - strlen(".sql");
	char	   *version = version_of(input);
	MigrationFile *file = folder_add(folder, input, KIND_VERSIONED, version,
									 description_of(input->name + description,
													end - description));

	read_annotations(input, file);
}

/* Read a folder. */
void
goose_read(Folder *folder)
{
	ListCell   *cell;

	foreach(cell, folder->inputs)
	{
		const InputFile *input = lfirst(cell);

		if (strchr(input->name, '/') == NULL && file_name_ends(input->name, ".sql"))
			add_file(folder, input);
		else if (file_name_ends_anyhow(input->name, ".sql") ||
				 (digits_length(input->name) > 0 && file_name_ends(input->name, ".go")))
			folder_pass_over(folder, input);
	}
}
