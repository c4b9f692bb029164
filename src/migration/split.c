/*
 * split.c: a text cut into statements by the server's own lexer and parser.
 *
 * The lexer finds where a statement ends, at a semicolon outside of
 * parentheses and of a BEGIN ATOMIC body; the parser then sees that statement
 * alone.  So a file needs the memory of its largest statement, not of its whole
 * parse tree, COPY's data is known from the statement before it, and a setting
 * that a statement changes holds for what comes next.
 *
 * The lexer copies what it is given.  It therefore sees a window of the text,
 * statement after statement.  A semicolon that it returns is final, whatever
 * follows the window; where the window ends, or an error comes that may be its
 * end's fault, a new one is opened at the beginning of the statement, twice as
 * large if it began there already.  Memory is palloc'd only, so that errors can
 * be caught without a subtransaction.
 */
#include "core/svc.h"

#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "migration/position.h"
#include "migration/split.h"
#include "migration/statement.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define MAX_QUOTED 80			/* bytes of a text that an error quotes */

Size		split_window_size = 64 * 1024;

/*
 * Codes of our own for the keywords that matter; the grammar's are in a header
 * that newer servers do not install.  The lexer takes them as an argument.
 */
typedef enum Keyword
{
	KW_OTHER = 60000,
	KW_ATOMIC,
	KW_BEGIN,
	KW_CREATE,
	KW_END,
	KW_FUNCTION,
	KW_OR,
	KW_PROCEDURE
} Keyword;

static const struct
{
	const char *name;
	Keyword		code;
}			keywords[] = {
	{"atomic", KW_ATOMIC},
	{"begin", KW_BEGIN},
	{"create", KW_CREATE},
	{"end", KW_END},
	{"function", KW_FUNCTION},
	{"or", KW_OR},
	{"procedure", KW_PROCEDURE}
};

struct Splitter
{
	const char *text;
	Size		length;
	Size		first;			/* after a byte order mark */
	Size		position;		/* where what was not yet returned begins */
	bool		conforming;		/* standard_conforming_strings */
	Size		error_offset;
	MemoryContext cxt;

	/* The window; no scanner: none is open */
	MemoryContext window_cxt;
	core_yyscan_t scanner;
	core_yy_extra_type extra;
	uint16	   *keyword_codes;
	Size		window_start;
	Size		window_end;
	YYLTYPE		location;		/* of the lexer's last token, in the window */

	MemoryContext statement_cxt;
	Size		statement_start;	/* of the last one */
};

/* Why the lexer stopped */
typedef enum ScanEnd
{
	SCAN_SEMICOLON,
	SCAN_BACKSLASH,				/* never SQL: a command of psql */
	SCAN_END
} ScanEnd;

/* What the lexer has seen of a statement */
typedef struct Scan
{
	int			tokens;
	int			head[4];		/* the first ones */
	int			previous;
	int			parens;
	bool		in_body;		/* BEGIN ATOMIC ... END */
	Size		start;
	Size		end;			/* of the token at which the lexer stopped */
	ScanEnd		why;
	RawStmt    *raw;
} Scan;

/* Begin to split a text. */
Splitter *
split_begin(const char *text, Size length)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership splitter",
											  ALLOCSET_SMALL_SIZES);
	Splitter   *s = MemoryContextAllocZero(cxt, sizeof(Splitter));

	if (memchr(text, '\0', length))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("a text of statements must not contain a zero byte")));
	s->cxt = cxt;
	s->window_cxt = AllocSetContextCreate(cxt, "window", ALLOCSET_DEFAULT_SIZES);
	s->statement_cxt = AllocSetContextCreate(cxt, "statement", ALLOCSET_DEFAULT_SIZES);
	s->text = text;
	s->length = length;
	s->conforming = standard_conforming_strings;
	s->position = s->first = byte_order_mark(text, length);
	s->keyword_codes = MemoryContextAlloc(cxt, ScanKeywords.num_keywords * sizeof(uint16));
	for (int i = 0; i < ScanKeywords.num_keywords; i++)
		s->keyword_codes[i] = KW_OTHER;
	for (int i = 0; i < lengthof(keywords); i++)
		s->keyword_codes[ScanKeywordLookup(keywords[i].name, &ScanKeywords)] = keywords[i].code;
	return s;
}

/* Free everything, the last statement, too. */
void
split_end(Splitter *s)
{
	MemoryContextDelete(s->cxt);
}

