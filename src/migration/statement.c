/*
 * statement.c: what a statement's parse tree says about how it must be run.
 *
 * The lists here follow the server's own: what calls PreventInTransactionBlock
 * in any supported version cannot run inside a transaction block.  Where that
 * depends on a relation that does not exist yet, its name decides nothing, and
 * the statement counts as one that can.
 */
#include "core/svc.h"

#include "catalog/namespace.h"
#include "catalog/pg_subscription.h"
#include "commands/defrem.h"
#include "migration/statement.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Never inside a transaction block, whatever they say */
static const struct
{
	NodeTag		tag;
	const char *name;
}			lone_statements[] = {
	{T_AlterSystemStmt, "ALTER SYSTEM"},
	{T_CreateTableSpaceStmt, "CREATE TABLESPACE"},
	{T_CreatedbStmt, "CREATE DATABASE"},
	{T_DropTableSpaceStmt, "DROP TABLESPACE"},
	{T_DropdbStmt, "DROP DATABASE"}
};

/* What they do stays in the session */
static const NodeTag session_statements[] = {
	T_DeallocateStmt, T_DiscardStmt, T_ListenStmt, T_LoadStmt, T_PrepareStmt, T_UnlistenStmt
};

static const char *const session_functions[] = {
	"pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_unlock",
	"pg_advisory_unlock_all", "pg_advisory_unlock_shared", "pg_try_advisory_lock",
	"pg_try_advisory_lock_shared", "setseed"
};

/* The option of this name; NULL: it is not given. */
static DefElem *
find_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* Is an option on?  One whose value is wrong is left to the statement to complain of. */
static bool
option_is_on(List *options, const char *name, bool otherwise)
{
	DefElem    *option = find_option(options, name);
	bool		value;

	if (option == NULL)
		return otherwise;
	if (option->arg == NULL)
		return true;
	return parse_bool(defGetString(option), &value) ? value : otherwise;
}

/*
 * Is it a relation with partitions?  Without a lock and without asking for
 * rights: the statement itself will.
 */
static bool
is_partitioned(const RangeVar *name)
{
	Oid			relid;
	char		kind;

	if (name->schemaname)
		relid = get_relname_relid(name->relname, get_namespace_oid(name->schemaname, true));
	else
		relid = RelnameGetRelid(name->relname);
	kind = get_rel_relkind(relid);
	return kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_PARTITIONED_INDEX;
}

/* REINDEX: of many relations, each in a transaction of its own, or concurrently. */
static const char *
reindex_alone(const ReindexStmt *reindex)
{
	if (option_is_on(reindex->params, "concurrently", false))
		return "REINDEX CONCURRENTLY";
	if (reindex->relation == NULL)
		return reindex->kind == REINDEX_OBJECT_SCHEMA ? "REINDEX SCHEMA" :
			reindex->kind == REINDEX_OBJECT_SYSTEM ? "REINDEX SYSTEM" : "REINDEX DATABASE";
	if (is_partitioned(reindex->relation))
		return reindex->kind == REINDEX_OBJECT_INDEX ? "REINDEX INDEX" : "REINDEX TABLE";
	return NULL;
}

/* Does an ALTER TABLE detach a partition without blocking? */
static bool
detaches_concurrently(const AlterTableStmt *alter)
{
	ListCell   *cell;

	foreach(cell, alter->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		if (command->subtype == AT_DetachPartition &&
			castNode(PartitionCmd, command->def)->concurrent)
			return true;
	}
	return false;
}

/* CREATE SUBSCRIPTION that makes a slot on the other server. */
static const char *
create_subscription_alone(const CreateSubscriptionStmt *create)
{
	bool		connects = option_is_on(create->options, "connect", true);

	if (option_is_on(create->options, "create_slot", connects))
		return "CREATE SUBSCRIPTION ... WITH (create_slot = true)";
	return NULL;
}

