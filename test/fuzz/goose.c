/*
 * goose.c: a Goose file, cut in both directions.
 *
 * Chunks must be made of the file's own bytes, in their order, and what is
 * accepted without values of variables must be accepted again.
 */
#include "fuzz.h"

#include "migration/goose_parser.h"
#include "migration/variable.h"

/* Does the chunk stand in the file, where it says?  Ends of lines may be CRLF there. */
static void
check_chunk(const GooseParser *parser, const GooseChunk *chunk, Size *last)
{
	for (Size i = 0; i < chunk->length; i++)
	{
		Size		place = origin_of(&parser->origin, chunk->offset + i);

		fuzz_check(place >= *last && place < parser->end - parser->text);
		*last = place;
		if (!parser->has_variables && !(chunk->text[i] == '\n' && parser->text[place] == '\r'))
			fuzz_check(chunk->text[i] == parser->text[place]);
	}
}

/* Cut the file; gives the number of chunks. */
static int
cut(const char *data, Size size, MigrationDirection direction, List *variables, bool expand)
{
	GooseParser parser;
	GooseChunk	chunk;
	Size		last = 0;
	int			n = 0;

	goose_begin(&parser, "x", direction, fuzz_copy(data, size), size);
	parser.expand = expand;
	parser.variables = variables;
	while (goose_next(&parser, &chunk))
	{
		check_chunk(&parser, &chunk, &last);
		n++;
	}
	return parser.has_variables ? -1 : n;
}

/* Run the target. */
static void
run(const char *data, Size size)
{
	ScriptVariable variables[] = {{"A", "value;"}, {"B", ""}, {"NAME", "\xC3\xA9"}};
	List	   *list = list_make3(&variables[0], &variables[1], &variables[2]);
	int			up;

	if (!fuzz_is_text(data, size))
		return;
	up = cut(data, size, DIRECTION_UP, NIL, false);
	fuzz_check(cut(data, size, DIRECTION_UP, list, true) == up);
	cut(data, size, DIRECTION_DOWN, list, true);
}

const FuzzTarget goose_target = {"goose", run};
