/*
 * action.h: what becomes of rows that refer to deleted keys.
 */
#ifndef SVC_ACTION_H
#define SVC_ACTION_H

#include "utils/array.h"

/* How far a pass over the rows that hold some keys came */
typedef enum ActionResult
{
	ACTION_DONE,				/* no row refers to a deleted key, or each that does is a violation */
	ACTION_BUSY,				/* others hold rows, or are changing them: again soon */
	ACTION_FAILED,				/* something is wrong: again later */
	ACTION_LEFT					/* the worker was asked to leave */
} ActionResult;

/*
 * Do what on_delete says with the rows of a reference that hold these keys, in
 * transactions of its own; to be called outside of one.  *error: what is wrong,
 * in the current memory context.
 */
extern ActionResult action_pass(const char *reference, ArrayType *keys, ErrorData **error);

#endif							/* SVC_ACTION_H */
