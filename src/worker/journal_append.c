/*
 * journal_append.c: entries of the journal, written by whatever transaction has
 * something to leave.
 *
 * It is on the way of every statement that is checked later, so it costs a row
 * and an index entry and asks nobody: no plan, no right, no lock that others
 * wait for.
 *
 * The number of an entry is where the write-ahead log stood before it was
 * written.  Writing it moves that on, so of two entries one after the other the
 * second has the greater number, in whatever sessions they are made: unlike a
 * sequence it costs nothing and is not set back by a crash.
 */
#include "core/svc.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/extension.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/xid8.h"
#include "worker/journal_append.h"
#include "worker/journal_table.h"
#include "worker/worker.h"

SVC_FUNCTION(svc_journal_append);

/* Of keys in one entry, in bytes: what a reader has in memory at once is a few of them */
#define MAX_KEYS_SIZE (1024 * 1024)

/* How long, and for how many bytes, a session believes what it saw of the journal's size */
#define SIZE_KNOWN_FOR (INT64CONST(100000))
#define SIZE_KNOWN_BYTES MAX_KEYS_SIZE

/* svc_ownership.journal_limit, in kB */
static int	journal_limit;

/* What a session saw of the journal's size */
static TimestampTz size_seen_at = 0;
static int64 written_since = 0;
static bool journal_is_full = false;

/* An entry without keys that this transaction has written */
typedef struct Overflow
{
	JournalKind kind;
	Oid			relation;
	NameData	subject;
	SubTransactionId subxact;
} Overflow;

/* In the transaction's memory */
static List *overflows = NIL;

/* The transaction is over, or is prepared. */
static void
end_transaction(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		overflows = NIL;
}

/* A savepoint is over: what was written in it is its parent's now, or is gone. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId subxact, SubTransactionId parent,
				   void *argument)
{
	ListCell   *cell;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(cell, overflows)
	{
		Overflow   *overflow = lfirst(cell);

		if (overflow->subxact != subxact)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			overflow->subxact = parent;
		else
			overflows = foreach_delete_current(overflows, cell);
	}
}

/* What appending needs when the library is loaded. */
void
JournalAppendInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".journal_limit",
							"How large the journal of a database may become.",
							"Beyond it entries say only that everything must be swept.",
							&journal_limit, 1024 * 1024, 64, INT_MAX, PGC_SIGHUP, GUC_UNIT_KB,
							NULL, NULL, NULL);
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

/* The limit in bytes. */
int64
journal_limit_bytes(void)
{
	return (int64) journal_limit * 1024;
}

/*
 * Has the journal reached its limit?  To look costs more than to append: a
 * session looks ten times a second at the most, or after it has written much.
 */
static bool
is_full(void)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();

	if (now >= size_seen_at + SIZE_KNOWN_FOR || now < size_seen_at ||
		written_since > Min(SIZE_KNOWN_BYTES, journal_limit_bytes() / 8))
	{
		journal_is_full = journal_size() >= journal_limit_bytes();
		size_seen_at = now;
		written_since = 0;
	}
	return journal_is_full;
}

/* Write one entry.  keys is kept as it is in memory, as the bytes of a bytea: both begin with their size. */
static void
write_entry(JournalKind kind, Oid relation, const char *subject, const ArrayType *keys)
{
	const JournalTables *t = journal_tables();
	Relation	rel = table_open(t->generation[t->current], RowExclusiveLock);
	NameData	name;
	Datum		values[JOURNAL_COLUMNS];
	bool		nulls[JOURNAL_COLUMNS] = {false};

	namestrcpy(&name, subject);
	values[JOURNAL_XID - 1] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[JOURNAL_NUMBER - 1] = Int64GetDatum((int64) GetXLogInsertRecPtr());
	values[JOURNAL_KIND - 1] = CharGetDatum((char) kind);
	values[JOURNAL_RELATION - 1] = ObjectIdGetDatum(relation);
	values[JOURNAL_SUBJECT - 1] = NameGetDatum(&name);
	values[JOURNAL_ADDED_AT - 1] = TimestampTzGetDatum(GetCurrentStatementStartTimestamp());
	values[JOURNAL_KEYS - 1] = PointerGetDatum(keys);
	nulls[JOURNAL_KEYS - 1] = keys == NULL;
	journal_write_row(rel, values, nulls);
	/* locked until the transaction ends: a generation with open entries is not emptied */
	table_close(rel, NoLock);
	written_since += MAXALIGN(sizeof(NameData)) + (keys ? VARSIZE(keys) : 0);
}

