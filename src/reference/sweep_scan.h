/*
 * sweep_scan.h: rows of a table as a sweep reads them.
 */
#ifndef SVC_SWEEP_SCAN_H
#define SVC_SWEEP_SCAN_H

#include "access/transam.h"
#include "reference/key_set.h"
#include "storage/block.h"
#include "utils/snapshot.h"

/* Which rows of a table are read */
typedef struct SweepRange
{
	Relation	rel;
	BlockNumber from;
	BlockNumber to;				/* not included */
	TransactionId fence;
	bool		newer;			/* versions of transactions from the fence on; else those before it */
	Snapshot	snapshot;		/* NULL: the newest */

	/* what came of it */
	BlockNumber stopped;		/* where the next range begins */
	int64		rows;
} SweepRange;

extern bool sweep_scan_by_range(Relation rel);
extern void sweep_scan_collect(const Reference *reference, KeySet *set, SweepRange *range,
							   Size memory);
extern void sweep_scan_count(const Reference *reference, const KeySet *set, SweepRange *range,
							 int64 *rows);

#endif							/* SVC_SWEEP_SCAN_H */
