/*
 * updated_at_trigger.c: triggers that keep a column of the last change: made,
 * taken over from PL/pgSQL and given back, and followed when the column is
 * renamed.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/guard.h"
#include "core/relation.h"
#include "core/sql.h"
#include "core/trigger.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "parser/parse_func.h"
#include "upkeep/body.h"
#include "upkeep/updated_at.h"
#include "upkeep/upkeep.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define TRIGGER_FUNCTION SVC_TRIGGER_SCHEMA ".update_updated_at_column"

SVC_FUNCTION(svc_keep_updated_at);
SVC_FUNCTION(svc_adopt_updated_at);
SVC_FUNCTION(svc_restore_updated_at);

/* A trigger that is swapped */
typedef struct Swap
{
	Oid			relation;
	char	   *trigger;
	char	   *function;		/* "schema.name()", what it calls or called */
	char	   *source;			/* the body of a PL/pgSQL function */
	List	   *arguments;		/* of our function */
} Swap;

/* Does a trigger set this column by our function? */
static bool
sets_column(const Trigger *trigger, const char *column)
{
	bool		any_column = false;

	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (strcmp(trigger->tgargs[i], column) == 0)
			return true;
		any_column |= strcmp(trigger->tgargs[i], UPDATED_AT_ON_CHANGE) != 0;
	}
	return !any_column && strcmp(column, UPDATED_AT_DEFAULT) == 0;
}

/* Our trigger function. */
static Oid
trigger_function(void)
{
	return LookupFuncName(list_make2(makeString(SVC_TRIGGER_SCHEMA),
									 makeString("update_updated_at_column")), 0, NULL, false);
}

/* Refuse a column that a trigger of ours sets already. */
static void
check_not_kept(Relation rel, const char *column)
{
	Oid			function = trigger_function();

	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgfoid == function && sets_column(trigger, column))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("column \"%s\" of relation \"%s\" is kept already", column,
							RelationGetRelationName(rel)),
					 errdetail("Trigger \"%s\" does it.", trigger->tgname)));
	}
}

/* A list of strings as arguments of a trigger. */
static char *
argument_list(List *strings)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, strings)
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", quote_literal_cstr(lfirst(cell)));
	return list.data;
}

/* The arguments that make our function set these columns. */
static List *
arguments_for(List *columns)
{
	bool		is_default = list_length(columns) == 1 &&
		strcmp(linitial(columns), UPDATED_AT_DEFAULT) == 0;

	return is_default ? NIL : columns;
}

/*
 * svc.keep_updated_at(relation, column)
 */
Datum
svc_keep_updated_at(PG_FUNCTION_ARGS)
{
	Relation	rel;
	char	   *column;
	SqlScope	scope;

	svc_check_writable("svc.keep_updated_at()");
	rel = svc_open_relation_arg(fcinfo, 0, "relation", AccessShareLock);
	column = svc_arg_name(fcinfo, 1, "column_name");
	svc_check_relation_owner(RelationGetRelid(rel));
	(void) updated_at_column(rel, column);
	check_not_kept(rel, column);

	svc_sql_begin(&scope, InvalidOid);
	svc_sql_do("CREATE TRIGGER %s BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION " TRIGGER_FUNCTION "(%s)",
			   quote_identifier(makeObjectName("svc_keep", column, NULL)),
			   svc_quote_relation(RelationGetRelid(rel)),
			   argument_list(arguments_for(list_make1(column))));
	svc_sql_end(&scope);
	relation_close(rel, NoLock);
	PG_RETURN_VOID();
}

/* BEFORE UPDATE (or also INSERT), FOR EACH ROW, of a PL/pgSQL function, without arguments */
#define CANDIDATES \
	"SELECT t.tgrelid, t.tgname, p.oid::pg_catalog.regprocedure, p.prosrc" \
	"  FROM pg_catalog.pg_trigger t" \
	"  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid" \
	"  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid" \
	"  JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'" \
	" WHERE t.tgparentid = 0 AND NOT t.tgisinternal AND t.tgnargs = 0" \
	"   AND t.tgtype & 1 = 1 AND t.tgtype & 2 = 2 AND t.tgtype & 16 = 16 AND t.tgtype & (8 | 32 | 64) = 0" \
	"   AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'" \
	"   AND pg_catalog.pg_has_role($1, c.relowner, 'USAGE')" \
	" ORDER BY t.tgrelid::pg_catalog.regclass::pg_catalog.text, t.tgname"