/* The setting of the session: the lexer heeds it from the next token on. */
void
split_set_conforming_strings(Splitter *s, bool on)
{
	s->conforming = on;
	s->extra.standard_conforming_strings = on;
}

/* What the setting is for the next statement. */
bool
split_conforming_strings(const Splitter *s)
{
	return s->conforming;
}

/* Go on at a place. */
void
split_seek(Splitter *s, Size offset)
{
	Assert(offset <= s->length);
	s->position = Max(offset, s->first);
	s->scanner = NULL;
}

/* Where the error is that was just raised. */
Size
split_error_offset(const Splitter *s)
{
	return s->error_offset;
}

/*
 * Shorten what the lexer quotes: where a quote is not closed, that is the whole
 * rest of the text.
 */
static char *
clip_message(const char *message)
{
	int			length = strcspn(message, "\r\n");
	const char *quoted = strchr(message, '"');

	if (quoted && length > quoted - message + MAX_QUOTED)
		length = quoted - message + pg_mbcliplen(quoted, length - (quoted - message), MAX_QUOTED);
	if (message[length] == '\0')
		return pstrdup(message);
	return psprintf("%.*s...\"", length, message);
}

/* Raise an error that was caught, for a place of the text; contexts are asked anew. */
static void
raise_at(Splitter *s, ErrorData *error, Size offset)
{
	s->error_offset = offset;
	error->message = clip_message(error->message);
	error->context = NULL;
	error->cursorpos = 0;
	ThrowErrorData(error);
	pg_unreachable();
}

/* Call the lexer or the parser under the splitter's settings, and catch its error. */
static ErrorData *
catch_error(Splitter *s, MemoryContext cxt, void (*work) (Splitter *, Scan *), Scan *scan)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool		conforming = standard_conforming_strings;
	int			client_level = client_min_messages;
	int			log_level = log_min_messages;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		standard_conforming_strings = s->conforming;
		work(s, scan);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(s->statement_cxt);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	standard_conforming_strings = conforming;
	client_min_messages = client_level;
	log_min_messages = log_level;
	MemoryContextSwitchTo(old);
	return error;
}

/* Is it CREATE [OR REPLACE] FUNCTION or PROCEDURE, which alone has a body BEGIN ATOMIC? */
static bool
is_routine(const Scan *scan)
{
	int			kind = scan->head[1] == KW_OR ? scan->head[3] : scan->head[1];

	return scan->head[0] == KW_CREATE && (kind == KW_FUNCTION || kind == KW_PROCEDURE);
}

/*
 * Take note of a token.  In a body, END closes only where a statement could
 * begin: elsewhere it is the end of a CASE, or a name.
 */
static void
note_token(Scan *scan, int token)
{
	if (scan->tokens < lengthof(scan->head))
		scan->head[scan->tokens] = token;
	scan->tokens++;
	if (token == '(')
		scan->parens++;
	else if (token == ')')
		scan->parens--;
	else if (scan->parens <= 0 && token == KW_ATOMIC && scan->previous == KW_BEGIN)
		scan->in_body = scan->in_body || is_routine(scan);
	else if (scan->parens <= 0 && token == KW_END &&
			 (scan->previous == ';' || scan->previous == KW_ATOMIC))
		scan->in_body = false;
	scan->previous = token;
}

/*
 * Lex up to the end of a statement or of the window.  Notices, of names that are
 * too long, are the parser's to give.  Errors may be the window's fault, so
 * nobody is asked for their context.
 */
static void
scan_tokens(Splitter *s, Scan *scan)
{
	core_YYSTYPE value;
	int			token;

	error_context_stack = NULL;
	client_min_messages = log_min_messages = ERROR;
	while ((token = core_yylex(&value, &s->location, s->scanner)) != 0)
	{
		scan->end = s->window_start + s->location;
		scan->why = token == '\\' ? SCAN_BACKSLASH : SCAN_SEMICOLON;
		if (token == '\\' || (token == ';' && scan->parens <= 0 && !scan->in_body))
			return;
		if (scan->tokens == 0)
			scan->start = scan->end;
		note_token(scan, token);
	}
	scan->end = s->window_end;
	scan->why = SCAN_END;
}

/* Open a window. */
static void
open_window(Splitter *s, Size start, Size size)
{
	MemoryContext old;
	char	   *copy;

	MemoryContextReset(s->window_cxt);
	s->window_start = start;
	s->window_end = start + Min(size, s->length - start);
	old = MemoryContextSwitchTo(s->window_cxt);
	copy = pnstrdup(s->text + start, s->window_end - start);
	s->scanner = scanner_init(copy, &s->extra, &ScanKeywords, s->keyword_codes);
	pfree(copy);
	MemoryContextSwitchTo(old);
	s->extra.standard_conforming_strings = s->conforming;
}

