/*
 * tool.c: what the history tables of tools have in common.
 *
 * A tool's table belongs to the service, and so do its triggers, defaults and
 * rules: everything here runs as the service's owner role, never with the
 * rights of whoever called.  A deferred trigger would run at the end of the
 * transaction, as the caller; so a superuser writes only tables on which
 * nothing of others can run.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tupdesc.h"
#include "catalog/pg_index.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/expression.h"
#include "core/relation.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "migration/attempt.h"
#include "migration/tool.h"
#include "migration/tool_table.h"
#include "rewrite/prs2lock.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

/* Locks that a tool takes */
#define MAX_KEYS 2

/* Those that this session holds */
static int64 held_keys[MAX_KEYS];
static int	n_held_keys = 0;

/* The tool of a format; NULL: there is none. */
const Tool *
tool_of_format(MigrationFormat format)
{
	switch (format)
	{
		case FORMAT_FLYWAY:
			return &flyway_tool;
		case FORMAT_GOOSE:
			return &goose_tool;
		case FORMAT_DRIZZLE:
			return &drizzle_tool;
		case FORMAT_GOLANG_MIGRATE:
			return &golang_migrate_tool;
		default:
			return NULL;
	}
}

/* The adopted table's tool; NULL: there is none. */
const Tool *
tool_adopted(const History *history)
{
	return OidIsValid(history->source->history) ? tool_of_format(history->source->format) : NULL;
}

/* Was a tool's table adopted? */
bool
tool_is_adopted(const History *history)
{
	return tool_adopted(history) != NULL;
}

/* Does the adopted table say what is applied? */
bool
tool_keeps_rows(const History *history)
{
	const Tool *tool = tool_adopted(history);

	return tool && tool->keeps_rows;
}

/* The table, quoted for a statement. */
char *
tool_table(const History *history)
{
	Oid			table = history->source->history;

	if (!get_rel_name(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the history table of service \"%s\" was dropped", history->service->name),
				 errdetail("It was adopted from %s.", migration_format_name(history->source->format)),
				 errhint("Restore it, or name another one with svc.adopt_history.")));
	return svc_quote_relation(table);
}

/* Has the table a column? */
bool
tool_has_column(const History *history, const char *column)
{
	return get_attnum(history->source->history, column) > 0;
}

/* Is it the next number of a sequence, as serial columns have it? */
static bool
is_next_number(Node *expression)
{
	return IsA(expression, FuncExpr) && ((FuncExpr *) expression)->funcid == F_NEXTVAL &&
		IsA(linitial(((FuncExpr *) expression)->args), Const);
}

/* Can code of others run where this is computed? */
static bool
is_untrusted(Node *expression)
{
	UntrustedCode code;

	return !is_next_number(expression) && svc_find_untrusted_code(expression, &code);
}

/* Can code of others run where a row is written into the table? */
static bool
runs_code(Relation rel)
{
	TupleConstr *constraints = RelationGetDescr(rel)->constr;
	ListCell   *cell;

	if (rel->trigdesc || rel->rd_rules || rel->rd_rel->relrowsecurity)
		return true;
	for (int i = 0; constraints && i < constraints->num_defval; i++)
		if (is_untrusted(stringToNode(constraints->defval[i].adbin)))
			return true;
	for (int i = 0; constraints && i < constraints->num_check; i++)
		if (is_untrusted(stringToNode(constraints->check[i].ccbin)))
			return true;
	foreach(cell, RelationGetIndexList(rel))
	{
		/* not what relcache makes of them: to fold their constants runs functions */
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		bool		computed = !heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL) ||
			!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);

		index_close(index, AccessShareLock);
		if (computed)
			return true;
	}
	return false;
}

/* Refuse a table that is no longer what was adopted: its rows would be misread. */
static void
check_fits(const History *history, Relation rel)
{
	const char *reason = tool_table_misfit(rel, tool_adopted(history));

	if (reason)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s is no longer a history of %s", tool_table(history),
						migration_format_name(history->source->format)),
				 errdetail_internal("%s", reason),
				 errhint("Change it back to what the tool made.")));
}

/* Refuse a superuser who would run code of others. */
static void
check_inert(const History *history, Relation rel)
{
	if (runs_code(rel))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a superuser cannot write the history table %s", tool_table(history)),
				 errdetail("It has triggers, rules, policies or expressions of its own, which would run with a superuser's rights at the end of the transaction."),
				 errhint("Call the function as role \"%s\": CALL svc.run(ARRAY['SELECT svc....'], '%s').",
						 svc_role_name(history->service->owner), history->service->name)));
}

