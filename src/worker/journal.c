/*
 * journal.c: the journal's parts, and what it lends to other libraries.
 */
#include "core/svc.h"

#include "worker/journal.h"
#include "worker/journal_append.h"
#include "worker/journal_run.h"
#include "worker/journal_table.h"

PGDLLEXPORT const JournalInterface *svc_journal_interface(void);

static const JournalInterface interface = {
	.version = JOURNAL_INTERFACE, .append = journal_append, .register_consumer = journal_register_consumer
};

/* For libraries beside this one, which find it with load_external_function(). */
const JournalInterface *
svc_journal_interface(void)
{
	return &interface;
}

/* What the journal does when the library is loaded. */
void
JournalInit(void)
{
	JournalTableInit();
	JournalAppendInit();
	JournalRunInit();
}
