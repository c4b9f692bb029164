/*
 * goose_parser.c: a Goose file, cut into what Goose sends to the server.
 *
 * Goose reads lines, not SQL: lines of comment with "+goose" are annotations,
 * and a statement ends with a line whose last word ends with a semicolon, unless
 * annotations say where it begins and ends.  What Goose accepts is cut exactly as
 * it does, down to its oddities, and what it refuses is refused.  The whole file
 * goes through the states whatever the direction; only chunks of the other
 * direction are dropped line by line.
 */
#include "core/svc.h"

#include "miscadmin.h"

#include "migration/envsub.h"
#include "migration/folder.h"
#include "migration/goose_parser.h"
#include "migration/utf8.h"

/* What Goose's buffer for a line holds, without its end */
#define GOOSE_MAX_LINE (4 * 1024 * 1024 - 1)

#define ANNOTATION "+goose"

typedef enum GooseAnnotation
{
	ANNOTATION_UP,
	ANNOTATION_DOWN,
	ANNOTATION_BEGIN,
	ANNOTATION_END,
	ANNOTATION_NO_TRANSACTION,
	ANNOTATION_ENVSUB_ON,
	ANNOTATION_ENVSUB_OFF,
	ANNOTATION_NONE
} GooseAnnotation;

/* By GooseAnnotation */
static const char *const annotation_names[] = {
	"Up", "Down", "StatementBegin", "StatementEnd", "NO TRANSACTION", "ENVSUB ON", "ENVSUB OFF"
};

/* Raise an error about the line that was read last. */
static void
refuse(const GooseParser *parser, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("%s in \"%s\", line %d", what, parser->file_name, parser->line),
			 hint ? errhint("%s", hint) : 0));
}

/* Begin to read a file. */
void
goose_begin(GooseParser *parser, const char *file_name, MigrationDirection direction,
			const char *text, Size length)
{
	memset(parser, 0, sizeof(*parser));
	parser->file_name = file_name;
	parser->direction = direction;
	parser->text = parser->at = text;
	parser->end = text + length;
	parser->transaction = true;
	initStringInfo(&parser->buffer);
}

/* Take the next line, without its end; false at the end of the file. */
static bool
take_line(GooseParser *parser, const char **line, Size *length)
{
	const char *start = parser->at;
	const char *line_end;

	if (start >= parser->end)
		return false;
	line_end = memchr(start, '\n', parser->end - start);
	parser->at = line_end ? line_end + 1 : parser->end;
	if (!line_end)
		line_end = parser->end;
	parser->line++;
	if (line_end - start > GOOSE_MAX_LINE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("line %d of \"%s\" is longer than Goose reads", parser->line,
						parser->file_name),
				 errdetail("A line may have %d bytes.", GOOSE_MAX_LINE)));
	*line = start;
	*length = line_end - start;
	if (*length > 0 && line_end[-1] == '\r')
		(*length)--;
	return true;
}

/* The place of a word in a line, or NULL. */
static const char *
find_in(const char *line, Size length, const char *word)
{
	const char *end = line + length;
	Size		word_length = strlen(word);

	for (const char *at = line; (at = memchr(at, *word, end - at)); at++)
	{
		if (end - at < word_length)
			return NULL;
		if (memcmp(at, word, word_length) == 0)
			return at;
	}
	return NULL;
}

/* Is the line, but for white space, a comment? */
static bool
is_comment(const char *line, Size length)
{
	utf8_trim(&line, &length);
	return length >= 2 && line[0] == '-' && line[1] == '-';
}

/* Is there nothing but white space in the line? */
static bool
is_blank(const char *line, Size length)
{
	utf8_trim(&line, &length);
	return length == 0;
}

/* The line without "--", wherever that stands, and without the first "+goose" after that. */
static char *
annotation_text(const GooseParser *parser, const char *line, Size length)
{
	char	   *text = palloc(length + 1);
	char	   *place;
	int			n = 0;

	for (Size i = 0; i < length; i++)
	{
		if (i + 1 < length && line[i] == '-' && line[i + 1] == '-')
			i++;
		else
			text[n++] = line[i];
	}
	text[n] = '\0';
	place = strstr(text, ANNOTATION);
	if (place)
		memmove(place, place + strlen(ANNOTATION), strlen(place + strlen(ANNOTATION)) + 1);
	if (strstr(text, ANNOTATION))
		refuse(parser, "more than one annotation", NULL);
	return text;
}

