/*
 * reference_row.c: references as they are declared: rows of svc.reference, and
 * the triggers that say the same.
 *
 * A statement fires the statement triggers of the table that it names, so each
 * partition and child has its own.  The constraint trigger of commit mode fires
 * for rows: the server itself makes it for partitions, we for children.
 */
#include "core/svc.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "core/relation.h"
#include "core/sql.h"
#include "core/trigger.h"
#include "executor/spi.h"
#include "parser/parse_func.h"
#include "reference/reference_row.h"
#include "reference/resolve.h"
#include "reference/violation.h"
#include "service/ownership.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* An interval of milliseconds as a parameter. */
static SqlArg
interval_arg(int64 milliseconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = milliseconds * 1000;
	return sql_datum(IntervalPGetDatum(interval), INTERVALOID);
}

/* Rows of svc.reference.  Inside a scope of the extension's owner. */
List *
reference_select(SqlScope *scope, const char *condition, const SqlArg *args, int nargs)
{
	List	   *rows = NIL;
	uint64		n = svc_sql_run(psprintf("SELECT r.reference, r.relation::pg_catalog.oid, r.column_name,"
										 "       r.service, r.entity, r.mode, r.on_missing,"
										 "       r.on_unavailable, r.on_delete,"
										 "       (pg_catalog.date_part('epoch', r.cache_ttl) * 1000)::pg_catalog.int8,"
										 "       r.validator, r.validated, r.confirmed"
										 "  FROM svc.reference r WHERE %s ORDER BY r.reference",
										 condition), args, nargs);
	MemoryContext old = MemoryContextSwitchTo(scope->cxt);

	for (uint64 i = 0; i < n; i++)
	{
		ReferenceRow *row = palloc0(sizeof(ReferenceRow));

		row->name = svc_sql_value(i, COL_REFERENCE);
		row->relation = svc_sql_oid_value(i, COL_RELATION);
		row->column = svc_sql_value(i, COL_COLUMN_NAME);
		row->service = svc_sql_value(i, COL_SERVICE);
		row->entity = svc_sql_value(i, COL_ENTITY);
		row->mode = reference_mode_of(svc_sql_value(i, COL_MODE));
		row->on_missing = reference_on_missing_of(svc_sql_value(i, COL_ON_MISSING));
		row->on_unavailable = reference_on_unavailable_of(svc_sql_value(i, COL_ON_UNAVAILABLE));
		row->on_delete = reference_on_delete_of(svc_sql_value(i, COL_ON_DELETE));
		row->cache_ttl = strtoll(svc_sql_value(i, COL_CACHE_TTL), NULL, 10);
		row->validator = svc_sql_value(i, COL_VALIDATOR);
		row->validated = svc_sql_bool_value(i, COL_VALIDATED);
		row->confirmed = svc_sql_bool_value(i, COL_CONFIRMED);
		rows = lappend(rows, row);
	}
	MemoryContextSwitchTo(old);
	return rows;
}

/* The row of one reference, or NULL. */
ReferenceRow *
reference_row(SqlScope *scope, const char *name)
{
	SqlArg		arg = sql_name(name);
	List	   *rows = reference_select(scope, "r.reference = $1", &arg, 1);

	return rows == NIL ? NULL : linitial(rows);
}

/* Refuse a name that another reference has. */
void
reference_raise_taken(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("reference \"%s\" already exists", name),
			 errhint("Give it another name; names of references are unique in a database.")));
}

/* Write a new row.  Inside a scope of the extension's owner. */
void
reference_insert(const ReferenceRow *row)
{
	if (svc_sql("INSERT INTO svc.reference (reference, relation, column_name, service, entity, mode,"
				"                           on_missing, on_unavailable, on_delete, cache_ttl,"
				"                           validator, validated, confirmed)"
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
				" ON CONFLICT DO NOTHING RETURNING 1",
				sql_name(row->name), sql_regclass(row->relation), sql_name(row->column),
				sql_name(row->service), sql_name(row->entity),
				sql_text(reference_mode_name(row->mode)),
				sql_text(reference_on_missing_name(row->on_missing)),
				sql_text(reference_on_unavailable_name(row->on_unavailable)),
				sql_text(reference_on_delete_name(row->on_delete)),
				interval_arg(row->cache_ttl), sql_text(row->validator),
				sql_bool(row->validated), sql_bool(row->confirmed)) == 0)
		reference_raise_taken(row->name);
}