/* Triggers that were swapped, and still call our function */
#define SWAPPED \
	"SELECT t.tgrelid, t.tgname, a.function, NULL::pg_catalog.text" \
	"  FROM svc.adopted_trigger a" \
	"  JOIN pg_catalog.pg_trigger t ON t.tgrelid = a.relation AND t.tgname = a.trigger" \
	"   AND t.tgfoid = '" TRIGGER_FUNCTION "()'::pg_catalog.regprocedure" \
	"  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid" \
	" WHERE pg_catalog.pg_has_role($1, c.relowner, 'USAGE')" \
	" ORDER BY t.tgrelid::pg_catalog.regclass::pg_catalog.text, t.tgname"

/* The triggers that one of these queries finds, of tables that a role owns. */
static List *
find_triggers(const char *query, Oid caller)
{
	List	   *swaps = NIL;
	uint64		rows = svc_sql(query, sql_oid(caller));

	for (uint64 row = 0; row < rows; row++)
	{
		Swap	   *swap = palloc0(sizeof(Swap));

		swap->relation = svc_sql_oid_value(row, 1);
		swap->trigger = svc_sql_value(row, 2);
		swap->function = svc_sql_value(row, 3);
		swap->source = svc_sql_value(row, 4);
		swaps = lappend(swaps, swap);
	}
	return swaps;
}

/* Can our function set all these columns of a table? */
static bool
can_set(Oid relation, List *columns)
{
	ListCell   *cell;

	foreach(cell, columns)
	{
		AttrNumber	number = get_attnum(relation, lfirst(cell));

		if (number <= 0 || !updated_at_type(get_atttype(relation, number)))
			return false;
	}
	return columns != NIL;
}

/* Report a trigger that was swapped. */
static void
report(FunctionCallInfo fcinfo, const Swap *swap)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[3] = {
		ObjectIdGetDatum(swap->relation),
		DirectFunctionCall1(namein, CStringGetDatum(swap->trigger)),
		CStringGetTextDatum(swap->function)
	};
	bool		nulls[3] = {false, false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * svc.adopt_updated_at() → relation, trigger, function
 */
Datum
svc_adopt_updated_at(PG_FUNCTION_ARGS)
{
	ListCell   *cell;
	SqlScope	scope;

	svc_check_writable("svc.adopt_updated_at()");
	InitMaterializedSRF(fcinfo, 0);
	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, find_triggers(CANDIDATES, scope.saved_user))
	{
		Swap	   *swap = lfirst(cell);
		List	   *columns = body_timestamp_columns(swap->source);

		if (!can_set(swap->relation, columns))
			continue;
		svc_set_trigger_call(swap->relation, swap->trigger, trigger_function(), arguments_for(columns));
		svc_sql("INSERT INTO svc.adopted_trigger (relation, trigger, function) VALUES ($1, $2, $3)"
				" ON CONFLICT (relation, trigger) DO UPDATE SET function = EXCLUDED.function",
				sql_regclass(swap->relation), sql_name(swap->trigger), sql_text(swap->function));
		report(fcinfo, swap);
	}
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}

/*
 * The trigger function of a name that a trigger called before, if a role may
 * make triggers of it; it may be another one by now.
 */
static Oid
callable_function(const char *name, Oid role)
{
	Oid			function;

	svc_sql("SELECT pg_catalog.to_regprocedure($1)", sql_text(name));
	function = svc_sql_oid_value(0, 1);
	if (!OidIsValid(function) || get_func_rettype(function) != TRIGGEROID ||
		object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) != ACLCHECK_OK)
		return InvalidOid;
	return function;
}

/*
 * svc.restore_updated_at() → relation, trigger, function
 */