/* Read the annotation of a line; most lines have none. */
static GooseAnnotation
read_annotation(const GooseParser *parser, const char *line, Size length)
{
	const char *text;
	char	   *words;

	if (!is_comment(line, length) || !find_in(line, length, ANNOTATION))
		return ANNOTATION_NONE;
	if (*line == ' ' || *line == '\t')
		refuse(parser, "white space before an annotation", "An annotation begins its line.");
	text = annotation_text(parser, line, length);
	length = strlen(text);
	utf8_trim(&text, &length);
	words = pnstrdup(text, length);
	for (int i = 0; i < lengthof(annotation_names); i++)
		if (pg_strcasecmp(words, annotation_names[i]) == 0)
			return (GooseAnnotation) i;
	refuse(parser, "unknown annotation",
		   "Goose's annotations are Up, Down, StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON and ENVSUB OFF.");
	return ANNOTATION_NONE;
}

/*
 * A statement must be complete where its part ends.  Not known yet where
 * variables were left alone: a value may hold the semicolon.
 */
static void
check_complete(GooseParser *parser)
{
	const char *rest = parser->buffer.data;
	Size		length = parser->buffer.len;

	utf8_trim(&rest, &length);
	if (length == 0 || (parser->has_variables && !parser->expand))
		return;
	parser->line = line_of(parser->text, origin_of(&parser->origin, rest - parser->buffer.data));
	refuse(parser, "a statement without a semicolon at its end",
		   "A statement ends with a semicolon at the end of a line; what holds others belongs between StatementBegin and StatementEnd.");
}

/* Go over into the Up part. */
static void
enter_up(GooseParser *parser)
{
	if (parser->state != GOOSE_START)
		refuse(parser, "a second annotation \"-- +goose Up\"", NULL);
	parser->state = GOOSE_UP;
}

/* Go over into the Down part. */
static void
enter_down(GooseParser *parser)
{
	if (parser->state != GOOSE_UP && parser->state != GOOSE_BLOCK_UP_ENDED)
		refuse(parser, "the annotation \"-- +goose Down\" at a wrong place",
			   "It comes once, behind the Up part, and not inside a block.");
	check_complete(parser);
	parser->state = GOOSE_DOWN;
	parser->has_down = true;
}

/* Go over into a block. */
static void
enter_block(GooseParser *parser)
{
	if (parser->state == GOOSE_UP || parser->state == GOOSE_BLOCK_UP_ENDED)
		parser->state = GOOSE_BLOCK_UP;
	else if (parser->state == GOOSE_DOWN || parser->state == GOOSE_BLOCK_DOWN_ENDED)
		parser->state = GOOSE_BLOCK_DOWN;
	else
		refuse(parser, "the annotation \"-- +goose StatementBegin\" at a wrong place",
			   "It comes behind \"-- +goose Up\" or \"-- +goose Down\", and not inside a block.");
}

/* Leave a block. */
static void
leave_block(GooseParser *parser)
{
	if (parser->state == GOOSE_BLOCK_UP)
		parser->state = GOOSE_BLOCK_UP_ENDED;
	else if (parser->state == GOOSE_BLOCK_DOWN)
		parser->state = GOOSE_BLOCK_DOWN_ENDED;
	else
		refuse(parser, "the annotation \"-- +goose StatementEnd\" without \"-- +goose StatementBegin\"",
			   NULL);
}

/* Follow an annotation. */
static void
follow(GooseParser *parser, GooseAnnotation annotation)
{
	switch (annotation)
	{
		case ANNOTATION_UP:
			enter_up(parser);
			break;
		case ANNOTATION_DOWN:
			enter_down(parser);
			break;
		case ANNOTATION_BEGIN:
			enter_block(parser);
			break;
		case ANNOTATION_END:
			leave_block(parser);
			break;
		case ANNOTATION_NO_TRANSACTION:
			parser->transaction = false;
			break;
		case ANNOTATION_ENVSUB_ON:
		case ANNOTATION_ENVSUB_OFF:
			parser->substitute = annotation == ANNOTATION_ENVSUB_ON;
			parser->has_variables |= parser->substitute;
			break;
		case ANNOTATION_NONE:
			break;
	}
}

