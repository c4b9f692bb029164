/*
 * journal.h: what transactions leave for later: insert-only, read behind a
 * fence that no late commit can slip through.
 */
#ifndef SVC_JOURNAL_H
#define SVC_JOURNAL_H

#include "access/transam.h"
#include "utils/array.h"

/* What an entry is about; one consumer each */
typedef enum JournalKind
{
	JOURNAL_CHECK = 'c',		/* keys that a reference is to check */
	JOURNAL_RESULT = 'r',		/* keys that were checked, and accepted though they are not valid */
	JOURNAL_GONE = 'd',			/* keys that a published relation may have lost */
	JOURNAL_BACK = 'i'			/* keys that it may have got again */
} JournalKind;

#define JOURNAL_KINDS "crdi"

typedef struct JournalEntry
{
	int64		number;			/* in the order of appending */
	JournalKind kind;
	Oid			relation;		/* whose statement it was */
	NameData	subject;		/* the reference, or the key column of the published relation */
	ArrayType  *keys;			/* NULL: more than the journal took; everything must be swept */
} JournalEntry;

/* Reads entries of some kinds; has a cursor of its own */
typedef struct JournalConsumer
{
	const char *name;
	const char *kinds;			/* a string of JournalKinds */

	/*
	 * Entries in the order of appending (a List of JournalEntry), outside of a
	 * transaction; makes its own.  The cursor moves over them after it has
	 * returned true: entries may come again after a crash, and after false.
	 */
	bool		(*consume) (List *entries);
} JournalConsumer;

extern void JournalInit(void);
extern void journal_register_consumer(const JournalConsumer *consumer);

/*
 * Append, as part of the current transaction, and ring.  If the journal has
 * reached svc_ownership.journal_limit an entry without keys is appended once a
 * transaction instead, and false is returned.
 */
extern bool journal_append(JournalKind kind, Oid relation, const char *subject, ArrayType *keys);

/* The same for libraries beside ours: svc_journal_interface() returns it */
typedef struct JournalInterface
{
	int			version;
	bool		(*append) (JournalKind kind, Oid relation, const char *subject, ArrayType *keys);
	void		(*register_consumer) (const JournalConsumer *consumer);
} JournalInterface;

#define JOURNAL_INTERFACE 1

#endif							/* SVC_JOURNAL_H */
