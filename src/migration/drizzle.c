/*
 * drizzle.c: folders as Drizzle reads them.
 *
 * Up to version 0 a journal lists the files; from 1 on every migration has a
 * folder, whose name begins with the time it was made.
 */
#include "core/svc.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "migration/drizzle.h"
#include "migration/utf8.h"
#include "migration/version.h"

#define JOURNAL "meta/_journal.json"
#define SCRIPT "/migration.sql"
#define TIME_DIGITS 14

/* The length of a migration's folder name, or 0: not in further folders, and beginning with 14 digits. */
static Size
folder_name_length(const char *name)
{
	const char *slash = strchr(name, '/');

	if (!slash || strcmp(slash, SCRIPT) != 0 || digits_length(name) < TIME_DIGITS)
		return 0;
	return slash - name;
}

/* Does a file tell that the folder is Drizzle's? */
bool
drizzle_recognizes(const InputFile *input)
{
	return strcmp(input->name, JOURNAL) == 0 || folder_name_length(input->name) > 0;
}

/* The description: a tag or a folder's name without the number it begins with. */
static char *
description_of_tag(const char *tag, Size length)
{
	Size		digits = Min(digits_length(tag), length);

	if (digits < length && tag[digits] == '_')
		digits++;
	return description_of(tag + digits, length - digits);
}

/* Raise an error about the journal. */
static void
refuse_journal(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s in \"%s\"", what, JOURNAL),
			 detail ? errdetail("%s", detail) : 0));
}

/* The journal as a JSON object; errors tell the line, and nothing of the text. */
static Jsonb *
parse_journal(const InputFile *input)
{
	Size		bom = utf8_bom_length(input->content, input->length);
	char	   *text = pnstrdup(input->content + bom, input->length - bom);
	JsonLexContext *lexer = svc_json_lexer(text, input->length - bom, PG_UTF8);
	Jsonb	   *journal;

	if (pg_parse_json(lexer, &nullSemAction) != JSON_SUCCESS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("\"%s\" is not valid JSON: see line %d", JOURNAL, lexer->line_number)));
	text = pg_any_to_server(text, strlen(text), PG_UTF8);
	journal = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	if (!JB_ROOT_IS_OBJECT(journal))
		refuse_journal("no object", NULL);
	return journal;
}

/* A member of an object, of the type it must have. */
static JsonbValue *
member_of(JsonbContainer *object, const char *name, enum jbvType type)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, name, strlen(name), NULL);

	if (!value || value->type != type)
		refuse_journal(psprintf("no member \"%s\", or one of another type,", name),
					   "An entry has \"tag\", a string, and \"when\", a number of milliseconds.");
	return value;
}

/* The time of an entry. */
static int64
when_of(JsonbContainer *entry)
{
	JsonbValue *when = member_of(entry, "when", jbvNumeric);
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(when->val.numeric)));
	char	   *end;
	int64		milliseconds;

	errno = 0;
	milliseconds = strtoll(digits, &end, 10);
	if (errno != 0 || *end != '\0')
		refuse_journal("a time that is no whole number, or too large,", NULL);
	return milliseconds;
}

/* Add the file of an entry of the journal. */
static void
add_entry(Folder *folder, JsonbContainer *entry)
{
	JsonbValue *value = member_of(entry, "tag", jbvString);
	char	   *tag = pnstrdup(value->val.string.val, value->val.string.len);
	char	   *name;
	const InputFile *input;
	MigrationFile *file;

	tag = pg_server_to_any(tag, strlen(tag), PG_UTF8);
	name = psprintf("%s.sql", tag);
	input = folder_find(folder, name);
	if (!input)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no file \"%s\"", utf8_shown(name)),
				 errdetail("\"%s\" lists it.", JOURNAL)));
	file = folder_add(folder, input, KIND_VERSIONED, tag, description_of_tag(tag, strlen(tag)));
	file->created_at = when_of(entry);
}

/* Order of names, for finding duplicates. */
static int
compare_scripts(const ListCell *a, const ListCell *b)
{
	return strcmp(((const MigrationFile *) lfirst(a))->script,
				  ((const MigrationFile *) lfirst(b))->script);
}

/* A file that the journal lists twice would be run twice. */
static void
check_listed_once(const Folder *folder, List *by_name)
{
	for (int i = 1; i < list_length(by_name); i++)
	{
		const MigrationFile *file = list_nth(by_name, i);

		if (strcmp(file->script, ((MigrationFile *) list_nth(by_name, i - 1))->script) == 0)
			refuse_journal(psprintf("\"%s\" is listed twice", utf8_shown(file->version)), NULL);
	}
}

