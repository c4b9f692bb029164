/*
 * patience.h: foreign servers that do not answer do not hold a worker.
 */
#ifndef SVC_PATIENCE_H
#define SVC_PATIENCE_H

extern void patience_begin(long milliseconds);
extern bool patience_end(void);

#endif							/* SVC_PATIENCE_H */
