/*
 * leave.h: commands that want a database, or the extension, for themselves.
 */
#ifndef SVC_WORKER_LEAVE_H
#define SVC_WORKER_LEAVE_H

extern void LeaveInit(void);
extern void leave_at_end(void);

#endif							/* SVC_WORKER_LEAVE_H */
