/*
 * run.c: migrations at work, in their runner.
 *
 * The runner's session user is the service's owner role, and it is the only one
 * at work for its service.  It reads what there is to do, and does it file by
 * file, each in a session as it was when it began.  A file that fails leaves
 * its row in the history, and ends the run.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/wait.h"
#include "jit/jit.h"
#include "mb/pg_wchar.h"
#include "migration/formats.h"
#include "migration/load.h"
#include "migration/repeatable.h"
#include "migration/run.h"
#include "migration/running.h"
#include "migration/store.h"
#include "replication/slot.h"
#include "runner/lock.h"
#include "runner/runner.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* between two looks whether the other tool has ended, in milliseconds */
#define BUSY_WAIT 200

/* between two tries after a lock was not to be had, at first and at most, in milliseconds */
#define FIRST_WAIT 100
#define LAST_WAIT 10000

/* Is this process one that runs migrations? */
static bool running = false;

/* Is this session that of a runner of migrations? */
bool
migration_is_running(void)
{
	return running;
}

/* Begin to read or write our tables: in a transaction, or in the block that there is. */
void
run_begin(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* End it. */
void
run_end(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Set a setting of this session. */
static void
set(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_USERSET, PGC_S_SESSION);
}

/* The search_path of a service's migrations. */
char *
run_search_path(const Service *service)
{
	const char *others = "public, " SVC_TRIGGER_SCHEMA;

	if (!service->schema || strcmp(service->schema, "public") == 0)
		return pstrdup(others);
	return psprintf("%s, %s", quote_identifier(service->schema), others);
}

/* Refuse to write down what was done for a service that is gone: whoever made one of its name would get it. */
void
run_check_service_stays(const char *service, const MigrationFile *file)
{
	if (!service_lookup(service, true))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" was dropped or renamed while migration \"%s\" ran", service,
						file->script),
				 errhint("Drop or rename a service between its migrations.")));
}

/* The session in which each file runs. */
void
run_session(MigrationRun *run)
{
	runner_reset_session();
	StartTransactionCommand();
	set("search_path", run_search_path(run->history->service));
	set("lock_timeout", psprintf("%d", run->task->lock_timeout));
	CommitTransactionCommand();
}

/* Keep the files that were handed over. */
static void
keep_inputs(MigrationRun *run)
{
	MigrationTask *task = run->task;

	if (!task->has_inputs)
		return;
	run_begin();
	(void) load_files(task->service, FORMAT_AUTO, task->inputs);
	run_end();
}

/* Read everything, and what there is to do. */
static List *
read_work(MigrationRun *run)
{
	MigrationTask *task = run->task;
	MemoryContext old;
	List	   *work;

	MemoryContextReset(run->cxt);
	run_begin();
	old = MemoryContextSwitchTo(run->cxt);
	run->history = history_read(task->service, true);
	work = task->undo ? history_undoable(run->history, task->target)
		: history_pending(run->history, &run->options);
	MemoryContextSwitchTo(old);
	run_end();
	return work;
}

/* The file's text as it was handed over in this call, in this database's encoding; NULL: it was not. */
static const char *
input_text(const MigrationRun *run, const char *script, Size *length)
{
	ListCell   *cell;

	foreach(cell, run->task->inputs)
	{
		InputFile  *input = lfirst(cell);

		if (strcmp(input->name, script) == 0)
		{
			const char *text = pg_any_to_server(input->content, input->length, PG_UTF8);

			*length = text == input->content ? input->length : strlen(text);
			return text;
		}
	}
	return NULL;
}

/* The text of a file, in the current memory context. */
static const char *
file_text(const MigrationRun *run, const MigrationFile *file, Size *length)
{
	const char *text = store_content(run->task->service, file->script, length);

	if (!text)
		text = input_text(run, file->script, length);
	if (!text)
		store_raise_no_content(file->script);
	return text;
}

/* Take a file in hand. */
FileRun *
file_open(MigrationRun *run, const MigrationFile *file, MigrationDirection direction)
{
	MemoryContext cxt = AllocSetContextCreate(TopMemoryContext, "svc_ownership migration",
											  ALLOCSET_DEFAULT_SIZES);
	FileRun    *f = MemoryContextAllocZero(cxt, sizeof(FileRun));
	MemoryContext old;

	f->run = run;
	f->file = file;
	f->format = run->history->source->format;
	f->direction = direction;
	f->cxt = cxt;
	run_begin();
	old = MemoryContextSwitchTo(cxt);
	f->text = file_text(run, file, &f->length);
	f->variables = migration_variables(run->history, run->task->variables);
	MemoryContextSwitchTo(old);
	run_end();
	return f;
}

/* The callbacks of an event, in the transaction that there is, or in one of their own. */
void
callback_run(MigrationRun *run, const char *event)
{
	ListCell   *cell;

	foreach(cell, run->history->files)
	{
		MigrationFile *file = lfirst(cell);
		FileRun    *f;

		if (file->kind != KIND_CALLBACK || !file->present || strcmp(file->event, event) != 0)
			continue;
		f = file_open(run, file, DIRECTION_UP);
		file_run_callback(f);
		MemoryContextDelete(f->cxt);
	}
}