/* Is this the line behind a block, or the one that ends it? */
static bool
block_ended(const GooseParser *parser)
{
	return parser->state == GOOSE_BLOCK_UP_ENDED || parser->state == GOOSE_BLOCK_DOWN_ENDED;
}

/* Append a line to the chunk; gives the line as it was appended. */
static void
append_line(GooseParser *parser, const char **line, Size *length)
{
	Size		start = parser->buffer.len;

	if (parser->substitute && parser->expand)
	{
		origin_add(&parser->origin, start, *line - parser->text, false);
		envsub(&parser->buffer, *line, *length, parser->variables, parser->file_name,
			   parser->line);
	}
	else
	{
		origin_add(&parser->origin, start, *line - parser->text, true);
		appendBinaryStringInfo(&parser->buffer, *line, *length);
	}
	*length = parser->buffer.len - start;
	appendStringInfoChar(&parser->buffer, '\n');
	*line = parser->buffer.data + start;
}

/* Drop the chunk. */
static void
clear_buffer(GooseParser *parser)
{
	resetStringInfo(&parser->buffer);
	origin_reset(&parser->origin);
}

/* Is this a line of the direction that is read? */
static bool
is_wanted(const GooseParser *parser)
{
	if (parser->state == GOOSE_START)
		refuse(parser, "SQL before the annotation \"-- +goose Up\"",
			   "A Goose file begins with \"-- +goose Up\".");
	return (parser->state < GOOSE_DOWN) == (parser->direction == DIRECTION_UP);
}

/* Does the last word before a comment end with a semicolon? */
static bool
ends_statement(const char *line, Size length)
{
	const char *end = line + length;
	const char *at = line;
	bool		semicolon = false;
	Size		n;

	while (at < end)
	{
		if ((n = utf8_space_at(at, end)) > 0)
		{
			at += n;
			continue;
		}
		if (end - at >= 2 && at[0] == '-' && at[1] == '-')
			break;
		while (at < end && utf8_space_at(at, end) == 0)
			at++;
		semicolon = at[-1] == ';';
	}
	return semicolon;
}

/*
 * Read a line; true where the chunk is complete.  The line of StatementEnd ends
 * it, or, if the block was empty, the first line of SQL behind it, which is lost:
 * so does Goose.
 */
static bool
read_line(GooseParser *parser, const char *line, Size length)
{
	GooseAnnotation annotation;

	if (parser->state == GOOSE_START && is_blank(line, length))
		return false;
	annotation = read_annotation(parser, line, length);
	follow(parser, annotation);
	if (annotation != ANNOTATION_NONE && annotation != ANNOTATION_END)
		return false;
	if (parser->buffer.len == 0 && (length == 0 || is_comment(line, length)))
		return false;
	if (!block_ended(parser))
		append_line(parser, &line, &length);
	if (!is_wanted(parser))
	{
		clear_buffer(parser);
		return false;
	}
	if (block_ended(parser))
	{
		parser->state = parser->direction == DIRECTION_UP ? GOOSE_UP : GOOSE_DOWN;
		return true;
	}
	return (parser->state == GOOSE_UP || parser->state == GOOSE_DOWN) &&
		ends_statement(line, length);
}

/* The file has ended: may it? */
static void
check_end(GooseParser *parser)
{
	parser->line = Max(parser->line, 1);
	if (parser->state == GOOSE_START)
		refuse(parser, "no annotation \"-- +goose Up\"",
			   "A Goose file begins with \"-- +goose Up\".");
	if (parser->state == GOOSE_BLOCK_UP || parser->state == GOOSE_BLOCK_DOWN)
		refuse(parser, "no annotation \"-- +goose StatementEnd\" at the end of a block", NULL);
	check_complete(parser);
}

/* Read the next chunk; false at the end of the file. */
bool
goose_next(GooseParser *parser, GooseChunk *chunk)
{
	const char *line;
	Size		length;

	clear_buffer(parser);
	while (take_line(parser, &line, &length))
	{
		CHECK_FOR_INTERRUPTS();
		if (!read_line(parser, line, length))
			continue;
		chunk->text = parser->buffer.data;
		chunk->length = parser->buffer.len;
		utf8_trim(&chunk->text, &chunk->length);
		chunk->offset = chunk->text - parser->buffer.data;
		return true;
	}
	check_end(parser);
	return false;
}
