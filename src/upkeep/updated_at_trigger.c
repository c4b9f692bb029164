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
#include "core/relation.h"
#include "core/sql.h"
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
	char	   *definition;		/* CREATE TRIGGER ... */
	char		enabled;		/* as in pg_trigger */
	List	   *columns;		/* what it sets */
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
static char *
arguments_for(List *columns)
{
	if (list_length(columns) == 1 && strcmp(linitial(columns), UPDATED_AT_DEFAULT) == 0)
		return "";
	return argument_list(columns);
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
			   svc_quote_relation(RelationGetRelid(rel)), arguments_for(list_make1(column)));
	svc_sql_end(&scope);
	relation_close(rel, NoLock);
	PG_RETURN_VOID();
}

/* BEFORE UPDATE (or also INSERT), FOR EACH ROW, of a PL/pgSQL function, without arguments */
#define CANDIDATES \
	"SELECT t.tgrelid, t.tgname, p.oid::pg_catalog.regprocedure, p.prosrc," \
	"       pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled" \
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
	"SELECT t.tgrelid, t.tgname, a.function, NULL::pg_catalog.text," \
	"       pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled" \
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
		swap->definition = svc_sql_value(row, 5);
		swap->enabled = svc_sql_value(row, 6)[0];
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

/* The call of our function by a trigger, as its definition has it. */
static char *
own_call(const Swap *swap)
{
	Relation	rel = relation_open(swap->relation, AccessShareLock);
	List	   *arguments = NIL;

	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		if (strcmp(trigger->tgname, swap->trigger) == 0)
			for (int k = 0; k < trigger->tgnargs; k++)
				arguments = lappend(arguments, pstrdup(trigger->tgargs[k]));
	}
	relation_close(rel, NoLock);
	return psprintf(TRIGGER_FUNCTION "(%s)", argument_list(arguments));
}

/*
 * Let a trigger call another function.  Name, events, condition and whether it
 * is enabled stay: all of the definition but its end, which must be the call
 * that we know, or nothing is swapped.  (Cutting at a keyword would be fooled
 * by names that hold it.)
 */
static bool
swap_call(const Swap *swap, const char *before, const char *after)
{
	static const char *const states[] = {"D", "DISABLE", "R", "ENABLE REPLICA", "A", "ENABLE ALWAYS"};
	int			kept = strlen(swap->definition) - strlen(before);

	if (kept < 0 || strcmp(swap->definition + kept, before) != 0)
	{
		ereport(WARNING,
				(errmsg("trigger \"%s\" of %s stays as it is: its definition was not understood",
						swap->trigger, svc_quote_relation(swap->relation))));
		return false;
	}
	svc_sql_do("CREATE OR REPLACE%.*s%s", (int) (kept - strlen("CREATE")),
			   swap->definition + strlen("CREATE"), after);
	for (int i = 0; i < lengthof(states); i += 2)
		if (states[i][0] == swap->enabled)
			svc_sql_do("ALTER TABLE %s %s TRIGGER %s", svc_quote_relation(swap->relation),
					   states[i + 1], quote_identifier(swap->trigger));
	return true;
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

		swap->columns = body_timestamp_columns(swap->source);
		if (!can_set(swap->relation, swap->columns) ||
			!swap_call(swap, swap->function,
					   psprintf(TRIGGER_FUNCTION "(%s)", arguments_for(swap->columns))))
			continue;
		svc_sql("INSERT INTO svc.adopted_trigger (relation, trigger, function) VALUES ($1, $2, $3)"
				" ON CONFLICT (relation, trigger) DO UPDATE SET function = EXCLUDED.function",
				sql_regclass(swap->relation), sql_name(swap->trigger), sql_text(swap->function));
		report(fcinfo, swap);
	}
	svc_sql_end(&scope);
	PG_RETURN_NULL();
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

		if (svc_sql("SELECT 1 WHERE pg_catalog.to_regprocedure($1) IS NOT NULL",
					sql_text(swap->function)) == 0)
		{
			ereport(WARNING,
					(errmsg("trigger \"%s\" of %s stays as it is: function %s does not exist any more",
							swap->trigger, svc_quote_relation(swap->relation), swap->function)));
			continue;
		}
		if (!swap_call(swap, own_call(swap), swap->function))
			continue;
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
		swap->columns = renamed_arguments(trigger, rename->subname, rename->newname);
		swap->enabled = trigger->tgenabled;
		swaps = lappend(swaps, swap);
	}
	relation_close(rel, NoLock);
	return swaps;
}

/* A column was renamed: triggers of ours that set it go on doing so. */
static void
follow_altered(Node *command, List *objects)
{
	RenameStmt *rename = (RenameStmt *) command;
	ListCell   *cell;
	ListCell   *trigger;
	SqlScope	scope;

	if (!command || !IsA(command, RenameStmt) || rename->renameType != OBJECT_COLUMN || objects == NIL)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	foreach(cell, find_all_inheritors(((DdlObject *) linitial(objects))->object_id, NoLock, NULL))
		foreach(trigger, triggers_of_column(lfirst_oid(cell), rename))
		{
			Swap	   *swap = lfirst(trigger);

			svc_sql("SELECT pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t"
					" WHERE t.tgrelid = $1 AND t.tgname = $2",
					sql_oid(swap->relation), sql_name(swap->trigger));
			swap->definition = svc_sql_value(0, 1);
			(void) swap_call(swap, own_call(swap),
							 psprintf(TRIGGER_FUNCTION "(%s)", argument_list(swap->columns)));
		}
	svc_sql_end(&scope);
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

/* What these triggers do when the library is loaded. */
void
UpdatedAtTriggerInit(void)
{
	svc_register_ddl_handler(&updated_at_ddl);
}
