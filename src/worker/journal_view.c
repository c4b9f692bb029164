/*
 * journal_view.c: what is in the journal that was not read yet, for people.
 *
 * To look costs as much as there is unread: it is read through the same index,
 * from the same place, as the consumers will.
 */
#include "core/svc.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/relation.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"
#include "worker/journal_cursor.h"
#include "worker/journal_run.h"
#include "worker/journal_scan.h"

SVC_FUNCTION(svc_journal_backlog);
SVC_FUNCTION(svc_journal_entries);

#define ENTRY_COLUMNS 8
#define BACKLOG_COLUMNS 6

/* A look at the unread entries of some kinds */
typedef struct Look
{
	ReturnSetInfo *result;
	HTAB	   *backlog;		/* of Backlog, or */
	int			max_keys;		/* how many keys of an entry are shown */
	const char *kinds;
	const JournalCursor *cursor;
	int			max_entries;	/* how many entries are looked at; -1: all */
	int			left;			/* of them */
} Look;

/* What is unread of one subject */
typedef struct BacklogKey
{
	Oid			relation;
	NameData	subject;
	char		kind;
} BacklogKey;

typedef struct Backlog
{
	BacklogKey	key;
	int64		entries;
	int64		bytes;
	TimestampTz oldest;
} Backlog;

/* Has enough been looked at?  Else the next entry is. */
static bool
is_enough(Look *look)
{
	if (look->left == 0)
		return true;
	if (look->left > 0)
		look->left--;
	return false;
}

/* Has the consumer read an entry already, in the batch in which it is? */
static bool
is_consumed(const Look *look, HeapTuple entry, TupleDesc desc)
{
	const JournalCursor *cursor = look->cursor;

	return cursor->reading && journal_entry_number(entry, desc) <= cursor->reached &&
		journal_snapshot_shows(cursor->reading,
							   DatumGetFullTransactionId(journal_column(entry, desc, JOURNAL_XID)));
}

/*
 * Is an unread entry among those that are looked at?  The looking transaction's
 * own are not: whether its snapshot counts it as ended depends on what others did
 * since.
 */
static bool
is_looked_at(const Look *look, HeapTuple entry, TupleDesc desc)
{
	FullTransactionId xid =
		DatumGetFullTransactionId(journal_column(entry, desc, JOURNAL_XID));

	return strchr(look->kinds, journal_entry_kind(entry, desc)) &&
		!FullTransactionIdEquals(xid, GetTopFullTransactionIdIfAny());
}

/* The size of an entry's keys, 0 if it has none. */
static int64
size_of_keys(HeapTuple entry, TupleDesc desc)
{
	bool		isnull;
	Datum		keys = heap_getattr(entry, JOURNAL_KEYS, desc, &isnull);

	return isnull ? 0 : (int64) toast_raw_datum_size(keys);
}

