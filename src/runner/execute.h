/*
 * execute.h: one statement in a runner.
 */
#ifndef SVC_RUNNER_EXECUTE_H
#define SVC_RUNNER_EXECUTE_H

#include "nodes/parsenodes.h"
#include "tcop/cmdtag.h"
#include "tcop/dest.h"

/* The data of a COPY ... FROM STDIN, which stands in the text that is run */
typedef struct CopyData
{
	const char *data;
	Size		length;
} CopyData;

extern void runner_begin_statement(const char *activity);
extern void runner_end_statement(void);
extern void runner_execute(RawStmt *raw, const char *text, MemoryContext cxt,
						   CommandDest dest, QueryCompletion *completion);
extern uint64 runner_copy(const CopyStmt *statement, const char *text, CopyData data);

#endif							/* SVC_RUNNER_EXECUTE_H */
