/*
 * journal_scan.c: entries that a reader has not seen: those of transactions that
 * ended between two snapshots.
 *
 * A snapshot does not show the transactions from its end (xmax) on, and those
 * before it that were still running.  So the entries between two snapshots are
 * those from the end of the first to the end of the second, and those of the few
 * that were running: a range of the index and some places in it.  A transaction
 * that runs for hours makes nobody read again what lies behind it.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/table.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"
#include "worker/journal_scan.h"

/* A scan of one generation */
typedef struct JournalScan
{
	int			generation;
	Relation	rel;
	Oid			index;
	const JournalSnapshot *reading;
	JournalVisit visit;
	void	   *argument;
} JournalScan;

/* What an entry is about. */
JournalKind
journal_entry_kind(HeapTuple entry, TupleDesc desc)
{
	return (JournalKind) DatumGetChar(journal_column(entry, desc, JOURNAL_KIND));
}

/* Its place in the order of appending. */
int64
journal_entry_number(HeapTuple entry, TupleDesc desc)
{
	return DatumGetInt64(journal_column(entry, desc, JOURNAL_NUMBER));
}

/*
 * Visit entries of the transactions from one on, up to another that is not among
 * them, which the second snapshot shows.  Those of transactions that failed, and
 * of savepoints that were rolled back, are not visible.
 */
static bool
scan_range(const JournalScan *scan, FullTransactionId from, FullTransactionId to)
{
	ScanKeyData keys[2];
	SysScanDesc rows;
	HeapTuple	entry;
	bool		more = true;

	ScanKeyInit(&keys[0], JOURNAL_XID, BTGreaterEqualStrategyNumber, F_XID8GE,
				FullTransactionIdGetDatum(from));
	ScanKeyInit(&keys[1], JOURNAL_XID, BTLessStrategyNumber, F_XID8LT,
				FullTransactionIdGetDatum(to));
	rows = systable_beginscan(scan->rel, scan->index, true, GetActiveSnapshot(), 2, keys);
	while (more && HeapTupleIsValid(entry = systable_getnext(rows)))
	{
		TupleDesc	desc = RelationGetDescr(scan->rel);
		FullTransactionId xid =
			DatumGetFullTransactionId(journal_column(entry, desc, JOURNAL_XID));

		CHECK_FOR_INTERRUPTS();
		if (journal_snapshot_shows(scan->reading, xid))
			more = scan->visit(scan->generation, entry, desc, scan->argument);
	}
	systable_endscan(rows);
	return more;
}

/*
 * Visit the entries of a generation that the active snapshot and "reading" show
 * and "read" does not.  False if the visitor wanted no more.
 */
bool
journal_scan(int generation, const JournalSnapshot *read, const JournalSnapshot *reading,
			 JournalVisit visit, void *argument)
{
	const JournalTables *t = journal_tables();
	JournalScan scan = {generation, NULL, t->index[generation], reading, visit, argument};
	bool		more = true;

	scan.rel = table_open(t->generation[generation], AccessShareLock);
	for (uint32 i = 0; more && i < read->nxip; i++)
	{
		FullTransactionId next = read->xip[i];

		FullTransactionIdAdvance(&next);
		/* still running: nothing of it is visible */
		if (journal_snapshot_shows(reading, read->xip[i]))
			more = scan_range(&scan, read->xip[i], next);
	}
	if (more && FullTransactionIdPrecedes(read->xmax, reading->xmax))
		more = scan_range(&scan, read->xmax, reading->xmax);
	table_close(scan.rel, AccessShareLock);
	return more;
}

/* The same for all generations. */
void
journal_scan_all(const JournalSnapshot *read, const JournalSnapshot *reading,
				 JournalVisit visit, void *argument)
{
	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
		if (!journal_scan(i, read, reading, visit, argument))
			return;
}
