/*
 * journal_snapshot.c: which transactions a reader has seen, as values of type
 * pg_snapshot.  Transaction ids in it are those of whole transactions, never of
 * savepoints, and do not wrap around.
 */
#include "core/svc.h"

#include "utils/fmgroids.h"
#include "worker/journal_snapshot.h"

/* Shows no transaction of anybody's: what who has read nothing has seen. */
JournalSnapshot *
journal_snapshot_none(void)
{
	JournalSnapshot *snapshot = palloc0(offsetof(JournalSnapshot, xip));

	SET_VARSIZE(snapshot, offsetof(JournalSnapshot, xip));
	snapshot->xmin = snapshot->xmax = FullTransactionIdFromU64(FirstNormalTransactionId);
	return snapshot;
}

/* What the active snapshot shows. */
JournalSnapshot *
journal_snapshot_now(void)
{
	return (JournalSnapshot *) DatumGetPointer(OidFunctionCall0(F_PG_CURRENT_SNAPSHOT));
}

/* A value of a column, with its bytes where the fields are. */
JournalSnapshot *
journal_snapshot_copy(Datum value)
{
	return (JournalSnapshot *) PG_DETOAST_DATUM_COPY(value);
}

/* Had a transaction ended when the snapshot was taken? */
bool
journal_snapshot_shows(const JournalSnapshot *snapshot, FullTransactionId xid)
{
	uint32		low = 0;
	uint32		high = snapshot->nxip;

	if (FullTransactionIdPrecedes(xid, snapshot->xmin))
		return true;
	if (FullTransactionIdFollowsOrEquals(xid, snapshot->xmax))
		return false;
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (FullTransactionIdEquals(snapshot->xip[middle], xid))
			return false;
		if (FullTransactionIdPrecedes(snapshot->xip[middle], xid))
			low = middle + 1;
		else
			high = middle;
	}
	return true;
}
