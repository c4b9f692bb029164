/*
 * sweep.h: looking at all rows of a reference.
 */
#ifndef SVC_SWEEP_H
#define SVC_SWEEP_H

#include "reference/reference.h"

typedef struct Sweep Sweep;

/* What is not as it should be, after a sweep */
typedef struct SweepResult
{
	int64		keys;
	int64		rows;
} SweepResult;

extern void SweepInit(void);

/* In the current memory context, which outlives the transactions of the sweep */
extern Sweep *sweep_make(const char *reference);
extern void sweep_free(Sweep *sweep);

/*
 * Pieces of work, each in a transaction of its own at READ COMMITTED: begin, or
 * go on where somebody stopped; then steps, until sweep_is_done.
 */
extern void sweep_begin(void *sweep);
extern void sweep_step(void *sweep);
extern bool sweep_is_done(const Sweep *sweep);

/* When a step failed: was it because the contract could not be asked? */
extern bool sweep_was_asking(const Sweep *sweep);

/* Or did it only give way to others, who hold a lock?  Then it is to be tried again, after a rest */
extern bool sweep_gave_way(const ErrorData *error);
extern void sweep_rest_for_others(bool (*must_leave) (void));

extern SweepResult sweep_result(const char *reference);

/* Rest between two steps, for as long as the setting says, but not if "must_leave" (may be NULL) */
extern void sweep_rest(bool (*must_leave) (void));

/* How often foreign contracts are swept, seconds; 0: never */
extern int	sweep_interval(void);

/* check_references.c: refuse callers who do not own the service that a reference's relation belongs to */
extern void sweep_check_owner(const char *reference);

/* sweep_job.c */
extern void SweepJobInit(void);

#endif							/* SVC_SWEEP_H */
