/*
 * session.h: sessions of our own background workers.
 */
#ifndef SVC_SESSION_H
#define SVC_SESSION_H

extern void svc_session_set(const char *name, const char *value);
extern void svc_session_own_settings(void);
extern void svc_session_reset(void);

#endif							/* SVC_SESSION_H */