/* SQL files that the journal does not list are not run. */
static void
pass_over_unlisted(Folder *folder, List *by_name)
{
	int			next = 0;
	ListCell   *cell;

	foreach(cell, folder->inputs)
	{
		const InputFile *input = lfirst(cell);

		while (next < list_length(by_name) &&
			   strcmp(((MigrationFile *) list_nth(by_name, next))->script, input->name) < 0)
			next++;
		if (next < list_length(by_name) &&
			strcmp(((MigrationFile *) list_nth(by_name, next))->script, input->name) == 0)
			continue;
		if (file_name_ends_anyhow(input->name, ".sql"))
			folder_pass_over(folder, input);
	}
}

/* Read a folder with a journal: its order is the order of execution. */
static void
read_journal(Folder *folder, const InputFile *journal)
{
	Jsonb	   *object = parse_journal(journal);
	JsonbValue *entries = getKeyJsonValueFromContainer(&object->root, "entries", 7, NULL);
	List	   *by_name;

	if (!entries || entries->type != jbvBinary || !JsonContainerIsArray(entries->val.binary.data))
		refuse_journal("no array \"entries\"", NULL);
	for (uint32 i = 0; i < JsonContainerSize(entries->val.binary.data); i++)
	{
		JsonbValue *entry = getIthJsonbValueFromContainer(entries->val.binary.data, i);

		if (entry->type != jbvBinary || !JsonContainerIsObject(entry->val.binary.data))
			refuse_journal("an entry that is no object", NULL);
		add_entry(folder, entry->val.binary.data);
	}
	by_name = list_copy(folder->files);
	list_sort(by_name, compare_scripts);
	check_listed_once(folder, by_name);
	pass_over_unlisted(folder, by_name);
	folder->ordered = true;
}

/* Two digits as a number. */
static int
two_digits(const char *digits)
{
	return (digits[0] - '0') * 10 + (digits[1] - '0');
}

/*
 * The time that a folder's name begins with, in milliseconds since 1970, UTC.
 * As JavaScript's dates, months and days beyond their range go on in the next.
 */
static int64
time_of_digits(const char *digits)
{
	int			month = two_digits(digits + 4) - 1;
	int			year = two_digits(digits) * 100 + two_digits(digits + 2);
	int64		days;

	if (month < 0)
	{
		month += 12;
		year--;
	}
	days = date2j(year + month / 12, month % 12 + 1, 1) - UNIX_EPOCH_JDATE +
		two_digits(digits + 6) - 1;
	return 1000 * (((days * 24 + two_digits(digits + 8)) * 60 + two_digits(digits + 10)) * 60 +
				   two_digits(digits + 12));
}

/* Read a folder with a folder for every migration. */
static void
read_folders(Folder *folder)
{
	ListCell   *cell;

	foreach(cell, folder->inputs)
	{
		const InputFile *input = lfirst(cell);
		Size		length = folder_name_length(input->name);
		MigrationFile *file;

		if (length == 0)
		{
			if (file_name_ends_anyhow(input->name, ".sql"))
				folder_pass_over(folder, input);
			continue;
		}
		file = folder_add(folder, input, KIND_VERSIONED, pnstrdup(input->name, length),
						  description_of_tag(input->name, length));
		file->created_at = time_of_digits(input->name);
	}
}

/* Is there a folder with a migration? */
static bool
has_folders(const Folder *folder)
{
	ListCell   *cell;

	foreach(cell, folder->inputs)
	{
		if (folder_name_length(((const InputFile *) lfirst(cell))->name) > 0)
			return true;
	}
	return false;
}

/* Read a folder of either generation. */
void
drizzle_read(Folder *folder)
{
	const InputFile *journal = folder_find(folder, JOURNAL);
	bool		folders = has_folders(folder);

	if (journal && folders)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the migrations are of two generations of Drizzle"),
				 errdetail("There are \"%s\" and folders with \"migration.sql\".", JOURNAL),
				 errhint("\"drizzle-kit up\" brings the older ones to the form of the newer.")));
	if (!journal && !folders)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no \"%s\"", JOURNAL),
				 errhint("Hand over the whole folder that drizzle-kit writes, with its subfolders.")));
	appendStringInfo(&folder->settings, "{\"generation\": %d}", journal ? 0 : 1);
	if (journal)
		read_journal(folder, journal);
	else
		read_folders(folder);
}
