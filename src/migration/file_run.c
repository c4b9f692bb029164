/*
 * file_run.c: one file at work.
 *
 * Most files are one transaction together with their row of the history.  A
 * file that cannot be, since a statement of it refuses to run in a transaction
 * block, or since it begins and ends transactions itself, goes statement by
 * statement: how far it came is written in the transaction of each, and from
 * there it goes on after whatever happened.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "core/wait.h"
#include "mb/pg_wchar.h"
#include "migration/leftover.h"
#include "migration/run.h"
#include "migration/statement.h"
#include "migration/tool.h"
#include "parser/parser.h"
#include "pgstat.h"
#include "runner/execute.h"
#include "runner/lock.h"
#include "runner/runner.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* Of a statement, in the context of an error */
#define MAX_SHOWN 1000

/* A statement, while it runs */
typedef struct RunningStatement
{
	FileRun    *f;
	Script	   *script;
	ScriptStatement *statement;
	char	   *text;			/* its own, terminated */
	MemoryContext cxt;
} RunningStatement;

/* For the context of an error: where the statement stands, and what it is. */
static void
show_place(void *argument)
{
	RunningStatement *r = argument;
	int			position = geterrposition();
	int			line = r->statement->line;
	int			column = r->statement->column;

	if (position > 0)
	{
		int			offset = pg_mbcharcliplen(r->text, strlen(r->text), position - 1);

		script_place(r->script, r->statement, offset, &line, &column);
		errposition(0);
	}
	errcontext("migration \"%s\", line %d, column %d, statement %d: %.*s", r->f->file->script,
			   line, column, r->statement->number,
			   pg_mbcliplen(r->text, strlen(r->text), MAX_SHOWN), r->text);
}

/* A name without what would end the comment in which it is shown, or a field of it. */
static char *
shown(const char *name)
{
	char	   *copy = pstrdup(name ? name : "");

	for (char *c = copy; *c; c++)
		if (*c == '\t' || *c == '*' || *c == '\n')
			*c = '?';
	return copy;
}

/*
 * What pg_stat_activity shows of a statement.  The view svc.migration_progress
 * reads it there.
 */
static char *
activity(const FileRun *f, const ScriptStatement *statement, const char *text)
{
	const Attempt *attempt = f->attempt;

	return psprintf("/* svc.migrate\t%s\t%s\t%s\t%d\t%d\t" INT64_FORMAT "\t*/ %.*s",
					shown(f->run->task->service), shown(f->file->version), shown(f->file->script),
					statement->number, attempt ? attempt->statements : 0,
					attempt ? attempt->started_at : (int64) 0,
					pg_mbcliplen(text, strlen(text), pgstat_track_activity_query_size), text);
}

/* Refuse what would read from a client, or write to one: there is none. */
static void
check_no_client(Node *statement)
{
	CopyStmt   *copy = (CopyStmt *) statement;

	if (IsA(statement, CopyStmt) && !copy->filename && !copy->is_from)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot COPY to a client in a migration")));
}

/* Refuse PREPARE TRANSACTION: our lock cannot go with it, and how far the file came would be locked. */
static void
check_not_prepare(Node *statement)
{
	if (IsA(statement, TransactionStmt) &&
		((TransactionStmt *) statement)->kind == TRANS_STMT_PREPARE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE TRANSACTION in a migration"),
				 errhint("End it with COMMIT.")));
}

/* Take a statement in hand: its text in memory of its own, its place for errors. */
static RunningStatement *
take(FileRun *f, Script *script, ScriptStatement *statement)
{
	MemoryContext cxt = AllocSetContextCreate(f->cxt, "svc_ownership statement",
											  ALLOCSET_DEFAULT_SIZES);
	RunningStatement *r = MemoryContextAllocZero(cxt, sizeof(RunningStatement));

	r->f = f;
	r->script = script;
	r->statement = statement;
	r->cxt = cxt;
	r->text = MemoryContextAllocHuge(cxt, statement->length + 1);
	memcpy(r->text, statement->text, statement->length);
	r->text[statement->length] = '\0';
	return r;
}