/* ALTER SUBSCRIPTION that talks to the other server. */
static const char *
alter_subscription_alone(const AlterSubscriptionStmt *alter)
{
	switch (alter->kind)
	{
		case ALTER_SUBSCRIPTION_SET_PUBLICATION:
		case ALTER_SUBSCRIPTION_ADD_PUBLICATION:
		case ALTER_SUBSCRIPTION_DROP_PUBLICATION:
			return option_is_on(alter->options, "refresh", true) ?
				"ALTER SUBSCRIPTION with refresh" : NULL;
		case ALTER_SUBSCRIPTION_REFRESH:
			return "ALTER SUBSCRIPTION ... REFRESH";
		case ALTER_SUBSCRIPTION_OPTIONS:
			if (find_option(alter->options, "failover"))
				return "ALTER SUBSCRIPTION ... SET (failover)";
			if (find_option(alter->options, "two_phase"))
				return "ALTER SUBSCRIPTION ... SET (two_phase)";
			return NULL;
		default:
			return NULL;
	}
}

/* DROP SUBSCRIPTION that drops a slot, too: one that exists may have none. */
static const char *
drop_subscription_alone(const DropSubscriptionStmt *drop)
{
	HeapTuple	tuple = SearchSysCache2(SUBSCRIPTIONNAME, ObjectIdGetDatum(MyDatabaseId),
										CStringGetDatum(drop->subname));
	bool		no_slot = false;

	if (HeapTupleIsValid(tuple))
	{
		(void) SysCacheGetAttr(SUBSCRIPTIONNAME, tuple, Anum_pg_subscription_subslotname, &no_slot);
		ReleaseSysCache(tuple);
	}
	return no_slot ? NULL : "DROP SUBSCRIPTION";
}

/* What of the transaction statements ends another transaction than its own. */
static const char *
transaction_alone(const TransactionStmt *transaction)
{
	if (transaction->kind == TRANS_STMT_COMMIT_PREPARED)
		return "COMMIT PREPARED";
	return transaction->kind == TRANS_STMT_ROLLBACK_PREPARED ? "ROLLBACK PREPARED" : NULL;
}

/* Why a statement must stand alone, in PostgreSQL's words; NULL: it need not. */
static const char *
alone(Node *statement)
{
	for (int i = 0; i < lengthof(lone_statements); i++)
		if (nodeTag(statement) == lone_statements[i].tag)
			return lone_statements[i].name;
	switch (nodeTag(statement))
	{
		case T_AlterDatabaseStmt:
			return find_option(((AlterDatabaseStmt *) statement)->options, "tablespace") ?
				"ALTER DATABASE SET TABLESPACE" : NULL;
		case T_AlterSubscriptionStmt:
			return alter_subscription_alone((AlterSubscriptionStmt *) statement);
		case T_AlterTableStmt:
			return detaches_concurrently((AlterTableStmt *) statement) ?
				"ALTER TABLE ... DETACH CONCURRENTLY" : NULL;
		case T_ClusterStmt:
			return ((ClusterStmt *) statement)->relation == NULL ||
				is_partitioned(((ClusterStmt *) statement)->relation) ? "CLUSTER" : NULL;
		case T_CreateSubscriptionStmt:
			return create_subscription_alone((CreateSubscriptionStmt *) statement);
		case T_DiscardStmt:
			return ((DiscardStmt *) statement)->target == DISCARD_ALL ? "DISCARD ALL" : NULL;
		case T_DropStmt:
			return ((DropStmt *) statement)->concurrent ? "DROP INDEX CONCURRENTLY" : NULL;
		case T_DropSubscriptionStmt:
			return drop_subscription_alone((DropSubscriptionStmt *) statement);
		case T_IndexStmt:
			return ((IndexStmt *) statement)->concurrent ? "CREATE INDEX CONCURRENTLY" : NULL;
		case T_ReindexStmt:
			return reindex_alone((ReindexStmt *) statement);
		case T_TransactionStmt:
			return transaction_alone((TransactionStmt *) statement);
		case T_VacuumStmt:
			return ((VacuumStmt *) statement)->is_vacuumcmd ? "VACUUM" : NULL;
		default:
			return NULL;
	}
}

/* Can it run inside a transaction block? */
bool
statement_is_transactional(Node *statement, const char **reason)
{
	*reason = alone(statement);
	return *reason == NULL;
}

/* Does it begin or end a transaction, as savepoints and prepared transactions do not? */
bool
statement_controls_transaction(Node *statement)
{
	if (!IsA(statement, TransactionStmt))
		return false;
	switch (((TransactionStmt *) statement)->kind)
	{
		case TRANS_STMT_BEGIN:
		case TRANS_STMT_START:
		case TRANS_STMT_COMMIT:
		case TRANS_STMT_ROLLBACK:
		case TRANS_STMT_PREPARE:
			return true;
		default:
			return false;
	}
}

