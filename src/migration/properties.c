/*
 * properties.c: files of settings as Flyway reads them.
 *
 * Almost Java's properties: lines `key = value` or `key: value`, comments with #
 * or !.  A backslash stands for itself, except at the end of a line: then the
 * value goes on in the next one, unless that is empty or a setting of its own.
 */
#include "core/svc.h"

#include "lib/stringinfo.h"

#include "migration/properties.h"
#include "migration/utf8.h"

#define BLANKS " \t\f\r"

/* Begin to read a file. */
void
properties_begin(Properties *properties, const InputFile *file)
{
	memset(properties, 0, sizeof(*properties));
	properties->file = file;
	properties->at = file->content + utf8_bom_length(file->content, file->length);
	properties->next_line = 1;
}

/* Take the next line, without blanks at its ends; NULL at the end of the file. */
static char *
take_line(Properties *properties)
{
	const char *end = properties->file->content + properties->file->length;
	const char *line = properties->at;
	const char *line_end = memchr(line, '\n', end - line);
	Size		length = (line_end ? line_end : end) - line;

	if (line >= end)
		return NULL;
	properties->at = line_end ? line_end + 1 : end;
	properties->next_line++;
	while (length > 0 && strchr(BLANKS, line[length - 1]))
		length--;
	while (length > 0 && strchr(BLANKS, *line))
	{
		line++;
		length--;
	}
	return pnstrdup(line, length);
}

/* Does the next line go on with the value of a line that ends in a backslash? */
static bool
line_goes_on(Properties *properties)
{
	Properties	ahead = *properties;
	char	   *line = take_line(&ahead);

	return line && *line && !(strncmp(line, "flyway.", 7) == 0 && strchr(line, '='));
}

/* Take a line and those that go on with it; NULL at the end of the file. */
static char *
take_whole_line(Properties *properties)
{
	char	   *line = take_line(properties);
	StringInfoData whole;

	if (!line)
		return NULL;
	initStringInfo(&whole);
	appendStringInfoString(&whole, line);
	while (whole.len > 0 && whole.data[whole.len - 1] == '\\' && line_goes_on(properties))
	{
		whole.data[--whole.len] = '\0';
		appendStringInfoString(&whole, take_line(properties));
	}
	return whole.data;
}

/* Go on to the next setting; false at the end of the file. */
bool
properties_next(Properties *properties)
{
	for (;;)
	{
		int			line = properties->next_line;
		char	   *text = take_whole_line(properties);
		Size		key_length;

		if (!text)
			return false;
		if (*text == '\0' || *text == '#' || *text == '!')
			continue;
		key_length = strcspn(text, "=:" BLANKS);
		properties->line = line;
		properties->key = pnstrdup(text, key_length);
		text += key_length;
		text += strspn(text, BLANKS);
		if (*text == '=' || *text == ':')
			text++;
		properties->value = text + strspn(text, BLANKS);
		return true;
	}
}

/* The value as true or false. */
bool
properties_bool(const Properties *properties)
{
	if (pg_strcasecmp(properties->value, "true") == 0)
		return true;
	if (pg_strcasecmp(properties->value, "false") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be true or false in \"%s\", line %d",
						utf8_shown(properties->key), utf8_shown(properties->file->name),
						properties->line)));
	return false;
}
