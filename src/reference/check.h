/*
 * check.h: what the trigger functions of references share.
 */
#ifndef SVC_CHECK_H
#define SVC_CHECK_H

#include "commands/trigger.h"
#include "reference/key_set.h"

extern void CheckInit(void);

/* A reference as a trigger declares it, resolved, and kept for the session */
typedef struct Check
{
	Reference  *reference;
	const char *refusal;		/* why its contract cannot be asked, or NULL */
	MemoryContext cxt;
} Check;

/*
 * trigger.c: the check that a trigger declares; NULL if it is off.  Valid until
 * the transaction ends.
 */
extern const Check *check_of_trigger(Relation rel, const Trigger *trigger);

/* Ask for the pending keys of a set, wherever they are: none is pending after it */
extern void check_ask(const Check *check, KeySet *set);

/*
 * Leave unknown keys to the worker, or refuse them, as the reference's policy
 * says.  They become KEY_WAIVED.
 */
extern void check_settle_unknown(const Check *check, Relation rel, KeySet *set);

/* Is a missing key to be refused, and not only reported? */
extern bool check_rejects(const Reference *reference);

/* Is a key that was missing a moment ago still missing?  Notes what it is now. */
extern bool check_is_missing(const Check *check, KeySet *set, int index);

/* Leave all keys of a set to the worker */
extern void check_defer(const Reference *reference, KeySet *set);

/* Report the keys of a set that are missing, which are accepted and become KEY_WAIVED */
extern void check_report(const Reference *reference, KeySet *set);

/* missing.c: refuse a key */
pg_noreturn extern void missing_raise(const Reference *reference, Relation rel, const KeySet *set,
									  int index);
pg_noreturn extern void unavailable_raise(const Check *check, Relation rel);

/* Does a row of the relation still hold a key? */
extern bool missing_is_held(const Reference *reference, Datum key);

/*
 * commit.c: the keys of this transaction, which are resolved together when it
 * ends; NULL if there are as many as work_mem holds: more of them wait behind.
 */
extern void CommitInit(void);
extern KeySet *commit_keys(const Check *check);
extern void commit_queue(const Check *check, Relation rel, Datum value);

#endif							/* SVC_CHECK_H */
