/*
 * journal_batch.c: unread entries of one consumer, in the order of appending, a
 * piece at a time.
 *
 * A batch is what a snapshot of now shows and the one before did not: a
 * transaction that commits late is in a later batch, whatever its numbers are.
 * Two transactions that write the same row are one after the other, so no
 * snapshot shows the second without the first, and their entries keep their
 * order: by number inside a batch, and from batch to batch.
 *
 * First the places of the batch's entries are noted and sorted, then entries are
 * fetched from there.  Only so many places are noted at a time, those of the
 * lowest numbers: memory does not grow with the backlog.
 */
#include "core/svc.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "worker/journal_batch.h"
#include "worker/journal_cursor.h"
#include "worker/journal_scan.h"

/* In a piece: entries, and bytes of their keys */
#define PIECE_ENTRIES 1000
#define PIECE_SIZE (4 * 1024 * 1024)

/* Places that are kept; as many again are gathered before the rest is thrown away */
#define KEPT_PLACES (128 * 1024)

#define FIRST_ROOM 1024

/* Where an entry is */
typedef struct Place
{
	int64		number;
	ItemPointerData tid;
	int16		generation;
} Place;

struct JournalBatch
{
	const JournalConsumer *consumer;
	MemoryContext cxt;			/* of the batch and its cursor */
	MemoryContext piece;		/* of the entries that were given last */
	JournalCursor cursor;
	bool		moved;			/* the cursor, since it was written */
	bool		anything;		/* was found in the batch, for whomever */
	bool		gathered;		/* the places are those of cursor.reading */
	int64		thrown_away;	/* places from this number on were */
	Place	   *places;
	int			n_places;
	int			room;			/* for so many */
	int			next;			/* the first that was not given */
	int			consumed;		/* the first that was not consumed */
};

/* Begin to read for a consumer, in the current memory. */
JournalBatch *
journal_batch_make(const JournalConsumer *consumer)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership journal batch",
											  ALLOCSET_DEFAULT_SIZES);
	JournalBatch *batch = MemoryContextAllocZero(cxt, sizeof(JournalBatch));

	batch->consumer = consumer;
	batch->cxt = cxt;
	batch->room = FIRST_ROOM;
	batch->places = MemoryContextAlloc(cxt, sizeof(Place) * batch->room);
	batch->piece = AllocSetContextCreate(cxt, "svc_ownership journal piece",
										 ALLOCSET_DEFAULT_SIZES);
	return batch;
}

/* Forget it, with the entries that it gave. */
void
journal_batch_free(JournalBatch *batch)
{
	MemoryContextDelete(batch->cxt);
}

/* The order of appending.  Entries that two sessions wrote at once may have one number. */
static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->generation != y->generation)
		return x->generation < y->generation ? -1 : 1;
	return ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);
}

/*
 * Throw away the places of the highest numbers.  Those of one number stay
 * together: how far a cursor has come is a number.
 */
static void
cut_places(JournalBatch *batch)
{
	int			keep = KEPT_PLACES;

	qsort(batch->places, batch->n_places, sizeof(Place), compare_places);
	while (keep > 1 && batch->places[keep - 1].number == batch->places[keep].number)
		keep--;
	batch->thrown_away = batch->places[keep].number;
	batch->n_places = keep;
}

/* Make room for one more place. */
static void
make_room(JournalBatch *batch)
{
	if (batch->n_places < batch->room)
		return;
	if (batch->room == 2 * KEPT_PLACES)
	{
		cut_places(batch);
		return;
	}
	batch->room *= 2;
	batch->places = repalloc(batch->places, sizeof(Place) * batch->room);
}

/* Note the place of an entry that was not consumed yet. */
static bool
note_place(int generation, HeapTuple entry, TupleDesc desc, void *argument)
{
	JournalBatch *batch = argument;
	int64		number = journal_entry_number(entry, desc);
	Place	   *place;

	batch->anything = true;
	if (number <= batch->cursor.reached ||
		!strchr(batch->consumer->kinds, journal_entry_kind(entry, desc)))
		return true;
	make_room(batch);
	if (number >= batch->thrown_away)
		return true;
	place = &batch->places[batch->n_places++];
	place->number = number;
	place->tid = entry->t_self;
	place->generation = generation;
	return true;
}

/* Note the places of a batch, those that memory has room for. */
static void
gather_places(JournalBatch *batch)
{
	batch->n_places = batch->next = batch->consumed = 0;
	batch->thrown_away = PG_INT64_MAX;
	journal_scan_all(batch->cursor.read, batch->cursor.reading, note_place, batch);
	qsort(batch->places, batch->n_places, sizeof(Place), compare_places);
	batch->gathered = true;
}

/*
 * The places that were gathered are consumed: with them the batch is, or its next
 * places are to be gathered.  A batch in which nothing was found for anybody is
 * not written down, or an idle database would write.
 */
