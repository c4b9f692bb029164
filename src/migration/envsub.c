/*
 * envsub.c: variables in a line of a Goose file, after "-- +goose ENVSUB ON".
 *
 *     $NAME  ${NAME}  ${NAME:-default}  ${NAME-default}  ${NAME?message}
 *     ${NAME:offset}  ${NAME:offset:length}
 *
 * as the library that Goose uses reads them: \$ and $$ stand for $, \\ stays as
 * it is, and so does $( .  Default and message may hold variables again.
 */
#include "core/svc.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "migration/envsub.h"
#include "migration/utf8.h"

typedef struct Envsub
{
	const char *at;
	const char *end;
	List	   *variables;
	StringInfo	out;			/* NULL: what is read is not used */
	const char *file_name;
	int			line;
} Envsub;

static void read_text(Envsub *envsub, bool in_braces);

/* Raise an error about what stands in the file. */
static void
fail(const Envsub *envsub, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("%s in \"%s\", line %d", what, envsub->file_name, envsub->line),
			 errhint("Write $$ for a dollar sign, or \"-- +goose ENVSUB OFF\" before lines that hold some.")));
}

/* Does the rest begin so? */
static bool
begins(const Envsub *envsub, const char *what)
{
	Size		length = strlen(what);

	return envsub->end - envsub->at >= length && memcmp(envsub->at, what, length) == 0;
}

/* Append something, if it is to be used. */
static void
put(Envsub *envsub, const char *text, Size length)
{
	if (envsub->out)
		appendBinaryStringInfo(envsub->out, text, length);
}

/* Is this a letter, or a digit or underscore where others are allowed, too? */
static bool
is_name_char(const Envsub *envsub, bool first)
{
	char		c;

	if (envsub->at >= envsub->end)
		return false;
	c = *envsub->at;
	if (IS_HIGHBIT_SET(c))
		fail(envsub, "a variable with a letter that is not ASCII");
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '_');
}

/* Read a variable's name. */
static char *
read_name(Envsub *envsub)
{
	const char *start = envsub->at;

	if (!is_name_char(envsub, true))
		fail(envsub, "no variable's name behind a dollar sign");
	while (is_name_char(envsub, false))
		envsub->at++;
	return pnstrdup(start, envsub->at - start);
}

/* Read a number up to a character; the character is not taken. */
static int64
read_number(Envsub *envsub, const char *stops)
{
	const char *start = envsub->at;
	Size		length;
	char	   *text;
	char	   *text_end;
	int64		number;

	while (envsub->at < envsub->end && !strchr(stops, *envsub->at))
		envsub->at++;
	length = envsub->at - start;
	utf8_trim(&start, &length);
	text = pnstrdup(start, length);
	errno = 0;
	number = strtoll(text, &text_end, 10);
	if (length == 0 || *text_end != '\0' || errno != 0 || strchr(" \t\n\v\f\r", *text))
		fail(envsub, "no number in a part of a variable");
	/* nothing is as long as that, and sums must not overflow */
	return Max(Min(number, (int64) MaxAllocHugeSize / 4), -(int64) MaxAllocHugeSize / 4);
}

/* Put a part of a value; offsets count bytes, from the end if negative. */
static void
put_part(Envsub *envsub, const char *value, int64 from, bool has_length, int64 part)
{
	int64		length = strlen(value);
	int64		to = length;

	from = Max(from < 0 ? from + length : from, 0);
	from = Min(from, length);
	if (has_length)
		to = Min(part >= 0 ? from + part : Max(length + part, from), length);
	if (envsub->out && !pg_verifymbstr(value + from, to - from, true))
		fail(envsub, "a part of a variable that cuts a character");
	put(envsub, value + from, to - from);
}

/* Read what follows the name and a colon: ${NAME:offset:length}. */
static void
read_part(Envsub *envsub, const char *value)
{
	int64		offset = read_number(envsub, ":}");
	int64		length = 0;
	bool		has_length = envsub->at < envsub->end && *envsub->at == ':';

	if (has_length)
	{
		envsub->at++;
		length = read_number(envsub, "}");
	}
	put_part(envsub, value, offset, has_length, length);
}

/* Read a default, which is put only if it is wanted. */
static void
read_default(Envsub *envsub, bool wanted, const char *value)
{
	StringInfo	out = envsub->out;

	if (!wanted)
	{
		put(envsub, value, strlen(value));
		envsub->out = NULL;
	}
	read_text(envsub, true);
	envsub->out = out;
}

/* Read the message of a variable that must have a value. */
static void
read_required(Envsub *envsub, const char *name, const char *value)
{
	StringInfo	out = envsub->out;
	StringInfoData message;

	initStringInfo(&message);
	envsub->out = value ? NULL : &message;
	read_text(envsub, true);
	envsub->out = out;
	if (value)
		put(envsub, value, strlen(value));
	else if (out)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_PARAMETER),
				 errmsg("the variable %s has no value in \"%s\", line %d",
						name, envsub->file_name, envsub->line),
				 message.len > 0 ? errdetail("The file says: %s", message.data) : 0,
				 errhint("Hand it over: variables => '{\"%s\": \"value\"}'.", name)));
}

/* Read what stands in braces, up to the last one. */
static void
read_braces(Envsub *envsub)
{
	char	   *name = read_name(envsub);
	const char *value = variable_value(envsub->variables, name, false);
	const char *known = value ? value : "";

	if (begins(envsub, ":-"))
	{
		envsub->at += 2;
		read_default(envsub, *known == '\0', known);
	}
	else if (begins(envsub, "-"))
	{
		envsub->at++;
		read_default(envsub, !value, known);
	}
	else if (begins(envsub, "?"))
	{
		envsub->at++;
		read_required(envsub, name, value);
	}
	else if (begins(envsub, ":"))
	{
		envsub->at++;
		read_part(envsub, known);
	}
	else
		put(envsub, known, strlen(known));
	if (!begins(envsub, "}"))
		fail(envsub, "a variable without its closing brace, or with an unknown operator");
	envsub->at++;
}

/* Read a variable, behind its dollar sign. */
static void
read_variable(Envsub *envsub)
{
	const char *value;

	if (begins(envsub, "{"))
	{
		envsub->at++;
		read_braces(envsub);
		return;
	}
	value = variable_value(envsub->variables, read_name(envsub), false);
	if (value)
		put(envsub, value, strlen(value));
}

/* Read text and variables up to the end, or to a closing brace. */
static void
read_text(Envsub *envsub, bool in_braces)
{
	check_stack_depth();
	while (envsub->at < envsub->end && !(in_braces && *envsub->at == '}'))
	{
		if (begins(envsub, "\\\\") || begins(envsub, "$("))
		{
			put(envsub, envsub->at, 2);
			envsub->at += 2;
		}
		else if (begins(envsub, "\\$") || begins(envsub, "$$"))
		{
			put(envsub, "$", 1);
			envsub->at += 2;
		}
		else if (*envsub->at == '$' && envsub->at < envsub->end - 1)
		{
			envsub->at++;
			read_variable(envsub);
		}
		else
			put(envsub, envsub->at++, 1);
	}
}

/* Append a line with its variables replaced. */
void
envsub(StringInfo out, const char *line, Size length, List *variables, const char *file_name,
	   int line_number)
{
	Envsub		envsub = {line, line + length, variables, out, file_name, line_number};

	read_text(&envsub, false);
}