/* Run a statement in a transaction that has begun. */
static void
execute(RunningStatement *r)
{
	ScriptStatement *statement = r->statement;
	QueryCompletion completion;

	check_no_client(statement->raw->stmt);
	check_not_prepare(statement->raw->stmt);
	if (statement->copy_data)
		runner_copy(castNode(CopyStmt, statement->raw->stmt), r->text,
					(CopyData) {statement->copy_data, statement->copy_length});
	else
		runner_execute(statement->raw, r->text, r->cxt, DestNone, &completion);
}

/* What else is to be done in the transaction of a statement */
typedef void (*Afterwards) (FileRun *f, const ScriptStatement *statement);

/* Run a statement as a client's command is run. */
static void
run_statement(FileRun *f, Script *script, ScriptStatement *statement, Afterwards afterwards)
{
	RunningStatement *r = take(f, script, statement);
	ErrorContextCallback context = {error_context_stack, show_place, r};
	MemoryContext old = MemoryContextSwitchTo(r->cxt);

	error_context_stack = &context;
	runner_begin_statement(r->text);
	/* a transaction block keeps its own memory to its end */
	MemoryContextSwitchTo(r->cxt);
	pgstat_report_activity(STATE_RUNNING, activity(f, statement, r->text));
	runner_lock_guard(f->run->lock);
	execute(r);
	/* a statement may have released it */
	runner_lock_self(f->run->lock);
	if (afterwards)
		afterwards(f, statement);
	runner_end_statement();
	error_context_stack = context.previous;
	script_set_conforming_strings(script, standard_conforming_strings);
	debug_query_string = NULL;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(r->cxt);
}

/* Refuse to end, in a file, a transaction that is not the file's. */
static void
check_keeps_transaction(const FileRun *f, const ScriptStatement *statement)
{
	if (statement_controls_transaction(statement->raw->stmt))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("\"%s\" cannot begin or end a transaction", f->file->script),
				 errdetail("Line %d does, and it runs in the transaction of a migration.",
						   statement->line),
				 errhint("Take BEGIN and COMMIT out of it.")));
}

/* Refuse to go on in a transaction that a file has begun and not ended. */
static void
check_left_no_transaction(const FileRun *f)
{
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("migration \"%s\" leaves a transaction open", f->file->script),
				 errdetail("What it did in it is rolled back."),
				 errhint("End it with COMMIT.")));
}

/* Run all statements of a file, in the transaction block that there is, or each by itself. */
static void
run_statements(FileRun *f)
{
	bool		in_block = IsTransactionBlock();
	MemoryContext old = MemoryContextSwitchTo(f->cxt);
	Script	   *script = script_open(f->format, f->file, f->direction, f->text, f->length,
									 f->variables);
	ScriptStatement statement;

	while (script_next(script, &statement))
	{
		if (in_block)
			check_keeps_transaction(f, &statement);
		run_statement(f, script, &statement, NULL);
	}
	script_close(script);
	if (!in_block)
		check_left_no_transaction(f);
	MemoryContextSwitchTo(old);
}

/* Begin a transaction block. */
static void
begin_block(void)
{
	StartTransactionCommand();
	BeginTransactionBlock();
	CommitTransactionCommand();
}

/* End it. */
static void
end_block(void)
{
	StartTransactionCommand();
	(void) EndTransactionBlock(false);
	CommitTransactionCommand();
}

/* Leave it, and what was done in it. */
static void
leave_block(void)
{
	StartTransactionCommand();
	UserAbortTransactionBlock(false);
	CommitTransactionCommand();
}

/* Keep the tool away whose history we keep, too; has it done something? */
static FileOutcome
lock_tool(FileRun *f, bool session)
{
	FileOutcome outcome = FILE_DONE;

	run_begin();
	if (!tool_try_lock(f->run->history, session))
		outcome = FILE_BUSY;
	else if (history_changed(f->run->history))
	{
		if (session)
			tool_unlock(f->run->history);
		outcome = FILE_CHANGED;
	}
	run_end();
	return outcome;
}

/* Let the tool work again that lock_tool kept away for the session. */
static void
unlock_tool(FileRun *f)
{
	StartTransactionCommand();
	tool_unlock(f->run->history);
	CommitTransactionCommand();
}

/* For the context of an error: it may come as late as that, from what is deferred. */
static void
show_end(void *argument)
{
	errcontext("end of migration \"%s\"", ((FileRun *) argument)->file->script);
}

