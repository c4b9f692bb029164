/*
 * key_queue.h: values of a reference's column that wait for their turn, on disk
 * where memory does not hold them.
 */
#ifndef SVC_KEY_QUEUE_H
#define SVC_KEY_QUEUE_H

#include "reference/key_set.h"
#include "utils/rel.h"

typedef struct KeyQueue KeyQueue;

/* Lasts until key_queue_end, which must come before the end of the transaction if it commits */
extern KeyQueue *key_queue_make(Relation rel, AttrNumber column);
extern void key_queue_end(KeyQueue *queue);

extern void key_queue_put(KeyQueue *queue, Datum value);
extern bool key_queue_is_empty(const KeyQueue *queue);

/* The oldest values into a set, until that takes so much memory */
extern void key_queue_take(KeyQueue *queue, KeySet *set, Size memory);

#endif							/* SVC_KEY_QUEUE_H */
