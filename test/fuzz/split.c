/*
 * split.c: where statements end.
 *
 * Windows of every size must give the same statements or the same error; what
 * lies between statements must be nothing but blanks, comments, semicolons, psql's
 * lines and COPY's data, so that all of it joined is the text again; going on at a
 * place where a statement ended must give the rest; and where the server's parser
 * reads the text as a whole, it must see the same statements.
 */
#include "fuzz.h"

#include "nodes/nodes.h"
#include "parser/parser.h"

#include "migration/split.h"
#include "migration/statement.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* What became of a text */
typedef struct Outcome
{
	List	   *statements;		/* SplitStatement */
	List	   *trees;			/* RawStmt, copied */
	int			sqlstate;		/* of the error at its end; 0: none */
	char	   *message;
	Size		offset;
} Outcome;

/* Split a text, from a place on. */
static Outcome *
split(const char *text, Size length, Size window, Size from)
{
	MemoryContext cxt = CurrentMemoryContext;
	Outcome    *outcome = palloc0(sizeof(Outcome));
	Splitter   *splitter;
	SplitStatement statement;

	split_window_size = window;
	splitter = split_begin(text, length);
	split_seek(splitter, from);
	PG_TRY();
	{
		while (split_next(splitter, &statement))
		{
			SplitStatement *copy = palloc(sizeof(SplitStatement));

			*copy = statement;
			outcome->statements = lappend(outcome->statements, copy);
			outcome->trees = lappend(outcome->trees, copyObject(statement.raw));
		}
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		outcome->sqlstate = error->sqlerrcode;
		outcome->message = error->message;
		outcome->offset = split_error_offset(splitter);
	}
	PG_END_TRY();
	split_end(splitter);
	return outcome;
}

/* Is it the same statement? */
static bool
same_statement(const SplitStatement *a, const SplitStatement *b)
{
	return a->start == b->start && a->length == b->length && a->end == b->end &&
		a->has_copy_data == b->has_copy_data && a->copy_start == b->copy_start &&
		a->copy_length == b->copy_length;
}

/* Two outcomes are the same, of the first one from a statement on. */
static void
check_same(const Outcome *a, int from, const Outcome *b)
{
	fuzz_check(list_length(a->statements) - from == list_length(b->statements));
	for (int i = 0; i < list_length(b->statements); i++)
	{
		fuzz_check(same_statement(list_nth(a->statements, from + i), list_nth(b->statements, i)));
		fuzz_check(equal(list_nth(a->trees, from + i), list_nth(b->trees, i)));
	}
	fuzz_check(a->sqlstate == b->sqlstate && a->offset == b->offset);
	fuzz_check(!a->message || strcmp(a->message, b->message) == 0);
}

/* The end of a comment, as the manual describes it. */
static const char *
after_comment(const char *p, const char *end)
{
	int			depth = 1;

	if (*p == '-')
		return p + strcspn(p, "\r\n");
	for (p += 2; depth > 0; p++)
	{
		fuzz_check(p < end);
		if (strncmp(p, "/*", 2) == 0)
			depth++, p++;
		else if (strncmp(p, "*/", 2) == 0)
			depth--, p++;
	}
	return p;
}

