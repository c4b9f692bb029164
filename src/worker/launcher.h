/*
 * launcher.h: the process that starts workers.
 */
#ifndef SVC_WORKER_LAUNCHER_H
#define SVC_WORKER_LAUNCHER_H

#include "postmaster/bgworker.h"

extern void LauncherInit(void);
extern void worker_describe(BackgroundWorker *worker, const char *function, const char *type);
extern bool worker_reload(void);

/* Settings */
extern int	worker_max;
extern int	worker_interval;
extern int	worker_idle_timeout;

#endif							/* SVC_WORKER_LAUNCHER_H */
