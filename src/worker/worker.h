/*
 * worker.h: work that is done after users' transactions, outside of them.
 */
#ifndef SVC_WORKER_H
#define SVC_WORKER_H

#include "core/protect.h"
#include "utils/timestamp.h"

/*
 * A kind of such work.  Modules register theirs when the library is loaded; a
 * database worker and svc.run_pending() do them in the order of registration.
 */
typedef struct WorkerJob
{
	const char *name;			/* for svc.workers and contexts of errors */

	/*
	 * Do what there is to do, in transactions of its own (worker_transaction).
	 * Called outside of one, in a session of our own that is the bootstrap
	 * superuser's, in memory that is reset afterwards.  Asks
	 * worker_must_leave() between two pieces, and then returns soon.  Returns
	 * after how many milliseconds it wants to be called although nobody rang: 0
	 * at once (there is more, or it was asked to leave), WORKER_IDLE when a ring
	 * is enough.  Only interruptions are raised; what else goes wrong is caught
	 * by worker_transaction() and told by worker_failed().
	 */
	long		(*run) (void);
} WorkerJob;

#define WORKER_IDLE (-1L)

extern void WorkerInit(void);
extern void worker_register_job(const WorkerJob *job);

/* Is there, or can there be, a worker for this database: is the library preloaded? */
extern bool worker_available(void);

/*
 * For jobs that look at something from time to time, such as retention: after
 * how many milliseconds (svc_ownership.worker_interval)
 */
extern long worker_next_look(void);

/* When this transaction has committed there is work in this database; cheap, and once is enough */
extern void worker_ring(void);

/* There is work now, whatever becomes of this transaction */
extern void worker_ring_now(void);

/* For jobs: when svc.run_pending() was called, if they are done for it, and somebody waits; else 0 */
extern TimestampTz worker_called_at(void);

/* For jobs: is the worker asked to leave its database (or to end)? */
extern bool worker_must_leave(void);

/*
 * For processes of other modules that are about to connect to a database: may
 * they?  From then on they are sent away like workers, and ask
 * worker_must_leave() often.
 */
extern bool worker_admit(Oid database);

/* Do commands keep workers out of this database just now? */
extern bool worker_kept_out(void);

/*
 * For jobs: do one piece of work in a transaction of its own, committed at the
 * end, at isolation level "isolation" (XACT_READ_COMMITTED,
 * XACT_REPEATABLE_READ), with a snapshot.  NULL, or the error with which it was
 * rolled back, in the caller's memory.  Interruptions are raised.
 *
 * The extension cannot be dropped or altered while the transaction runs; if it
 * is just now, nothing is done, the error says so, and worker_must_leave().
 */
extern ErrorData *worker_transaction(int isolation, ProtectedWork work, void *argument);

/*
 * For jobs: the same where the piece runs code of a service's.  After
 * svc_ownership.worker_patience it is cancelled and rolled back, with the error
 * WORKER_OUT_OF_TIME: somebody else has to have a turn.
 */
extern ErrorData *worker_transaction_of_theirs(int isolation, ProtectedWork work, void *argument);
#define WORKER_OUT_OF_TIME MAKE_SQLSTATE('S', 'V', '0', '0', '4')

/* svc_ownership.worker_patience, in milliseconds; 0: for ever */
extern int	worker_patience;

/*
 * For jobs: remember an error for svc.workers, and write it to the log once.
 * After worker_failed() the job is not called again for a while, longer each
 * time (1 s to 1 min), not even if somebody rings; a job whose pieces fail
 * independently, and that waits by itself before it tries one again, calls
 * worker_complain() instead.
 */
extern void worker_failed(const char *job, const ErrorData *error);
extern void worker_complain(const char *job, const ErrorData *error);

/*
 * For jobs: they were called though their time had not come, or part of them
 * rests, so what went wrong the last time stands.
 */
extern void worker_error_stands(const char *job);

#endif							/* SVC_WORKER_H */
