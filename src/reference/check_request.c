/*
 * check_request.c: questions that sessions put to checkers, in shared memory.
 *
 * A request is a place in a table and a run of pages behind it that hold the
 * keys, and then the answers.  The session owns it from the first to the last:
 * it may give it up at any time, in whichever state, and does when it is cancelled
 * or ends.  So a checker copies the keys while it holds the lock, and answers
 * only the use of the place that it took: each use has a generation.
 *
 *     FREE --put--> WAITING --take--> TAKEN --answer, or the checker ends--> ANSWERED --drop--> FREE
 *                     '------------------'------------------ drop -----------------------^
 *
 * Checkers have places of their own.  A session that finds none for its server
 * starts one; one that ends wakes those who waited for it.
 *
 *     FREE --start--> STARTING --enter--> AT_WORK --leave, or the process ends--> FREE
 */
#include "core/svc.h"

#include "core/shared_memory.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "reference/check_request.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define REQUESTS 256
#define PAGE_SIZE 4096
#define PAGES 2048
#define MAX_CHECKERS 32

/* A checker that was started and did not come, in milliseconds */
#define START_PATIENCE 5000

typedef enum RequestState
{
	REQUEST_FREE,
	REQUEST_WAITING,
	REQUEST_TAKEN,
	REQUEST_ANSWERED
} RequestState;

typedef struct CheckRequest
{
	RequestState state;
	uint32		generation;
	int			process;		/* of the session */
	int			place;			/* of the checker that took it */
	int			first_page;
	int			n_pages;
	CheckQuestion question;
} CheckRequest;

typedef enum PlaceState
{
	PLACE_FREE,
	PLACE_STARTING,
	PLACE_AT_WORK
} PlaceState;

/* The place of a checker */
typedef struct CheckPlace
{
	PlaceState	state;
	uint32		generation;
	Oid			database;
	Oid			server;
	int			process;
	bool		wanted;			/* another server needs the place: leave when idle */
	TimestampTz since;			/* started, or took something last */
} CheckPlace;

typedef struct CheckShared
{
	CheckPlace	places[MAX_CHECKERS];
	CheckRequest requests[REQUESTS];
	bool		page_in_use[PAGES];
	char		pages[FLEXIBLE_ARRAY_MEMBER];
} CheckShared;

/* svc_ownership.max_checkers */
static int	max_checkers = 4;

static CheckShared *shared = NULL;
static LWLock *lock = NULL;

/* The place of this checker, until it is given back */
static CheckPlace *my_place = NULL;

/* The shared memory that this takes. */
static Size
memory_size(void)
{
	return add_size(offsetof(CheckShared, pages), mul_size(PAGES, PAGE_SIZE));
}

/* Make everything free, or find it. */
static void
keep_memory(void *memory, LWLockPadded *locks, bool is_new)
{
	shared = memory;
	lock = &locks->lock;
	if (is_new)
		memset(shared, 0, offsetof(CheckShared, pages));
}

static const SharedMemory memory = {SVC_EXTENSION " check requests", 1, memory_size, keep_memory};

/* Make the setting, and ask for shared memory where that can still be had. */
void
CheckRequestInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".max_checkers",
							"How many background workers at most look up keys for sessions that wait.",
							"One for each foreign server of each database, while there is something to look up.",
							&max_checkers, 4, 0, MAX_CHECKERS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	svc_share_memory(&memory);
}

/* Can there be checkers at all?  Not on a standby, where they would be started when it is promoted. */
bool
check_request_possible(void)
{
	return shared != NULL && max_checkers > 0 && !RecoveryInProgress();
}

/* Wake a process. */
static void
wake(int process)
{
	SetLatch(&ProcGlobal->allProcs[process].procLatch);
}

/* The memory of a request's keys, and of its answers behind them. */
static char *
keys_of(const CheckRequest *request)
{
	return shared->pages + (Size) request->first_page * PAGE_SIZE;
}

/* Where the answers begin. */
static uint8 *
answers_of(const CheckRequest *request)
{
	return (uint8 *) keys_of(request) + MAXALIGN(request->question.size);
}

/* A run of free pages, or -1. */
static int
find_pages(int n)
{
	int			run = 0;

	for (int i = 0; i < PAGES; i++)
	{
		run = shared->page_in_use[i] ? 0 : run + 1;
		if (run == n)
			return i - n + 1;
	}
	return -1;
}

/* A place and pages for a question, or NULL. */
static CheckRequest *
find_room(const CheckQuestion *question)
{
	int			n_pages = (MAXALIGN(question->size) + question->n_keys + PAGE_SIZE - 1) / PAGE_SIZE;
	int			first_page;

	for (int i = 0; i < REQUESTS; i++)
	{
		CheckRequest *request = &shared->requests[i];

		if (request->state != REQUEST_FREE)
			continue;
		first_page = find_pages(n_pages);
		if (first_page < 0)
			return NULL;
		request->first_page = first_page;
		request->n_pages = n_pages;
		memset(&shared->page_in_use[first_page], true, n_pages);
		return request;
	}
	return NULL;
}

