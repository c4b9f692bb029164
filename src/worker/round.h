/*
 * round.h: a round of all jobs; for the module only.
 */
#ifndef SVC_WORKER_ROUND_H
#define SVC_WORKER_ROUND_H

#include "utils/timestamp.h"

typedef enum RoundResult
{
	ROUND_DONE,
	ROUND_BUSY,					/* somebody else is at work in this database */
	ROUND_HELD,					/* somebody is about to change the extension */
	ROUND_ABSENT				/* it is not there */
} RoundResult;

/*
 * Who is told what goes wrong: the log; or the caller who waits for it, all of
 * it or, if he may not read what belongs to other services, only that it did
 */
typedef enum RoundReader
{
	READER_LOG,
	READER_CALLER,
	READER_STRANGER
} RoundReader;

extern void round_begin_session(RoundReader told);
extern RoundResult round_do(bool rung, TimestampTz *next);
extern bool round_failed(void);

#endif							/* SVC_WORKER_ROUND_H */
