/*
 * expression.h: conditions that users write as text.
 */
#ifndef SVC_EXPRESSION_H
#define SVC_EXPRESSION_H

#include "nodes/nodes.h"
#include "utils/rel.h"

/*
 * While a text of the user's is parsed, errors point into that text and not
 * into the statement that passed it.
 */
typedef struct TextErrorContext
{
	ErrorContextCallback callback;
	const char *text;
} TextErrorContext;

/* Code that should not run with the rights of others: a function, a cast to a type, or SQL/JSON */
typedef struct UntrustedCode
{
	Oid			function;
	Oid			type;
} UntrustedCode;

extern void svc_text_error_begin(TextErrorContext *context, const char *text);
extern void svc_text_error_end(TextErrorContext *context);

extern Node *svc_parse_condition(Relation rel, const char *condition, const char *what);
extern Node *svc_parse_condition_renamed(Relation rel, const char *condition, const char *what,
										 const char *old_column, const char *new_column);
extern char *svc_deparse_condition(Relation rel, Node *condition);
extern bool svc_find_untrusted_code(Node *node, UntrustedCode *code);
extern char *svc_describe_untrusted_code(const UntrustedCode *code);

#endif							/* SVC_EXPRESSION_H */
