/*
 * migrate.c: migrations asked for: svc.migrate, svc.migrate_all,
 * svc.undo_migrations.
 *
 * The caller waits for whoever is at work for the same service, keeps the files
 * that he hands over, and looks whether there is anything to do; only then is a
 * runner started.  So of many replicas that start at once one runs everything,
 * and the others find it done, without a worker of their own.
 *
 * All three are procedures: they end the caller's transaction and wait without
 * a snapshot, since a snapshot would hold up the indexes that are built.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/sql.h"
#include "core/wait.h"
#include "executor/spi.h"
#include "migration/history.h"
#include "migration/load.h"
#include "migration/migrate.h"
#include "migration/run.h"
#include "migration/running.h"
#include "migration/store.h"
#include "migration/task.h"
#include "runner/lock.h"
#include "runner/runner.h"
#include "service/place.h"
#include "service/role.h"
#include "service/run.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define ENTRY "migrate"

/* SQLSTATE SV003: migrations failed, where the cause has no better code */
#define MIGRATION_FAILED MAKE_SQLSTATE('S', 'V', '0', '0', '3')

/* between two tries to be the one at work, in milliseconds */
#define FIRST_WAIT 10
#define LAST_WAIT 200

static int	lock_timeout;
static int	lock_retries;
static bool as_superuser;

SVC_FUNCTION(svc_migrate);
SVC_FUNCTION(svc_migrate_all);
SVC_FUNCTION(svc_undo_migrations);

/* Where a task is to be done */
typedef struct MigratePlace
{
	Oid			database;
	Oid			owner;			/* the service's owner role */
} MigratePlace;

/* The settings, and what runners call. */
void
MigrateInit(void)
{
	DefineCustomIntVariable(SVC_EXTENSION ".migration_lock_timeout",
							"How long a statement of a migration waits for a lock, and so others behind it.",
							NULL, &lock_timeout, 5000, 1, INT_MAX, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable(SVC_EXTENSION ".migration_lock_retries",
							"How often a migration that did not get a lock is tried again.",
							NULL, &lock_retries, 10, 0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(SVC_EXTENSION ".migrate_as_superuser",
							 "Whether migrations of services run whose owner role is a superuser.",
							 "They can do anything to the whole cluster.",
							 &as_superuser, false, PGC_SUSET, 0, NULL, NULL, NULL);
	runner_register_session(ENTRY, migration_session);
}

/* Refuse to run files of a service's as a superuser. */
static void
check_not_superuser(const char *service, Oid owner)
{
	char	   *name = svc_role_name(owner);

	if (superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("migrations of service \"%s\" would run as superuser \"%s\"", service, name),
				 errdetail("They could do anything to the whole cluster."),
				 errhint("ALTER ROLE %s NOSUPERUSER, or set %s.migrate_as_superuser.",
						 quote_identifier(name), SVC_EXTENSION)));
}

/* Refuse callers who could not become the owner role, and owner roles that nothing limits. */
static void
check_may_migrate(const char *service, Oid owner)
{
	run_check_owner(service, owner);
	if (as_superuser)
		return;
	check_not_superuser(service, owner);
	role_check_limited(owner);
}

/*
 * Wait until nobody else is at work for a service, in this session and without
 * a snapshot; then nobody is until the lock is given back.
 */
static void
begin_work(const char *lock)
{
	int			wait = FIRST_WAIT;

	while (!runner_try_lock(lock, true))
	{
		svc_wait(wait);
		wait = Min(wait * 2, LAST_WAIT);
	}
}

/* Start a transaction in which snapshots end with the statements that take them. */
static void
next_transaction(void)
{
	SPI_commit();
	XactIsoLevel = XACT_READ_COMMITTED;
}

/* Keep the files of a task in this database. */
static void
keep_files(MigrationTask *task)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) load_files(task->service, FORMAT_AUTO, task->inputs);
	PopActiveSnapshot();
	next_transaction();
}

/* Does a service of this database have nothing to do? */
static bool
nothing_to_do(const MigrationTask *task)
{
	MigrateOptions options = {task->target, task->out_of_order, task->baseline_on_migrate,
	task->variables};
	History    *history;
	bool		nothing;

	PushActiveSnapshot(GetTransactionSnapshot());
	nothing = !task->target && history_is_complete(task->service);
	if (!nothing)
	{
		history = history_read(task->service, true);
		nothing = history_pending(history, &options) == NIL &&
			!callback_exists(history->files, "beforeMigrate") &&
			!callback_exists(history->files, "afterMigrate");
	}
	PopActiveSnapshot();
	next_transaction();
	return nothing;
}

