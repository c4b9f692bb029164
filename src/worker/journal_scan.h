/*
 * journal_scan.h: entries that a reader has not seen.
 */
#ifndef SVC_JOURNAL_SCAN_H
#define SVC_JOURNAL_SCAN_H

#include "worker/journal_snapshot.h"
#include "worker/journal_table.h"

/* Is given an entry of a generation; false: no more of them */
typedef bool (*JournalVisit) (int generation, HeapTuple entry, TupleDesc desc, void *argument);

extern bool journal_scan(int generation, const JournalSnapshot *read,
						 const JournalSnapshot *reading, JournalVisit visit, void *argument);
extern void journal_scan_all(const JournalSnapshot *read, const JournalSnapshot *reading,
							 JournalVisit visit, void *argument);
extern JournalKind journal_entry_kind(HeapTuple entry, TupleDesc desc);
extern int64 journal_entry_number(HeapTuple entry, TupleDesc desc);

#endif							/* SVC_JOURNAL_SCAN_H */
