/*
 * script.c: the statements of a migration's file.
 *
 * A format cuts the text into pieces, the server's lexer cuts each piece into
 * statements.  Pieces are made one at a time, so that a large file needs the
 * memory of its text and of its largest piece.  A piece that is not a part of the
 * file as it stands (Goose drops lines, Flyway replaces placeholders) knows where
 * its text comes from, so that errors name the line of the file.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/timestamp.h"

#include "migration/checksum.h"
#include "migration/goose_parser.h"
#include "migration/placeholder.h"
#include "migration/position.h"
#include "migration/script.h"
#include "migration/statement.h"
#include "migration/utf8.h"

#define BREAKPOINT "--> statement-breakpoint"
#define ROLLBACK_COMMENT "rollback:"

struct Script
{
	MigrationFormat format;
	const MigrationFile *file;
	const char *text;			/* the file */
	Size		length;
	Position	position;		/* where the last statement or piece begins in it */
	List	   *variables;

	const char *body;			/* what is cut into pieces: the file, or what was made of it */
	Size		body_length;
	Size		at;				/* in the body; behind its end: no piece is left */
	GooseParser goose;

	const char *piece;
	Size		piece_length;
	Size		piece_offset;	/* in what origin knows */
	Origin		origin;			/* of the body */
	int			pieces;

	Splitter   *splitter;		/* of the piece; NULL: take the next one */
	bool		conforming;		/* standard_conforming_strings between pieces */
	bool		conforming_known;
	int			statements;
	MemoryContext cxt;
};

/*
 * Can the variables be replaced without an error?  Known before the first
 * statement runs.
 */
static void
check_variables(const Script *script, MigrationDirection direction)
{
	GooseParser parser;
	GooseChunk	chunk;

	goose_begin(&parser, script->file->script, direction, script->text, script->length);
	parser.expand = true;
	parser.variables = script->variables;
	while (goose_next(&parser, &chunk))
		;
}

/* Begin to read a Goose file. */
static void
open_goose(Script *script, MigrationDirection direction)
{
	if (script->file->placeholders)
		check_variables(script, direction);
	goose_begin(&script->goose, script->file->script, direction, script->text, script->length);
	script->goose.expand = true;
	script->goose.variables = script->variables;
}

/* Begin to read a file. */
Script *
script_open(MigrationFormat format, const MigrationFile *file, MigrationDirection direction,
			const char *text, Size length, List *variables)
{
	Script	   *script = palloc0(sizeof(Script));

	script->format = format;
	script->file = file;
	script->text = script->body = text;
	script->length = script->body_length = length;
	script->position = position_begin(text, length);
	script->variables = variables;
	script->cxt = CurrentMemoryContext;
	if (format == FORMAT_GOOSE)
		open_goose(script, direction);
	else if (format == FORMAT_FLYWAY && file->placeholders)
		script->body = placeholders_replace(text, &script->body_length, variables, file->script,
											&script->origin);
	return script;
}

/* The piece of the body from where the last one ended. */
static void
set_piece(Script *script, Size length)
{
	script->piece = script->body + script->at;
	script->piece_length = length;
	script->piece_offset = script->at;
}

/* Take the next piece of a Goose file. */
static bool
next_chunk(Script *script)
{
	GooseChunk	chunk;

	if (!goose_next(&script->goose, &chunk))
		return false;
	script->piece = chunk.text;
	script->piece_length = chunk.length;
	script->piece_offset = chunk.offset;
	return true;
}

/* Take the next piece of a Drizzle file: up to a breakpoint, of which the last piece has none. */
static bool
next_between_breakpoints(Script *script)
{
	const char *start = script->body + script->at;
	const char *end = script->body + script->body_length;
	const char *at = start;

	if (script->at > script->body_length)
		return false;
	for (; (at = memchr(at, '-', end - at)); at++)
	{
		if (end - at >= strlen(BREAKPOINT) && memcmp(at, BREAKPOINT, strlen(BREAKPOINT)) == 0)
			break;
	}
	if (!at)
		at = end;
	set_piece(script, at - start);
	script->at += script->piece_length + strlen(BREAKPOINT);
	return true;
}

/* Take the body as one piece, unless it is blank: then golang-migrate sends nothing, and nobody has to. */
static bool
next_whole(Script *script)
{
	const char *text = script->body;
	Size		length = script->body_length;

	if (script->at > 0)
		return false;
	utf8_trim(&text, &length);
	if (length == 0)
		return false;
	set_piece(script, script->body_length);
	script->at = script->body_length + 1;
	return true;
}

/* Take the next piece. */
static bool
next_piece(Script *script)
{
	MemoryContext caller = MemoryContextSwitchTo(script->cxt);
	bool		found;

	if (script->format == FORMAT_GOOSE)
		found = next_chunk(script);
	else if (script->format == FORMAT_DRIZZLE)
		found = next_between_breakpoints(script);
	else
		found = next_whole(script);
	script->pieces++;
	MemoryContextSwitchTo(caller);
	return found;
}

