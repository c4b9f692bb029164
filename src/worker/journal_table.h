/*
 * journal_table.h: the journal's tables; inside of the journal only.
 */
#ifndef SVC_JOURNAL_TABLE_H
#define SVC_JOURNAL_TABLE_H

#include "access/htup.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "worker/journal.h"

#define JOURNAL_GENERATIONS 3

/* Columns of svc.journal_0 ... 2 */
typedef enum JournalColumn
{
	JOURNAL_NUMBER = 1,
	JOURNAL_XID,
	JOURNAL_KIND,
	JOURNAL_RELATION,
	JOURNAL_SUBJECT,
	JOURNAL_ADDED_AT,
	JOURNAL_KEYS
} JournalColumn;

#define JOURNAL_COLUMNS JOURNAL_KEYS

/* Where the tables are, and which of them gets new entries */
typedef struct JournalTables
{
	Oid			generation[JOURNAL_GENERATIONS];
	Oid			index[JOURNAL_GENERATIONS]; /* on (xid, number) */
	Oid			state;
	Oid			cursor;
	Oid			cursor_index;	/* on (consumer, move) */
	int			current;
	TimestampTz since;			/* when it became that */
} JournalTables;

extern void JournalTableInit(void);
extern const JournalTables *journal_tables(void);
extern void journal_write_row(Relation rel, const Datum *values, const bool *nulls);
extern void journal_switch(int generation);
extern int64 journal_size(void);
extern Datum journal_column(HeapTuple entry, TupleDesc desc, JournalColumn column);

#endif							/* SVC_JOURNAL_TABLE_H */
