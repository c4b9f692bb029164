/*
 * protect.h: work whose failure must not reach the user's command.
 */
#ifndef SVC_PROTECT_H
#define SVC_PROTECT_H

typedef void (*ProtectedWork) (void *argument);

extern ErrorData *svc_try(ProtectedWork work, void *argument);
extern bool svc_is_interruption(const ErrorData *error);
extern bool svc_run_protected(ProtectedWork work, void *argument, bool raise_passing,
							  const char *failure, const char *hint);

#endif							/* SVC_PROTECT_H */