/* Write a row anew, which may have another name.  Inside a scope of the extension's owner. */
void
reference_update(const char *name, const ReferenceRow *row)
{
	svc_sql("UPDATE svc.reference"
			"   SET reference = $2, column_name = $3, service = $4, entity = $5, mode = $6,"
			"       on_missing = $7, on_unavailable = $8, on_delete = $9, cache_ttl = $10,"
			"       validator = $11, validated = $12, confirmed = $13"
			" WHERE reference = $1",
			sql_name(name), sql_name(row->name), sql_name(row->column), sql_name(row->service),
			sql_name(row->entity), sql_text(reference_mode_name(row->mode)),
			sql_text(reference_on_missing_name(row->on_missing)),
			sql_text(reference_on_unavailable_name(row->on_unavailable)),
			sql_text(reference_on_delete_name(row->on_delete)),
			interval_arg(row->cache_ttl), sql_text(row->validator), sql_bool(row->validated),
			sql_bool(row->confirmed));
}

/* What the triggers of a reference say. */
ReferenceNames
reference_row_names(const ReferenceRow *row)
{
	char	   *key = reference_key_named(row->service, row->entity);

	return (ReferenceNames) {
		.service = row->service,
		.column = row->column,
		.contract = reference_contract_name(row->service, row->entity),
		.key = key ? key : "",
		.mode = unconstify(char *, reference_mode_name(row->mode)),
		.reference = row->name,
		.validator = row->validator
	};
}

/* The triggers of a reference, on each of its relations */
typedef struct TriggerKind
{
	const char *suffix;			/* of the reference's name */
	int16		type;			/* as in pg_trigger */
	const char *function;
	const char *event;
	const char *tables;			/* that it looks at */
} TriggerKind;

static const TriggerKind statement_triggers[] = {
	{"_insert", TRIGGER_TYPE_INSERT, "check_reference",
	"AFTER INSERT", "REFERENCING NEW TABLE AS new_rows"},
	{"_update", TRIGGER_TYPE_UPDATE, "check_reference",
	"AFTER UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"}
};

#define ROW_TRIGGER_FUNCTION "check_reference_row"
#define ROW_TRIGGER_TYPE (TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE)

/* One of our trigger functions. */
static Oid
trigger_function(const char *name)
{
	return LookupFuncName(list_make2(makeString(SVC_SCHEMA), makeString(pstrdup(name))), 0, NULL, false);
}

/* The arguments of the triggers of a reference. */
static List *
trigger_arguments(const ReferenceRow *row)
{
	ReferenceNames names = reference_row_names(row);
	List	   *args = NIL;

	args = lappend(args, names.service);
	args = lappend(args, names.column);
	args = lappend(args, names.contract);
	args = lappend(args, names.key);
	args = lappend(args, names.mode);
	args = lappend(args, names.reference);
	return lappend(args, names.validator ? names.validator : "");
}

/* Make a statement trigger, or let the one that is there say the same. */
static void
make_statement_trigger(Oid relation, const char *reference, const TriggerKind *kind, List *args)
{
	char	   *name = psprintf("%s%s", reference, kind->suffix);
	Oid			function = trigger_function(kind->function);

	if (svc_has_trigger(relation, name, kind->type, function))
		svc_set_trigger_call(relation, name, function, args);
	else
		svc_sql_do("CREATE TRIGGER %s %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION " SVC_SCHEMA ".%s(%s)",
				   quote_identifier(name), kind->event, svc_quote_relation(relation), kind->tables,
				   kind->function, svc_quote_trigger_arguments(args));
}

