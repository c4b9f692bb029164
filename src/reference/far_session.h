/*
 * far_session.h: what our processes' sessions at foreign servers are like.
 */
#ifndef SVC_FAR_SESSION_H
#define SVC_FAR_SESSION_H

#include "utils/elog.h"

/* Sessions that are made between the two begin with settings that suit questions for keys */
extern void far_session_begin(void);
extern void far_session_end(void);

/* Did an error come of that, perhaps?  Then what failed may be tried again: it is without, now. */
extern bool far_session_was_refused(const ErrorData *error);

#endif							/* SVC_FAR_SESSION_H */