/* Is there a callback of an event? */
bool
callback_exists(List *files, const char *event)
{
	ListCell   *cell;

	foreach(cell, files)
	{
		MigrationFile *file = lfirst(cell);

		if (file->kind == KIND_CALLBACK && file->present && strcmp(file->event, event) == 0)
			return true;
	}
	return false;
}

/* Wait for a time, whatever wakes us. */
static void
pause_for(int milliseconds)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);

	for (;;)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		if (left <= 0)
			break;
		svc_wait(left);
	}
}

/* Put the session back in order after an error, as the server does for a client's. */
static void
recover(void)
{
	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	AbortOutOfAnyTransaction();
	PortalErrorCleanup();
	if (MyReplicationSlot)
		ReplicationSlotRelease();
	jit_reset_after_error();
	debug_query_string = NULL;
	RESUME_INTERRUPTS();
}

/* What is done with a file, and may fail */
typedef FileOutcome (*FileStep) (FileRun *f);

/* Do it once; an error is returned. */
static ErrorData *
try_once(FileRun *f, FileStep step, FileOutcome *outcome)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		*outcome = step(f);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(f->cxt);
		error = CopyErrorData();
		FlushErrorState();
		recover();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(f->cxt);
	return error;
}

/* Is an error one that goes away when others have ended what they do? */
static bool
is_passing(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE;
}

/*
 * Say that a file is tried again, and wait with no lock held.  One that is one
 * transaction begins anew, and so does its session: what it prepared, or locked
 * for the session, did not go with the transaction.
 */
static void
wait_for_locks(const FileRun *f, const ErrorData *error, int tries)
{
	if (f->atomic)
		run_session(f->run);
	ereport(NOTICE,
			(errmsg("migration \"%s\" is tried again (%d of %d)", f->file->script, tries,
					f->run->task->lock_retries),
			 errdetail("It was stopped so that nobody waits behind it: %s.", error->message)));
	pause_for(Min(FIRST_WAIT << Min(tries - 1, 10), LAST_WAIT));
}

/* Write a failure down.  What fails in it must not hide what happened. */
static void
write_failure(FileRun *f, const ErrorData *error, bool half_done)
{
	PG_TRY();
	{
		run_begin();
		history_fail(f->run->history, f->attempt, error, half_done);
		run_end();
	}
	PG_CATCH();
	{
		FlushErrorState();
		recover();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(f->cxt);
}

/* The callbacks of a failure: what fails in them must not hide it either. */
static void
run_error_callbacks(FileRun *f)
{
	PG_TRY();
	{
		callback_run(f->run, f->run->task->undo ? "afterEachUndoError" : "afterEachMigrateError");
		callback_run(f->run, f->run->task->undo ? "afterUndoError" : "afterMigrateError");
	}
	PG_CATCH();
	{
		FlushErrorState();
		recover();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(f->cxt);
}

/* Raise what made a file fail. */
static void
raise_failure(FileRun *f, ErrorData *error)
{
	bool		half_done = !f->atomic && (f->attempt->done > 0 || f->leaves_traces);

	write_failure(f, error, half_done);
	run_error_callbacks(f);
	if (is_passing(error) && !error->hint)
		error->hint = psprintf("Tried %d times, each as long as %s.migration_lock_timeout (%d ms); pg_blocking_pids() and svc.migration_progress show who is in the way.",
							   f->run->task->lock_retries + 1, SVC_EXTENSION,
							   f->run->task->lock_timeout);
	else if (half_done && !error->hint)
		error->hint = psprintf("%d of its %d statements are done and stay; %s goes on with the next one.",
							   f->attempt->done, f->attempt->statements,
							   f->run->task->undo ? "svc.undo_migrations()" : "svc.migrate()");
	ReThrowError(error);
}

/* Read a file before it is run.  What is done of it must not be done again, whatever the rest has become. */
static FileOutcome
read_through(FileRun *f)
{
	f->atomic = file_is_atomic(f) && f->attempt->done == 0;
	return FILE_DONE;
}

/* Run a file until it is done.  False: the other tool was at work; look again what there is to do. */
static bool
run_file(FileRun *f)
{
	FileOutcome outcome;
	ErrorData  *error = try_once(f, read_through, &outcome);

	if (error)
		raise_failure(f, error);
	for (int tries = 0;;)
	{
		int64		newest = *f->run->history->newest;

		error = try_once(f, f->atomic ? file_run_atomic : file_run_stepwise, &outcome);
		if (error)
		{
			/* the row that we wrote is gone again */
			if (f->atomic)
				*f->run->history->newest = newest;
			if (!is_passing(error) || ++tries > f->run->task->lock_retries)
				raise_failure(f, error);
			wait_for_locks(f, error, tries);
			f->replay = false;
		}
		else if (outcome == FILE_BUSY)
			pause_for(BUSY_WAIT);
		else
			return outcome == FILE_DONE;
	}
}

/* What is known of an earlier attempt that was not finished. */
static Attempt *
new_attempt(FileRun *f, const MigrationFile *migration)
{
	Attempt    *attempt = palloc0(sizeof(Attempt));
	/* not the file's: comments that undo are read as a file that does */
	MigrationDirection direction = f->run->task->undo ? DIRECTION_DOWN : DIRECTION_UP;
	Attempt    *before = history_unfinished(f->run->history, migration, direction);

	if (before)
	{
		attempt->done = before->done;
		attempt->done_hash = before->done_hash;
		attempt->statements = before->statements;
		attempt->interrupted = before->interrupted;
		f->leaves_traces = true;
		f->replay = true;
	}
	attempt->file = migration;
	attempt->direction = direction;
	attempt->asked_by = f->run->task->asked_by;
	attempt->started_at = GetCurrentTimestamp();
	return attempt;
}

/* The file that undoes a migration, or the migration's own with a part that does. */
static const MigrationFile *
undo_file(const MigrationRun *run, const MigrationFile *file)
{
	MigrationFormat format = run->history->source->format;
	ListCell   *cell;

	if (file->has_undo)
		return file;
	foreach(cell, run->history->files)
	{
		MigrationFile *other = lfirst(cell);

		if (other->kind == KIND_UNDO &&
			migration_compare(format, other->version, 0, file->version, 0) == 0)
			return other;
	}
	return NULL;
}

/* Take the lines "-- Rollback: <sql>" of a migration for its undo script. */
static void
take_rollback_comments(FileRun *f)
{
	MemoryContext old = MemoryContextSwitchTo(f->cxt);

	f->text = script_rollback_comments(f->text, f->length);
	if (!f->text)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("migration \"%s\" has no way back", f->file->script),
				 errdetail("It has neither an undo script nor lines \"-- Rollback: <statement>\"."),
				 errhint("Add one of them, and load the files with svc.load_migrations().")));
	f->length = strlen(f->text);
	f->format = FORMAT_PLAIN;
	f->direction = DIRECTION_UP;
	MemoryContextSwitchTo(old);
}