/* Drop a trigger of a relation, if it is ours and not the server's copy of another's. */
static void
drop_trigger(Oid relation, const char *name, int16 type, const char *function)
{
	if (svc_has_trigger(relation, name, type, trigger_function(function)) &&
		!svc_is_trigger_clone(relation, name))
		svc_sql_do("DROP TRIGGER %s ON %s", quote_identifier(name), svc_quote_relation(relation));
}

/* Is a relation a partition of one among some others, whose row triggers it has? */
static bool
is_partition_of(Oid relation, List *family)
{
	return get_rel_relispartition(relation) &&
		list_member_oid(family, get_partition_parent(relation, true));
}

/* Make, change or drop the constraint trigger, which only commit mode has. */
static void
make_row_trigger(Oid relation, List *family, const ReferenceRow *row, List *args)
{
	Oid			function = trigger_function(ROW_TRIGGER_FUNCTION);

	if (row->mode != REFERENCE_COMMIT)
		drop_trigger(relation, row->name, ROW_TRIGGER_TYPE, ROW_TRIGGER_FUNCTION);
	else if (is_partition_of(relation, family))
		return;
	else if (svc_has_trigger(relation, row->name, ROW_TRIGGER_TYPE, function))
		svc_set_trigger_call(relation, row->name, function, args);
	else
		svc_sql_do("CREATE CONSTRAINT TRIGGER %s AFTER INSERT OR UPDATE OF %s ON %s"
				   " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
				   SVC_SCHEMA "." ROW_TRIGGER_FUNCTION "(%s)",
				   quote_identifier(row->name), quote_identifier(row->column),
				   svc_quote_relation(relation), svc_quote_trigger_arguments(args));
}

/* Make the triggers of a reference on one of its relations. */
static void
make_triggers(const ReferenceRow *row, Oid relation, List *family, List *args)
{
	if (get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE)
	{
		ereport(WARNING,
				(errmsg("rows of foreign table %s are not checked", svc_quote_relation(relation)),
				 errdetail("It is a part of %s, and reference \"%s\" sees its rows in sweeps only.",
						   svc_quote_relation(row->relation), row->name)));
		return;
	}
	for (int i = 0; i < lengthof(statement_triggers); i++)
		make_statement_trigger(relation, row->name, &statement_triggers[i], args);
	make_row_trigger(relation, family, row, args);
}

/*
 * Make the triggers of a reference as its row says, on its relation or on a part
 * of it, with what is below; those that are there keep their state, since
 * somebody may have disabled them.  Inside a scope of the extension's owner.
 */
void
reference_make_part_triggers(const ReferenceRow *row, Oid part)
{
	List	   *locked = svc_lock_family(part, ShareRowExclusiveLock);
	List	   *family = find_all_inheritors(row->relation, NoLock, NULL);
	List	   *args = trigger_arguments(row);
	ListCell   *cell;

	foreach(cell, locked)
		make_triggers(row, lfirst_oid(cell), family, args);
}

/* The same for all of them. */
void
reference_make_triggers(const ReferenceRow *row)
{
	if (get_rel_name(row->relation))
		reference_make_part_triggers(row, row->relation);
}

/* Drop the triggers of a reference on a relation and all of its parts. */
void
reference_drop_triggers(const char *name, Oid relation)
{
	ListCell   *cell;

	if (!get_rel_name(relation))
		return;
	foreach(cell, svc_lock_family(relation, ShareRowExclusiveLock))
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			continue;
		for (int i = 0; i < lengthof(statement_triggers); i++)
			drop_trigger(lfirst_oid(cell), psprintf("%s%s", name, statement_triggers[i].suffix),
						 statement_triggers[i].type, statement_triggers[i].function);
		drop_trigger(lfirst_oid(cell), name, ROW_TRIGGER_TYPE, ROW_TRIGGER_FUNCTION);
	}
}

/* End a reference, and forget what is known of it.  Inside a scope of the extension's owner. */
void
reference_forget(const ReferenceRow *row)
{
	svc_sql("DELETE FROM svc.reference WHERE reference = $1", sql_name(row->name));
	violation_follow(row->name, NULL);
	reference_drop_triggers(row->name, row->relation);
}