static void
end_places(JournalBatch *batch)
{
	batch->gathered = false;
	if (batch->thrown_away != PG_INT64_MAX)
		return;
	pfree(batch->cursor.read);
	batch->cursor.read = batch->cursor.reading;
	batch->cursor.reading = NULL;
	batch->cursor.reached = 0;
	batch->moved = batch->moved || batch->anything;
}

/*
 * Go on in a batch, and then with the one that ends now, until there is an entry
 * for this consumer; false if there is none.
 */
static bool
find_entries(JournalBatch *batch)
{
	bool		is_last = false;

	while (!batch->gathered || batch->next == batch->n_places)
	{
		if (batch->gathered)
			end_places(batch);
		if (!batch->cursor.reading)
		{
			if (is_last)
				return false;
			batch->cursor.reading = journal_snapshot_now();
			batch->anything = false;
			is_last = true;
		}
		if (!batch->gathered)
			gather_places(batch);
	}
	return true;
}

/* An entry as consumers see it, in the current memory. */
static JournalEntry *
make_entry(TupleTableSlot *slot)
{
	JournalEntry *entry = palloc(sizeof(JournalEntry));
	Datum	   *values = slot->tts_values;

	slot_getallattrs(slot);
	entry->number = DatumGetInt64(values[JOURNAL_NUMBER - 1]);
	entry->kind = (JournalKind) DatumGetChar(values[JOURNAL_KIND - 1]);
	entry->relation = DatumGetObjectId(values[JOURNAL_RELATION - 1]);
	namestrcpy(&entry->subject, NameStr(*DatumGetName(values[JOURNAL_SUBJECT - 1])));
	entry->keys = slot->tts_isnull[JOURNAL_KEYS - 1] ? NULL
		: (ArrayType *) PG_DETOAST_DATUM_COPY(values[JOURNAL_KEYS - 1]);
	return entry;
}

/* Is the piece large enough to be given?  Not between entries of one number. */
static bool
is_full(const JournalBatch *batch, const List *entries, Size size)
{
	if (batch->next == batch->n_places)
		return true;
	if (list_length(entries) < PIECE_ENTRIES && size < PIECE_SIZE)
		return false;
	return batch->next > 0 &&
		batch->places[batch->next - 1].number != batch->places[batch->next].number;
}

/* Fetch the next entries of the batch. */
static List *
fetch_piece(JournalBatch *batch)
{
	const JournalTables *t = journal_tables();
	Relation	rels[JOURNAL_GENERATIONS];
	TupleTableSlot *slots[JOURNAL_GENERATIONS];
	List	   *entries = NIL;
	Size		size = 0;

	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
	{
		rels[i] = table_open(t->generation[i], AccessShareLock);
		slots[i] = table_slot_create(rels[i], NULL);
	}
	MemoryContextReset(batch->piece);
	while (entries == NIL || !is_full(batch, entries, size))
	{
		Place	   *place = &batch->places[batch->next++];
		TupleTableSlot *slot = slots[place->generation];
		MemoryContext old;
		JournalEntry *entry;

		CHECK_FOR_INTERRUPTS();
		if (!table_tuple_fetch_row_version(rels[place->generation], &place->tid,
										   GetActiveSnapshot(), slot))
			elog(ERROR, "an unread entry of the journal is gone");
		old = MemoryContextSwitchTo(batch->piece);
		entry = make_entry(slot);
		entries = lappend(entries, entry);
		MemoryContextSwitchTo(old);
		size += entry->keys ? VARSIZE(entry->keys) : 0;
		ExecClearTuple(slot);
	}
	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
	{
		ExecDropSingleTupleTableSlot(slots[i]);
		table_close(rels[i], AccessShareLock);
	}
	return entries;
}

/*
 * In a transaction: give the consumer its next entries, which live until this is
 * called again; NIL when there are none.  What was given and not consumed is
 * given again.
 */
List *
journal_batch_next(JournalBatch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(batch->cxt);
	List	   *entries = NIL;

	if (!batch->cursor.read)
		journal_cursor_get(batch->consumer->name, &batch->cursor);
	batch->next = batch->consumed;
	if (find_entries(batch))
		entries = fetch_piece(batch);
	MemoryContextSwitchTo(old);
	journal_batch_save(batch);
	return entries;
}

/* The entries that were given last are consumed. */
void
journal_batch_done(JournalBatch *batch)
{
	batch->consumed = batch->next;
	batch->cursor.reached = batch->places[batch->next - 1].number;
	batch->moved = true;
}

/*
 * In a transaction: write down how far the consumer has come.  That is not worth
 * waiting for a disk or a standby: after a crash entries come again, as
 * consumers know.
 */
void
journal_batch_save(JournalBatch *batch)
{
	if (!batch->moved)
		return;
	(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	journal_cursor_move(batch->consumer->name, &batch->cursor);
	batch->moved = false;
}