/* Is it a name of a temporary object? */
static bool
is_temporary_name(const char *schema, const char *name, List *temporary)
{
	ListCell   *cell;

	if (schema)
		return strcmp(schema, "pg_temp") == 0;
	foreach(cell, temporary)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

/* Is it a temporary relation? */
static bool
is_temporary(const RangeVar *relation, List *temporary)
{
	return relation &&
		(relation->relpersistence == RELPERSISTENCE_TEMP ||
		 is_temporary_name(relation->schemaname, relation->relname, temporary));
}

/* Is it an object in pg_temp, as a list of names says? */
static bool
is_temporary_object(List *names, List *temporary)
{
	return is_temporary_name(list_length(names) > 1 ? strVal(list_nth(names, list_length(names) - 2)) : NULL,
							 strVal(llast(names)), temporary);
}

/* Take note of a temporary relation that a statement makes. */
static bool
note_temporary(const RangeVar *relation, List **temporary)
{
	if (!is_temporary(relation, NIL))
		return false;
	*temporary = lappend(*temporary, pstrdup(relation->relname));
	return true;
}

/* Is it a literal true? */
static bool
is_true(Node *node)
{
	A_Const    *constant;

	if (IsA(node, TypeCast))
		node = ((TypeCast *) node)->arg;
	if (!IsA(node, A_Const))
		return false;
	constant = (A_Const *) node;
	return IsA(&constant->val, Boolean) && boolVal(&constant->val);
}

/* Is it a call of set_config for the session, or of another function that leaves something there? */
static bool
calls_for_session(const FuncCall *call)
{
	const char *name = strVal(llast(call->funcname));

	if (strcmp(name, "set_config") == 0)
		return list_length(call->args) < 3 || !is_true(lthird(call->args));
	for (int i = 0; i < lengthof(session_functions); i++)
		if (strcmp(name, session_functions[i]) == 0)
			return true;
	return false;
}

/* The relation that a SELECT, INSERT, UPDATE, DELETE or MERGE writes; NULL: none. */
static RangeVar *
written_relation(Node *node)
{
	switch (nodeTag(node))
	{
		case T_DeleteStmt:
			return ((DeleteStmt *) node)->relation;
		case T_InsertStmt:
			return ((InsertStmt *) node)->relation;
		case T_MergeStmt:
			return ((MergeStmt *) node)->relation;
		case T_UpdateStmt:
			return ((UpdateStmt *) node)->relation;
		default:
			return NULL;
	}
}

/* Does a query, or one inside it, write what is temporary, or call such a function? */
static bool
query_shapes_session(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (is_temporary(written_relation(node), *(List **) context))
		return true;
	if (IsA(node, FuncCall) && calls_for_session((FuncCall *) node))
		return true;
	if (IsA(node, SelectStmt) && ((SelectStmt *) node)->intoClause &&
		note_temporary(((SelectStmt *) node)->intoClause->rel, context))
		return true;
	return raw_expression_tree_walker(node, query_shapes_session, context);
}

/* A setting, of the session and not of the transaction. */
static bool
sets_session(const VariableSetStmt *set)
{
	if (set->kind == VAR_SET_MULTI)
		return strcmp(set->name, "SESSION CHARACTERISTICS") == 0;
	return !set->is_local;
}

/* Does it drop something temporary? */
static bool
drops_temporary(const DropStmt *drop, List *temporary)
{
	ListCell   *cell;

	foreach(cell, drop->objects)
	{
		if (IsA(lfirst(cell), List) && is_temporary_object(lfirst(cell), temporary))
			return true;
	}
	return false;
}

/* Does it empty something temporary? */
static bool
truncates_temporary(const TruncateStmt *truncate, List *temporary)
{
	ListCell   *cell;

	foreach(cell, truncate->relations)
	{
		if (is_temporary(lfirst(cell), temporary))
			return true;
	}
	return false;
}

/* Renaming something temporary makes another name temporary. */
static bool
renames_temporary(const RenameStmt *rename, List **temporary)
{
	if (!is_temporary(rename->relation, *temporary))
		return false;
	if (rename->renameType != OBJECT_COLUMN)
		*temporary = lappend(*temporary, pstrdup(rename->newname));
	return true;
}

/* Does it make a temporary object that is no relation? */
static bool
makes_temporary_object(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CompositeTypeStmt:
			return is_temporary(((CompositeTypeStmt *) statement)->typevar, NIL);
		case T_CreateDomainStmt:
			return is_temporary_object(((CreateDomainStmt *) statement)->domainname, NIL);
		case T_CreateEnumStmt:
			return is_temporary_object(((CreateEnumStmt *) statement)->typeName, NIL);
		case T_CreateFunctionStmt:
			return is_temporary_object(((CreateFunctionStmt *) statement)->funcname, NIL);
		case T_CreateRangeStmt:
			return is_temporary_object(((CreateRangeStmt *) statement)->typeName, NIL);
		case T_DefineStmt:
			return is_temporary_object(((DefineStmt *) statement)->defnames, NIL);
		default:
			return false;
	}
}

