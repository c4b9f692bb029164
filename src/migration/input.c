/*
 * input.c: files of migrations as a client hands them over, and what holds for
 * those of a directory, too.
 */
#include "core/svc.h"

#include "mb/pg_wchar.h"
#include "migration/input.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#define MAX_FILES 100000
#define MAX_TOTAL ((Size) 1024 * 1024 * 1024)
#define MAX_NAME 1000			/* bytes; names are keys of indexes */

/* Refuse a file that is one too many, or too large, before it is read. */
void
input_check_room(const InputList *inputs, const char *name, Size length)
{
	if (list_length(inputs->files) >= MAX_FILES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d files of migrations", MAX_FILES)));
	if (name[0] == '\0' || strlen(name) > MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a migration's file is %s", name[0] ? "too long" : "empty"),
				 errdetail("It has %zu bytes; 1 to %d are allowed.", strlen(name), MAX_NAME)));
	if (length > MAX_TOTAL || inputs->total > MAX_TOTAL - length)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("files of migrations are larger than 1 GB"),
				 errdetail("File \"%s\" has %zu bytes, those before it %zu.", name, length,
						   inputs->total)));
}

/* Add a file. */
void
input_add(InputList *inputs, char *name, const char *content, Size length)
{
	InputFile  *file = palloc(sizeof(InputFile));

	input_check_room(inputs, name, length);
	file->name = name;
	file->content = content;
	file->length = length;
	inputs->files = lappend(inputs->files, file);
	inputs->total += length;
}

/* Name the file whose text is converted when that fails. */
static void
name_file(void *name)
{
	errcontext("file \"%s\"", (const char *) name);
}

/* A text in UTF-8, which files are read in; the text itself where the database's is the same. */
static const char *
to_utf8(const char *name, const char *text, Size *length)
{
	ErrorContextCallback context;
	const char *converted;

	if (GetDatabaseEncoding() == PG_UTF8)
		return text;
	context.callback = name_file;
	context.arg = (void *) name;
	context.previous = error_context_stack;
	error_context_stack = &context;
	converted = pg_server_to_any(text, (int) *length, PG_UTF8);
	error_context_stack = context.previous;
	if (converted != text)
		*length = strlen(converted);
	return converted;
}

/* Add a pair of the object. */
static void
add_pair(InputList *inputs, char *name, const JsonbValue *value)
{
	Size		length;
	const char *content;

	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("content of file \"%s\" is not a string", name),
				 errhint("The files are a JSON object of names and contents: {\"V1__users.sql\": \"CREATE TABLE ...\"}.")));
	length = value->val.string.len;
	content = to_utf8(name, value->val.string.val, &length);
	input_add(inputs, name, content, length);
}

/*
 * The files of an object name → content.  Contents lie in the object, which must
 * stay; its own limit for a string is 256 MB.
 */
List *
inputs_of_jsonb(Datum files)
{
	Jsonb	   *object = DatumGetJsonbP(files);
	InputList	inputs = {NIL, 0};
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *name = NULL;

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a JSON object", "files"),
				 errhint("Its keys are names of files, its values their contents: {\"V1__users.sql\": \"CREATE TABLE ...\"}.")));
	iterator = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			add_pair(&inputs, name, &value);
		CHECK_FOR_INTERRUPTS();
	}
	return inputs.files;
}
