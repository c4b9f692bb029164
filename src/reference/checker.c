/*
 * checker.c: keys of foreign contracts, asked by a worker for the sessions that
 * wait.
 *
 * This is the session's side.  It never reads a foreign contract itself: what
 * the cache does not know it puts into a request, has a checker (checker_main.c)
 * at work, and waits for its answer until the budget is spent.
 */
#include "core/svc.h"

#include "core/wait.h"
#include "miscadmin.h"
#include "reference/async.h"
#include "reference/breaker.h"
#include "reference/check_request.h"
#include "reference/checker.h"
#include "reference/forward.h"
#include "reference/key_cache.h"
#include "reference/lookup.h"
#include "reference/source.h"
#include "storage/ipc.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "worker/worker.h"

/* While there is no checker, or no room for the question: how often we look, in milliseconds */
#define LOOK_AGAIN 10

/* svc_ownership.reference_budget, in milliseconds */
static int	reference_budget = 250;

/* What a session wants to know, and until when it waits */
typedef struct Asking
{
	const Reference *reference;
	KeySet	   *set;
	Source		source;
	TimestampTz deadline;
	Datum	   *keys;			/* that are asked now */
	int		   *indexes;		/* and their numbers in the set */
	int			n;
} Asking;

/* The module's settings, shared memory and callbacks. */
void
CheckerInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".reference_budget",
							"How long a statement waits for keys that belong to a service elsewhere.",
							"Zero: it does not wait, and a key that is not known already is unknown.",
							&reference_budget, 250, 0, 60000, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	SourceInit();
	KeyCacheInit();
	BreakerInit();
	CheckRequestInit();
	AsyncInit();
	ForwardInit();
}

/* Remember nothing of keys that are gone. */
void
checker_forget(const Reference *reference, ArrayType *keys)
{
	KeyCacheScope scope = key_cache_scope(reference, source_of(reference->contract).version);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int16		length;
	bool		by_value;
	char		align;
	LookupScope acting;

	get_typlenbyvalalign(ARR_ELEMTYPE(keys), &length, &by_value, &align);
	deconstruct_array(keys, ARR_ELEMTYPE(keys), length, by_value, align, &elements, &nulls, &n);
	lookup_begin(&acting, reference);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			key_cache_forget(&scope, elements[i]);
	lookup_end(&acting);
}

/* Is a key that was missing a moment ago good enough, or is it asked for again before it rejects a row? */
static bool
trusts_missing(const Reference *reference)
{
	return reference->mode == REFERENCE_OBSERVE || reference->on_missing != ON_MISSING_REJECT;
}

/* Mark what the cache knows; returns how many keys are still pending. */
static int
ask_cache(const Asking *asking)
{
	KeyCacheScope scope = key_cache_scope(asking->reference, asking->source.version);
	LookupScope acting;
	int			pending = 0;

	lookup_begin(&acting, asking->reference);
	for (int i = 0; i < key_set_count(asking->set); i++)
	{
		KeyState	state;

		if (key_set_state(asking->set, i) != KEY_PENDING)
			continue;
		state = key_cache_find(&scope, key_set_key(asking->set, i));
		if (state == KEY_VALID || (state == KEY_MISSING && trusts_missing(asking->reference)))
			key_set_mark(asking->set, i, state);
		else
			pending++;
	}
	lookup_end(&acting);
	return pending;
}

/* The rest could not be asked. */
static void
give_up(KeySet *set)
{
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_PENDING)
			key_set_mark(set, i, KEY_UNKNOWN);
}

/* Until the deadline, in milliseconds; 0: it has passed. */
static long
time_left(const Asking *asking)
{
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), asking->deadline);
}

/* Describe the question for whoever asks it. */
static CheckQuestion
question_of(const Asking *asking, ArrayType *keys)
{
	CheckQuestion question;

	memset(&question, 0, sizeof(question));
	question.reference = *asking->reference;
	strlcpy(question.contract_name, asking->reference->contract_name, sizeof(question.contract_name));
	question.database = MyDatabaseId;
	question.server = asking->source.server;
	question.deadline = asking->deadline;
	question.n_keys = asking->n;
	question.size = VARSIZE(keys);
	return question;
}

/* Give a question up, when the session ends or is cancelled. */
static void
drop_ticket(int code, Datum argument)
{
	check_request_drop((CheckTicket *) DatumGetPointer(argument));
}

