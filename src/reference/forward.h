/*
 * forward.h: when keys that could not be asked come forward.
 */
#ifndef SVC_FORWARD_H
#define SVC_FORWARD_H

#include "utils/timestamp.h"

extern void ForwardInit(void);

/* What could not be asked in this database may be answered from now on */
extern void forward_now(void);

/* What could not be asked before this moment is asked again now; 0: nothing is */
extern TimestampTz forward_moment(void);

#endif							/* SVC_FORWARD_H */