/* Has this transaction written an entry without keys for a subject?  If not it has now. */
static void
write_overflow(JournalKind kind, Oid relation, const char *subject)
{
	MemoryContext old;
	Overflow   *overflow;
	ListCell   *cell;

	foreach(cell, overflows)
	{
		overflow = lfirst(cell);
		if (overflow->kind == kind && overflow->relation == relation &&
			strcmp(NameStr(overflow->subject), subject) == 0)
			return;
	}
	write_entry(kind, relation, subject, NULL);
	old = MemoryContextSwitchTo(TopTransactionContext);
	overflow = palloc(sizeof(Overflow));
	overflow->kind = kind;
	overflow->relation = relation;
	namestrcpy(&overflow->subject, subject);
	overflow->subxact = GetCurrentSubTransactionId();
	overflows = lappend(overflows, overflow);
	MemoryContextSwitchTo(old);
}

/* Keys that are too many for one entry, in several. */
static void
write_in_parts(JournalKind kind, Oid relation, const char *subject, ArrayType *keys)
{
	Oid			type = ARR_ELEMTYPE(keys);
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			first = 0;
	Size		size = 0;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(keys, type, length, by_value, align, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		size += nulls[i] ? 0 : MAXALIGN(datumGetSize(elements[i], by_value, length));
		if (size >= MAX_KEYS_SIZE || i == n - 1)
		{
			int			count = i + 1 - first;
			int			lower_bound = 1;
			ArrayType  *part = construct_md_array(elements + first, nulls + first, 1, &count,
												  &lower_bound, type, length, by_value, align);

			CHECK_FOR_INTERRUPTS();
			write_entry(kind, relation, subject, part);
			pfree(part);
			first = i + 1;
			size = 0;
		}
	}
	pfree(elements);
	pfree(nulls);
}

/* Append keys, or that there were some; journal.h says more. */
bool
journal_append(JournalKind kind, Oid relation, const char *subject, ArrayType *keys)
{
	bool		fits = !is_full();

	if (!fits || !keys)
		write_overflow(kind, relation, subject);
	else if (VARSIZE(keys) <= MAX_KEYS_SIZE)
		write_entry(kind, relation, subject, keys);
	else
		write_in_parts(kind, relation, subject, keys);
	worker_ring();
	return fits;
}

/* The argument that says what an entry is about, of which there must be a reader. */
static JournalKind
kind_arg(FunctionCallInfo fcinfo, int i)
{
	char		kind;

	svc_arg_check_given(fcinfo, i, "kind");
	kind = PG_GETARG_CHAR(i);
	if (kind == '\0' || !strchr(JOURNAL_KINDS, kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is no kind of journal entry", "kind"),
				 errdetail("Kinds are c (to check), r (accepted though not valid), d (gone) and i (back).")));
	return (JournalKind) kind;
}

/*
 * svc.journal_append(kind, relation, subject, keys): as a statement would, for a
 * superuser who wants keys to be looked at again.
 */
Datum
svc_journal_append(PG_FUNCTION_ARGS)
{
	JournalKind kind;
	Oid			relation;
	char	   *subject;

	svc_check_writable("svc.journal_append()");
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", "svc.journal_append"),
				 errdetail("Only superusers write the journal; statements on checked tables do for everybody.")));
	kind = kind_arg(fcinfo, 0);
	relation = svc_arg_relation(fcinfo, 1, "relation");
	subject = svc_arg_name(fcinfo, 2, "subject");
	PG_RETURN_BOOL(journal_append(kind, relation, subject,
								  PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3)));
}
