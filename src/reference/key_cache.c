/*
 * key_cache.c: what was heard of keys of foreign contracts, for all sessions.
 *
 * A table of fixed size in shared memory.  An entry holds no key but 16 bytes of
 * hash: of the key, by the hash function of its type, so that keys which are
 * equal there (1.0 and 1.00) are one here, and of everything else that makes up
 * the question: the database, the contract and its version (source.c), the role
 * that asks, the type, and for how long answers are good.  Both halves begin with
 * secrets made when the server starts: nobody can construct a key that
 * is taken for another.
 *
 * Entries lie in buckets; a full bucket gives up an entry that has expired, else
 * one that was not used since the hand came by last.  A partition of the buckets
 * has a lock.
 *
 * A deletion beats every answer that was asked for before it.  Whoever asks notes
 * the moment before, a partition notes the moment at which a key of it was
 * forgotten last, and does not take an answer that is older: more is left out than
 * must be, and nothing that was deleted comes back.
 */
#include "core/svc.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "core/shared_memory.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "reference/key_cache.h"
#include "storage/lwlock.h"
#include "utils/guc.h"
#include "utils/typcache.h"

#define PARTITIONS 128
#define BUCKET_ENTRIES 8

/* For how long a key that is missing is known to be: a parent may come at any time */
#define MISSING_TTL 1000

typedef struct CacheEntry
{
	uint64		hash[2];
	TimestampTz until;			/* 0: nothing here */
	uint8		state;
	bool		used;			/* since the hand came by last */
} CacheEntry;

typedef struct CacheBucket
{
	int			hand;
	CacheEntry	entries[BUCKET_ENTRIES];
} CacheBucket;

typedef struct CacheShared
{
	uint64		secrets[2];
	pg_atomic_uint64 moment;	/* counts what was forgotten */
	uint64		forgotten[PARTITIONS];	/* the moment when a key there was forgotten last */
	uint32		n_buckets;
	CacheBucket buckets[FLEXIBLE_ARRAY_MEMBER];
} CacheShared;

/* svc_ownership.reference_cache_entries */
static int	cache_entries = 65536;

static CacheShared *cache = NULL;
static LWLockPadded *locks = NULL;

/* How many buckets the setting asks for. */
static uint32
bucket_count(void)
{
	return (cache_entries + BUCKET_ENTRIES - 1) / BUCKET_ENTRIES;
}

/* The shared memory that the cache takes. */
static Size
cache_size(void)
{
	return add_size(offsetof(CacheShared, buckets), mul_size(bucket_count(), sizeof(CacheBucket)));
}

/* Secrets that begin the hashes. */
static void
make_secrets(CacheShared *shared)
{
	if (!pg_strong_random(shared->secrets, sizeof(shared->secrets)))
		elog(ERROR, "could not generate random bytes");
}

/* Make the table empty, or find it. */
static void
keep_memory(void *memory, LWLockPadded *memory_locks, bool is_new)
{
	cache = memory;
	locks = memory_locks;
	if (!is_new)
		return;
	memset(cache, 0, cache_size());
	make_secrets(cache);
	pg_atomic_init_u64(&cache->moment, 1);
	cache->n_buckets = bucket_count();
}

static const SharedMemory memory = {SVC_EXTENSION " key cache", PARTITIONS, cache_size, keep_memory};

/*
 * Make the setting, and ask for shared memory where that can still be had.  A
 * setting of the postmaster's cannot be made later: elsewhere it is one of the
 * configuration file's, and means nothing.
 */
void
KeyCacheInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".reference_cache_entries",
							"How many keys of foreign contracts are remembered, for all databases.",
							"Zero remembers none.",
							&cache_entries, 65536, 0, 100000000,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
							0, NULL, NULL, NULL);
	svc_share_memory(&memory);
}

/*
 * What all keys of a question have in common.  Cross-type: a type's hash is only
 * that of its own equality, so the type is part of the question.  A validator's
 * answers are not remembered: nobody knows what they depend on.
 */
