/*
 * properties.c: a file of settings.
 *
 * Lines must come in their order, keys must be in the file, and a file made of
 * what was read must be read alike.
 */
#include "fuzz.h"

#include "lib/stringinfo.h"

#include "migration/properties.h"

/* Read a file; gives it written anew. */
static StringInfo
rewrite(const char *data, Size size, int *n)
{
	InputFile	file = {"x.conf", fuzz_copy(data, size), size};
	Properties	properties;
	StringInfo	out = makeStringInfo();
	int			line = 0;

	*n = 0;
	properties_begin(&properties, &file);
	while (properties_next(&properties))
	{
		fuzz_check(properties.line > line);
		line = properties.line;
		fuzz_check(strpbrk(properties.key, "=: \t\n") == NULL);
		appendStringInfo(out, "%s=%s\n\n", properties.key, properties.value);
		(*n)++;
	}
	return out;
}

/* Run the target. */
static void
run(const char *data, Size size)
{
	StringInfo	first;
	StringInfo	second;
	int			n_first;
	int			n_second;

	if (!fuzz_is_text(data, size))
		return;
	first = rewrite(data, size, &n_first);
	second = rewrite(first->data, first->len, &n_second);
	if (strstr(first->data, "\\\n") == NULL && strstr(first->data, "==") == NULL)
		fuzz_check(n_first == n_second && strcmp(first->data, second->data) == 0);
}

const FuzzTarget properties_target = {"properties", run};
