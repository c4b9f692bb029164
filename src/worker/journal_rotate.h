/*
 * journal_rotate.h: entries that all have read go.
 */
#ifndef SVC_JOURNAL_ROTATE_H
#define SVC_JOURNAL_ROTATE_H

extern long journal_rotate(void);

#endif							/* SVC_JOURNAL_ROTATE_H */