/* The end of the line in which a place is, or of the text: where the line feed is. */
static Size
line_end(const Splitter *s, Size offset)
{
	const char *end = memchr(s->text + offset, '\n', s->length - offset);

	return end ? end - s->text : s->length;
}

/* The end of a comment that begins at a place, nested ones in it; the place itself: it has none. */
static Size
skip_block_comment(const char *text, Size offset, Size end)
{
	int			depth = 0;

	for (Size i = offset; i + 1 < end;)
	{
		bool		opens = text[i] == '/' && text[i + 1] == '*';
		bool		closes = text[i] == '*' && text[i + 1] == '/';

		depth += opens - closes;
		i += opens || closes ? 2 : 1;
		if (closes && depth == 0)
			return i;
	}
	return offset;
}

/*
 * Skip blanks and comments before a statement, so that no window holds them.
 * What this does not know, the lexer does.
 */
static Size
skip_blanks(const char *text, Size offset, Size end)
{
	while (offset < end)
	{
		char		next = offset + 1 < end ? text[offset + 1] : '\0';
		Size		from = offset;

		if (strchr(" \t\n\r\f", text[offset]))
			offset++;
		else if (text[offset] == '-' && next == '-')
			while (offset < end && text[offset] != '\n' && text[offset] != '\r')
				offset++;
		else if (text[offset] == '/' && next == '*')
			offset = skip_block_comment(text, offset, end);
		if (offset == from)
			break;
	}
	return offset;
}

/* Open a window at what was not yet returned, or make the one that begins there larger. */
static void
widen_window(Splitter *s)
{
	Size		size = split_window_size;

	s->position = skip_blanks(s->text, s->position, s->length);
	if (s->scanner && s->window_start == s->position)
		size = 2 * (s->window_end - s->window_start);
	open_window(s, s->position, size);
}

/* Find what the lexer says is next, in as many windows as it needs. */
static Scan
scan_statement(Splitter *s)
{
	for (;;)
	{
		Scan		scan = {0};
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		if (s->scanner == NULL)
			widen_window(s);
		error = catch_error(s, s->window_cxt, scan_tokens, &scan);
		if (s->window_end == s->length && error)
			raise_at(s, error, s->window_start + s->location);
		if (!error && (s->window_end == s->length || scan.why != SCAN_END))
			return scan;
		if (error)
			FreeErrorData(error);
		widen_window(s);
	}
}

/* Pass over a line of psql's that a dump may contain; any other is an error. */
static void
pass_psql_line(Splitter *s, const Scan *scan)
{
	Size		start = scan->end + 1;
	int			length = pg_mbcliplen(s->text + start, Min(s->length - start, MAX_QUOTED), MAX_QUOTED);
	char	   *name = pnstrdup(s->text + start, length);

	name[strcspn(name, " \t\r\n;")] = '\0';
	if (scan->tokens > 0 || (strcmp(name, "restrict") != 0 && strcmp(name, "unrestrict") != 0))
	{
		s->error_offset = scan->end;
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("psql's command \\%s cannot be run by the server", name),
				 errhint("Write what it does in SQL. Of psql's commands, only \\restrict and \\unrestrict, which pg_dump writes, are passed over.")));
	}
	pfree(name);
	split_seek(s, line_end(s, scan->end));
}

/* Where a parser's error or warning is: its position counts characters of the statement. */
static void
note_position(void *arg)
{
	Splitter   *s = arg;
	const char *p = s->text + s->statement_start;
	int			position = geterrposition();

	for (int i = 1; i < position && p < s->text + s->length; i++)
		p += pg_encoding_mblen(GetDatabaseEncoding(), p);
	s->error_offset = Min(p, s->text + s->length) - s->text;
	errposition(0);
}

/*
 * Parse a statement; in the memory of the statement.  Positions are taken before
 * the functions that are being executed take them for their own text's.
 */
