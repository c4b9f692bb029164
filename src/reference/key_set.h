/*
 * key_set.h: distinct keys, and what is known of each.
 */
#ifndef SVC_KEY_SET_H
#define SVC_KEY_SET_H

#include "reference/reference.h"
#include "utils/array.h"

typedef struct KeySet KeySet;

/* In the current memory context.  Equality and hash are those of the key's type. */
extern KeySet *key_set_make(const Reference *reference);

/* A value of the reference's column (an array: its elements; NULL: nothing), copied */
extern void key_set_add_column(KeySet *set, Datum value, bool isnull);

/* The keys in a new value of the column that are not in the old one */
extern void key_set_add_changed(KeySet *set, Datum old, bool old_null, Datum new, bool new_null);

/* One key, copied, and pending (again); true if it is new.  Its number in the set, from 0, in *index (may be NULL) */
extern bool key_set_add(KeySet *set, Datum key, int *index);
extern void key_set_add_array(KeySet *set, ArrayType *keys);

extern int	key_set_count(const KeySet *set);
extern Datum key_set_key(const KeySet *set, int index);
extern KeyState key_set_state(const KeySet *set, int index);
extern void key_set_mark(KeySet *set, int index, KeyState state);
extern int	key_set_find(const KeySet *set, Datum key);	/* its number, or -1 */

/* The first key in a state, from a number on; -1 if there is none */
extern int	key_set_first(const KeySet *set, KeyState state, int from);

/* Keys in a state, at most max from number *from on, as an array; NULL when there are no more */
extern ArrayType *key_set_array(const KeySet *set, KeyState state, int *from, int max);

/*
 * How many keys there are, and a sum over them: two tallies are equal if the
 * keys are, in any order; else they are equal once in four billion times.
 */
typedef struct KeyTally
{
	uint64		count;
	uint64		sum;
} KeyTally;

extern bool key_set_tally(const KeySet *set, KeyState state, int from, int to, bool far,
						  KeyTally *tally);
extern void key_set_count_key(const KeySet *set, Datum key, KeyTally *tally);

/*
 * The function by which keys of a type are hashed for the tally of a server
 * elsewhere (far, above): one that it has, too.  InvalidOid: there is none.
 */
extern Oid	key_set_far_hash(Oid key_type);

/* A key as text, by its type's output function */
extern char *key_set_text(const KeySet *set, int index);

extern Size key_set_memory(const KeySet *set);

#endif							/* SVC_KEY_SET_H */