/* Does it make a temporary relation, or change one? */
static bool
touches_temporary(Node *statement, List **temporary)
{
	switch (nodeTag(statement))
	{
		case T_AlterSeqStmt:
			return is_temporary(((AlterSeqStmt *) statement)->sequence, *temporary);
		case T_AlterTableStmt:
			return is_temporary(((AlterTableStmt *) statement)->relation, *temporary);
		case T_CopyStmt:
			return ((CopyStmt *) statement)->is_from &&
				is_temporary(((CopyStmt *) statement)->relation, *temporary);
		case T_CreateSeqStmt:
			return note_temporary(((CreateSeqStmt *) statement)->sequence, temporary);
		case T_CreateStmt:
			return note_temporary(((CreateStmt *) statement)->relation, temporary);
		case T_CreateTableAsStmt:
			return note_temporary(((CreateTableAsStmt *) statement)->into->rel, temporary);
		case T_CreateTrigStmt:
			return is_temporary(((CreateTrigStmt *) statement)->relation, *temporary);
		case T_DropStmt:
			return drops_temporary((DropStmt *) statement, *temporary);
		case T_IndexStmt:
			return is_temporary(((IndexStmt *) statement)->relation, *temporary);
		case T_RenameStmt:
			return renames_temporary((RenameStmt *) statement, temporary);
		case T_RuleStmt:
			return is_temporary(((RuleStmt *) statement)->relation, *temporary);
		case T_TruncateStmt:
			return truncates_temporary((TruncateStmt *) statement, *temporary);
		case T_ViewStmt:
			return note_temporary(((ViewStmt *) statement)->view, temporary);
		default:
			return makes_temporary_object(statement);
	}
}

/* Does it leave something in the session? */
bool
statement_shapes_session(Node *statement, List **temporary)
{
	for (int i = 0; i < lengthof(session_statements); i++)
		if (nodeTag(statement) == session_statements[i])
			return true;
	switch (nodeTag(statement))
	{
		case T_DeclareCursorStmt:
			return (((DeclareCursorStmt *) statement)->options & CURSOR_OPT_HOLD) != 0;
		case T_DeleteStmt:
		case T_InsertStmt:
		case T_MergeStmt:
		case T_SelectStmt:
		case T_UpdateStmt:
			return query_shapes_session(statement, temporary);
		case T_VariableSetStmt:
			return sets_session((VariableSetStmt *) statement);
		default:
			return touches_temporary(statement, temporary);
	}
}

/*
 * Does it wait for others without being in anybody's way?  It holds a lock that
 * no reader or writer meets, so no timeout is needed.
 */
bool
statement_waits_harmlessly(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return detaches_concurrently((AlterTableStmt *) statement);
		case T_DropStmt:
			return ((DropStmt *) statement)->concurrent;
		case T_IndexStmt:
			return ((IndexStmt *) statement)->concurrent;
		case T_ReindexStmt:
			return option_is_on(((ReindexStmt *) statement)->params, "concurrently", false);
		case T_VacuumStmt:
			return ((VacuumStmt *) statement)->is_vacuumcmd &&
				!option_is_on(((VacuumStmt *) statement)->options, "full", false);
		default:
			return false;
	}
}

/* Does its data come with it? */
bool
statement_is_copy_in(Node *statement)
{
	CopyStmt   *copy = (CopyStmt *) statement;

	return IsA(statement, CopyStmt) && copy->is_from && !copy->filename && !copy->is_program;
}
