/*
 * async.h: keys that are checked after the transaction that brought them.
 */
#ifndef SVC_ASYNC_H
#define SVC_ASYNC_H

#include "core/protect.h"
#include "reference/key_set.h"
#include "reference/violation.h"

/* The job whose complaints are about references */
#define ASYNC_JOB "references"

extern void AsyncInit(void);

/* A look at keys that are to be checked */
typedef struct AsyncLook
{
	const Reference *reference;
	KeySet	   *set;			/* pending ones are asked for */
	ViolationSource source;		/* who wants to know */
	int			attempts;		/* that failed before */
	TimestampTz since;			/* when its keys were parked; 0: they were not */
	TimestampTz asked;			/* when this look began */
	bool		second;			/* a key that is missing was so a moment ago */
	char	   *error;			/* why keys could not be asked */
	ProtectedWork also;			/* done in the transaction that records; or NULL */
	void	   *argument;
} AsyncLook;

extern Reference *async_reference(const char *name);
extern bool async_look(AsyncLook *look);

#endif							/* SVC_ASYNC_H */
