/*
 * key_queue.c: values of a reference's column that wait for their turn.
 *
 * A statement of many rows has more keys than work_mem holds.  Those that are
 * checked at the end of the transaction come back in the order in which they
 * were written, so they are kept in that order, in a file of the transaction.
 */
#include "core/svc.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "reference/key_queue.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

struct KeyQueue
{
	Tuplestorestate *rows;		/* of one column */
	TupleTableSlot *row;
	int64		waiting;
	bool		busy;			/* stays so when an error came from the file */
};

/* Nothing waits yet. */
KeyQueue *
key_queue_make(Relation rel, AttrNumber column)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), column - 1);
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	ResourceOwner owner = CurrentResourceOwner;
	KeyQueue   *queue = palloc0(sizeof(KeyQueue));
	TupleDesc	desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "key", attribute->atttypid, attribute->atttypmod, attribute->attndims);
	queue->row = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	CurrentResourceOwner = TopTransactionResourceOwner;
	queue->rows = tuplestore_begin_heap(false, false, Max(work_mem / 4, 64));
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
	return queue;
}

/* Nothing waits any more.  What an error left half done goes with the transaction. */
void
key_queue_end(KeyQueue *queue)
{
	if (!queue->busy)
		tuplestore_end(queue->rows);
	queue->waiting = 0;
	queue->busy = true;
}

/* Is there nothing that can be taken? */
bool
key_queue_is_empty(const KeyQueue *queue)
{
	return queue->busy || queue->waiting == 0;
}

/* Add a value behind the others. */
void
key_queue_put(KeyQueue *queue, Datum value)
{
	TupleDesc	desc = queue->row->tts_tupleDescriptor;
	Datum		plain = value;
	bool		isnull = false;

	if (queue->busy)
		return;
	queue->busy = true;
	if (TupleDescAttr(desc, 0)->attlen == -1)
		plain = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	tuplestore_putvalues(queue->rows, desc, &plain, &isnull);
	if (plain != value)
		pfree(DatumGetPointer(plain));
	queue->waiting++;
	queue->busy = false;
}

/*
 * Take the oldest values.  Never past the last one: a tuplestore that was read
 * to its end does not show what is added afterwards.
 */
void
key_queue_take(KeyQueue *queue, KeySet *set, Size memory)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership row",
											  ALLOCSET_SMALL_SIZES);

	while (!key_queue_is_empty(queue) && key_set_memory(set) < memory)
	{
		bool		isnull;
		Datum		value;
		bool		found;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		/* the slot outlives an error below, and so must what it holds */
		old = MemoryContextSwitchTo(TopTransactionContext);
		queue->busy = true;
		found = tuplestore_gettupleslot(queue->rows, true, false, queue->row);
		queue->busy = false;
		MemoryContextSwitchTo(old);
		if (!found)
			elog(ERROR, "keys that waited are gone");
		queue->waiting--;
		value = slot_getattr(queue->row, 1, &isnull);
		old = MemoryContextSwitchTo(cxt);
		key_set_add_column(set, value, isnull);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
	MemoryContextDelete(cxt);
	ExecClearTuple(queue->row);
}
