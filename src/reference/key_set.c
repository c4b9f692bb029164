/*
 * key_set.c: distinct keys, and what is known of each.
 *
 * Keys are told apart by the equality and the hash of their type.  One statement
 * has often one key, so up to a few of them are compared with each other and not
 * hashed; more get an open-addressed index of their numbers.  Keys that are
 * not passed by value are packed into blocks, without a header each.
 */
#include "core/svc.h"

#include "reference/key_set.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

/* as many keys are compared one by one */
#define FEW 8

/* where keys are packed: blocks of this size; a key larger than a quarter gets its own */
#define BLOCK_SIZE 8192

typedef struct KeyItem
{
	Datum		key;
	uint32		hash;			/* set as soon as there is an index */
	uint8		state;			/* KeyState */
} KeyItem;

/* A place in the index; the hash stands here, so that most look no further */
typedef struct KeyPlace
{
	uint32		hash;
	int			number;			/* of the item, from 1; 0: free */
} KeyPlace;

struct KeySet
{
	MemoryContext cxt;
	TypeCacheEntry *type;
	Oid			key_type;
	Oid			collation;
	bool		is_array;		/* values of the column are arrays of keys */
	int			count;
	int			room;
	KeyItem    *items;
	uint32		mask;			/* size of the index less one; 0: there is none */
	KeyPlace   *index;
	char	   *block;
	Size		block_left;
	Size		memory;
};

/* An empty set of the same keys. */
static KeySet *
make_like(const KeySet *like)
{
	KeySet	   *set = palloc0(sizeof(KeySet));

	set->cxt = CurrentMemoryContext;
	set->type = like->type;
	set->key_type = like->key_type;
	set->collation = like->collation;
	set->is_array = like->is_array;
	set->room = FEW;
	set->items = palloc(sizeof(KeyItem) * FEW);
	set->memory = sizeof(KeySet) + sizeof(KeyItem) * FEW;
	return set;
}

/* A set of keys of the type of a reference's, in the current memory context. */
KeySet *
key_set_make(const Reference *reference)
{
	KeySet		like = {
		.key_type = reference->key_type,
		.collation = reference->collation,
		.is_array = reference->is_array
	};

	like.type = lookup_type_cache(reference->key_type,
								  TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO);
	if (!OidIsValid(like.type->hash_proc) || !OidIsValid(like.type->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("keys of type %s cannot be compared and hashed",
						format_type_be(reference->key_type))));
	return make_like(&like);
}

/* Hash a key by its type's own function. */
static uint32
hash_key(const KeySet *set, Datum key)
{
	return DatumGetUInt32(FunctionCall1Coll(&set->type->hash_proc_finfo, set->collation, key));
}

/* Are two keys equal?  The same bits are, whatever the type says. */
static inline bool
equal_keys(const KeySet *set, Datum a, Datum b)
{
	if (set->type->typbyval ? a == b :
		set->type->typlen > 0 &&
		memcmp(DatumGetPointer(a), DatumGetPointer(b), set->type->typlen) == 0)
		return true;
	return DatumGetBool(FunctionCall2Coll(&set->type->eq_opr_finfo, set->collation, a, b));
}

/* Where the index has a key, or the free place where it belongs. */
static KeyPlace *
find_place(const KeySet *set, Datum key, uint32 hash)
{
	uint32		i = hash & set->mask;

	while (set->index[i].number != 0)
	{
		if (set->index[i].hash == hash &&
			equal_keys(set, set->items[set->index[i].number - 1].key, key))
			break;
		i = (i + 1) & set->mask;
	}
	return &set->index[i];
}

/* The number of a key among a few. */
static int
find_among_few(const KeySet *set, Datum key)
{
	for (int i = 0; i < set->count; i++)
		if (equal_keys(set, set->items[i].key, key))
			return i;
	return -1;
}

/* A key's number, or -1. */
int
key_set_find(const KeySet *set, Datum key)
{
	if (set->mask == 0)
		return find_among_few(set, key);
	return find_place(set, key, hash_key(set, key))->number - 1;
}

/* Put a key into an index that has room and does not have it. */
static void
put(KeyPlace *index, uint32 mask, KeyPlace key)
{
	uint32		i = key.hash & mask;

	while (index[i].number != 0)
		i = (i + 1) & mask;
	index[i] = key;
}

/*
 * Make an index of this size, a power of 2.  Hashing may raise an error, after
 * which the set must be as it was.
 */
