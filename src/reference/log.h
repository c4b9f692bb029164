/*
 * log.h: svc.reference_validation_log, a partition a day.
 */
#ifndef SVC_REFERENCE_LOG_H
#define SVC_REFERENCE_LOG_H

#include "utils/timestamp.h"

extern void LogInit(void);

/* The partition for a time is there after this.  Inside a scope of the extension's owner. */
extern void log_make_partition(TimestampTz at);

/* Is this valid key one of the sample that is logged? */
extern bool log_takes_sample(void);

/* How long rows of the log, and violations that are resolved, are kept, in seconds */
extern int	log_retention(void);

#endif							/* SVC_REFERENCE_LOG_H */