/* Take the file in hand that does, or undoes, a migration. */
static FileRun *
open_migration(MigrationRun *run, const MigrationFile *migration)
{
	const MigrationFile *file = migration;
	FileRun    *f;

	if (!run->task->undo)
		return file_open(run, migration, DIRECTION_UP);
	file = undo_file(run, migration);
	if (!file && !run->task->rollback_comments)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("migration \"%s\" has no undo script", migration->script),
				 errhint("With rollback_comments => true, its lines \"-- Rollback: <statement>\" are run.")));
	f = file_open(run, file ? file : migration, DIRECTION_DOWN);
	if (!file)
		take_rollback_comments(f);
	return f;
}

/* Do, or undo, one migration; false: look again what there is to do. */
static bool
run_migration(MigrationRun *run, const MigrationFile *migration)
{
	FileRun    *f;
	bool		done;

	run_session(run);
	f = open_migration(run, migration);
	MemoryContextSwitchTo(f->cxt);
	f->attempt = new_attempt(f, migration);
	done = run_file(f);
	if (done)
	{
		run->done++;
		ereport(NOTICE,
				(errmsg("migration \"%s\" %s", migration->script,
						run->task->undo ? "undone" : "applied")));
	}
	MemoryContextSwitchTo(run->cxt);
	MemoryContextDelete(f->cxt);
	return done;
}

/* Run all of a list; false: the other tool did something meanwhile. */
static bool
run_list(MigrationRun *run, List *work)
{
	bool		repeatables = false;
	ListCell   *cell;

	foreach(cell, work)
	{
		MigrationInfo *info = lfirst(cell);

		if (info->file->kind == KIND_REPEATABLE && !repeatables)
		{
			if (cell != list_head(work))
				callback_run(run, "afterVersioned");
			callback_run(run, "beforeRepeatables");
			repeatables = true;
		}
		if (!run_migration(run, info->file))
			return false;
	}
	if (!repeatables && work != NIL)
		callback_run(run, "afterVersioned");
	return true;
}

/* Do what the task says. */
static void
run_task(MigrationRun *run)
{
	const char *each = run->task->undo ? "Undo" : "Migrate";
	List	   *work = read_work(run);

	run_session(run);
	callback_run(run, psprintf("before%s", each));
	while (!run_list(run, work))
		work = read_work(run);
	if (run->done > 0 && !run->task->undo)
		callback_run(run, "afterMigrateApplied");
	callback_run(run, psprintf("after%s", each));
}

/* The main function in the runner. */
List *
migration_session(List *items)
{
	MigrationRun *run = palloc0(sizeof(MigrationRun));

	running = true;
	run->task = task_read(items);
	run->options.target = run->task->target;
	run->options.out_of_order = run->task->out_of_order;
	run->options.baseline_on_migrate = run->task->baseline_on_migrate;
	run->options.variables = run->task->variables;
	run->lock = running_lock_name(MyDatabaseId, run->task->service);
	run->cxt = AllocSetContextCreate(TopMemoryContext, "svc_ownership migrations",
									 ALLOCSET_DEFAULT_SIZES);
	keep_inputs(run);
	run_task(run);
	return list_make1(list_make1(psprintf("%d", run->done)));
}
