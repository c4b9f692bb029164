/*
 * violation.h: keys that are not valid, and what became of them.
 */
#ifndef SVC_VIOLATION_H
#define SVC_VIOLATION_H

#include "reference/key_set.h"

/* Who found out: the sources in svc.reference_validation_log */
typedef enum ViolationSource
{
	SOURCE_WORKER,
	SOURCE_SWEEP,
	SOURCE_STATEMENT
} ViolationSource;

/*
 * Record the states of a set's keys, as part of the current transaction, with
 * rights of our own: violations open, are seen again and are resolved, and the
 * log gets a row for each key that is not valid or that changed, and for a
 * sample of the valid ones.
 */
extern void violation_record(const Reference *reference, const KeySet *set,
							 ViolationSource source, const char *detail);

/* The reference is gone or has another name (NULL: gone) */
extern void violation_follow(const char *reference, const char *new_name);

#endif							/* SVC_VIOLATION_H */