/* Run a file in one transaction, with its row of the history. */
FileOutcome
file_run_atomic(FileRun *f)
{
	ErrorContextCallback context = {error_context_stack, show_end, f};
	/* a copy: if the transaction fails, nothing of it was written */
	Attempt		attempt = *f->attempt;
	FileOutcome outcome;
	const char *each = f->attempt->direction == DIRECTION_UP ? "Migrate" : "Undo";

	begin_block();
	outcome = lock_tool(f, false);
	if (outcome != FILE_DONE)
	{
		leave_block();
		return outcome;
	}
	callback_run(f->run, psprintf("beforeEach%s", each));
	run_statements(f);
	callback_run(f->run, psprintf("afterEach%s", each));
	run_begin();
	run_check_service_stays(f->run->task->service, f->file);
	attempt.done = attempt.statements;
	history_record(f->run->history, &attempt);
	run_end();
	error_context_stack = &context;
	end_block();
	error_context_stack = context.previous;
	return FILE_DONE;
}

/* Go on with the hash of the statements that are done. */
static uint64
hash_more(uint64 hash, const ScriptStatement *statement)
{
	/* in pieces: a length is an int there */
	for (Size at = 0; at < statement->length; at += 1 << 20)
		hash = hash_bytes_extended((const unsigned char *) statement->text + at,
								   (int) Min(statement->length - at, 1 << 20), hash);
	for (Size at = 0; at < statement->copy_length; at += 1 << 20)
		hash = hash_bytes_extended((const unsigned char *) statement->copy_data + at,
								   (int) Min(statement->copy_length - at, 1 << 20), hash);
	return hash;
}

/* The hash of the statements up to the one at work as it is written down. */
static char *
hash_string(const FileRun *f)
{
	return psprintf("%016llx", (unsigned long long) f->hash);
}

/*
 * Write down how far the file came, in the transaction that brought it there.
 * It did not before that has ended: see note_progress.
 */
static void
write_progress(FileRun *f, const ScriptStatement *statement)
{
	Attempt		reached = *f->attempt;

	PushActiveSnapshot(GetTransactionSnapshot());
	run_check_service_stays(f->run->task->service, f->file);
	reached.done = statement->number;
	reached.done_hash = hash_string(f);
	history_progress(f->run->history, &reached);
	PopActiveSnapshot();
}

/* The transaction has ended in which that was written. */
static void
note_progress(FileRun *f, const ScriptStatement *statement)
{
	f->attempt->done = statement->number;
	snprintf(f->done_hash, sizeof(f->done_hash), "%016llx", (unsigned long long) f->hash);
	f->attempt->done_hash = f->done_hash;
	f->attempt->interrupted = false;
	f->leaves_traces = false;
}

/* Write it down in a transaction, or in a command of the block that there is. */
static void
write_progress_apart(FileRun *f, const ScriptStatement *statement)
{
	StartTransactionCommand();
	write_progress(f, statement);
	CommitTransactionCommand();
	MemoryContextSwitchTo(f->cxt);
}

/* BEGIN, COMMIT and the like in a file. */
static void
run_control(FileRun *f, Script *script, ScriptStatement *statement)
{
	TransactionStmtKind kind = castNode(TransactionStmt, statement->raw->stmt)->kind;
	bool		ends = IsTransactionBlock() && kind == TRANS_STMT_COMMIT;

	if (ends)
		write_progress_apart(f, statement);
	run_statement(f, script, statement, NULL);
	if (ends)
		note_progress(f, statement);
}

