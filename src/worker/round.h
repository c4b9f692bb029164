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
	ROUND_ABSENT				/* the extension is not there, or not now */
} RoundResult;

/* Who does the rounds: a worker in the background, or somebody who waits for them */
extern void round_begin_session(bool waited_for);
extern RoundResult round_do(bool rung, TimestampTz *next);
extern bool round_failed(void);

#endif							/* SVC_WORKER_ROUND_H */
