/*
 * journal_run.h: the job that gives entries to consumers.
 */
#ifndef SVC_JOURNAL_RUN_H
#define SVC_JOURNAL_RUN_H

#include "worker/journal.h"

#define JOURNAL_JOB "journal"

extern void JournalRunInit(void);
extern List *journal_consumers(void);
extern bool journal_is_consumed_by(const JournalConsumer *consumer, JournalKind kind);

#endif							/* SVC_JOURNAL_RUN_H */
