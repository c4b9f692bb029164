/*
 * slot.h: what launcher, workers and sessions know of each other: shared memory
 * of the module, for the module only.
 *
 * Values only: processes are named by their number in the server's array, not
 * by a pointer.
 */
#ifndef SVC_WORKER_SLOT_H
#define SVC_WORKER_SLOT_H

#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#define MAX_WORKERS 64
#define MAX_BANS 64
#define MAX_GUESTS 64
#define MAX_DATABASES 1024
#define MAX_ERROR 256

#define NO_PROCESS (-1)

/* The way of a worker; README.md has the diagram */
typedef enum SlotState
{
	SLOT_FREE,
	SLOT_STARTING,				/* the launcher asked for a worker */
	SLOT_AT_WORK,				/* it is about to connect, or connected */
	SLOT_LEAVING,				/* it takes no more work */
	SLOT_ENDED					/* it is gone; the launcher is to note how */
} SlotState;

typedef struct WorkerSlot
{
	SlotState	state;
	uint32		generation;		/* of its use: a late process finds that it is not meant */
	bool		clean;			/* it ended because it wanted to */
	Oid			database;
	int			process;
	int			pid;
	TimestampTz started;
	NameData	job;			/* at work on it; empty: idle */
} WorkerSlot;

/* A process of another module, connected to a database: it is sent away like a worker */
typedef struct WorkerGuest
{
	Oid			database;		/* InvalidOid: free */
	int			process;
	int			pid;
} WorkerGuest;

/* A database that workers stay out of while a command runs */
typedef struct WorkerBan
{
	Oid			database;		/* InvalidOid: free */
	int			process;		/* whose command it is */
	int			pid;
} WorkerBan;

/*
 * A database that workers visit.  Its bell, the only thing that is looked at
 * without the lock, holds the database and whether somebody rang; so a ring
 * cannot hit another database that got the entry meanwhile.
 */
typedef struct WorkerDatabase
{
	pg_atomic_uint64 bell;
	TimestampTz visited;		/* when a worker was started last */
	TimestampTz due;			/* when one is wanted although nobody rings */
	TimestampTz retry;			/* not before, after a failure */
	int			failures;		/* in a row */
	char		error[MAX_ERROR];	/* the last one, until it went well; or empty */
	int			encoding;		/* of the error */
} WorkerDatabase;

typedef struct WorkerShared
{
	LWLock	   *lock;			/* of everything but bells */
	int			launcher;		/* process, pid, and since when */
	int			launcher_pid;
	TimestampTz launcher_started;
	bool		no_free_worker; /* the server's are all in use */
	bool		wanted;			/* databases wait for a worker to go */
	bool		look;			/* a bell had no place: look at all databases */
	WorkerSlot	slots[MAX_WORKERS];
	WorkerBan	bans[MAX_BANS];
	WorkerGuest guests[MAX_GUESTS];
	WorkerDatabase databases[MAX_DATABASES];
} WorkerShared;

/* NULL where the library is not preloaded */
extern WorkerShared *worker_shared;

extern void SlotInit(void);
extern void slot_wake(int process);
extern void slot_wake_launcher(void);

/* With the lock held */
extern WorkerSlot *slot_in_database(Oid database);
extern bool slot_is_banned(Oid database);

/* For a worker */
extern Oid	slot_enter(int number, uint32 generation);
extern bool slot_must_leave(void);
extern bool slot_leave(TimestampTz due, bool failed);
extern void slot_show_job(const char *job);

/* For commands that want a database for themselves */
extern void slot_ban(Oid database);
extern void slot_unban(void);
extern int	slot_send_away(Oid database, int signal);

#endif							/* SVC_WORKER_SLOT_H */
