/*
 * far_session.h: what a checker's sessions at foreign servers are like.
 */
#ifndef SVC_FAR_SESSION_H
#define SVC_FAR_SESSION_H

#include "utils/elog.h"

/* Have this process's sessions elsewhere begin with settings that suit questions for keys */
extern void far_session_wish(void);

/* Did an error come of that, perhaps?  Then they begin without, and what failed may be tried again. */
extern bool far_session_was_refused(const ErrorData *error);

#endif							/* SVC_FAR_SESSION_H */