/* Put a question; false where there is no room for it now. */
bool
check_request_put(const CheckQuestion *question, ArrayType *keys, CheckTicket *ticket)
{
	CheckRequest *request;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	request = find_room(question);
	if (request)
	{
		request->question = *question;
		memcpy(keys_of(request), keys, question->size);
		request->process = svc_my_proc_number();
		request->generation++;
		request->state = REQUEST_WAITING;
		ticket->number = request - shared->requests;
		ticket->generation = request->generation;
	}
	LWLockRelease(lock);
	return request != NULL;
}

/* The request of a ticket, or NULL: it was given up. */
static CheckRequest *
request_of(const CheckTicket *ticket)
{
	CheckRequest *request = &shared->requests[ticket->number];

	return request->state != REQUEST_FREE && request->generation == ticket->generation ? request : NULL;
}

/* The place of the checker for a question, or NULL. */
static CheckPlace *
place_for(const CheckQuestion *question)
{
	for (int i = 0; i < MAX_CHECKERS; i++)
		if (shared->places[i].state != PLACE_FREE &&
			shared->places[i].database == question->database &&
			shared->places[i].server == question->server)
			return &shared->places[i];
	return NULL;
}

/* What became of a question; its answers, a KeyState each, if it has them. */
CheckProgress
check_request_progress(const CheckTicket *ticket, uint8 *answers)
{
	CheckRequest *request;
	CheckProgress progress = CHECK_WAITS;

	LWLockAcquire(lock, LW_SHARED);
	request = request_of(ticket);
	if (request->state == REQUEST_ANSWERED)
	{
		memcpy(answers, answers_of(request), request->question.n_keys);
		progress = CHECK_IS_ANSWERED;
	}
	else if (request->state == REQUEST_WAITING && !place_for(&request->question))
		progress = CHECK_NOBODY;
	LWLockRelease(lock);
	return progress;
}

/* Give a question up. */
void
check_request_drop(const CheckTicket *ticket)
{
	CheckRequest *request;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	request = request_of(ticket);
	if (request)
	{
		memset(&shared->page_in_use[request->first_page], false, request->n_pages);
		request->state = REQUEST_FREE;
	}
	LWLockRelease(lock);
}

/* Ask the idlest checker of another server to make room. */
static void
want_a_place(void)
{
	CheckPlace *idlest = NULL;

	for (int i = 0; i < MAX_CHECKERS; i++)
	{
		CheckPlace *place = &shared->places[i];

		if (place->state == PLACE_AT_WORK && (!idlest || place->since < idlest->since))
			idlest = place;
	}
	if (!idlest)
		return;
	idlest->wanted = true;
	wake(idlest->process);
}

/* Was a checker started so long ago that it never will come?  If it does, the generation keeps it out. */
static bool
has_not_come(const CheckPlace *place)
{
	return place->state == PLACE_STARTING &&
		TimestampDifferenceExceeds(place->since, GetCurrentTimestamp(), START_PATIENCE);
}

/* A free place, marked as taken by a checker that starts.  NULL: all are taken. */
static CheckPlace *
find_place(const CheckQuestion *question)
{
	for (int i = 0; i < max_checkers; i++)
	{
		CheckPlace *place = &shared->places[i];

		if (place->state == PLACE_FREE || has_not_come(place))
		{
			*place = (CheckPlace) {
				.state = PLACE_STARTING, .generation = place->generation + 1,
				.database = question->database, .server = question->server,
				.since = GetCurrentTimestamp()
			};
			return place;
		}
	}
	want_a_place();
	return NULL;
}

/* Wake the checker of a question, or find a place for one that is to be started. */
static CheckPlace *
wake_or_place(const CheckTicket *ticket)
{
	CheckQuestion *question = &request_of(ticket)->question;
	CheckPlace *place = place_for(question);

	if (place && has_not_come(place))
	{
		place->state = PLACE_FREE;
		place = NULL;
	}
	if (!place)
		return find_place(question);
	if (place->state == PLACE_AT_WORK)
		wake(place->process);
	return NULL;
}

/* What the process for a place is told: which place, and which use of it. */
static uint32
place_argument(const CheckPlace *place)
{
	return place->generation * MAX_CHECKERS + (uint32) (place - shared->places);
}

/* Start a process for a place; false if the server has none left. */
static bool
start_process(uint32 argument)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = UInt32GetDatum(argument)
	};

	strlcpy(worker.bgw_library_name, SVC_EXTENSION, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "svc_checker_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, SVC_EXTENSION " checker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, worker.bgw_name, BGW_MAXLEN);
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

