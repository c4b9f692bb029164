/*
 * placeholder.c: a text with Flyway's placeholders.
 *
 * What is not a placeholder must be there again, byte for byte, and say where it
 * was; with every value the placeholder itself, the text must stay the same.
 */
#include "fuzz.h"

#include "migration/placeholder.h"

/* Is every byte of the text where it says it was? */
static void
check_origin(const char *text, Size length, const char *source, Size source_length,
			 const Origin *origin)
{
	Size		last = 0;

	for (Size i = 0; i < length; i++)
	{
		Size		place = origin_of(origin, i);

		fuzz_check(place >= last && place < source_length);
		last = place;
		if (source[place] == '$' && place + 1 < source_length && source[place + 1] == '{')
			continue;			/* a value */
		fuzz_check(text[i] == source[place]);
	}
}

/* Variables for all placeholders of the text, each with itself as its value. */
static List *
own_variables(const char *text, Size length)
{
	List	   *variables = NIL;

	for (Size i = 0; i + 1 < length; i++)
	{
		const char *closing;
		ScriptVariable *variable;

		if (text[i] != '$' || text[i + 1] != '{' ||
			!(closing = memchr(text + i, '}', length - i)))
			continue;
		variable = palloc(sizeof(ScriptVariable));
		variable->value = pnstrdup(text + i, closing + 1 - (text + i));
		variable->name = pnstrdup(text + i + 2, closing - (text + i + 2));
		variables = lappend(variables, variable);
	}
	return variables;
}

/* Run the target. */
static void
run(const char *data, Size size)
{
	ScriptVariable variables[] = {{"a", "one\ntwo"}, {"B", ""}, {"c", "${a}"}};
	List	   *list = list_make3(&variables[0], &variables[1], &variables[2]);
	List	   *own = own_variables(data, size);
	Origin		origin = {0};
	const char *source = fuzz_copy(data, size);
	const char *text;
	Size		length = size;

	if (!fuzz_is_text(data, size) || list_length(own) > 100)
		return;
	PG_TRY();
	{
		text = placeholders_replace(source, &length, own, "x", &origin);
		/* names are alike in upper and lower case, values are not */
		fuzz_check(length == size && pg_strncasecmp(text, source, size) == 0);
	}
	PG_CATCH();
	{
		FlushErrorState();
	}
	PG_END_TRY();
	length = size;
	text = placeholders_replace(source, &length, list, "x", &origin);
	check_origin(text, length, source, size, &origin);
}

const FuzzTarget placeholder_target = {"placeholder", run};
