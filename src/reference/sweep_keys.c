/*
 * sweep_keys.c: keys that a sweep asks for.
 *
 * Those that were found valid are not asked again in the same sweep, for as long
 * as there is memory.
 */
#include "core/svc.h"

#include "core/cancel.h"
#include "reference/ask.h"
#include "reference/lookup.h"
#include "reference/sweep_keys.h"
#include "reference/tombstone.h"
#include "utils/memutils.h"

/* Missing keys that are carried from range to range, and asked again in each */
#define MAX_CARRIED 1000

/* Refuse to go on where nobody can be asked: what is unknown is not missing. */
static void
check_can_ask(const Reference *reference)
{
	const char *refusal = lookup_refusal(reference);

	if (refusal)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg_internal("%s", refusal)));
}

/*
 * Raise what went wrong while a contract was asked.  What another server says
 * of itself (it is shut down, a query is cancelled there) is not said of us.
 */
static void
raise_unavailable(SweepKeys *k, const Reference *reference, bool cancelled)
{
	ErrorData  *error;

	MemoryContextSwitchTo(k->step);
	error = CopyErrorData();
	if (cancelled || !(reference->is_foreign ||
					   (OidIsValid(reference->validator) && error->sqlerrcode == ERRCODE_QUERY_CANCELED)))
		PG_RE_THROW();
	FlushErrorState();
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('S', 'V', '0', '0', '1')),
			 errmsg_internal("%s", error->message)));
}

/* Ask for the pending keys. */
void
sweep_keys_ask(SweepKeys *k, const Reference *reference, KeySet *set)
{
	int			cancels = svc_cancels();

	/* also in a session of a client's, who called for the sweep */
	svc_cancel_count();
	k->asking = true;
	check_can_ask(reference);
	PG_TRY();
	{
		ask_within(reference, set);
	}
	PG_CATCH();
	{
		raise_unavailable(k, reference, svc_cancels() != cancels);
	}
	PG_END_TRY();
	k->asking = false;
}

/* Forget the keys of the ranges until now. */
static void
forget_known(SweepKeys *k)
{
	if (k->known_cxt)
		MemoryContextDelete(k->known_cxt);
	k->known_cxt = NULL;
	k->known = NULL;
}

/* The set of the ranges until now, or a new one, if that has become too large. */
KeySet *
sweep_keys_known(SweepKeys *k, const Reference *reference, Size memory)
{
	int			missing = 0;

	for (int i = 0; k->known && i < key_set_count(k->known); i++)
		if (key_set_state(k->known, i) != KEY_VALID)
		{
			key_set_mark(k->known, i, KEY_PENDING);
			missing++;
		}
	if (!k->known || missing > MAX_CARRIED || k->known_type != reference->key_type ||
		key_set_memory(k->known) > memory / 2)
	{
		MemoryContext old;

		forget_known(k);
		k->known_cxt = AllocSetContextCreate(k->cxt, "svc_ownership known keys",
											 ALLOCSET_DEFAULT_SIZES);
		old = MemoryContextSwitchTo(k->known_cxt);
		k->known = key_set_make(reference);
		k->known_type = reference->key_type;
		MemoryContextSwitchTo(old);
	}
	return k->known;
}

/*
 * Of the missing keys, ask again for those that rows still hold; the others are
 * set aside as unknown, and are pending again afterwards.
 */
void
sweep_keys_ask_again(SweepKeys *k, const Reference *reference, KeySet *set, const int64 *rows)
{
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_MISSING)
			key_set_mark(set, i, rows[i] > 0 ? KEY_PENDING : KEY_UNKNOWN);
	sweep_keys_ask(k, reference, set);
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_UNKNOWN)
			key_set_mark(set, i, KEY_PENDING);
	tombstone_mark(reference, set);
}