/* The place in the file of a place in the piece. */
static Size
file_offset(const Script *script, Size offset)
{
	const Origin *origin = script->format == FORMAT_GOOSE ?
		&script->goose.origin : &script->origin;

	if (script->format == FORMAT_GOOSE && origin->n == 0)
		return script->goose.at - script->text - 1;	/* of an empty block: the line that it took */
	return Min(origin_of(origin, script->piece_offset + offset), script->length);
}

/*
 * A place in the file.  The script's own position stays where the last statement
 * begins: warnings for places after that come before the next one is asked for.
 */
static void
place_of(const Script *script, Size offset, int *line, int *column)
{
	Position	position = script->position;

	if (offset < position.offset)
		position = position_begin(script->text, script->length);
	position_advance(&position, offset);
	*line = position.line;
	*column = position.column;
}

/* Add the place of an error, or of a warning, to its context. */
static void
error_context(void *arg)
{
	Script	   *script = arg;
	int			line;
	int			column;

	place_of(script, file_offset(script, split_error_offset(script->splitter)), &line, &column);
	errcontext("line %d, column %d of migration \"%s\"", line, column, script->file->script);
}

/* Begin to cut the piece into statements. */
static void
open_splitter(Script *script)
{
	MemoryContext caller = MemoryContextSwitchTo(script->cxt);

	script->splitter = split_begin(script->piece, script->piece_length);
	if (script->conforming_known)
		split_set_conforming_strings(script->splitter, script->conforming);
	MemoryContextSwitchTo(caller);
}

/* Be done with the piece; a setting that it changed holds for the next one. */
static void
close_splitter(Script *script)
{
	if (!script->splitter)
		return;
	script->conforming = split_conforming_strings(script->splitter);
	script->conforming_known = true;
	split_end(script->splitter);
	script->splitter = NULL;
}

/* Take the next statement of the piece. */
static bool
split_piece(Script *script, SplitStatement *split)
{
	ErrorContextCallback callback = {error_context_stack, error_context, script};
	bool		found;

	error_context_stack = &callback;
	found = split_next(script->splitter, split);
	error_context_stack = callback.previous;
	return found;
}

/* Read the next statement; false at the end of the file. */
bool
script_next(Script *script, ScriptStatement *statement)
{
	SplitStatement split;

	for (;;)
	{
		if (!script->splitter)
		{
			if (!next_piece(script))
				return false;
			open_splitter(script);
		}
		if (split_piece(script, &split))
			break;
		close_splitter(script);
	}
	statement->number = ++script->statements;
	statement->text = script->piece + split.start;
	statement->length = split.length;
	statement->raw = split.raw;
	statement->copy_data = split.has_copy_data ? script->piece + split.copy_start : NULL;
	statement->copy_length = split.has_copy_data ? split.copy_length : 0;
	position_advance(&script->position, file_offset(script, split.start));
	script_place(script, statement, 0, &statement->line, &statement->column);
	return true;
}

/* Be done with a file. */
void
script_close(Script *script)
{
	close_splitter(script);
	if (script->format == FORMAT_GOOSE)
	{
		pfree(script->goose.buffer.data);
		if (script->goose.origin.spans)
			pfree(script->goose.origin.spans);
	}
	if (script->body != script->text)
		pfree((char *) script->body);
	if (script->origin.spans)
		pfree(script->origin.spans);
	pfree(script);
}

/* What the session's setting became. */
void
script_set_conforming_strings(Script *script, bool on)
{
	script->conforming = on;
	script->conforming_known = true;
	if (script->splitter)
		split_set_conforming_strings(script->splitter, on);
}

/* The place in the file of an offset in the text of the statement that was read last. */
void
script_place(Script *script, const ScriptStatement *statement, int offset, int *line, int *column)
{
	Size		in_piece = statement->text - script->piece + offset;

	place_of(script, file_offset(script, in_piece), line, column);
}

/* May an error say no more than that PostgreSQL cannot read a text? */
static bool
is_about_text(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
		category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_FEATURE_NOT_SUPPORTED;
}

/* Can all statements of the piece run in a transaction block? */
static bool
piece_is_transactional(Script *script)
{
	SplitStatement split;
	bool		transactional = true;

	open_splitter(script);
	while (split_piece(script, &split))
	{
		const char *reason;

		if (!statement_is_transactional(split.raw->stmt, &reason))
			transactional = false;
	}
	close_splitter(script);
	return transactional;
}

/*
 * What the server makes of a piece.  A tool's rules may well cut a text into what
 * is no SQL; that shall be seen, not refused.  Reading takes nothing but memory,
 * so that an error can be caught without a subtransaction.
 */