/* The process of a place could not be started: the place is free again. */
static void
free_place(uint32 argument)
{
	CheckPlace *place = &shared->places[argument % MAX_CHECKERS];

	LWLockAcquire(lock, LW_EXCLUSIVE);
	if (place->state == PLACE_STARTING && place_argument(place) == argument)
		place->state = PLACE_FREE;
	LWLockRelease(lock);
}

/*
 * Have a checker for a question: wake it, or start it.  False if that cannot be
 * done now: there are too many, or the server has no free process.
 */
bool
check_request_start_checker(const CheckTicket *ticket)
{
	CheckPlace *place;
	uint32		argument = 0;
	bool		possible;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	place = wake_or_place(ticket);
	if (place)
		argument = place_argument(place);
	possible = place_for(&request_of(ticket)->question) != NULL;
	LWLockRelease(lock);
	if (!place)
		return possible;
	if (start_process(argument))
		return true;
	free_place(argument);
	return false;
}

/* Is a request for the server of this checker? */
static bool
is_mine(const CheckRequest *request)
{
	return request->question.database == my_place->database &&
		request->question.server == my_place->server;
}

/* All keys of a request are unknown. */
static void
answer_unknown(CheckRequest *request)
{
	memset(answers_of(request), KEY_UNKNOWN, request->question.n_keys);
	request->state = REQUEST_ANSWERED;
}

/*
 * The checker's process ends, whichever way.  What it took has no answer; who
 * waits for it is woken, and starts another one.
 */
static void
give_back(int code, Datum arg)
{
	if (!my_place)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < REQUESTS; i++)
	{
		CheckRequest *request = &shared->requests[i];

		if (request->state == REQUEST_TAKEN && request->place == my_place - shared->places)
			answer_unknown(request);
		else if (request->state != REQUEST_WAITING || !is_mine(request))
			continue;
		wake(request->process);
	}
	my_place->state = PLACE_FREE;
	LWLockRelease(lock);
}

/*
 * Take the place that a session chose, before connecting: the database to
 * connect to, or InvalidOid: the place is meant for another process by now.
 */
Oid
check_request_enter(uint32 place_and_generation)
{
	CheckPlace *place = &shared->places[place_and_generation % MAX_CHECKERS];
	Oid			database = InvalidOid;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	if (place->state == PLACE_STARTING && place_and_generation == place_argument(place))
	{
		my_place = place;
		place->state = PLACE_AT_WORK;
		place->process = svc_my_proc_number();
		database = place->database;
	}
	LWLockRelease(lock);
	if (my_place)
		on_shmem_exit(give_back, (Datum) 0);
	return database;
}

/* Copy a request into the checker's memory. */
static CheckTaken *
copy_taken(const CheckRequest *request)
{
	CheckTaken *taken = palloc(sizeof(CheckTaken));

	taken->ticket = (CheckTicket) {request - shared->requests, request->generation};
	taken->question = request->question;
	taken->keys = palloc(request->question.size);
	memcpy(taken->keys, keys_of(request), request->question.size);
	return taken;
}

/*
 * Take all questions that wait for this checker: a List of CheckTaken, in the
 * current memory context.
 */
List *
check_request_take(void)
{
	List	   *all = NIL;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < REQUESTS; i++)
	{
		CheckRequest *request = &shared->requests[i];

		if (request->state != REQUEST_WAITING || !is_mine(request))
			continue;
		all = lappend(all, copy_taken(request));
		request->state = REQUEST_TAKEN;
		request->place = my_place - shared->places;
	}
	if (all != NIL)
		my_place->since = GetCurrentTimestamp();
	LWLockRelease(lock);
	return all;
}

/* Answer a question, with a KeyState a key, if somebody still waits for it. */
void
check_request_answer(const CheckTaken *taken, const uint8 *answers)
{
	CheckRequest *request;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	request = request_of(&taken->ticket);
	if (request)
	{
		memcpy(answers_of(request), answers, request->question.n_keys);
		request->state = REQUEST_ANSWERED;
		wake(request->process);
	}
	LWLockRelease(lock);
}

/* Does another server need this checker's place? */
bool
check_request_must_leave(void)
{
	return my_place->wanted || my_place - shared->places >= max_checkers;
}

/* Take no more questions, unless one waits already: then false. */
bool
check_request_leave(void)
{
	bool		leaves = true;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < REQUESTS; i++)
		if (shared->requests[i].state == REQUEST_WAITING && is_mine(&shared->requests[i]))
			leaves = false;
	if (leaves)
	{
		my_place->state = PLACE_FREE;
		my_place = NULL;
	}
	LWLockRelease(lock);
	return leaves;
}