/* Let a runner do a task; an error is returned if it shall not be raised. */
static ErrorData *
run_task(MigrationTask *task, const MigratePlace *place, bool raise)
{
	RunnerJob	job = {
		.what = task->undo ? "svc.undo_migrations" : "svc.migrate",
		.database = place->database,
		.role = place->owner,
		.entry = ENTRY,
		.items = task_write(task),
		.lock = running_lock_name(place->database, task->service),
		.type = SVC_EXTENSION " migration"
	};

	if (!raise)
		return runner_try(&job, NULL);
	(void) runner_results(&job);
	return NULL;
}

/* Do a task, while nobody else is at work for its service. */
static ErrorData *
work(MigrationTask *task, const MigratePlace *place, bool raise)
{
	bool		here = place->database == MyDatabaseId;

	if (here && raise && task->has_inputs)
	{
		keep_files(task);
		if (store_keeps_text())
			task->inputs = NIL;
		task->has_inputs = false;
	}
	if (here && raise && !task->undo && nothing_to_do(task))
	{
		ereport(NOTICE,
				(errmsg("service \"%s\" has no migrations to apply", task->service)));
		return NULL;
	}
	return run_task(task, place, raise);
}

/* Do a task when it is its turn. */
static ErrorData *
do_task(MigrationTask *task, const MigratePlace *place, bool raise)
{
	char	   *lock = running_lock_name(place->database, task->service);
	ErrorData  *volatile error = NULL;

	begin_work(lock);
	PG_TRY();
	{
		error = work(task, place, raise);
	}
	PG_FINALLY();
	{
		runner_unlock(lock);
	}
	PG_END_TRY();
	return error;
}

/* Begin a procedure that ends the caller's transaction. */
static void
begin_procedure(FunctionCallInfo fcinfo, const char *name)
{
	svc_check_writable(name);
	run_check_no_transaction(fcinfo, name);
	if (migration_is_running())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot be called by a migration", name),
				 errhint("CALL it in a session of its own, when the migration has ended.")));
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* A task with what every task has. */
static MigrationTask *
new_task(char *service)
{
	MigrationTask *task = palloc0(sizeof(MigrationTask));

	task->service = service;
	task->asked_by = GetUserNameFromId(GetSessionUserId(), false);
	task->lock_timeout = lock_timeout;
	task->lock_retries = lock_retries;
	return task;
}

/* The files of the call: of a directory of the server, or handed over. */
static void
take_inputs(MigrationTask *task, FunctionCallInfo fcinfo, int directory, int files)
{
	char	   *name = svc_arg_text_or_null(fcinfo, directory, "directory");

	task->has_inputs = name || !PG_ARGISNULL(files);
	if (name && !PG_ARGISNULL(files))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("directory and files cannot both be given")));
	if (name)
		task->inputs = inputs_of_directory(name);
	else if (task->has_inputs)
		task->inputs = inputs_of_jsonb(PG_GETARG_DATUM(files));
}

/* Variables of a call. */
static List *
variables_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NIL : variables_of_jsonb(PG_GETARG_DATUM(i));
}

/*
 * svc.migrate(service, directory, files, target, out_of_order,
 * baseline_on_migrate, variables): a procedure.
 */
Datum
svc_migrate(PG_FUNCTION_ARGS)
{
	MigrationTask *task;
	MigratePlace place;

	begin_procedure(fcinfo, "svc.migrate()");
	task = new_task(svc_arg_name(fcinfo, 0, "service"));
	task->target = svc_arg_text_or_null(fcinfo, 3, "target");
	task->out_of_order = svc_arg_bool(fcinfo, 4, "out_of_order");
	task->baseline_on_migrate = svc_arg_bool(fcinfo, 5, "baseline_on_migrate");
	task->variables = variables_arg(fcinfo, 6);
	place.database = service_place(task->service, &place.owner);
	check_may_migrate(task->service, place.owner);
	take_inputs(task, fcinfo, 1, 2);
	next_transaction();
	(void) do_task(task, &place, true);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * svc.undo_migrations(service, target, rollback_comments): a procedure.
 */
Datum
svc_undo_migrations(PG_FUNCTION_ARGS)
{
	MigrationTask *task;
	MigratePlace place;

	begin_procedure(fcinfo, "svc.undo_migrations()");
	task = new_task(svc_arg_name(fcinfo, 0, "service"));
	task->undo = true;
	task->target = svc_arg_text_or_null(fcinfo, 1, "target");
	task->rollback_comments = svc_arg_bool(fcinfo, 2, "rollback_comments");
	task->variables = variables_arg(fcinfo, 3);
	place.database = service_place(task->service, &place.owner);
	check_may_migrate(task->service, place.owner);
	next_transaction();
	(void) do_task(task, &place, true);
	SPI_finish();
	PG_RETURN_VOID();
}

/* What is said of a service whose migrations failed, while others go on. */
static void
warn(const char *service, ErrorData *error)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("migrations of service \"%s\" failed: %s", service, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0,
			 error->context ? errcontext("%s", error->context) : 0));
}