/* Run a statement of our own that clears something away. */
static void
run_cleaning(FileRun *f, char *text)
{
	MemoryContext cxt = AllocSetContextCreate(f->cxt, "svc_ownership statement",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(text));
	QueryCompletion completion;

	runner_begin_statement(text);
	runner_execute(raw, text, cxt, DestNone, &completion);
	runner_end_statement();
	ereport(NOTICE,
			(errmsg("migration \"%s\" is resumed after: %s", f->file->script, text)));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Clear away what a statement left that ended in its middle; true: it needs no other run. */
static bool
clear_leftovers(FileRun *f, const ScriptStatement *statement)
{
	List	   *cleaning;
	const char *reason;
	bool		done = false;
	ListCell   *cell;

	StartTransactionCommand();
	MemoryContextSwitchTo(f->cxt);
	/* others leave nothing, and what is there is not theirs */
	if (statement_is_transactional(statement->raw->stmt, &reason))
		cleaning = NIL;
	else
		done = leftover_clear(statement->raw->stmt, f->attempt->interrupted, &cleaning);
	CommitTransactionCommand();
	MemoryContextSwitchTo(f->cxt);
	foreach(cell, cleaning)
		run_cleaning(f, lfirst(cell));
	return done;
}

/* Take the tool's lock again. */
static void
keep_tool_away(FileRun *f)
{
	for (;;)
	{
		bool		kept;

		run_begin();
		kept = tool_try_lock(f->run->history, true);
		run_end();
		if (kept)
			break;
		svc_wait(100);
	}
}

/* DISCARD ALL: all but what keeps others away. */
static void
discard_all(FileRun *f, const ScriptStatement *statement)
{
	run_session(f->run);
	write_progress_apart(f, statement);
	note_progress(f, statement);
	keep_tool_away(f);
}

/* Run a statement that may wait as long as it must; whatever happens, others after it may not. */
static void
run_untimed(FileRun *f, Script *script, ScriptStatement *statement)
{
	int			timeout = LockTimeout;

	LockTimeout = 0;
	PG_TRY();
	{
		run_statement(f, script, statement, write_progress);
	}
	PG_FINALLY();
	{
		LockTimeout = timeout;
	}
	PG_END_TRY();
}

/*
 * Run a statement that cannot run in a transaction block.  Those that wait for
 * all older snapshots would wait for golang-migrate, which waits for its lock
 * with one: so it may have it meanwhile, and finds its history dirty.
 */
static void
run_alone(FileRun *f, Script *script, ScriptStatement *statement)
{
	Node	   *node = statement->raw->stmt;
	bool		let_go = f->run->history->source->format == FORMAT_GOLANG_MIGRATE;

	if (let_go)
		unlock_tool(f);
	f->leaves_traces = true;
	if (statement_waits_harmlessly(node))
		run_untimed(f, script, statement);
	else
		run_statement(f, script, statement, write_progress);
	note_progress(f, statement);
	if (let_go)
		keep_tool_away(f);
}

/* Is a statement DISCARD ALL? */
static bool
is_discard_all(Node *node)
{
	return IsA(node, DiscardStmt) && castNode(DiscardStmt, node)->target == DISCARD_ALL;
}

/* Run the next statement of a file that goes statement by statement. */
static void
run_step(FileRun *f, Script *script, ScriptStatement *statement)
{
	Node	   *node = statement->raw->stmt;
	const char *reason;
	bool		transactional;

	f->leaves_traces = false;
	if (statement_controls_transaction(node))
	{
		run_control(f, script, statement);
		return;
	}
	if (IsTransactionBlock())
	{
		run_statement(f, script, statement, NULL);
		return;
	}
	StartTransactionCommand();
	transactional = statement_is_transactional(node, &reason);
	CommitTransactionCommand();
	MemoryContextSwitchTo(f->cxt);
	if (transactional)
	{
		run_statement(f, script, statement, write_progress);
		note_progress(f, statement);
	}
	else if (is_discard_all(node))
		discard_all(f, statement);
	else
		run_alone(f, script, statement);
}

/* The statements that are done must be those that were. */
static void
raise_changed(const FileRun *f)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("migration \"%s\" was changed in what has run already", f->file->script),
			 errdetail("Its first %d statements were run, and are others now.",
					   f->attempt->done),
			 errhint("Put them back, or call svc.repair_migrations() to let it start again.")));
}

/* Begin the block again that COMMIT AND CHAIN began: as the one before it. */
static void
begin_chained(FileRun *f)
{
	QueryCompletion completion;

	runner_begin_statement("BEGIN");
	runner_execute(f->begin, "BEGIN", f->cxt, DestNone, &completion);
	runner_end_statement();
	MemoryContextSwitchTo(f->cxt);
}

/* Pass over the end of a transaction, or its beginning. */
static void
pass_over_control(FileRun *f, const ScriptStatement *statement)
{
	TransactionStmt *control = castNode(TransactionStmt, statement->raw->stmt);

	if (control->kind == TRANS_STMT_BEGIN || control->kind == TRANS_STMT_START)
		f->begin = copyObject(statement->raw);
	else if (control->chain && f->begin && statement->number == f->attempt->done)
		begin_chained(f);
}

