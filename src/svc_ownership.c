/*
 * svc_ownership.c: the extension's table of contents.
 */
#include "core/svc.h"

#include "core/ddl.h"
#include "core/merge.h"
#include "core/sql.h"
#include "migration/migration.h"
#include "reference/reference.h"
#include "runner/runner.h"
#include "service/service.h"
#include "upkeep/upkeep.h"
#include "utils/guc.h"
#include "worker/journal.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/* Called once when the library is loaded, preloaded or at its first use. */
void
_PG_init(void)
{
	SqlInit();
	DdlInit();
	MergeInit();
	RunnerInit();
	ServiceInit();
	WorkerInit();
	JournalInit();
	UpkeepInit();
	MigrationInit();
	ReferenceInit();
	MarkGUCPrefixReserved(SVC_EXTENSION);
}
