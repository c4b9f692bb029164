/*
 * tool.h: the history tables and locks of other tools, kept as they keep them.
 */
#ifndef SVC_MIGRATION_TOOL_H
#define SVC_MIGRATION_TOOL_H

#include "migration/history.h"

/*
 * Keep the adopted tool away while a migration runs: its advisory locks, tried
 * and never waited for, or a lock on its table where it takes none.  session:
 * until tool_unlock, for what does not run in one transaction; else until the
 * transaction ends.  False: it is at work; try again later, without a snapshot.
 */
extern bool tool_try_lock(const History *history, bool session);
extern void tool_unlock(const History *history);

#endif							/* SVC_MIGRATION_TOOL_H */