Datum
svc_restore_updated_at(PG_FUNCTION_ARGS)
{
	ListCell   *cell;
	SqlScope	scope;

	svc_check_writable("svc.restore_updated_at()");
	InitMaterializedSRF(fcinfo, 0);
	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, find_triggers(SWAPPED, scope.saved_user))
	{
		Swap	   *swap = lfirst(cell);

		Oid			function = callable_function(swap->function, scope.saved_user);

		/* nor is a superuser to make a trigger that the table's owner could not make */
		if (!OidIsValid(function) ||
			!OidIsValid(callable_function(swap->function, svc_relation_owner(swap->relation))))
		{
			ereport(WARNING,
					(errmsg("trigger \"%s\" of %s stays as it is: there is no trigger function %s that you may call",
							swap->trigger, svc_quote_relation(swap->relation), swap->function)));
			continue;
		}
		svc_set_trigger_call(swap->relation, swap->trigger, function, NIL);
		svc_sql("DELETE FROM svc.adopted_trigger WHERE relation = $1 AND trigger = $2",
				sql_oid(swap->relation), sql_name(swap->trigger));
		report(fcinfo, swap);
	}
	svc_sql_end(&scope);
	PG_RETURN_NULL();
}

/* The arguments of a trigger after a column was renamed. */
static List *
renamed_arguments(const Trigger *trigger, const char *before, const char *after)
{
	List	   *arguments = NIL;
	bool		named = false;

	for (int i = 0; i < trigger->tgnargs; i++)
	{
		bool		this_one = strcmp(trigger->tgargs[i], before) == 0;

		named |= this_one;
		arguments = lappend(arguments, pstrdup(this_one ? after : trigger->tgargs[i]));
	}
	if (!named)
		arguments = lcons(pstrdup(after), arguments);
	return arguments;
}

/* The triggers of one table that call our function and set a column that was renamed. */
static List *
triggers_of_column(Oid relation, RenameStmt *rename)
{
	Oid			function = trigger_function();
	Relation	rel = relation_open(relation, AccessShareLock);
	List	   *swaps = NIL;

	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];
		Swap	   *swap;

		if (trigger->tgfoid != function || trigger->tgisclone || !sets_column(trigger, rename->subname))
			continue;
		swap = palloc0(sizeof(Swap));
		swap->relation = relation;
		swap->trigger = pstrdup(trigger->tgname);
		swap->arguments = renamed_arguments(trigger, rename->subname, rename->newname);
		swaps = lappend(swaps, swap);
	}
	relation_close(rel, NoLock);
	return swaps;
}

/* A column was renamed: triggers of ours that set it go on doing so. */
static void
follow_altered(Node *command, List *objects)
{
	RenameStmt *rename = svc_ddl_column_rename(command);
	ListCell   *cell;
	ListCell   *trigger;

	if (!rename || objects == NIL)
		return;
	foreach(cell, svc_ddl_renamed_in(objects))
		foreach(trigger, triggers_of_column(lfirst_oid(cell), rename))
		{
			Swap	   *swap = lfirst(trigger);

			svc_set_trigger_call(swap->relation, swap->trigger, trigger_function(), swap->arguments);
		}
}

/* Forget triggers of tables that were dropped. */
static void
follow_dropped(List *objects)
{
	List	   *relations = svc_ddl_relations(objects);
	SqlScope	scope;

	if (!svc_catalog_mentions("adopted_trigger", 1, relations))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("DELETE FROM svc.adopted_trigger a WHERE a.relation = ANY ($1)"
			"   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = a.relation)",
			sql_oids(relations, OIDARRAYOID));
	svc_sql_end(&scope);
}

static const DdlHandler updated_at_ddl = {
	.follow_altered = follow_altered,
	.follow_dropped = follow_dropped
};

/* A swapped trigger that a user restores: what it called is asked when it is given back. */
static HeapTuple
check_restored(Relation rel, HeapTuple row)
{
	return row;
}

static const char *const adopted_trigger_key[] = {"relation", "trigger", NULL};

static const GuardedTable adopted_trigger_table = {
	.name = "adopted_trigger", .key = adopted_trigger_key,
	.admit = svc_guard_admit_relation, .check = check_restored
};

/* What these triggers do when the library is loaded. */
void
UpdatedAtTriggerInit(void)
{
	svc_guard_register(&adopted_trigger_table);
	svc_register_ddl_handler(&updated_at_ddl);
}