KeyCacheScope
key_cache_scope(const Reference *reference, uint64 version)
{
	KeyCacheScope scope = {.collation = reference->collation, .ttl = reference->cache_ttl};
	TypeCacheEntry *type;
	struct
	{
		Oid			database;
		Oid			contract;
		Oid			run_as;
		Oid			key_type;
		Oid			equality;
		Oid			collation;
		uint64		version;
		int64		ttl;
		NameData	key;
	}			question;

	if (!cache || cache->n_buckets == 0 || reference->cache_ttl <= 0 || OidIsValid(reference->validator))
		return scope;
	type = lookup_type_cache(reference->key_type, TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	if (!OidIsValid(type->hash_extended_proc_finfo.fn_oid))
		return scope;
	memset(&question, 0, sizeof(question));
	question.database = MyDatabaseId;
	question.contract = reference->contract;
	question.run_as = reference->run_as;
	question.key_type = reference->key_type;
	question.equality = reference->equality;
	question.collation = reference->collation;
	question.version = version;
	question.ttl = reference->cache_ttl;
	strlcpy(NameStr(question.key), NameStr(reference->key), NAMEDATALEN);
	scope.hash = &type->hash_extended_proc_finfo;
	scope.now = GetCurrentTimestamp();
	for (int i = 0; i < 2; i++)
		scope.seeds[i] = hash_bytes_extended((unsigned char *) &question, sizeof(question),
											 cache->secrets[i]);
	return scope;
}

/* The hash of a key in a question. */
static void
hash_key(const KeyCacheScope *scope, Datum key, uint64 hash[2])
{
	for (int i = 0; i < 2; i++)
		hash[i] = DatumGetUInt64(FunctionCall2Coll(scope->hash, scope->collation, key,
												   UInt64GetDatum(scope->seeds[i])));
}

/* Where entries with a hash lie. */
static uint32
bucket_number(const uint64 hash[2])
{
	return (uint32) ((hash[0] >> 32) % cache->n_buckets);
}

/* The partition of a bucket. */
static int
partition_of(uint32 bucket)
{
	return bucket % PARTITIONS;
}

/* The entry with a hash, or NULL. */
static CacheEntry *
find_entry(CacheBucket *bucket, const uint64 hash[2])
{
	for (int i = 0; i < BUCKET_ENTRIES; i++)
		if (bucket->entries[i].hash[0] == hash[0] && bucket->entries[i].hash[1] == hash[1] &&
			bucket->entries[i].until != 0)
			return &bucket->entries[i];
	return NULL;
}

/* What is known of a key; KEY_PENDING if nothing is. */
KeyState
key_cache_find(const KeyCacheScope *scope, Datum key)
{
	uint64		hash[2];
	uint32		number;
	CacheEntry *entry;
	KeyState	state = KEY_PENDING;

	if (!scope->hash)
		return KEY_PENDING;
	hash_key(scope, key, hash);
	number = bucket_number(hash);
	LWLockAcquire(&locks[partition_of(number)].lock, LW_SHARED);
	entry = find_entry(&cache->buckets[number], hash);
	if (entry && entry->until > scope->now)
	{
		state = entry->state;
		/* many may write that at once: all write the same */
		if (!entry->used)
			entry->used = true;
	}
	LWLockRelease(&locks[partition_of(number)].lock);
	return state;
}

/* The moment before a question is asked. */
uint64
key_cache_moment(void)
{
	return cache ? pg_atomic_read_u64(&cache->moment) : 0;
}

/* The entry of a full bucket that is given up: the hand passes over what was used. */
static CacheEntry *
give_up_entry(CacheBucket *bucket, TimestampTz now)
{
	for (int i = 0; i < BUCKET_ENTRIES; i++)
		if (bucket->entries[i].until <= now)
			return &bucket->entries[i];
	for (;;)
	{
		CacheEntry *entry = &bucket->entries[bucket->hand];

		bucket->hand = (bucket->hand + 1) % BUCKET_ENTRIES;
		if (!entry->used)
			return entry;
		entry->used = false;
	}
}

/* Until when an answer is good: not all that came together end together. */
static TimestampTz
good_until(const KeyCacheScope *scope, KeyState state)
{
	double		ttl = state == KEY_VALID ? scope->ttl : Min(MISSING_TTL, scope->ttl);

	return scope->now + (TimestampTz) (ttl * 1000 * (0.9 + 0.2 * pg_prng_double(&pg_global_prng_state)));
}

/* Remember what was heard of a key by one who began to ask at a moment. */
void
key_cache_store(const KeyCacheScope *scope, Datum key, KeyState state, uint64 moment)
{
	uint64		hash[2];
	uint32		number;
	int			partition;
	CacheEntry *entry;

	if (!scope->hash || (state != KEY_VALID && state != KEY_MISSING))
		return;
	hash_key(scope, key, hash);
	number = bucket_number(hash);
	partition = partition_of(number);
	LWLockAcquire(&locks[partition].lock, LW_EXCLUSIVE);
	if (cache->forgotten[partition] <= moment)
	{
		entry = find_entry(&cache->buckets[number], hash);
		if (!entry)
			entry = give_up_entry(&cache->buckets[number], scope->now);
		entry->hash[0] = hash[0];
		entry->hash[1] = hash[1];
		entry->until = good_until(scope, state);
		entry->state = state;
		entry->used = false;
	}
	LWLockRelease(&locks[partition].lock);
}

/* Remember nothing of a key that was asked for before now. */
void
key_cache_forget(const KeyCacheScope *scope, Datum key)
{
	uint64		hash[2];
	uint32		number;
	int			partition;
	CacheEntry *entry;

	if (!scope->hash)
		return;
	hash_key(scope, key, hash);
	number = bucket_number(hash);
	partition = partition_of(number);
	LWLockAcquire(&locks[partition].lock, LW_EXCLUSIVE);
	cache->forgotten[partition] = pg_atomic_add_fetch_u64(&cache->moment, 1);
	entry = find_entry(&cache->buckets[number], hash);
	if (entry)
		entry->until = 0;
	LWLockRelease(&locks[partition].lock);
}