/* Look at the table, and keep it as it is until the transaction ends. */
static void
check_table(const History *history, bool write)
{
	Relation	rel;

	(void) tool_table(history);
	rel = relation_open(history->source->history, write ? RowExclusiveLock : AccessShareLock);
	check_fits(history, rel);
	if (write && superuser())
		check_inert(history, rel);
	relation_close(rel, NoLock);
}

/*
 * Begin a scope as the service's owner role, which is no scope of our own: see
 * svc_sql_is_own.  Restricted, unless it is the owner himself: nothing that the
 * table brings along may wait for the end of the transaction, and the caller's
 * rights.
 */
void
tool_begin(const History *history, SqlScope *scope, bool write)
{
	check_table(history, write);
	svc_sql_begin_theirs(scope, history->service->owner, "pg_catalog, pg_temp");
	if (scope->saved_user != history->service->owner)
		svc_sql_restrict();
}

/* The key of the newest row of the table; -1: none. */
int64
tool_newest(const History *history)
{
	const Tool *tool = tool_adopted(history);
	static SqlSaved saved;
	SqlScope	scope;
	int64		newest = -1;
	Datum		value = (Datum) 0;
	bool		isnull = true;

	tool_begin(history, &scope, false);
	if (svc_sql_run_saved(&saved, psprintf(tool->newest, tool_table(history)), NULL, 0) > 0)
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		newest = DatumGetInt64(value);
	svc_sql_end(&scope);
	return newest;
}

/* The key that a statement gave for the row it wrote. */
int64
tool_key_written(const History *history, uint64 rows)
{
	bool		isnull = true;
	Datum		value = (Datum) 0;

	if (rows == 1)
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the history table %s did not take its row", tool_table(history)),
				 errdetail("A trigger or a rule on it may have turned it away.")));
	return DatumGetInt64(value);
}

/* A row of ours under the key of the tool's */
typedef struct KeyedAttempt
{
	int64		key;
	PastAttempt *past;
} KeyedAttempt;

/* Our rows by the key of the tool's. */
static HTAB *
past_by_key(List *past)
{
	HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(KeyedAttempt),
		.hcxt = CurrentMemoryContext};
	HTAB	   *table = hash_create("svc_ownership attempts", Max(list_length(past), 16), &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, past)
	{
		PastAttempt *ours = lfirst(cell);
		int64		key = ours->attempt.tool_key;

		if (key != 0)
			((KeyedAttempt *) hash_search(table, &key, HASH_ENTER, NULL))->past = ours;
	}
	return table;
}

/* Add to a tool's row what ours knows. */
static void
add_details(AppliedMigration *applied, const PastAttempt *ours)
{
	applied->attempt = ours->attempt.number;
	applied->duration = ours->applied->duration >= 0 ? ours->applied->duration : applied->duration;
	if (ours->applied->installed_at != 0)
		applied->installed_at = ours->applied->installed_at;
	applied->installed_by = ours->applied->installed_by;
	applied->resumable = !applied->success && ours->unfinished;
	if (!applied->checksum)
		applied->checksum = ours->applied->checksum;
	if (!applied->script || !applied->script[0])
		applied->script = ours->applied->script;
	if (!applied->description || !applied->description[0])
		applied->description = ours->applied->description;
}

/* What is half done, and leaves no trace in the tool's table before it is done. */
static List *
untraced(List *past, int64 rank)
{
	List	   *rows = NIL;
	ListCell   *cell;

	foreach(cell, past)
	{
		PastAttempt *ours = lfirst(cell);

		if (!ours->unfinished || ours->attempt.tool_key != 0 ||
			ours->attempt.direction != DIRECTION_UP)
			continue;
		ours->applied->rank = ++rank;
		rows = lappend(rows, ours->applied);
	}
	return rows;
}

/* The tool's rows, with what ours add. */
static List *
merge(List *rows, List *past)
{
	HTAB	   *ours = past_by_key(past);
	int64		rank = 0;
	ListCell   *cell;

	foreach(cell, rows)
	{
		AppliedMigration *applied = lfirst(cell);
		KeyedAttempt *entry = hash_search(ours, &applied->rank, HASH_FIND, NULL);

		if (entry)
			add_details(applied, entry->past);
		if (entry)
			entry->past->in_tool = true;
		rank = Max(rank, applied->rank);
	}
	hash_destroy(ours);
	return list_concat(rows, untraced(past, rank));
}

