/*
 * ask.c: one question to a foreign contract, by a worker.
 *
 * In a transaction of its own: postgres_fdw keeps one snapshot at the other
 * server for a whole transaction here, so that a second question would not see
 * what was committed since the first.
 *
 * Whatever goes wrong, a key is not missing because of it: a server that is
 * down, hangs, breaks in the middle of an answer, a contract that is gone or may
 * not be read.  Missing is what a complete answer leaves out.  Only what tells of
 * the server itself, not of the contract, counts against its breaker.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/cancel.h"
#include "miscadmin.h"
#include "reference/ask.h"
#include "reference/breaker.h"
#include "reference/checker.h"
#include "reference/far_session.h"
#include "reference/forward.h"
#include "reference/key_cache.h"
#include "reference/lookup.h"
#include "reference/source.h"
#include "reference/patience.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "worker/worker.h"

/* A question, as it goes through a transaction */
typedef struct Question
{
	const Reference *reference;
	KeySet	   *set;
	long		milliseconds;
	Source		source;
	const char *refusal;		/* why it was not asked */
	bool		entered;		/* the breaker let it through */
	uint64		moment;
} Question;

/* Does an error tell that the server cannot answer anybody? */
static bool
is_unavailable(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_CONNECTION_EXCEPTION) ||
		error->sqlerrcode == ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION) ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES);
}

/* Remember what was heard. */
static void
remember(const Question *question)
{
	KeyCacheScope scope = key_cache_scope(question->reference, question->source.version);
	LookupScope acting;

	lookup_begin(&acting, question->reference);
	for (int i = 0; i < key_set_count(question->set); i++)
		key_cache_store(&scope, key_set_key(question->set, i), key_set_state(question->set, i),
						question->moment);
	lookup_end(&acting);
}

/* Ask, inside of the transaction. */
static void
ask_now(Question *question)
{
	/* what is dropped meanwhile is found to be gone, and not in the middle of a lookup */
	if (OidIsValid(question->reference->contract))
		LockRelationOid(question->reference->contract, AccessShareLock);
	question->source = source_of(question->reference->contract);
	question->refusal = lookup_refusal(question->reference);
	if (question->refusal)
		return;
	if (!question->entered && !breaker_enter(question->source.server) && worker_called_at() == 0)
	{
		question->refusal = "its server did not answer a moment ago";
		return;
	}
	question->entered = true;
	question->moment = key_cache_moment();
	lookup_ask(question->reference, question->set);
	remember(question);
}

/*
 * Ask, in a transaction of its own.  NULL, or the error with which it was rolled
 * back.
 */
static ErrorData *
ask_in_transaction(Question *question)
{
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		MemoryContextSwitchTo(cxt);
		ask_now(question);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	return error;
}

/* Keys that were not found while something went wrong may be there. */
static void
doubt(KeySet *set)
{
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_PENDING || key_set_state(set, i) == KEY_MISSING)
			key_set_mark(set, i, KEY_UNKNOWN);
}

/* Ask, and tell the breaker and the cache what came of it. */
bool
ask_contract(const Reference *reference, KeySet *set, long milliseconds, char **error)
{
	Question	question = {.reference = reference, .set = set};
	ErrorData  *failure;
	int			cancels = svc_cancels();
	bool		late;

	patience_begin(milliseconds);
	far_session_begin();
	failure = ask_in_transaction(&question);
	if (failure && far_session_was_refused(failure))
	{
		failure = ask_in_transaction(&question);
		if (failure)
			(void) far_session_was_refused(failure);
	}
	far_session_end();
	late = patience_end();
	if (question.entered &&
		breaker_leave(question.source.server, !failure || (!late && !is_unavailable(failure))))
		forward_now();
	if (failure && svc_cancels() != cancels)
	{
		/* a connection that was cut because of it may have failed first */
		CHECK_FOR_INTERRUPTS();
		ReThrowError(failure);
	}
	if (!failure && !question.refusal)
		return true;
	doubt(set);
	*error = failure ? failure->message : pstrdup(question.refusal);
	return false;
}

/* Ask for so many milliseconds at most. */
static void
ask_for(const Reference *reference, KeySet *set, long milliseconds)
{
	patience_begin(milliseconds);
	PG_TRY();
	{
		lookup_ask(reference, set);
	}
	PG_FINALLY();
	{
		(void) patience_end();
	}
	PG_END_TRY();
}

/* Ask, in a transaction of the caller's. */
void
ask_within(const Reference *reference, KeySet *set)
{
	if (reference->is_foreign)
		ask_for(reference, set, ASK_LIMIT);
	else if (OidIsValid(reference->validator) && worker_patience > 0)
		ask_for(reference, set, worker_patience);
	else
		lookup_ask(reference, set);
}
