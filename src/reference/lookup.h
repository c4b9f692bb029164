/*
 * lookup.h: asking a contract, or a validator, which keys there are.
 */
#ifndef SVC_LOOKUP_H
#define SVC_LOOKUP_H

#include "reference/key_set.h"

/* Keys in one lookup */
#define LOOKUP_KEYS 10000

extern void LookupInit(void);

/*
 * Ask for the pending keys of a set, in this transaction, as the owner role of
 * the referencing service, restricted, with the newest snapshot: each becomes
 * KEY_VALID or KEY_MISSING.  Of a foreign contract only a worker may ask so.
 * Raises what goes wrong.  The reference must be usable (lookup_refusal).
 */
extern void lookup_ask(const Reference *reference, KeySet *set);

/* Why a contract cannot be asked now (it is gone, may not be read), or NULL */
extern const char *lookup_refusal(const Reference *reference);

/* Ask once more for one key that was missing: is it still?  Notes what it is now. */
extern bool lookup_is_missing(const Reference *reference, KeySet *set, int index);

/* What lookup_begin saves for lookup_end.  Nothing in it needs care on error. */
typedef struct LookupScope
{
	ErrorContextCallback callback;
	Oid			saved_user;
	int			saved_context;
	int			settings;		/* level of settings to end, or 0 */
} LookupScope;

/*
 * Act for a reference: as the role that looks up, restricted, and with errors
 * that name the reference.  A check that is begun while the same is being
 * done, by code that runs in it, is refused.
 */
extern void lookup_begin(LookupScope *scope, const Reference *reference);
extern void lookup_end(LookupScope *scope);

/* An operator as a query names it: OPERATOR(pg_catalog.=) */
extern char *lookup_operator(Oid operator);

/* What the reference's column holds, or one of its elements, to be compared as the contract compares keys; and a whole array */
extern char *lookup_as_key(const Reference *reference, const char *expression);
extern char *lookup_as_keys(const Reference *reference, const char *expression);

/* Raise an error where policies hide rows of the reference's relation from the role that looks up */
extern void lookup_check_sees_rows(const Reference *reference);

/* lookup_ask for whoever did lookup_begin */
extern void lookup_ask_begun(const Reference *reference, KeySet *set);

#endif							/* SVC_LOOKUP_H */
