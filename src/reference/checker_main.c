/*
 * checker_main.c: the process that asks foreign contracts for sessions.
 *
 * One for each foreign server of each database, while there is something to ask:
 * a server that hangs holds the questions to no other one.  It takes all that
 * waits, and puts together what is the same question: each key of them is asked
 * once, in one transaction.  What comes meanwhile waits for the next round, where
 * the cache knows the keys of this one; so no key is asked twice at a time.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/session.h"
#include "core/wait.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "reference/ask.h"
#include "reference/check_request.h"
#include "reference/key_cache.h"
#include "reference/lookup.h"
#include "reference/source.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "worker/launcher.h"
#include "worker/worker.h"

PGDLLEXPORT void svc_checker_main(Datum argument);

/* Without questions for so long it ends, in milliseconds */
#define IDLE 30000

/* Are two questions the same, but for their keys? */
static bool
same_question(const CheckQuestion *a, const CheckQuestion *b)
{
	return a->reference.contract == b->reference.contract &&
		a->reference.run_as == b->reference.run_as &&
		a->reference.key_type == b->reference.key_type &&
		a->reference.equality == b->reference.equality &&
		a->reference.collation == b->reference.collation &&
		a->reference.validator == b->reference.validator &&
		a->reference.cache_ttl == b->reference.cache_ttl &&
		strcmp(NameStr(a->reference.key), NameStr(b->reference.key)) == 0;
}

/* The reference that a question was put for. */
static Reference *
reference_of(CheckTaken *taken)
{
	taken->question.reference.contract_name = taken->question.contract_name;
	return &taken->question.reference;
}

/* All keys of some questions, each once. */
static KeySet *
keys_of_all(const Reference *reference, List *questions)
{
	KeySet	   *set = key_set_make(reference);
	ListCell   *cell;

	foreach(cell, questions)
		key_set_add_array(set, ((CheckTaken *) lfirst(cell))->keys);
	return set;
}

/*
 * Begin a transaction in which keys are compared, as the role that looks them
 * up: functions of types may be anybody's, look into catalogs, and want a snapshot.
 */
static void
begin_comparing(LookupScope *acting, const Reference *reference, MemoryContext cxt)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(cxt);
	lookup_begin(acting, reference);
}

/* End it. */
static void
end_comparing(LookupScope *acting, MemoryContext cxt)
{
	lookup_end(acting);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
}

/* Mark the keys that were found a moment ago; returns whether any is left to ask. */
static bool
ask_cache(const Reference *reference, KeySet *set)
{
	KeyCacheScope scope = key_cache_scope(reference, source_of(reference->contract).version);
	bool		pending = false;

	for (int i = 0; i < key_set_count(set); i++)
		if (key_cache_find(&scope, key_set_key(set, i)) == KEY_VALID)
			key_set_mark(set, i, KEY_VALID);
		else
			pending = true;
	return pending;
}

/* Answer one question from what is known of all keys; of one that does not equal itself nothing is. */
static void
answer(const CheckTaken *taken, const KeySet *set)
{
	uint8	   *answers = palloc(taken->question.n_keys);
	ArrayIterator keys = array_create_iterator(taken->keys, 0, NULL);
	Datum		key;
	bool		isnull;

	memset(answers, KEY_UNKNOWN, taken->question.n_keys);
	for (int i = 0; i < taken->question.n_keys && array_iterate(keys, &key, &isnull); i++)
	{
		int			index = key_set_find(set, key);

		if (index >= 0)
			answers[i] = key_set_state(set, index);
	}
	array_free_iterator(keys);
	check_request_answer(taken, answers);
	pfree(answers);
}

/* How long somebody still waits for one of some questions, in milliseconds. */
static long
patience(List *questions)
{
	TimestampTz latest = 0;
	ListCell   *cell;

	foreach(cell, questions)
		latest = Max(latest, ((CheckTaken *) lfirst(cell))->question.deadline);
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), latest);
}

/* Ask what is one question, and answer all who put it. */
static void
answer_same(List *questions)
{
	MemoryContext cxt = CurrentMemoryContext;
	Reference  *reference = reference_of(linitial(questions));
	KeySet	   *set;
	bool		pending;
	char	   *error = NULL;
	LookupScope acting;
	ListCell   *cell;

	begin_comparing(&acting, reference, cxt);
	set = keys_of_all(reference, questions);
	pending = ask_cache(reference, set);
	end_comparing(&acting, cxt);
	if (pending && !ask_contract(reference, set, patience(questions), &error))
		ereport(DEBUG1, (errmsg("keys of %s are unknown: %s", reference->contract_name, error)));
	begin_comparing(&acting, reference, cxt);
	foreach(cell, questions)
		answer(lfirst(cell), set);
	end_comparing(&acting, cxt);
}

/* Answer questions, those that are the same together. */
static void
answer_all(List *questions)
{
	while (questions != NIL)
	{
		CheckTaken *first = linitial(questions);
		List	   *same = NIL;
		List	   *others = NIL;
		ListCell   *cell;

		foreach(cell, questions)
		{
			CheckTaken *taken = lfirst(cell);

			if (same_question(&first->question, &taken->question))
				same = lappend(same, taken);
			else
				others = lappend(others, taken);
		}
		answer_same(same);
		questions = others;
	}
}

/* Wait for questions; false: none came for a while, or others need the place. */
static bool
wait_for_questions(TimestampTz since)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													   TimestampTzPlusMilliseconds(since, IDLE));

	if (left <= 0 || check_request_must_leave())
		return false;
	svc_wait_idle(left, 0);
	(void) worker_reload();
	return true;
}

/* Answer questions until none come. */
static void
work(MemoryContext cxt)
{
	TimestampTz since = GetCurrentTimestamp();

	for (;;)
	{
		List	   *questions;

		if (worker_must_leave())
			return;
		MemoryContextReset(cxt);
		MemoryContextSwitchTo(cxt);
		questions = check_request_take();
		if (questions != NIL)
		{
			answer_all(questions);
			since = GetCurrentTimestamp();
			pgstat_report_stat(false);
		}
		else if (!wait_for_questions(since) && check_request_leave())
			return;
	}
}

/* Prepare the session. */
static void
set_up(void)
{
	svc_session_set("application_name", SVC_EXTENSION " checker");
	svc_session_set("transaction_timeout", "0");
	StartTransactionCommand();
	svc_session_own_settings();
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* The process. */
void
svc_checker_main(Datum argument)
{
	Oid			database;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	database = check_request_enter(DatumGetUInt32(argument));
	if (!OidIsValid(database) || !worker_admit(database))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	set_up();
	work(AllocSetContextCreate(TopMemoryContext, "svc_ownership checker", ALLOCSET_DEFAULT_SIZES));
	proc_exit(0);
}
