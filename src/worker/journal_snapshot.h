/*
 * journal_snapshot.h: which transactions a reader has seen.
 */
#ifndef SVC_JOURNAL_SNAPSHOT_H
#define SVC_JOURNAL_SNAPSHOT_H

#include "access/transam.h"

/* A value of type pg_snapshot, in the form in which the server keeps it */
typedef struct JournalSnapshot
{
	int32		header;			/* of a varlena; never touched directly */
	uint32		nxip;
	FullTransactionId xmin;
	FullTransactionId xmax;
	FullTransactionId xip[FLEXIBLE_ARRAY_MEMBER];	/* ascending */
} JournalSnapshot;

extern JournalSnapshot *journal_snapshot_none(void);
extern JournalSnapshot *journal_snapshot_now(void);
extern JournalSnapshot *journal_snapshot_copy(Datum value);
extern bool journal_snapshot_shows(const JournalSnapshot *snapshot, FullTransactionId xid);

#endif							/* SVC_JOURNAL_SNAPSHOT_H */
