/*
 * retention.h: rows that are kept for a while, and then go.
 */
#ifndef SVC_RETENTION_H
#define SVC_RETENTION_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* A table whose rows expire */
typedef struct Retention
{
	Oid			relation;
	char	   *column;
	Oid			type;			/* of the column; passed by value */
	Interval   *keep;
	bool		one_batch;		/* not all that has expired */
	bool		goes_on;		/* from this age */
	Datum		from;
	bool		stands;			/* the batch did not come to another age */
	bool		done;			/* nothing has expired any more */
	uint64		deleted;		/* how many rows */
} Retention;

extern List *retention_list(Oid caller, Oid relation);
extern void retention_expire(void *argument);
extern void RetentionJobInit(void);

#endif							/* SVC_RETENTION_H */
