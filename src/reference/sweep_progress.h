/*
 * sweep_progress.h: how far a sweep got, and what came of it, as the catalog has it.
 */
#ifndef SVC_SWEEP_PROGRESS_H
#define SVC_SWEEP_PROGRESS_H

#include "access/transam.h"
#include "datatype/timestamp.h"
#include "reference/sweep.h"

/* A row of svc.reference_sweep */
typedef struct SweepProgress
{
	char	   *reference;
	TimestampTz started;
	TransactionId fence;		/* transactions before it had ended when it was begun */
	Oid			part;			/* InvalidOid: none yet, or all were read */
	int64		block;
	Oid			file;			/* the part's, whose blocks are meant */
} SweepProgress;

/* In "block": all parts were read, what is new is not */
#define SWEEP_BLOCK_NEW (-1)

/* Begin a sweep, or go on where somebody stopped, unless it is to be begun anew */
extern void sweep_progress_begin(const char *reference, bool anew);

/* Read how far it got, and hold that against others; false if it is finished, or the reference is gone */
extern bool sweep_progress_read(SweepProgress *progress);
extern void sweep_progress_write(const SweepProgress *progress, int64 rows, bool done);

#endif							/* SVC_SWEEP_PROGRESS_H */
