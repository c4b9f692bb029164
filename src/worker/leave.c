/*
 * leave.c: workers get out of the way of commands that want a database, or the
 * extension, for themselves.
 *
 * DROP DATABASE and its like fail while somebody is connected, and nobody can
 * tell users to wait for a process that they did not start.  So whoever may run
 * such a command makes our worker leave, and keeps it out until the transaction
 * has ended, whichever way: that is what the end of a session calls, too.
 */
#include "core/svc.h"

#include <signal.h>

#include "access/parallel.h"
#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "core/drop_extension.h"
#include "core/extension.h"
#include "core/wait.h"
#include "tcop/utility.h"
#include "worker/leave.h"
#include "worker/slot.h"
#include "worker/worker.h"

/* how long a worker may take to leave before it is told to end, and until we give up, in milliseconds */
#define PATIENCE 500
#define GIVE_UP 3000

static ProcessUtility_hook_type next_utility = NULL;

/* Our transaction keeps workers out of a database */
static bool keeps_out = false;

/* The value of an option, or NULL. */
static const char *
option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return lfirst_node(DefElem, cell)->arg ? defGetString(lfirst(cell)) : NULL;
	return NULL;
}

/* Does it want the database for itself: to move it, or to have nobody in it from now on? */
static bool
wants_database(const AlterDatabaseStmt *command)
{
	return option(command->options, "tablespace") || option(command->options, "is_template") ||
		option(command->options, "allow_connections");
}

/* The name of the database that a command wants for itself, or NULL. */
static const char *
wanted_database(Node *command)
{
	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) command)->dbname;
		case T_RenameStmt:
			return ((RenameStmt *) command)->renameType == OBJECT_DATABASE ?
				((RenameStmt *) command)->subname : NULL;
		case T_AlterDatabaseStmt:
			return wants_database((AlterDatabaseStmt *) command) ?
				((AlterDatabaseStmt *) command)->dbname : NULL;
		case T_CreatedbStmt:
			return option(((CreatedbStmt *) command)->options, "template");
		default:
			return NULL;
	}
}

/* Does a command want our extension for itself? */
static bool
wants_extension(Node *command)
{
	if (IsA(command, DropStmt))
		return svc_drops_extension((DropStmt *) command);
	return IsA(command, AlterExtensionStmt) &&
		strcmp(((AlterExtensionStmt *) command)->extname, SVC_EXTENSION) == 0;
}

/*
 * The database that a command wants for itself, or InvalidOid.  Not if the
 * server will refuse the command: or anybody could send workers away.
 */
static Oid
database_to_leave(Node *command)
{
	const char *name = wanted_database(command);
	Oid			object = name ? get_database_oid(name, true) : InvalidOid;

	if (OidIsValid(object))
		return object_ownercheck(DatabaseRelationId, object, GetUserId()) ? object : InvalidOid;
	if (!wants_extension(command))
		return InvalidOid;
	object = get_extension_oid(SVC_EXTENSION, true);
	return OidIsValid(object) && object_ownercheck(ExtensionRelationId, object, GetUserId())
		? MyDatabaseId : InvalidOid;
}

/* Wait until no worker is in a database.  If one stays, the server will say who is connected. */
static void
send_away(Oid database)
{
	TimestampTz since = GetCurrentTimestamp();
	long		waited = 0;
	bool		told = false;

	while (waited < GIVE_UP && slot_send_away(database, 0) != 0)
	{
		if (!told && waited >= PATIENCE)
		{
			(void) slot_send_away(database, SIGTERM);
			told = true;
		}
		svc_wait(told ? 100 : PATIENCE - waited);
		waited = TimestampDifferenceMilliseconds(since, GetCurrentTimestamp());
	}
	ereport(DEBUG1,
			(errmsg_internal("waited %ld ms for a worker to leave database %u", waited, database)));
}

/* Keep workers out of a database for the rest of the transaction. */
static void
keep_out(Oid database)
{
	keeps_out = true;
	slot_ban(database);
	send_away(database);
}

/* The transaction has ended: workers may come again. */
void
leave_at_end(void)
{
	if (!keeps_out)
		return;
	keeps_out = false;
	slot_unban();
}

/* May a command have left work that nobody rang for? */
static bool
leaves_work(Node *command)
{
	if (IsA(command, CreateExtensionStmt))
		return strcmp(((CreateExtensionStmt *) command)->extname, SVC_EXTENSION) == 0;
	return IsA(command, TransactionStmt) &&
		((TransactionStmt *) command)->kind == TRANS_STMT_COMMIT_PREPARED;
}

/*
 * Every utility command.  Nothing to do in a parallel worker, which runs none
 * of these, and on a standby, where there are no workers.
 */
static void
utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
		ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
		QueryCompletion *completion)
{
	Node	   *command = statement->utilityStmt;
	bool		idle = !worker_shared || IsParallelWorker() || RecoveryInProgress();
	bool		leaves = !idle && leaves_work(command);
	Oid			database = idle || leaves ? InvalidOid : database_to_leave(command);

	if (OidIsValid(database))
		keep_out(database);
	if (next_utility)
		next_utility(statement, text, read_only, context, parameters, environment, receiver,
					 completion);
	else
		standard_ProcessUtility(statement, text, read_only, context, parameters, environment,
								receiver, completion);
	if (leaves && OidIsValid(svc_extension_owner_missing_ok()))
		worker_ring();
}

/* What the module does when the library is preloaded. */
void
LeaveInit(void)
{
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}
