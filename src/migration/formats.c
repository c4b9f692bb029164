/*
 * formats.c: a folder of files, read by the rules of the tool it was made for.
 */
#include "core/svc.h"

#include "mb/pg_wchar.h"

#include "migration/drizzle.h"
#include "migration/flyway.h"
#include "migration/folder.h"
#include "migration/formats.h"
#include "migration/golang_migrate.h"
#include "migration/goose.h"
#include "migration/plain.h"
#include "migration/utf8.h"

static const FormatReader readers[] = {
	{FORMAT_PLAIN, "plain SQL files", NULL, plain_read},
	{FORMAT_FLYWAY, "Flyway", flyway_recognizes, flyway_read},
	{FORMAT_GOOSE, "Goose", goose_recognizes, goose_read},
	{FORMAT_DRIZZLE, "Drizzle", drizzle_recognizes, drizzle_read},
	{FORMAT_GOLANG_MIGRATE, "golang-migrate", golang_migrate_recognizes, golang_migrate_read}
};

/* The reader of a format. */
static const FormatReader *
reader_of(MigrationFormat format)
{
	for (int i = 0; i < lengthof(readers); i++)
		if (readers[i].format == format)
			return &readers[i];
	elog(ERROR, "no reader of migration format %d", format);
	return NULL;
}

/* The first file that tells a format, or NULL. */
static const InputFile *
first_recognized(const FormatReader *reader, List *inputs)
{
	ListCell   *cell;

	if (!reader->recognizes)
		return NULL;
	foreach(cell, inputs)
	{
		if (reader->recognizes(lfirst(cell)))
			return lfirst(cell);
	}
	return NULL;
}

/* Which format is it? One that a file tells, and no second one; plain if none does. */
MigrationFormat
formats_detect(List *inputs)
{
	const FormatReader *found = NULL;
	const InputFile *found_in = NULL;

	for (int i = 0; i < lengthof(readers); i++)
	{
		const InputFile *input = first_recognized(&readers[i], inputs);

		if (input && found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the files are of more than one format"),
					 errdetail("\"%s\" looks like %s, \"%s\" like %s.",
							   utf8_shown(found_in->name), found->name,
							   utf8_shown(input->name), readers[i].name),
					 errhint("Name the format, as in format => '%s', or hand over the files of one.",
							 migration_format_name(found->format))));
		if (input)
		{
			found = &readers[i];
			found_in = input;
		}
	}
	return found ? found->format : FORMAT_PLAIN;
}

/* Order of names. */
static int
compare_inputs(const ListCell *a, const ListCell *b)
{
	return strcmp(((const InputFile *) lfirst(a))->name, ((const InputFile *) lfirst(b))->name);
}

/* A text, and its name, must be UTF-8 without zero bytes: PostgreSQL can keep and run nothing else. */
static void
check_text(const InputFile *input)
{
	Size		good = pg_encoding_verifymbstr(PG_UTF8, input->content, input->length);
	int			name_length = strlen(input->name);

	if (pg_encoding_verifymbstr(PG_UTF8, input->name, name_length) != name_length)
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("a file's name is not in UTF-8")));
	if (good == input->length)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 input->content[good] == '\0' ?
			 errmsg("\"%s\" has a zero byte in line %d", utf8_shown(input->name),
					line_of(input->content, good)) :
			 errmsg("\"%s\" is not in UTF-8: see line %d", utf8_shown(input->name),
					line_of(input->content, good)),
			 errhint("Migrations are text in UTF-8.")));
}

/* Read the files as migrations of one tool. */
MigrationSet *
formats_read(MigrationFormat format, List *inputs)
{
	MigrationSet *set = palloc0(sizeof(MigrationSet));
	Folder		folder = {0};
	ListCell   *cell;

	folder.inputs = list_copy(inputs);
	list_sort(folder.inputs, compare_inputs);
	foreach(cell, folder.inputs)
		check_text(lfirst(cell));
	folder.format = format == FORMAT_AUTO ? formats_detect(folder.inputs) : format;
	initStringInfo(&folder.settings);
	if (folder.inputs != NIL)
		reader_of(folder.format)->read(&folder);
	folder_finish(&folder);

	set->format = folder.format;
	set->settings = folder.settings.len > 0 ? folder.settings.data : pstrdup("{}");
	set->files = folder.files;
	return set;
}