/* What is applied, as the tool's table says, with what our rows add. */
List *
tool_applied(const History *history, List *past)
{
	const Tool *tool = tool_adopted(history);
	List	   *rows;
	SqlScope	scope;

	tool_begin(history, &scope, false);
	rows = tool->read(history, past);
	svc_sql_end(&scope);
	*history->newest = tool_newest(history);
	return tool->keeps_rows ? merge(rows, past) : rows;
}

/* Let a method write. */
static void
write_by(const History *history, Attempt *attempt,
		 void (*method) (const History *history, Attempt *attempt))
{
	SqlScope	scope;

	if (!method)
		return;
	tool_begin(history, &scope, true);
	method(history, attempt);
	svc_sql_end(&scope);
	*history->newest = tool_newest(history);
}

/* A migration of several transactions begins. */
void
tool_write_begun(const History *history, Attempt *attempt)
{
	if (tool_is_adopted(history))
		write_by(history, attempt, tool_adopted(history)->begun);
}

/* A migration was applied. */
void
tool_write_applied(const History *history, Attempt *attempt)
{
	if (tool_is_adopted(history))
		write_by(history, attempt, tool_adopted(history)->applied);
}

/* A migration was undone. */
void
tool_write_undone(const History *history, Attempt *attempt)
{
	if (tool_is_adopted(history))
		write_by(history, attempt, tool_adopted(history)->undone);
}

/* A migration of several transactions failed before anything of it was done. */
void
tool_write_withdrawn(const History *history, Attempt *attempt)
{
	if (tool_is_adopted(history))
		write_by(history, attempt, tool_adopted(history)->withdrawn);
}

/* A text of the database in UTF-8, in which tools make keys of names. */
char *
tool_utf8(const char *text)
{
	return (char *) pg_server_to_any(text, strlen(text), PG_UTF8);
}

/* Add an advisory lock's key. */
List *
tool_add_key(List *keys, int64 key)
{
	int64	   *copy = palloc(sizeof(int64));

	*copy = key;
	return lappend(keys, copy);
}

/* The tag of an advisory lock with one key. */
static LOCKTAG
advisory_tag(int64 key)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 1);
	return tag;
}

/* Take one; a session has it once, however often it asks. */
static bool
try_key(int64 key, bool session)
{
	LOCKTAG		tag = advisory_tag(key);
	LockAcquireResult result = LockAcquire(&tag, ExclusiveLock, session, true);

	if (result == LOCKACQUIRE_ALREADY_HELD && session)
		LockRelease(&tag, ExclusiveLock, true);
	return result != LOCKACQUIRE_NOT_AVAIL;
}

/* Give one back. */
static void
release_key(int64 key, bool session)
{
	LOCKTAG		tag = advisory_tag(key);

	LockRelease(&tag, ExclusiveLock, session);
}

/* Take all locks of these keys, or none. */
static bool
try_keys(List *keys, bool session)
{
	for (int i = 0; i < list_length(keys); i++)
	{
		if (try_key(*(int64 *) list_nth(keys, i), session))
			continue;
		while (--i >= 0)
			release_key(*(int64 *) list_nth(keys, i), session);
		return false;
	}
	return true;
}

/* Remember the keys of the session's locks, since they are given back outside of transactions. */
static void
remember_keys(List *keys)
{
	ListCell   *cell;

	n_held_keys = 0;
	foreach(cell, keys)
		held_keys[n_held_keys++] = *(int64 *) lfirst(cell);
}

/*
 * Keep the adopted tool away.  A lock on its table ends with the transaction:
 * the server does not release a session's own when its process ends.
 */
bool
tool_try_lock(const History *history, bool session)
{
	const Tool *tool = tool_adopted(history);
	List	   *keys = tool && tool->lock_keys ? tool->lock_keys(history) : NIL;

	Assert(list_length(keys) <= MAX_KEYS);
	if (!tool)
		return true;
	if (!try_keys(keys, session))
		return false;
	if (session)
		remember_keys(keys);
	return tool->table_lock == NoLock || session ||
		ConditionalLockRelationOid(history->source->history, tool->table_lock);
}

/* Let it work again. */
void
tool_unlock(const History *history)
{
	while (n_held_keys > 0)
		release_key(held_keys[--n_held_keys], true);
}
