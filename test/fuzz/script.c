/*
 * script.c: the statements of a file, in any format.
 *
 * The first byte is the format.  Statements must come in their order, each in its
 * place in the file, and Drizzle's pieces with breakpoints between them are the
 * file.
 */
#include "fuzz.h"

#include "lib/stringinfo.h"

#include "migration/script.h"

#define BREAKPOINT "--> statement-breakpoint"

/* The pieces of a Drizzle file, joined again. */
static void
check_pieces(const MigrationFile *file, const char *text, Size length)
{
	List	   *pieces = script_pieces(FORMAT_DRIZZLE, file, DIRECTION_UP, text, length, NIL);
	StringInfoData joined;
	ListCell   *cell;

	initStringInfo(&joined);
	foreach(cell, pieces)
	{
		const ScriptPiece *piece = lfirst(cell);

		if (piece->number > 1)
			appendStringInfoString(&joined, BREAKPOINT);
		appendBinaryStringInfo(&joined, piece->text, piece->length);
	}
	fuzz_check(joined.len == length && memcmp(joined.data, text, length) == 0);
}

/* Run the target. */
static void
run(const char *data, Size size)
{
	MigrationFile file = {.script = "x", .placeholders = true};
	ScriptVariable variable = {"a", "one\ntwo"};
	ScriptStatement statement;
	MigrationFormat format;
	Script	   *script;
	const char *text;
	int			number = 0;
	int			line = 1;

	if (size == 0 || !fuzz_is_text(data + 1, size - 1))
		return;
	format = (MigrationFormat) ((uint8) *data % FORMAT_GOLANG_MIGRATE + 1);
	text = fuzz_copy(data + 1, --size);
	if (format == FORMAT_DRIZZLE)
		check_pieces(&file, text, size);
	script = script_open(format, &file, DIRECTION_UP, text, size, list_make1(&variable));
	while (script_next(script, &statement))
	{
		int			place_line;
		int			column;

		fuzz_check(statement.number == ++number && statement.length > 0);
		fuzz_check(statement.line >= line && statement.column >= 1);
		line = statement.line;
		script_place(script, &statement, statement.length, &place_line, &column);
		fuzz_check(place_line >= line);
	}
	script_close(script);
}

const FuzzTarget script_target = {"script", run};
