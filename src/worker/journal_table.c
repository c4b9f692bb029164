/*
 * journal_table.c: the journal's tables: three generations of entries, the
 * number of the one that gets new ones, and the cursors of those who read.
 *
 * Rows are written without an executor: a statement of a user pays for each, and
 * they are not for logical replication.  In a subscriber's journal they would
 * speak of transactions that it never had.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "core/extension.h"
#include "core/inval.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "worker/journal_table.h"

/* Columns of svc.journal_state */
typedef enum StateColumn
{
	STATE_GENERATION = 1,
	STATE_SINCE
} StateColumn;

#define STATE_COLUMNS STATE_SINCE

static JournalTables tables;
static bool tables_known = false;

/* A message about them came since the look-ups began */
static bool tables_changed = false;

/* One of the tables changed, or what is written now.  Only sets a flag, as a callback must. */
static void
forget_tables(Oid relid)
{
	bool		ours = !OidIsValid(relid) || relid == tables.state || relid == tables.cursor;

	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
		ours = ours || relid == tables.generation[i];
	if (ours)
	{
		tables_known = false;
		tables_changed = true;
	}
}

/* What the journal's tables do when the library is loaded. */
void
JournalTableInit(void)
{
	svc_on_relation_change(forget_tables);
}

/* One of our tables or indexes, which must be there. */
static Oid
table_of(const char *name)
{
	Oid			relid = svc_catalog_relation(name);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s.%s does not exist", SVC_SCHEMA, name),
				 errdetail("The library that is loaded needs a newer version of the extension than this database has."),
				 errhint("ALTER EXTENSION %s UPDATE", SVC_EXTENSION)));
	return relid;
}

/* Read which generation is written. */
static void
read_state(void)
{
	Relation	rel = table_open(tables.state, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	row = systable_getnext(scan);

	if (HeapTupleIsValid(row))
	{
		bool		isnull;
		int16		generation = DatumGetInt16(heap_getattr(row, STATE_GENERATION,
															RelationGetDescr(rel), &isnull));

		tables.current = Max(generation, 0) % JOURNAL_GENERATIONS;
		tables.since = DatumGetTimestampTz(heap_getattr(row, STATE_SINCE, RelationGetDescr(rel),
														&isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/*
 * The tables as this session knows them.  Which of them is written may have
 * changed since: that does no harm, since readers always look into all.
 */
const JournalTables *
journal_tables(void)
{
	if (tables_known)
		return &tables;
	/* a message that comes during the look-ups makes us look again the next time, as does an error */
	tables_changed = false;
	tables.state = table_of("journal_state");
	tables.cursor = table_of("journal_cursor");
	tables.cursor_index = table_of("journal_cursor_index");
	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
	{
		tables.generation[i] = table_of(psprintf("journal_%d", i));
		tables.index[i] = table_of(psprintf("journal_%d_index", i));
	}
	read_state();
	tables_known = !tables_changed;
	return &tables;
}

/* Insert a row into an index of its table. */
static void
insert_into_index(Oid relid, Relation rel, ItemPointer place, const Datum *values,
				  const bool *nulls)
{
	Relation	index = index_open(relid, RowExclusiveLock);
	IndexInfo  *info = BuildIndexInfo(index);
	Datum		keys[INDEX_MAX_KEYS];
	bool		key_nulls[INDEX_MAX_KEYS];

	for (int i = 0; i < info->ii_NumIndexAttrs; i++)
	{
		AttrNumber	column = info->ii_IndexAttrNumbers[i];

		if (column <= 0)
			elog(ERROR, "index \"%s\" of the journal has an expression",
				 RelationGetRelationName(index));
		keys[i] = values[column - 1];
		key_nulls[i] = nulls[column - 1];
	}
	(void) index_insert(index, keys, key_nulls, place, rel, UNIQUE_CHECK_NO, false, info);
	index_close(index, RowExclusiveLock);
	pfree(info);
}

/*
 * Insert a row and its index entries, with everybody's rights and whatever the
 * security context is; nothing of it is decoded for logical replication.  Of
 * indexes none is unique.
 */
void
journal_write_row(Relation rel, const Datum *values, const bool *nulls)
{
	HeapTuple	row = heap_form_tuple(RelationGetDescr(rel), (Datum *) values, (bool *) nulls);
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *cell;

	heap_insert(rel, row, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, NULL);
	foreach(cell, indexes)
		insert_into_index(lfirst_oid(cell), rel, &row->t_self, values, nulls);
	list_free(indexes);
	heap_freetuple(row);
}

/* Delete all rows of the state: those that a snapshot of now shows. */
static void
delete_state(Relation rel)
{
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
		simple_heap_delete(rel, &row->t_self);
	systable_endscan(scan);
}

/* From the end of this transaction on, new entries go to another generation. */
void
journal_switch(int generation)
{
	Relation	rel = table_open(journal_tables()->state, ShareRowExclusiveLock);
	Datum		values[STATE_COLUMNS];
	bool		nulls[STATE_COLUMNS] = {false, false};

	values[STATE_GENERATION - 1] = Int16GetDatum((int16) generation);
	values[STATE_SINCE - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	delete_state(rel);
	journal_write_row(rel, values, nulls);
	CacheInvalidateRelcache(rel);
	table_close(rel, NoLock);
}

/* How many bytes the generations take, with their indexes and what lies beside them. */
int64
journal_size(void)
{
	const JournalTables *t = journal_tables();
	int64		size = 0;

	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
		size += DatumGetInt64(DirectFunctionCall1(pg_total_relation_size,
												  ObjectIdGetDatum(t->generation[i])));
	return size;
}

/* A column of an entry that is never NULL. */
Datum
journal_column(HeapTuple entry, TupleDesc desc, JournalColumn column)
{
	bool		isnull;

	return heap_getattr(entry, column, desc, &isnull);
}
