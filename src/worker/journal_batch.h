/*
 * journal_batch.h: unread entries of one consumer, in the order of appending, a
 * piece at a time.
 */
#ifndef SVC_JOURNAL_BATCH_H
#define SVC_JOURNAL_BATCH_H

#include "worker/journal.h"

typedef struct JournalBatch JournalBatch;

extern JournalBatch *journal_batch_make(const JournalConsumer *consumer);
extern List *journal_batch_next(JournalBatch *batch);
extern void journal_batch_done(JournalBatch *batch);
extern void journal_batch_save(JournalBatch *batch);
extern void journal_batch_free(JournalBatch *batch);

#endif							/* SVC_JOURNAL_BATCH_H */
