/*
 * cancel.h: was a process of ours cancelled?
 */
#ifndef SVC_CANCEL_H
#define SVC_CANCEL_H

/* Count cancels of this process from now on, instead of only obeying them */
extern void svc_cancel_count(void);

/* How many there were: the same number before and after means that there was none */
extern int	svc_cancels(void);

#endif							/* SVC_CANCEL_H */
