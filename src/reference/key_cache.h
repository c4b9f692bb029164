/*
 * key_cache.h: what was heard of keys of foreign contracts, for all sessions.
 */
#ifndef SVC_KEY_CACHE_H
#define SVC_KEY_CACHE_H

#include "fmgr.h"
#include "reference/reference.h"

/* One question of which many keys are asked */
typedef struct KeyCacheScope
{
	FmgrInfo   *hash;			/* of the key type; NULL: nothing is remembered */
	Oid			collation;
	int64		ttl;			/* of valid keys, milliseconds */
	TimestampTz now;
	uint64		seeds[2];
} KeyCacheScope;

extern void KeyCacheInit(void);
extern KeyCacheScope key_cache_scope(const Reference *reference, uint64 version);
extern KeyState key_cache_find(const KeyCacheScope *scope, Datum key);
extern uint64 key_cache_moment(void);
extern void key_cache_store(const KeyCacheScope *scope, Datum key, KeyState state, uint64 moment);
extern void key_cache_forget(const KeyCacheScope *scope, Datum key);

#endif							/* SVC_KEY_CACHE_H */
