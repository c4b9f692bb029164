/*
 * shared_memory.c: areas of shared memory, each with locks of its own.
 *
 * They are asked for while the server starts with the library preloaded, and
 * made then and after each crash.
 */
#include "core/svc.h"

#include "core/shared_memory.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#define MAX_AREAS 8

static const SharedMemory *areas[MAX_AREAS];
static int	n_areas = 0;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* Ask for all areas and their locks. */
static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	for (int i = 0; i < n_areas; i++)
	{
		RequestAddinShmemSpace(areas[i]->size());
		RequestNamedLWLockTranche(areas[i]->name, areas[i]->n_locks);
	}
}

/* Make them, or find them. */
static void
start_memory(void)
{
	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < n_areas; i++)
	{
		bool		found;
		void	   *memory = ShmemInitStruct(areas[i]->name, areas[i]->size(), &found);

		areas[i]->keep(memory, GetNamedLWLockTranche(areas[i]->name), !found);
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Have an area of shared memory; called once an area when the library is
 * loaded.  There is none, and keep is never called, where the library is not
 * preloaded or pg_upgrade is at work.
 */
void
svc_share_memory(const SharedMemory *area)
{
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	if (n_areas == MAX_AREAS)
		elog(ERROR, "too many areas of shared memory");
	if (n_areas == 0)
	{
		previous_request_hook = shmem_request_hook;
		shmem_request_hook = request_memory;
		previous_startup_hook = shmem_startup_hook;
		shmem_startup_hook = start_memory;
	}
	areas[n_areas++] = area;
}
