/*
 * journal_cursor.c: how far readers of the journal have come.
 *
 * A cursor that moves is a new row, found from the end of the index.  An update
 * would leave its old versions in front of the new one for as long as somebody
 * holds a snapshot, and finding it would take longer with each move; so would
 * deleting one old row at each.  They are deleted some hundreds at a time, in a
 * range of the index that is not looked at again.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "worker/journal_cursor.h"
#include "worker/journal_table.h"

/* Columns of svc.journal_cursor */
typedef enum CursorColumn
{
	CURSOR_CONSUMER = 1,
	CURSOR_MOVE,
	CURSOR_READ,
	CURSOR_READING,
	CURSOR_REACHED,
	CURSOR_MOVED_AT
} CursorColumn;

#define CURSOR_COLUMNS CURSOR_MOVED_AT

/* Rows that are deleted at a time, and that are left */
#define OLD_ROWS 256

/* Take the fields of a row. */
static void
take_row(HeapTuple row, TupleDesc desc, JournalCursor *cursor)
{
	bool		isnull;
	Datum		reading = heap_getattr(row, CURSOR_READING, desc, &isnull);

	cursor->reading = isnull ? NULL : journal_snapshot_copy(reading);
	cursor->read = journal_snapshot_copy(heap_getattr(row, CURSOR_READ, desc, &isnull));
	cursor->move = DatumGetInt64(heap_getattr(row, CURSOR_MOVE, desc, &isnull));
	cursor->reached = DatumGetInt64(heap_getattr(row, CURSOR_REACHED, desc, &isnull));
}

/* The cursor of a consumer, in the current memory; one that has read nothing where there is none. */
void
journal_cursor_get(const char *consumer, JournalCursor *cursor)
{
	Relation	rel = table_open(journal_tables()->cursor, AccessShareLock);
	Relation	index = index_open(journal_tables()->cursor_index, AccessShareLock);
	NameData	name;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;

	namestrcpy(&name, consumer);
	ScanKeyInit(&key, CURSOR_CONSUMER, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
	scan = systable_beginscan_ordered(rel, index, NULL, 1, &key);
	row = systable_getnext_ordered(scan, BackwardScanDirection);
	memset(cursor, 0, sizeof(JournalCursor));
	if (HeapTupleIsValid(row))
		take_row(row, RelationGetDescr(rel), cursor);
	else
		cursor->read = journal_snapshot_none();
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
}

/* Delete the rows of some hundred moves that are long past. */
static void
delete_old(Relation rel, const NameData *consumer, int64 move)
{
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	row;

	ScanKeyInit(&keys[0], CURSOR_CONSUMER, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(consumer));
	ScanKeyInit(&keys[1], CURSOR_MOVE, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(move - 2 * OLD_ROWS));
	ScanKeyInit(&keys[2], CURSOR_MOVE, BTLessStrategyNumber, F_INT8LT,
				Int64GetDatum(move - OLD_ROWS));
	scan = systable_beginscan(rel, journal_tables()->cursor_index, true, NULL, 3, keys);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
		simple_heap_delete(rel, &row->t_self);
	systable_endscan(scan);
}

/* Keep a cursor as it is now, as part of the transaction. */
void
journal_cursor_move(const char *consumer, JournalCursor *cursor)
{
	Relation	rel = table_open(journal_tables()->cursor, RowExclusiveLock);
	NameData	name;
	Datum		values[CURSOR_COLUMNS];
	bool		nulls[CURSOR_COLUMNS] = {false};

	cursor->move++;
	namestrcpy(&name, consumer);
	values[CURSOR_CONSUMER - 1] = NameGetDatum(&name);
	values[CURSOR_MOVE - 1] = Int64GetDatum(cursor->move);
	values[CURSOR_READ - 1] = PointerGetDatum(cursor->read);
	values[CURSOR_READING - 1] = PointerGetDatum(cursor->reading);
	nulls[CURSOR_READING - 1] = cursor->reading == NULL;
	values[CURSOR_REACHED - 1] = Int64GetDatum(cursor->reached);
	values[CURSOR_MOVED_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	journal_write_row(rel, values, nulls);
	if (cursor->move % OLD_ROWS == 0)
		delete_old(rel, &name, cursor->move);
	table_close(rel, NoLock);
}