static void
examine_piece(Script *script, ScriptPiece *piece)
{
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		piece->transactional = piece_is_transactional(script);
		piece->readable = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		if (!is_about_text(geterrcode()))
			PG_RE_THROW();
		FlushErrorState();
		script->splitter = NULL;
		piece->readable = false;
	}
	PG_END_TRY();
}

/* How much white space does the piece begin with? */
static Size
leading_space(const Script *script)
{
	const char *text = script->piece;
	Size		length = script->piece_length;

	utf8_trim(&text, &length);
	return length > 0 ? text - script->piece : 0;
}

/* All pieces of a direction. */
List *
script_pieces(MigrationFormat format, const MigrationFile *file, MigrationDirection direction,
			  const char *text, Size length, List *variables)
{
	Script	   *script = script_open(format, file, direction, text, length, variables);
	List	   *pieces = NIL;
	ListCell   *cell;

	while (next_piece(script))
	{
		ScriptPiece *piece = palloc0(sizeof(ScriptPiece));

		position_advance(&script->position, file_offset(script, leading_space(script)));
		piece->line = script->position.line;
		piece->number = script->pieces;
		piece->text = pnstrdup(script->piece, script->piece_length);
		piece->length = script->piece_length;
		examine_piece(script, piece);
		pieces = lappend(pieces, piece);
	}
	if (format == FORMAT_GOOSE && !script->goose.transaction)
	{
		foreach(cell, pieces)
			((ScriptPiece *) lfirst(cell))->transactional = false;
	}
	return pieces;
}

/* What a line says to be run to undo its file, or NULL. */
static const char *
rollback_of_line(const char *line, Size *length)
{
	utf8_trim(&line, length);
	if (*length < 2 || line[0] != '-' || line[1] != '-')
		return NULL;
	line += 2;
	*length -= 2;
	utf8_trim(&line, length);
	if (*length < strlen(ROLLBACK_COMMENT) ||
		pg_strncasecmp(line, ROLLBACK_COMMENT, strlen(ROLLBACK_COMMENT)) != 0)
		return NULL;
	line += strlen(ROLLBACK_COMMENT);
	*length -= strlen(ROLLBACK_COMMENT);
	utf8_trim(&line, length);
	return *length > 0 ? line : NULL;
}

/*
 * The lines "-- Rollback: <sql>" as a text to be run, in their order.  The other
 * lines stay behind as empty ones, so that errors name the line of the file.
 */
char *
script_rollback_comments(const char *text, Size length)
{
	const char *end = text + length;
	StringInfoData out;
	bool		found = false;

	initStringInfo(&out);
	for (const char *line = text; line < end;)
	{
		const char *line_end = memchr(line, '\n', end - line);
		Size		sql_length = (line_end ? line_end : end) - line;
		const char *sql = rollback_of_line(line, &sql_length);

		if (sql)
		{
			appendBinaryStringInfo(&out, sql, sql_length);
			found = true;
		}
		appendStringInfoChar(&out, '\n');
		line = line_end ? line_end + 1 : end;
	}
	return found ? out.data : NULL;
}

/* The text with Flyway's placeholders replaced. */
const char *
script_replace(const char *text, Size *length, List *variables, const char *script)
{
	Origin		origin = {0};

	return placeholders_replace(text, length, variables, script, &origin);
}

/* A repeatable migration's checksum, with its placeholders replaced. */
char *
script_checksum(const MigrationFile *file, const char *text, Size length, List *variables)
{
	const char *utf8;

	if (!file->placeholders)
		return file->checksum;
	text = script_replace(text, &length, variables, file->script);
	utf8 = pg_server_to_any(text, length, PG_UTF8);
	return flyway_checksum(utf8, utf8 == text ? length : strlen(utf8));
}

/* Add a variable. */
static List *
add_variable(List *variables, const char *name, const char *value)
{
	ScriptVariable *variable = palloc(sizeof(ScriptVariable));

	variable->name = pstrdup(name);
	variable->value = pstrdup(value);
	return lappend(variables, variable);
}

/* This moment, as Flyway writes it. */
static char *
timestamp_text(void)
{
	pg_time_t	now = timestamptz_to_time_t(GetCurrentStatementStartTimestamp());
	char		text[32];

	pg_strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S",
				pg_localtime(&now, session_timezone));
	return pstrdup(text);
}

/* The variables with Flyway's own behind them. */
List *
script_variables(List *variables, const char *schema, const char *user, const char *database,
				 const char *table)
{
	List	   *all = list_copy(variables);

	all = add_variable(all, "flyway:defaultSchema", schema);
	all = add_variable(all, "flyway:user", user);
	all = add_variable(all, "flyway:database", database);
	all = add_variable(all, "flyway:table", table);
	return add_variable(all, "flyway:timestamp", timestamp_text());
}
