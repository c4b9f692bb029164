/*
 * violation.h: keys that are not valid, and what became of them.
 */
#ifndef SVC_VIOLATION_H
#define SVC_VIOLATION_H

#include "reference/key_set.h"

/* What is kept of a key's text, in characters */
#define VIOLATION_KEY_TEXT "2000"

/* Who found out: the sources in svc.reference_validation_log */
typedef enum ViolationSource
{
	SOURCE_WORKER,
	SOURCE_SWEEP,
	SOURCE_STATEMENT
} ViolationSource;

/* A look at keys: who looked, and what he knows of them besides their states */
typedef struct ViolationLook
{
	ViolationSource source;
	const char *detail;			/* for the log; may be NULL */
	TimestampTz sweep;			/* when the sweep that looks was begun; 0: it is none */
	TimestampTz asked;			/* valid keys were asked for then: what was seen since is not resolved; 0: just now */
	int			first_new;		/* keys before this one were looked at before: no samples of them */
	const int64 *rows;			/* how many rows hold each key of the set, or NULL */
} ViolationLook;

extern void ViolationInit(void);

/*
 * Record the states of a set's keys, as part of the current transaction, with
 * rights of our own: violations open, are seen again and are resolved, and the
 * log gets a row for each key that is not valid or that changed, and for a
 * sample of the valid ones.
 */
extern void violation_record(const Reference *reference, const KeySet *set,
							 ViolationSource source, const char *detail);

/* The same for a sweep, which resolves nothing before its end: it knows more, and so counts */
extern void violation_record_look(const Reference *reference, const KeySet *set,
								  const ViolationLook *look);

/* Has a reference violations that are not resolved? */
extern bool violation_is_any(const char *reference);

/*
 * Those of a set's keys that are valid are violations no more, unless somebody saw
 * them since they were asked for (0: nobody can have); the others become pending
 */
extern void violation_resolve(const Reference *reference, KeySet *set, TimestampTz asked,
							  const char *detail);

/* A set of keys, in a state, from their texts as violations have them */
extern KeySet *violation_keys(const Reference *reference, List *texts, KeyState state);

/* A sweep that was begun then has seen all rows: what it did not see is not violated any more */
extern void violation_resolve_unseen(const Reference *reference, TimestampTz sweep);

/* The reference is gone or has another name (NULL: gone) */
extern void violation_follow(const char *reference, const char *new_name);

/* violation_job.c */
extern void ViolationJobInit(void);

#endif							/* SVC_VIOLATION_H */
