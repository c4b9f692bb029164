/*
 * sweep_scan.c: rows of a table as a sweep reads them.
 *
 * Rows are read from the table itself, not by a query: no policy hides any of
 * them, no rule or trigger is in the way, and nobody's code runs but the
 * equality of the key's type, as the referencing service's owner role.
 *
 * Each range is read with a snapshot of its own, so a row that is updated
 * between two ranges may move from one that is still to come into one that is
 * done.  Therefore versions are told apart by the transaction that made them:
 * those older than a fence do not move, and those that are newer are read in
 * the end, all with one snapshot.
 */
#include "core/svc.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "core/sql.h"
#include "executor/tuptable.h"
#include "reference/sweep_scan.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* A scan, and what becomes of the keys that it finds */
typedef struct Scan
{
	const Reference *reference;
	SweepRange *range;
	KeySet	   *set;
	int64	   *rows;			/* how many rows hold each missing key; NULL: keys are collected */
	int64	   *last_row;		/* the last one that was counted for each */
	Size		memory;			/* that the set may take */
	int16		length;			/* of the key's type */
	bool		by_value;
	char		align;
	bool		is_heap;
	MemoryContext cxt;			/* for a page's rows */
} Scan;

/* Can ranges of a table be read? */
bool
sweep_scan_by_range(Relation rel)
{
	return rel->rd_rel->relam == HEAP_TABLE_AM_OID;
}

/* A key of a row. */
static void
take_key(Scan *scan, Datum key)
{
	int			index;

	if (scan->length == -1)
		key = PointerGetDatum(PG_DETOAST_DATUM_PACKED(key));
	index = key_set_find(scan->set, key);
	if (!scan->rows)
	{
		/* one that is there keeps its state */
		if (index < 0)
			(void) key_set_add(scan->set, key, NULL);
	}
	else if (index >= 0 && key_set_state(scan->set, index) == KEY_MISSING &&
		scan->last_row[index] != scan->range->rows)
	{
		scan->rows[index]++;
		scan->last_row[index] = scan->range->rows;
	}
}

/* The keys in an array. */
static void
take_elements(Scan *scan, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), scan->length, scan->by_value, scan->align,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			take_key(scan, elements[i]);
}

/* Does a row's version belong to those that are read? */
static bool
is_wanted(const Scan *scan, TupleTableSlot *slot)
{
	TransactionId xmin;
	bool		newer;

	if (!scan->is_heap)
		return scan->range->newer;
	/* not the frozen one: a version that was frozen meanwhile is new all the same */
	xmin = HeapTupleHeaderGetRawXmin(((HeapTupleTableSlot *) slot)->tuple->t_data);
	newer = TransactionIdIsNormal(xmin) && !TransactionIdPrecedes(xmin, scan->range->fence);
	return newer == scan->range->newer;
}

/* The keys of a row. */
static void
take_row(Scan *scan, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value;

	if (!is_wanted(scan, slot))
		return;
	scan->range->rows++;
	value = slot_getattr(slot, scan->reference->column, &isnull);
	if (isnull)
		return;
	if (scan->reference->is_array)
		take_elements(scan, value);
	else
		take_key(scan, value);
}

/* Begin to read; a table that is large does not fill the server's cache. */
static TableScanDesc
begin_scan(const Scan *scan, Snapshot snapshot)
{
	SweepRange *range = scan->range;
	TableScanDesc desc = table_beginscan_strat(range->rel, snapshot, 0, NULL, true, false);

	if (scan->is_heap)
		heap_setscanlimits(desc, range->from, range->to - range->from);
	return desc;
}

/* Read all rows; stop before a page if the keys of those before it take enough memory. */
static void
read_rows(Scan *scan, TableScanDesc desc, TupleTableSlot *slot)
{
	BlockNumber block = InvalidBlockNumber;

	while (table_scan_getnextslot(desc, ForwardScanDirection, slot))
	{
		if (ItemPointerGetBlockNumber(&slot->tts_tid) != block)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(scan->cxt);
			block = ItemPointerGetBlockNumber(&slot->tts_tid);
			if (scan->memory > 0 && key_set_memory(scan->set) > scan->memory)
			{
				scan->range->stopped = block;
				break;
			}
		}
		take_row(scan, slot);
	}
}

/* Read the rows of a range, with the newest snapshot or a given one. */
static void
read_range(Scan *scan)
{
	const Reference *reference = scan->reference;
	SweepRange *range = scan->range;
	SqlScope	scope;
	Snapshot	snapshot;
	TableScanDesc desc;
	TupleTableSlot *slot;

	range->rows = 0;
	range->stopped = range->to;
	get_typlenbyvalalign(reference->key_type, &scan->length, &scan->by_value, &scan->align);
	scan->is_heap = sweep_scan_by_range(range->rel);
	if (scan->is_heap && range->from >= range->to)
		return;
	svc_sql_begin_restricted(&scope, reference->run_as);
	MemoryContextSwitchTo(scope.cxt);
	scan->cxt = AllocSetContextCreate(scope.cxt, "svc_ownership page", ALLOCSET_DEFAULT_SIZES);
	snapshot = RegisterSnapshot(range->snapshot ? range->snapshot : GetLatestSnapshot());
	slot = table_slot_create(range->rel, NULL);
	desc = begin_scan(scan, snapshot);
	MemoryContextSwitchTo(scan->cxt);
	read_rows(scan, desc, slot);
	MemoryContextSwitchTo(scope.cxt);
	table_endscan(desc);
	ExecDropSingleTupleTableSlot(slot);
	UnregisterSnapshot(snapshot);
	MemoryContextDelete(scan->cxt);
	svc_sql_end(&scope);
}

/* Add the keys that rows of a range hold to a set; stops when the set takes enough memory (0: never). */
void
sweep_scan_collect(const Reference *reference, KeySet *set, SweepRange *range, Size memory)
{
	Scan		scan = {.reference = reference, .set = set, .range = range, .memory = memory};

	read_range(&scan);
}

/* Count the rows of a range that hold each missing key of a set, beyond what was counted. */
void
sweep_scan_count(const Reference *reference, const KeySet *set, SweepRange *range, int64 *rows)
{
	Scan		scan = {.reference = reference, .set = unconstify(KeySet *, set), .range = range, .rows = rows};

	scan.last_row = MemoryContextAllocExtended(CurrentMemoryContext,
											   sizeof(int64) * Max(key_set_count(set), 1),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	read_range(&scan);
	pfree(scan.last_row);
}