/* Wait for the answers to a question; false if they did not come in time. */
static bool
wait_for_answers(const Asking *asking, const CheckTicket *ticket, uint8 *answers)
{
	bool		started = check_request_start_checker(ticket);

	for (;;)
	{
		CheckProgress progress = check_request_progress(ticket, answers);
		long		left = time_left(asking);

		if (progress == CHECK_IS_ANSWERED)
			return true;
		if (left <= 0)
			return false;
		if (progress == CHECK_NOBODY)
			started = check_request_start_checker(ticket);
		svc_wait(started ? left : Min(left, LOOK_AGAIN));
	}
}

/* Put one question and mark the keys with its answers; false: there is no time left. */
static bool
ask_question(const Asking *asking, ArrayType *keys)
{
	CheckQuestion question = question_of(asking, keys);
	CheckTicket ticket;
	uint8	   *answers = palloc(asking->n);
	bool		answered;

	while (!check_request_put(&question, keys, &ticket))
	{
		if (time_left(asking) <= 0)
			return false;
		svc_wait(Min(time_left(asking), LOOK_AGAIN));
	}
	PG_ENSURE_ERROR_CLEANUP(drop_ticket, PointerGetDatum(&ticket));
	{
		answered = wait_for_answers(asking, &ticket, answers);
	}
	PG_END_ENSURE_ERROR_CLEANUP(drop_ticket, PointerGetDatum(&ticket));
	check_request_drop(&ticket);
	for (int i = 0; answered && i < asking->n; i++)
		key_set_mark(asking->set, asking->indexes[i], answers[i]);
	pfree(answers);
	return answered;
}

/* The keys that are asked now, as an array. */
static ArrayType *
array_of(const Asking *asking)
{
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(asking->reference->key_type, &length, &by_value, &align);
	return construct_array(asking->keys, asking->n, asking->reference->key_type, length, by_value,
						   align);
}

/* Ask for the keys that were gathered, in halves if they are too large for one question. */
static bool
ask_gathered(Asking *asking)
{
	ArrayType  *keys = array_of(asking);
	Asking		half = *asking;
	bool		answered;

	if (VARSIZE(keys) <= CHECK_MAX_SIZE)
	{
		answered = ask_question(asking, keys);
		pfree(keys);
		return answered;
	}
	pfree(keys);
	/* one key that is too large is never asked for: it stays unknown */
	if (asking->n == 1)
		return true;
	half.n = asking->n / 2;
	if (!ask_gathered(&half))
		return false;
	half.keys += half.n;
	half.indexes += half.n;
	half.n = asking->n - half.n;
	return ask_gathered(&half);
}

/* Ask for all keys that are pending, question after question. */
static void
ask_pending(Asking *asking, int pending)
{
	int			room = Min(pending, CHECK_MAX_KEYS);
	bool		answered = true;

	asking->keys = palloc(sizeof(Datum) * room);
	asking->indexes = palloc(sizeof(int) * room);
	for (int i = 0; i < key_set_count(asking->set) && answered; i++)
	{
		if (key_set_state(asking->set, i) != KEY_PENDING)
			continue;
		asking->keys[asking->n] = key_set_key(asking->set, i);
		asking->indexes[asking->n++] = i;
		if (asking->n < room)
			continue;
		answered = ask_gathered(asking);
		asking->n = 0;
	}
	if (answered && asking->n > 0)
		(void) ask_gathered(asking);
	pfree(asking->keys);
	pfree(asking->indexes);
}

/* Can a question be put at all, and will it be asked? */
static bool
can_ask(const Asking *asking)
{
	return reference_budget > 0 && check_request_possible() && !worker_kept_out() &&
		!breaker_is_open(asking->source.server) && !lookup_refusal(asking->reference);
}

/* Ask for the pending keys of a set. */
void
checker_ask(const Reference *reference, KeySet *set)
{
	Asking		asking = {.reference = reference, .set = set};
	int			pending;

	if (OidIsValid(reference->contract))
	{
		asking.source = source_of(reference->contract);
		asking.deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), reference_budget);
		pending = ask_cache(&asking);
		if (pending == 0)
			return;
		if (can_ask(&asking))
			ask_pending(&asking, pending);
	}
	give_up(set);
}
