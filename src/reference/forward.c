/*
 * forward.c: when keys that could not be asked come forward.
 *
 * Such keys wait, longer each time.  Somebody who mends a connection does not
 * want to wait, too; so what was asked before a moment is asked again at once: the moment at
 * which a server, a foreign table or a user mapping was changed, a contract was
 * granted, by us or by hand, a server answered for the first time since its breaker
 * had opened, or svc.run_pending() was called.
 *
 * Moments lie in shared memory, by the hash of a database: two that share one ask
 * once more than they would have to.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/sql.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "reference/breaker.h"
#include "reference/forward.h"
#include "service/contract.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "worker/worker.h"

#define TRANCHE "svc_ownership moments"
#define MOMENTS 256

static pg_atomic_uint64 *moments = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* Has this transaction changed what decides whether keys can be asked? */
static bool changed = false;

/* Or has it granted something, while there were keys that could not be? */
static bool granted = false;

/* Ask for shared memory. */
static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(sizeof(pg_atomic_uint64) * MOMENTS);
}

/* Make the moments, or find them. */
static void
start_memory(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	moments = ShmemInitStruct(TRANCHE, sizeof(pg_atomic_uint64) * MOMENTS, &found);
	for (int i = 0; i < MOMENTS && !found; i++)
		pg_atomic_init_u64(&moments[i], 0);
	LWLockRelease(AddinShmemInitLock);
}

/* The moment of this database. */
static pg_atomic_uint64 *
my_moment(void)
{
	return &moments[murmurhash32(MyDatabaseId) % MOMENTS];
}

/* What could not be asked in this database may be answered from now on. */
void
forward_now(void)
{
	if (moments)
		pg_atomic_write_u64(my_moment(), (uint64) GetCurrentTimestamp());
	worker_ring_now();
}

/* What could not be asked before this moment is asked again now. */
TimestampTz
forward_moment(void)
{
	TimestampTz moment = moments ? (TimestampTz) pg_atomic_read_u64(my_moment()) : 0;

	return Max(moment, worker_called_at());
}

/*
 * Note that a server, a table of one or a user mapping changed.  Only sets a
 * flag, as a callback must; who did not write anything hears of somebody else's change.
 */
static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		changed = true;
}

/* Note that a contract was granted. */
static void
contract_granted(void)
{
	changed = true;
}

/*
 * Note a GRANT of somebody's, of whatever: rights on a schema, a function or a
 * type may be what was missing, too.  Only if it may help: a worker is not to be
 * called for each of a migration's.
 */
static void
follow_grant(Node *command, List *objects)
{
	SqlScope	scope;

	if (granted || !command || !IsA(command, GrantStmt) || !((GrantStmt *) command)->is_grant)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	granted = svc_sql_run("SELECT 1 FROM svc.reference_parked p WHERE p.attempts > 0 LIMIT 1",
						  NULL, 0) > 0;
	svc_sql_end(&scope);
}

static const DdlHandler forward_ddl = {.follow_altered = follow_grant};

/*
 * The end of a transaction: what it changed can be seen, and a server that was
 * down may be another one.  A right does not tell of a server.
 */
static void
at_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && changed)
		breaker_forget();
	if (event == XACT_EVENT_COMMIT && (changed || granted))
		forward_now();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		changed = granted = false;
}

/* Listen to what changes, and ask for shared memory where that can still be had. */
void
ForwardInit(void)
{
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, object_changed, (Datum) 0);
	contract_register_granted(contract_granted);
	svc_register_ddl_handler(&forward_ddl);
	RegisterXactCallback(at_end, NULL);
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_memory;
}