static void
parse(Splitter *s, Scan *scan)
{
	ErrorContextCallback callback = {error_context_stack, note_position, s};
	List	   *statements;

	error_context_stack = &callback;
	s->statement_start = scan->start;
	statements = raw_parser(pnstrdup(s->text + scan->start, scan->end - scan->start),
							RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;
	if (list_length(statements) != 1)
		elog(ERROR, "the parser found %d statements in one", list_length(statements));
	scan->raw = linitial_node(RawStmt, statements);
}

/* Without the blanks at a statement's end. */
static Size
trim(const Splitter *s, Size start, Size end)
{
	while (end > start && strchr(" \t\n\r\f", s->text[end - 1]))
		end--;
	return end;
}

/* The value that a SET gives to a setting that is on or off. */
static bool
set_value(const VariableSetStmt *set, bool old)
{
	const char *word = NULL;
	A_Const    *constant;
	bool		value;

	if (set->kind == VAR_SET_DEFAULT || set->kind == VAR_RESET || set->kind == VAR_RESET_ALL)
		word = GetConfigOptionResetString("standard_conforming_strings");
	else if (set->kind == VAR_SET_VALUE && IsA(linitial(set->args), A_Const))
	{
		constant = linitial_node(A_Const, set->args);
		if (IsA(&constant->val, Integer))
			return intVal(&constant->val) != 0;
		if (IsA(&constant->val, String))
			word = strVal(&constant->val);
	}
	return word && parse_bool(word, &value) ? value : old;
}

/* Heed a statement that says how strings are to be read after it. */
static void
follow_setting(Splitter *s, Node *statement)
{
	VariableSetStmt reset = {.kind = VAR_RESET};

	if (IsA(statement, VariableSetStmt))
	{
		VariableSetStmt *set = (VariableSetStmt *) statement;

		if (set->kind == VAR_RESET_ALL ||
			(set->name && pg_strcasecmp(set->name, "standard_conforming_strings") == 0))
			split_set_conforming_strings(s, set_value(set, s->conforming));
	}
	else if (IsA(statement, DiscardStmt) && ((DiscardStmt *) statement)->target == DISCARD_ALL)
		split_set_conforming_strings(s, set_value(&reset, s->conforming));
}

/* The line after a COPY, where its data begins: nothing may stand beside the semicolon. */
static Size
copy_data_start(Splitter *s, Size offset)
{
	Size		end = line_end(s, offset);

	offset = skip_blanks(s->text, offset, end);
	if (offset < end)
	{
		s->error_offset = offset;
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("nothing may follow COPY FROM STDIN in its line"),
				 errdetail("The data begins in the next line."),
				 errhint("Begin a new line, after the line \\. that ends the data.")));
	}
	return Min(end + 1, s->length);
}

/* Take the data of a COPY FROM STDIN, up to a line \. or to the end of the text. */
static void
take_copy_data(Splitter *s, SplitStatement *statement)
{
	Size		line = copy_data_start(s, statement->end);

	statement->has_copy_data = true;
	statement->copy_start = line;
	for (;;)
	{
		Size		end = line_end(s, line);
		Size		length = end - line;
		const char *p = s->text + line;

		CHECK_FOR_INTERRUPTS();
		if (length >= 2 && p[0] == '\\' && p[1] == '.' &&
			(length == 2 || (length == 3 && p[2] == '\r')))
		{
			statement->copy_length = line - statement->copy_start;
			statement->end = Min(end + 1, s->length);
			break;
		}
		if (end == s->length)
		{
			statement->copy_length = end - statement->copy_start;
			statement->end = end;
			break;
		}
		line = end + 1;
	}
	split_seek(s, statement->end);
}

/* Parse what the lexer found. */
static void
take_statement(Splitter *s, Scan *scan, SplitStatement *statement)
{
	ErrorData  *error;

	s->position = Min(scan->end + 1, s->length);
	scan->end = trim(s, scan->start, scan->end);
	error = catch_error(s, s->statement_cxt, parse, scan);
	if (error)
		raise_at(s, error, s->error_offset);
	memset(statement, 0, sizeof(SplitStatement));
	statement->start = scan->start;
	statement->length = scan->end - scan->start;
	statement->end = s->position;
	statement->raw = scan->raw;
	follow_setting(s, scan->raw->stmt);
	if (statement_is_copy_in(scan->raw->stmt))
		take_copy_data(s, statement);
}

/* The next statement; false: there is none. */
bool
split_next(Splitter *s, SplitStatement *statement)
{
	MemoryContextReset(s->statement_cxt);
	for (;;)
	{
		Scan		scan = scan_statement(s);

		if (scan.why == SCAN_BACKSLASH)
			pass_psql_line(s, &scan);
		else if (scan.tokens > 0)
		{
			take_statement(s, &scan, statement);
			return true;
		}
		else if (scan.why == SCAN_SEMICOLON)
			s->position = scan.end + 1;
		else
		{
			split_seek(s, s->length);
			return false;
		}
	}
}
