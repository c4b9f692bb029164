/*
 * journal_cursor.h: how far a reader has come.
 */
#ifndef SVC_JOURNAL_CURSOR_H
#define SVC_JOURNAL_CURSOR_H

#include "worker/journal_snapshot.h"

/*
 * Read are the entries that "read" shows, and of those that "reading" shows (if
 * there is one) the ones up to a number.
 */
typedef struct JournalCursor
{
	int64		move;			/* how often it moved */
	JournalSnapshot *read;
	JournalSnapshot *reading;	/* or NULL */
	int64		reached;
} JournalCursor;

extern void journal_cursor_get(const char *consumer, JournalCursor *cursor);
extern void journal_cursor_move(const char *consumer, JournalCursor *cursor);

#endif							/* SVC_JOURNAL_CURSOR_H */