/* Nothing that matters lies between two places. */
static void
check_gap(const char *text, Size from, Size to)
{
	const char *p = text + from;
	const char *end = text + to;

	fuzz_check(from <= to);
	while (p < end)
	{
		if (strchr(" \t\r\n\f\v;", *p))
			p++;
		else if (strncmp(p, "--", 2) == 0 || strncmp(p, "/*", 2) == 0)
			p = after_comment(p, end);
		else if (strncmp(p, "\\restrict", 9) == 0 || strncmp(p, "\\unrestrict", 11) == 0)
			p += strcspn(p, "\n");
		else
		{
			fuzz_check(p == text && strncmp(p, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0);
			p += strlen(BYTE_ORDER_MARK);
		}
	}
	fuzz_check(p == end);
}

/* The data of a COPY begins in the next line, and ends before a line \. or with the text. */
static void
check_copy(const char *text, Size length, const SplitStatement *statement)
{
	Size		after = statement->copy_start + statement->copy_length;

	check_gap(text, statement->start + statement->length, statement->copy_start);
	fuzz_check(statement->copy_start == length || text[statement->copy_start - 1] == '\n');
	fuzz_check(statement->end <= length && after <= statement->end);
	if (after == length)
		return;
	fuzz_check(strncmp(text + after, "\\.", 2) == 0);
	fuzz_check(after + 2 + strspn(text + after + 2, "\r\n") >= statement->end);
}

/* The statements and what lies between them are the text. */
static void
check_joined(const char *text, Size length, const Outcome *outcome)
{
	Size		place = 0;
	ListCell   *cell;

	foreach(cell, outcome->statements)
	{
		const SplitStatement *statement = lfirst(cell);

		fuzz_check(statement->length > 0);
		check_gap(text, place, statement->start);
		if (statement->has_copy_data)
			check_copy(text, length, statement);
		else
			check_gap(text, statement->start + statement->length, statement->end);
		place = statement->end;
	}
	if (!outcome->sqlstate)
		check_gap(text, place, length);
}

/* Is there a statement that says how the text after it is read? */
static bool
has_settings(List *statements)
{
	ListCell   *cell;

	foreach(cell, statements)
	{
		Node	   *statement = lfirst_node(RawStmt, cell)->stmt;

		if (IsA(statement, VariableSetStmt) || IsA(statement, DiscardStmt))
			return true;
	}
	return false;
}

/* Is there one whose data the server would take for statements? */
static bool
has_copy_in(List *statements)
{
	ListCell   *cell;

	foreach(cell, statements)
	{
		if (statement_is_copy_in(lfirst_node(RawStmt, cell)->stmt))
			return true;
	}
	return false;
}

/* The server's own parser, over all of it; false: it finds an error. */
static bool
parse_all(const char *text, List **statements)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool parsed = true;

	PG_TRY();
	{
		*statements = raw_parser(text, RAW_PARSE_DEFAULT);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		FlushErrorState();
		parsed = false;
	}
	PG_END_TRY();
	return parsed;
}

/* The server sees the same statements.  Nothing of psql's, and no setting, is in the text. */
static void
check_parser(const char *text, const Outcome *outcome)
{
	List	   *statements = NIL;
	bool		parsed;

	if (has_settings(outcome->trees) || has_copy_in(outcome->trees) || strchr(text, '\\') ||
		strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		return;
	parsed = parse_all(text, &statements);
	if (has_copy_in(statements))
		return;
	fuzz_check(parsed == (outcome->sqlstate == 0));
	if (!parsed)
		return;
	fuzz_check(list_length(statements) == list_length(outcome->statements));
	for (int i = 0; i < list_length(statements); i++)
	{
		RawStmt    *whole = list_nth_node(RawStmt, statements, i);
		const SplitStatement *statement = list_nth(outcome->statements, i);

		fuzz_check(equal(whole->stmt, list_nth_node(RawStmt, outcome->trees, i)->stmt));
		fuzz_check(!whole->stmt_len ||
				   statement->end == whole->stmt_location + whole->stmt_len + 1);
	}
}

/* What is said of a statement must not fail, whatever it is. */
static void
look_at_statements(const Outcome *outcome)
{
	List	   *temporary = NIL;
	ListCell   *cell;

	foreach(cell, outcome->trees)
	{
		Node	   *statement = lfirst_node(RawStmt, cell)->stmt;
		const char *reason;

		(void) statement_is_transactional(statement, &reason);
		(void) statement_controls_transaction(statement);
		(void) statement_shapes_session(statement, &temporary);
		(void) statement_waits_harmlessly(statement);
	}
}

/* Run the target. */
static void
run(const char *data, Size size)
{
	const char *text;
	const char *terminated;
	Size		odd;
	Outcome    *whole;

	if (!fuzz_is_text(data, size))
		return;
	text = fuzz_copy(data, size);
	terminated = pnstrdup(data, size);
	odd = 1 + (size ? (uint8) data[size / 2] * 7 + size : 0) % 97;
	whole = split(text, size, 64 * 1024, 0);
	check_same(whole, 0, split(text, size, 8, 0));
	check_same(whole, 0, split(text, size, odd, 0));
	if (whole->statements != NIL && !has_settings(whole->trees))
	{
		int			last = odd % list_length(whole->statements);
		const SplitStatement *statement = list_nth(whole->statements, last);

		check_same(whole, last + 1, split(text, size, odd, statement->end));
	}
	check_joined(terminated, size, whole);
	check_parser(terminated, whole);
	look_at_statements(whole);
}

const FuzzTarget split_target = {"split", run};