/* Say that there may be more entries of the kinds that are looked at. */
static void
report_rest(const Look *look)
{
	Datum		values[BACKLOG_COLUMNS] = {0};
	bool		nulls[BACKLOG_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	nulls[0] = false;
	for (const char *kind = look->kinds; *kind != '\0'; kind++)
	{
		values[0] = CharGetDatum(*kind);
		tuplestore_putvalues(look->result->setResult, look->result->setDesc, values, nulls);
	}
}

/* The number of the first entry that a generation holds. */
static int64
first_number(int generation)
{
	Relation	rel = table_open(journal_tables()->generation[generation], AccessShareLock);
	SysScanDesc rows = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	entry = systable_getnext(rows);
	int64		number = HeapTupleIsValid(entry) ? journal_entry_number(entry, RelationGetDescr(rel))
		: PG_INT64_MAX;

	systable_endscan(rows);
	table_close(rel, AccessShareLock);
	return number;
}

/* Visit the entries that were not read, the oldest generation first: any of them may be. */
static void
visit_unread(Look *look, JournalVisit visit)
{
	JournalSnapshot *now = journal_snapshot_now();
	int64		first[JOURNAL_GENERATIONS];
	bool		more = true;

	for (int i = 0; i < JOURNAL_GENERATIONS; i++)
		first[i] = first_number(i);
	for (int n = 0; more && n < JOURNAL_GENERATIONS; n++)
	{
		int			oldest = 0;

		for (int i = 1; i < JOURNAL_GENERATIONS; i++)
			if (first[i] < first[oldest])
				oldest = i;
		if (first[oldest] == PG_INT64_MAX)
			break;
		first[oldest] = PG_INT64_MAX;
		more = journal_scan(oldest, look->cursor->read, now, visit, look);
	}
}

/* Look at what the cursor of some kinds has not read. */
static void
look_at(Look *look, JournalVisit visit)
{
	look->left = look->max_entries;
	if (look->kinds[0] != '\0')
		visit_unread(look, visit);
	if (look->max_entries > 0 && look->left == 0)
		report_rest(look);
}

/* Look at what consumers have not read, and at the kinds that nobody reads. */
static void
look_at_all(Look *look, JournalVisit visit)
{
	char		unread[] = JOURNAL_KINDS;
	JournalCursor cursor;
	int			n = 0;
	ListCell   *cell;

	look->cursor = &cursor;
	foreach(cell, journal_consumers())
	{
		const JournalConsumer *consumer = lfirst(cell);

		look->kinds = consumer->kinds;
		journal_cursor_get(consumer->name, &cursor);
		look_at(look, visit);
		n = 0;
		for (int i = 0; unread[i] != '\0'; i++)
			if (!journal_is_consumed_by(consumer, (JournalKind) unread[i]))
				unread[n++] = unread[i];
		unread[n] = '\0';
	}
	memset(&cursor, 0, sizeof(cursor));
	cursor.read = journal_snapshot_none();
	look->kinds = unread;
	look_at(look, visit);
	look->kinds = NULL;
}

/* Add an entry to the figures of its subject. */
static bool
count_entry(int generation, HeapTuple entry, TupleDesc desc, void *argument)
{
	Look	   *look = argument;
	BacklogKey	key = {0};
	Backlog    *backlog;
	TimestampTz added_at =
		DatumGetTimestampTz(journal_column(entry, desc, JOURNAL_ADDED_AT));
	bool		found;

	if (is_consumed(look, entry, desc))
		return true;
	if (is_enough(look))
		return false;
	if (!is_looked_at(look, entry, desc))
		return true;
	key.relation = DatumGetObjectId(journal_column(entry, desc, JOURNAL_RELATION));
	namestrcpy(&key.subject,
			   NameStr(*DatumGetName(journal_column(entry, desc, JOURNAL_SUBJECT))));
	key.kind = (char) journal_entry_kind(entry, desc);
	backlog = hash_search(look->backlog, &key, HASH_ENTER, &found);
	if (!found)
	{
		backlog->entries = backlog->bytes = 0;
		backlog->oldest = added_at;
	}
	backlog->entries++;
	backlog->bytes += size_of_keys(entry, desc);
	backlog->oldest = Min(backlog->oldest, added_at);
	return true;
}

/* May the user know how much is unread about a relation? */
static bool
may_see(Oid relation)
{
	Oid			owner;

	if (has_privs_of_role(GetUserId(), ROLE_PG_MONITOR))
		return true;
	owner = svc_relation_owner(relation);
	return OidIsValid(owner) && svc_acts_for_role(GetUserId(), owner);
}

/* Report the figures of the subjects that the user may see. */
static void
report_backlog(ReturnSetInfo *result, HTAB *table)
{
	HASH_SEQ_STATUS status;
	Backlog    *backlog;

	hash_seq_init(&status, table);
	while ((backlog = hash_seq_search(&status)))
	{
		Datum		values[BACKLOG_COLUMNS];
		bool		nulls[BACKLOG_COLUMNS] = {false};

		if (!may_see(backlog->key.relation))
			continue;
		values[0] = CharGetDatum(backlog->key.kind);
		values[1] = ObjectIdGetDatum(backlog->key.relation);
		values[2] = NameGetDatum(&backlog->key.subject);
		values[3] = Int64GetDatum(backlog->entries);
		values[4] = Int64GetDatum(backlog->bytes);
		values[5] = TimestampTzGetDatum(backlog->oldest);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * svc.journal_backlog(max_entries) → kind, relation, subject, entries, bytes, oldest
 */
Datum
svc_journal_backlog(PG_FUNCTION_ARGS)
{
	HASHCTL		control = {.keysize = sizeof(BacklogKey), .entrysize = sizeof(Backlog),
	.hcxt = CurrentMemoryContext};
	Look		look = {.max_entries = PG_ARGISNULL(0) ? -1 : PG_GETARG_INT32(0)};

	if (!PG_ARGISNULL(0) && look.max_entries < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be positive", "max_entries")));
	InitMaterializedSRF(fcinfo, 0);
	look.result = (ReturnSetInfo *) fcinfo->resultinfo;
	look.backlog = hash_create("svc_ownership journal backlog", 64, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	look_at_all(&look, count_entry);
	report_backlog(look.result, look.backlog);
	hash_destroy(look.backlog);
	PG_RETURN_NULL();
}

/* The first keys of an array as text[], or false where their type is gone. */
static bool
keys_as_text(ArrayType *keys, int max, Datum *result)
{
	Oid			type = ARR_ELEMTYPE(keys);
	ArrayBuildState *texts = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	ArrayIterator iterator;
	Oid			output;
	bool		is_varlena;
	Datum		key;
	bool		isnull;

	if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)))
		return false;
	getTypeOutputInfo(type, &output, &is_varlena);
	iterator = array_create_iterator(keys, 0, NULL);
	for (int i = 0; i < max && array_iterate(iterator, &key, &isnull); i++)
		texts = accumArrayResult(texts,
								 isnull ? (Datum) 0 :
								 CStringGetTextDatum(OidOutputFunctionCall(output, key)),
								 isnull, TEXTOID, CurrentMemoryContext);
	*result = makeArrayResult(texts, CurrentMemoryContext);
	return true;
}

/* Report an entry. */
static bool
report_entry(int generation, HeapTuple entry, TupleDesc desc, void *argument)
{
	Look	   *look = argument;
	MemoryContext cxt;
	MemoryContext old;
	Datum		values[ENTRY_COLUMNS];
	bool		nulls[ENTRY_COLUMNS] = {false};
	Datum		keys = heap_getattr(entry, JOURNAL_KEYS, desc, &nulls[6]);

	if (is_consumed(look, entry, desc) || !is_looked_at(look, entry, desc))
		return true;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership journal entry",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	for (int i = JOURNAL_NUMBER; i < JOURNAL_KEYS; i++)
		values[i - 1] = journal_column(entry, desc, i);
	values[6] = Int64GetDatum(size_of_keys(entry, desc));
	nulls[7] = nulls[6] || look->max_keys == 0 ||
		!keys_as_text((ArrayType *) PG_DETOAST_DATUM(keys), look->max_keys, &values[7]);
	tuplestore_putvalues(look->result->setResult, look->result->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return true;
}

/*
 * svc.journal_entries(max_keys) → number, xid, kind, relation, subject, added_at, bytes, keys
 */
Datum
svc_journal_entries(PG_FUNCTION_ARGS)
{
	Look		look = {.max_entries = -1};

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", "svc.journal_entries"),
				 errdetail("Only superusers see keys that the journal holds."),
				 errhint("svc.journal_pending shows how many there are.")));
	svc_arg_check_given(fcinfo, 0, "max_keys");
	look.max_keys = PG_GETARG_INT32(0);
	if (look.max_keys < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be negative", "max_keys")));
	InitMaterializedSRF(fcinfo, 0);
	look.result = (ReturnSetInfo *) fcinfo->resultinfo;
	look_at_all(&look, report_entry);
	PG_RETURN_NULL();
}