static void
build_index(KeySet *set, uint32 size)
{
	KeyPlace   *old = set->index;
	KeyPlace   *index = MemoryContextAllocExtended(set->cxt, mul_size(sizeof(KeyPlace), size),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	if (!old)
	{
		for (int i = 0; i < set->count; i++)
		{
			set->items[i].hash = hash_key(set, set->items[i].key);
			put(index, size - 1, (KeyPlace) {set->items[i].hash, i + 1});
		}
	}
	else
	{
		for (uint32 i = 0; i <= set->mask; i++)
			if (old[i].number != 0)
				put(index, size - 1, old[i]);
		set->memory -= sizeof(KeyPlace) * ((Size) set->mask + 1);
		pfree(old);
	}
	set->memory += sizeof(KeyPlace) * (Size) size;
	set->index = index;
	set->mask = size - 1;
}

/* Make room for one more item: the index is at most half full. */
static void
grow(KeySet *set)
{
	if (set->count == set->room)
	{
		/* beyond this the index would need more places than its mask can tell apart */
		if (set->room > INT_MAX / 8)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many keys at once")));
		set->items = repalloc_huge(set->items, mul_size(sizeof(KeyItem), (Size) set->room * 2));
		set->memory += sizeof(KeyItem) * (Size) set->room;
		set->room *= 2;
	}
	if (set->count >= FEW && (uint32) set->count >= set->mask / 2)
		build_index(set, set->mask == 0 ? FEW * 8 : (set->mask + 1) * 4);
}

/* The size of a key that is not passed by value. */
static Size
key_size(const KeySet *set, Datum key)
{
	if (set->type->typlen == -1)
		return VARSIZE_ANY(DatumGetPointer(key));
	return datumGetSize(key, false, set->type->typlen);
}

/* Copy a key into the set's memory. */
static Datum
copy_key(KeySet *set, Datum key)
{
	Size		size;
	char	   *copy;

	if (set->type->typbyval)
		return key;
	size = MAXALIGN(key_size(set, key));
	if (size > BLOCK_SIZE / 4)
	{
		copy = MemoryContextAllocHuge(set->cxt, size);
		set->memory += size;
	}
	else
	{
		if (size > set->block_left)
		{
			/* the first block of a set that may stay small is small */
			set->block_left = set->count == 0 ? Max(size, 64) : BLOCK_SIZE;
			set->block = MemoryContextAlloc(set->cxt, set->block_left);
			set->memory += set->block_left;
		}
		copy = set->block;
		set->block += size;
		set->block_left -= size;
	}
	memcpy(copy, DatumGetPointer(key), key_size(set, key));
	return PointerGetDatum(copy);
}

/* A key as it is kept: not compressed, not stored elsewhere. */
static Datum
plain_key(const KeySet *set, Datum key)
{
	return set->type->typlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(key)) : key;
}

/* Add one key; it is pending, also if it was there.  Tells its number, and whether it is new. */
bool
key_set_add(KeySet *set, Datum key, int *index)
{
	Datum		plain = plain_key(set, key);
	int			number;
	uint32		hash = 0;
	KeyPlace   *place = NULL;
	bool		is_new;

	if (set->count == set->room || set->mask == 0 || (uint32) set->count >= set->mask / 2)
		grow(set);
	if (set->mask == 0)
		number = find_among_few(set, plain);
	else
	{
		hash = hash_key(set, plain);
		place = find_place(set, plain, hash);
		number = place->number - 1;
	}
	is_new = number < 0;
	if (is_new)
	{
		KeyItem		item = {copy_key(set, plain), hash, KEY_PENDING};

		number = set->count;
		set->items[number] = item;
		set->count++;
		if (place)
			*place = (KeyPlace) {hash, number + 1};
	}
	else
		set->items[number].state = KEY_PENDING;
	if (index)
		*index = number;
	if (plain != key)
		pfree(DatumGetPointer(plain));
	return is_new;
}

/* Add the elements of an array that are not NULL. */
void
key_set_add_array(KeySet *set, ArrayType *keys)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(keys, ARR_ELEMTYPE(keys), set->type->typlen, set->type->typbyval,
					  set->type->typalign, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			(void) key_set_add(set, elements[i], NULL);
	pfree(elements);
	pfree(nulls);
}

/* Add the keys in a value of the reference's column. */
void
key_set_add_column(KeySet *set, Datum value, bool isnull)
{
	if (isnull)
		return;
	if (set->is_array)
		key_set_add_array(set, DatumGetArrayTypeP(value));
	else
		(void) key_set_add(set, value, NULL);
}

