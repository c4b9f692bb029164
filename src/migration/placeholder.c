/*
 * placeholder.c: Flyway's placeholders in a text.
 *
 * ${name}, anywhere, in comments and strings, too; names in upper or lower case;
 * what a value holds is not looked at again, and there is no way to write ${
 * otherwise than to switch replacement off.
 */
#include "core/svc.h"

#include "lib/stringinfo.h"

#include "migration/folder.h"
#include "migration/placeholder.h"

#define OPENING "${"
#define CLOSING '}'
#define BUILT_IN "flyway:"

/* The next placeholder's place, or NULL. */
static const char *
next_placeholder(const char *at, const char *end)
{
	for (; (at = memchr(at, '$', end - at)); at++)
		if (end - at >= 2 && at[1] == '{')
			return at;
	return NULL;
}

/* A name without a value. */
static void
refuse_unknown(const char *name, const char *script, int line)
{
	bool		built_in = pg_strncasecmp(name, BUILT_IN, strlen(BUILT_IN)) == 0;

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_PARAMETER),
			 errmsg("the placeholder ${%s} has no value in \"%s\", line %d", name, script, line),
			 built_in ?
			 errhint("Of Flyway's own there are flyway:defaultSchema, flyway:user, flyway:database, flyway:timestamp, flyway:filename and flyway:table.") :
			 errhint("Hand it over: variables => '{\"%s\": \"value\"}'; or switch replacement off with placeholderReplacement = false in \"%s.conf\".",
					 name, script)));
}

/* The value of a placeholder. */
static const char *
value_of(const char *name, List *variables, const char *script, int line)
{
	const char *value = variable_value(variables, name, true);

	if (!value && pg_strcasecmp(name, BUILT_IN "filename") == 0)
		value = file_base_name(script);
	if (!value)
		refuse_unknown(name, script, line);
	return value;
}

/* Replace the placeholder at a place; gives the place behind it. */
static const char *
replace(StringInfo out, const char *text, const char *place, const char *end, List *variables,
		const char *script)
{
	const char *name = place + strlen(OPENING);
	const char *closing = memchr(name, CLOSING, end - name);

	if (!closing)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a placeholder without its closing brace in \"%s\", line %d", script,
						line_of(text, place - text))));
	appendStringInfoString(out, value_of(pnstrdup(name, closing - name), variables, script,
										 line_of(text, place - text)));
	return closing + 1;
}

/* The text with its placeholders replaced. */
const char *
placeholders_replace(const char *text, Size *length, List *variables, const char *script,
					 Origin *origin)
{
	const char *end = text + *length;
	const char *at = text;
	const char *place = next_placeholder(at, end);
	StringInfoData out;

	origin_reset(origin);
	if (!place)
		return text;
	initStringInfo(&out);
	for (; place; place = next_placeholder(at, end))
	{
		origin_add(origin, out.len, at - text, true);
		appendBinaryStringInfo(&out, at, place - at);
		origin_add(origin, out.len, place - text, false);
		at = replace(&out, text, place, end, variables, script);
	}
	origin_add(origin, out.len, at - text, true);
	appendBinaryStringInfo(&out, at, end - at);
	*length = out.len;
	return out.data;
}
