/*
 * check_request.h: questions that sessions put to checkers, in shared memory;
 * for checker.c and checker_main.c.
 */
#ifndef SVC_CHECK_REQUEST_H
#define SVC_CHECK_REQUEST_H

#include "reference/key_set.h"

/* The longest name of a contract, quoted and qualified */
#define CONTRACT_NAME (2 * (2 * NAMEDATALEN + 2) + 1)

/* A question: values only */
typedef struct CheckQuestion
{
	Reference	reference;		/* its contract_name means nothing; the one below does */
	char		contract_name[CONTRACT_NAME];
	Oid			database;
	Oid			server;			/* whose checker is to ask */
	TimestampTz deadline;		/* nobody waits for longer */
	int			n_keys;
	Size		size;			/* of the keys as an array */
} CheckQuestion;

/* Which use of which place in shared memory a question has */
typedef struct CheckTicket
{
	int			number;
	uint32		generation;
} CheckTicket;

/* A question as a checker took it, in its own memory */
typedef struct CheckTaken
{
	CheckTicket ticket;
	CheckQuestion question;
	ArrayType  *keys;
} CheckTaken;

/* What became of a question */
typedef enum CheckProgress
{
	CHECK_WAITS,
	CHECK_IS_ANSWERED,
	CHECK_NOBODY				/* no checker is at work, or about to be */
} CheckProgress;

/* More than this cannot be asked in one question */
#define CHECK_MAX_SIZE (256 * 1024)
#define CHECK_MAX_KEYS 10000

extern void CheckRequestInit(void);
extern bool check_request_possible(void);

/* For sessions */
extern bool check_request_put(const CheckQuestion *question, ArrayType *keys, CheckTicket *ticket);
extern CheckProgress check_request_progress(const CheckTicket *ticket, uint8 *answers);
extern void check_request_drop(const CheckTicket *ticket);
extern bool check_request_start_checker(const CheckTicket *ticket);

/* For checkers */
extern Oid	check_request_enter(uint32 place_and_generation);
extern List *check_request_take(void);
extern void check_request_answer(const CheckTaken *taken, const uint8 *answers);
extern bool check_request_must_leave(void);
extern bool check_request_leave(void);

#endif							/* SVC_CHECK_REQUEST_H */