/* The keys of a new array that are not among those of the old one. */
static void
add_changed_elements(KeySet *set, ArrayType *old, ArrayType *new)
{
	KeySet	   *known = make_like(set);
	KeySet	   *now = make_like(set);

	key_set_add_array(known, old);
	key_set_add_array(now, new);
	for (int i = 0; i < now->count; i++)
		if (key_set_find(known, now->items[i].key) < 0)
			(void) key_set_add(set, now->items[i].key, NULL);
}

/* Add the keys in a new value of the reference's column that are not in the old one. */
void
key_set_add_changed(KeySet *set, Datum old, bool old_null, Datum new, bool new_null)
{
	if (old_null || new_null)
		key_set_add_column(set, new, new_null);
	else if (set->is_array)
		add_changed_elements(set, DatumGetArrayTypeP(old), DatumGetArrayTypeP(new));
	else if (!equal_keys(set, old, new))
		(void) key_set_add(set, new, NULL);
}

/* How many keys there are. */
int
key_set_count(const KeySet *set)
{
	return set->count;
}

/* A key, in the set's memory. */
Datum
key_set_key(const KeySet *set, int index)
{
	return set->items[index].key;
}

/* What is known of a key. */
KeyState
key_set_state(const KeySet *set, int index)
{
	return set->items[index].state;
}

/* Note what is known of a key. */
void
key_set_mark(KeySet *set, int index, KeyState state)
{
	set->items[index].state = state;
}

/* The first key in a state, from a number on; -1 if there is none. */
int
key_set_first(const KeySet *set, KeyState state, int from)
{
	for (int i = from; i < set->count; i++)
		if (set->items[i].state == state)
			return i;
	return -1;
}

/* Keys in a state as an array, at most max, from number *from on; NULL when there are no more. */
ArrayType *
key_set_array(const KeySet *set, KeyState state, int *from, int max)
{
	Datum	   *keys;
	ArrayType  *array;
	int			n = 0;
	int			i = key_set_first(set, state, *from);

	if (i < 0)
	{
		*from = set->count;
		return NULL;
	}
	keys = palloc(sizeof(Datum) * Min(max, set->count - i));
	for (; i < set->count && n < max; i++)
		if (set->items[i].state == state)
			keys[n++] = set->items[i].key;
	*from = i;
	array = construct_array(keys, n, set->key_type, set->type->typlen, set->type->typbyval,
							set->type->typalign);
	pfree(keys);
	return array;
}

/* Add a key of this hash to a tally, so that no two are likely to make up for a third. */
static void
count_hash(KeyTally *tally, uint32 hash)
{
	uint64		mixed = (hash + UINT64CONST(1)) * UINT64CONST(0x9E3779B97F4A7C15);

	tally->count++;
	tally->sum += mixed ^ (mixed >> 32);
}

/* Add a key, of the set or not, to a tally. */
void
key_set_count_key(const KeySet *set, Datum key, KeyTally *tally)
{
	count_hash(tally, hash_key(set, key));
}

/* The function that hashes keys of a type here and elsewhere alike: the server's own. */
Oid
key_set_far_hash(Oid key_type)
{
	Oid			function = lookup_type_cache(key_type, TYPECACHE_HASH_EXTENDED_PROC)->hash_extended_proc;

	return key_type < FirstNormalObjectId && function < FirstNormalObjectId ? function : InvalidOid;
}

/* Add a key to a tally as bit_xor() of hashes adds it at another server. */
static void
count_far(const KeySet *set, FmgrInfo *hash, Datum key, KeyTally *tally)
{
	tally->count++;
	tally->sum ^= DatumGetUInt64(FunctionCall2Coll(hash, set->collation, key, Int64GetDatum(0)));
}

/*
 * A tally of the keys in a state, from a number on up to another; false where
 * there are so few that they were not hashed.
 */
bool
key_set_tally(const KeySet *set, KeyState state, int from, int to, bool far, KeyTally *tally)
{
	FmgrInfo   *hash = far ? &lookup_type_cache(set->key_type, TYPECACHE_HASH_EXTENDED_PROC_FINFO)->hash_extended_proc_finfo : NULL;

	if (set->mask == 0)
		return false;
	*tally = (KeyTally) {0, 0};
	for (int i = from; i < to; i++)
	{
		if (set->items[i].state != state)
			continue;
		if (far)
			count_far(set, hash, set->items[i].key, tally);
		else
			count_hash(tally, set->items[i].hash);
	}
	return true;
}

/* A key as text, by its type's output function. */
char *
key_set_text(const KeySet *set, int index)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(set->key_type, &output, &is_varlena);
	return OidOutputFunctionCall(output, set->items[index].key);
}

/* What the set takes, without what its memory context adds. */
Size
key_set_memory(const KeySet *set)
{
	return set->memory;
}