/*
 * Refuse a service whose name leads elsewhere than to a folder of its own: to
 * that of another, or to all of them, whose files would become its own.
 */
static void
check_names_folder(const char *service)
{
	if (strchr(service, '/') || strcmp(service, ".") == 0 || strcmp(service, "..") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" is not the name of a folder", service),
				 errhint("CALL svc.migrate() with a directory for this service.")));
}

/* The folder of a service: the pattern with its name for every %s. */
static char *
folder_of(const char *directory, const char *pattern, const char *service)
{
	StringInfoData folder;

	initStringInfo(&folder);
	appendStringInfo(&folder, "%s/", directory);
	for (const char *c = pattern; *c; c++)
	{
		if (c[0] == '%' && c[1] == 's')
		{
			appendStringInfoString(&folder, service);
			c++;
		}
		else
			appendStringInfoChar(&folder, *c);
	}
	return folder.data;
}

/* A folder to be read */
typedef struct Folder
{
	const char *service;
	Oid			owner;			/* of the service */
	const char *name;
	List	   *inputs;
} Folder;

/* Read a folder whose files may be run; protected.  A service that has none is no failure, whoever owns it. */
static void
read_folder(void *argument)
{
	Folder	   *folder = argument;

	check_names_folder(folder->service);
	folder->inputs = inputs_of_directory(folder->name);
	task_check_inputs(folder->inputs);
	check_may_migrate(folder->service, folder->owner);
}

/* Migrate one service out of all; false: it failed. */
static bool
migrate_service(MigrationTask *task, const MigratePlace *place, const char *name)
{
	Folder		folder = {task->service, place->owner, name, NIL};
	ErrorData  *error = svc_try(read_folder, &folder);

	if (error && svc_is_interruption(error))
		ReThrowError(error);
	if (error && error->sqlerrcode == ERRCODE_UNDEFINED_FILE)
	{
		ereport(NOTICE,
				(errmsg("service \"%s\" has no directory \"%s\"", task->service, name)));
		return true;
	}
	if (!error)
	{
		task->has_inputs = true;
		task->inputs = folder.inputs;
		next_transaction();
		error = do_task(task, place, false);
	}
	if (error)
		warn(task->service, error);
	return error == NULL;
}

/* Where a service is, if the caller may migrate it; an error is warned of. */
static bool
find_place(const PlacedService *service, MigratePlace *place, bool *failed)
{
	ErrorData  *error = place_owner(service, &place->owner);

	place->database = service->database;
	if (error)
	{
		warn(service->name, error);
		*failed = true;
		return false;
	}
	return svc_acts_for_role(GetUserId(), place->owner);
}

/*
 * svc.migrate_all(directory, path, variables): a procedure.
 */
Datum
svc_migrate_all(PG_FUNCTION_ARGS)
{
	char	   *directory;
	char	   *pattern;
	List	   *variables;
	List	   *services;
	List	   *failures = NIL;
	ListCell   *cell;

	begin_procedure(fcinfo, "svc.migrate_all()");
	directory = svc_arg_text(fcinfo, 0, "directory");
	pattern = svc_arg_text(fcinfo, 1, "path");
	variables = variables_arg(fcinfo, 2);
	services = place_services();
	next_transaction();
	foreach(cell, services)
	{
		PlacedService *service = lfirst(cell);
		MigrationTask *task = new_task(service->name);
		MigratePlace place;
		bool		failed = false;

		task->variables = variables;
		if (find_place(service, &place, &failed))
			failed = !migrate_service(task, &place, folder_of(directory, pattern, service->name));
		if (failed)
			failures = lappend(failures, service->name);
		next_transaction();
	}
	if (failures != NIL)
		ereport(ERROR,
				(errcode(MIGRATION_FAILED),
				 errmsg("migrations of %d of %d services failed", list_length(failures),
						list_length(services)),
				 errdetail("They are: %s.", service_joined(failures)),
				 errhint("The warnings say why; those of the others are applied.")));
	SPI_finish();
	PG_RETURN_VOID();
}
