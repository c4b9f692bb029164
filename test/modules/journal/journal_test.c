/*
 * journal_test.c: a consumer of the journal, with a kind of entries of its own,
 * that writes down what it is given in the order in which it is.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "worker/journal.h"

PG_MODULE_MAGIC;

#define KIND ((JournalKind) 't')

PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(journal_test_append);

static const JournalInterface *journal;

/* journal_test.fails: how many of a hundred pieces the consumer refuses, half of them with an error */
static int	fails;

/* journal_test.only_counts: entries are not written down */
static bool only_counts;

/* Insert an entry into the table "consumed", its keys one by one. */
static void
write_entry(const JournalEntry *entry)
{
	Oid			types[3] = {INT8OID, NAMEOID, INT8ARRAYOID};
	Datum		values[3] = {Int64GetDatum(entry->number), NameGetDatum(&entry->subject),
	PointerGetDatum(entry->keys)};
	char		nulls[4] = "   ";

	if (!entry->keys)
		nulls[2] = 'n';
	SPI_execute_with_args("INSERT INTO public.consumed (number, subject, keys) VALUES ($1, $2, $3)",
						  3, types, values, nulls, false, 0);
}

/* Write entries down, in a transaction; sometimes fail, before or after that. */
static bool
consume(List *entries)
{
	int			luck = random() % 100;
	ListCell   *cell;

	if (luck < fails / 2)
		ereport(ERROR, (errmsg("the consumer of the test raises an error")));
	if (only_counts)
		return true;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	foreach(cell, entries)
		write_entry(lfirst(cell));
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return luck >= fails;
}

static const JournalConsumer consumer = {
	.name = "journal_test", .kinds = "t", .consume = consume
};

/* journal_test_append(relation, subject, keys, times) */
Datum
journal_test_append(PG_FUNCTION_ARGS)
{
	bool		fits = true;

	for (int i = 0; i < PG_GETARG_INT32(3); i++)
		fits = journal->append(KIND, PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)),
							   PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2));
	PG_RETURN_BOOL(fits);
}

/* Find the journal, and register. */
void
_PG_init(void)
{
	const JournalInterface *(*find) (void) =
		(const JournalInterface *(*) (void)) load_external_function("svc_ownership", "svc_journal_interface",
																	true, NULL);

	journal = find();
	if (journal->version != JOURNAL_INTERFACE)
		elog(ERROR, "the journal has version %d", journal->version);
	DefineCustomIntVariable("journal_test.fails", "Of a hundred pieces the consumer refuses so many.",
							NULL, &fails, 0, 0, 100, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("journal_test.only_counts", "The consumer forgets what it is given.",
							 NULL, &only_counts, false, PGC_SIGHUP, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("journal_test");
	journal->register_consumer(&consumer);
}