/* Pass over a statement that is done; one that the session needs is run again in a new one. */
static void
pass_over(FileRun *f, Script *script, ScriptStatement *statement, List **temporary)
{
	bool		shapes = statement_shapes_session(statement->raw->stmt, temporary);

	if (shapes && f->replay)
		run_statement(f, script, statement, NULL);
	if (statement->number == f->attempt->done && f->attempt->done_hash &&
		strcmp(hash_string(f), f->attempt->done_hash) != 0)
		raise_changed(f);
	if (statement_controls_transaction(statement->raw->stmt))
		pass_over_control(f, statement);
}

/* Run the statements that are not done yet. */
static void
run_steps(FileRun *f)
{
	Script	   *script = script_open(f->format, f->file, f->direction, f->text, f->length,
									 f->variables);
	int			first = f->attempt->done + 1;
	int			n = 0;
	List	   *temporary = NIL;
	ScriptStatement statement;

	f->hash = 0;
	while (script_next(script, &statement))
	{
		n = statement.number;
		f->hash = hash_more(f->hash, &statement);
		if (n < first)
		{
			pass_over(f, script, &statement, &temporary);
			continue;
		}
		if (n == first && f->leaves_traces && clear_leftovers(f, &statement))
		{
			write_progress_apart(f, &statement);
			note_progress(f, &statement);
		}
		else
		{
			/* if it was, that is known by now: it is not done */
			f->attempt->interrupted = false;
			run_step(f, script, &statement);
		}
		MemoryContextSwitchTo(f->cxt);
	}
	script_close(script);
	if (n < first - 1)
		raise_changed(f);
	check_left_no_transaction(f);
}

/* Run a file statement by statement, from where it came to. */
FileOutcome
file_run_stepwise(FileRun *f)
{
	FileOutcome outcome = lock_tool(f, true);
	const char *each = f->attempt->direction == DIRECTION_UP ? "Migrate" : "Undo";

	if (outcome != FILE_DONE)
		return outcome;
	MemoryContextSwitchTo(f->cxt);
	callback_run(f->run, psprintf("beforeEach%s", each));
	if (f->attempt->number == 0)
	{
		Attempt		begun = *f->attempt;

		run_begin();
		history_begin(f->run->history, &begun);
		run_end();
		*f->attempt = begun;
	}
	MemoryContextSwitchTo(f->cxt);
	run_steps(f);
	run_begin();
	run_check_service_stays(f->run->task->service, f->file);
	f->attempt->done = f->attempt->statements;
	history_finish(f->run->history, f->attempt);
	run_end();
	callback_run(f->run, psprintf("afterEach%s", each));
	unlock_tool(f);
	return FILE_DONE;
}

/*
 * Read a file through before anything of it is run: so a mistake at its end is
 * found first.  Returns whether it can be one transaction.
 */
bool
file_is_atomic(FileRun *f)
{
	MemoryContext old = MemoryContextSwitchTo(f->cxt);
	Script	   *script;
	ScriptStatement statement;
	int			statements = 0;
	bool		atomic = f->file->transactional != 0;
	const char *reason;

	StartTransactionCommand();
	MemoryContextSwitchTo(f->cxt);
	script = script_open(f->format, f->file, f->direction, f->text, f->length, f->variables);
	while (script_next(script, &statement))
	{
		Node	   *node = statement.raw->stmt;

		statements++;
		/* one that the file's tool takes for a transaction fails in it, as there */
		if (statement_controls_transaction(node) ||
			(f->file->transactional != 1 && !statement_is_transactional(node, &reason)))
			atomic = false;
	}
	script_close(script);
	CommitTransactionCommand();
	MemoryContextSwitchTo(old);
	if (f->attempt)
		f->attempt->statements = statements;
	return atomic;
}

/*
 * Run a callback: in the transaction block that there is, in one of its own, or
 * statement by statement where it cannot be one.
 */
void
file_run_callback(FileRun *f)
{
	bool		own_block = !IsTransactionBlock() && file_is_atomic(f);

	if (own_block)
		begin_block();
	run_statements(f);
	if (own_block)
		end_block();
}
