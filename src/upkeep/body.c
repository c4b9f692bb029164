/*
 * body.c: what a PL/pgSQL trigger function does, if it is as simple as can be.
 *
 * Recognised is
 *     BEGIN  { NEW.column (= | :=) now ; } ...  RETURN NEW ;  END [;]
 * with now one of now(), CURRENT_TIMESTAMP and transaction_timestamp(), in any
 * layout, with comments.  Everything else is somebody's own logic and left
 * alone.  The reader is a few functions over tokens and calls nothing of the
 * server but palloc, so that a fuzzer can drive it.
 */
#include "core/svc.h"

#include "upkeep/body.h"

/* A token: an identifier in its stored spelling, or one symbol */
typedef struct Reader
{
	const char *at;
	char	   *token;			/* NULL at the end */
	bool		quoted;
} Reader;

/* Is this a character that identifiers are made of? */
static bool
is_identifier_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '$' || (c & 0x80);
}

/* Pass over a comment in slashes and stars, which nests; the end of the text ends it. */
static const char *
skip_block_comment(const char *at)
{
	int			depth = 0;

	do
	{
		if (at[0] == '/' && at[1] == '*')
		{
			depth++;
			at += 2;
		}
		else if (at[0] == '*' && at[1] == '/')
		{
			depth--;
			at += 2;
		}
		else
			at++;
	} while (depth > 0 && *at);
	return at;
}

/* Pass over white space and comments. */
static const char *
skip_space(const char *at)
{
	for (;;)
	{
		if (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r' || *at == '\f')
			at++;
		else if (at[0] == '-' && at[1] == '-')
			at += strcspn(at, "\n\r");
		else if (at[0] == '/' && at[1] == '*')
			at = skip_block_comment(at);
		else
			return at;
	}
}

/* Read a quoted identifier, with its quotes undone. */
static void
read_quoted(Reader *r)
{
	char	   *out = palloc(strlen(r->at) + 1);
	int			n = 0;

	for (r->at++; *r->at; r->at++)
	{
		if (*r->at == '"' && r->at[1] != '"')
			break;
		if (*r->at == '"')
			r->at++;
		out[n++] = *r->at;
	}
	if (*r->at)
		r->at++;
	out[n] = '\0';
	r->token = out;
	r->quoted = true;
}

/* Read a plain identifier, in lower case. */
static void
read_plain(Reader *r)
{
	const char *start = r->at;
	int			length;

	while (is_identifier_char(*r->at))
		r->at++;
	length = r->at - start;
	r->token = palloc(length + 1);
	for (int i = 0; i < length; i++)
		r->token[i] = start[i] >= 'A' && start[i] <= 'Z' ? start[i] + ('a' - 'A') : start[i];
	r->token[length] = '\0';
}

/* Go on to the next token. */
static void
advance(Reader *r)
{
	r->at = skip_space(r->at);
	r->quoted = false;
	r->token = NULL;
	if (*r->at == '\0')
		return;
	if (*r->at == '"')
		read_quoted(r);
	else if (is_identifier_char(*r->at))
		read_plain(r);
	else if (r->at[0] == ':' && r->at[1] == '=')
	{
		r->token = pstrdup("=");
		r->at += 2;
	}
	else
	{
		r->token = pnstrdup(r->at, 1);
		r->at++;
	}
}

/* If the token is this word or symbol, go on. */
static bool
accept(Reader *r, const char *token)
{
	if (!r->token || r->quoted || strcmp(r->token, token) != 0)
		return false;
	advance(r);
	return true;
}

/* The name of a function without arguments, and its parentheses. */
static bool
accept_now(Reader *r)
{
	if (accept(r, "current_timestamp"))
		return true;
	if (accept(r, "pg_catalog") && !accept(r, "."))
		return false;
	return (accept(r, "now") || accept(r, "transaction_timestamp")) &&
		accept(r, "(") && accept(r, ")");
}

/* One assignment NEW.column = now; adds the column. */
static bool
accept_assignment(Reader *r, List **columns)
{
	if (!accept(r, "new") || !accept(r, ".") || !r->token)
		return false;
	*columns = lappend(*columns, r->token);
	advance(r);
	return accept(r, "=") && accept_now(r) && accept(r, ";");
}

/*
 * The columns that a function body sets to the time of the transaction, if
 * that is all it does; else NIL.
 */
List *
body_timestamp_columns(const char *body)
{
	Reader		r = {.at = body};
	List	   *columns = NIL;

	advance(&r);
	if (!accept(&r, "begin"))
		return NIL;
	while (r.token && !r.quoted && strcmp(r.token, "new") == 0)
		if (!accept_assignment(&r, &columns))
			return NIL;
	if (!accept(&r, "return") || !accept(&r, "new") || !accept(&r, ";") || !accept(&r, "end"))
		return NIL;
	(void) accept(&r, ";");
	return r.token ? NIL : columns;
}
