/*
 * journal_append.h: what appending shares with the rest of the journal.
 */
#ifndef SVC_JOURNAL_APPEND_H
#define SVC_JOURNAL_APPEND_H

extern void JournalAppendInit(void);
extern int64 journal_limit_bytes(void);

#endif							/* SVC_JOURNAL_APPEND_H */
