/*
 * shared_memory.h: areas of shared memory, each with locks of its own.
 */
#ifndef SVC_SHARED_MEMORY_H
#define SVC_SHARED_MEMORY_H

#include "storage/lwlock.h"

/* An area; it is known for as long as the process lives */
typedef struct SharedMemory
{
	const char *name;			/* of the area, and of its locks in pg_stat_activity */
	int			n_locks;
	Size		(*size) (void);

	/* Keep where it is; a new one has to be cleared.  Others wait until then. */
	void		(*keep) (void *memory, LWLockPadded *locks, bool is_new);
} SharedMemory;

extern void svc_share_memory(const SharedMemory *area);

#endif							/* SVC_SHARED_MEMORY_H */
