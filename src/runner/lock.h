/*
 * lock.h: one at a time, in the whole cluster, for jobs of a name.
 */
#ifndef SVC_RUNNER_LOCK_H
#define SVC_RUNNER_LOCK_H

extern void runner_lock(const char *name);
extern bool runner_try_lock(const char *name, bool session);
extern void runner_unlock(const char *name);
extern void runner_lock_self(const char *name);
extern void runner_lock_guard(const char *name);

#endif							/* SVC_RUNNER_LOCK_H */
