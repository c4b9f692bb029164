/*
 * guard.c: who may write the extension's catalog tables.
 *
 * Rows are power: what a row says is granted, by us, with all rights.  So only
 * our own functions and superusers write them; REVOKE alone would not keep out
 * members of pg_write_all_data.
 *
 * But a service's own user restores dumps, and so everybody may try to insert.
 * What he brings is looked at row by row: it gets in where it gives no power
 * that is not there without it.  Which that is only the modules know; each
 * registers its tables.
 */
#include "core/svc.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/guard.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

SVC_FUNCTION(svc_guard_catalog);

/* More than any of our functions would write into one column */
#define MAX_VALUE (1024 * 1024)

static List *guarded_tables = NIL;

/* Let users restore rows of a table; called when the library is loaded. */
void
svc_guard_register(const GuardedTable *table)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	guarded_tables = lappend(guarded_tables, (void *) table);
	MemoryContextSwitchTo(old);
}

/* The registration of a table, or NULL. */
const GuardedTable *
svc_guarded_table(const char *name)
{
	ListCell   *cell;

	foreach(cell, guarded_tables)
		if (strcmp(((const GuardedTable *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

/* Is it one of our own functions that runs now, or a superuser? */
bool
svc_guard_trusts(void)
{
	return superuser() || (svc_sql_is_own() && GetUserId() == svc_extension_owner());
}

/* Refuse to write; "detail" is why, or NULL. */
void
svc_guard_refuse(Relation rel, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for table %s", RelationGetRelationName(rel)),
			 detail ? errdetail_internal("%s", detail)
			 : errdetail("Only functions of %s and superusers write its catalog.", SVC_EXTENSION),
			 errhint("Call the function for what you want to change; docs/ lists them.")));
}

/* A column of a row, not NULL. */
Datum
svc_row_value(Relation rel, HeapTuple row, const char *column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, RelationGetDescr(rel),
									  SPI_fnumber(RelationGetDescr(rel), column), &isnull);

	if (isnull)
		elog(ERROR, "column %s of table %s is null", column, RelationGetRelationName(rel));
	return value;
}

/* Is a column of a row NULL? */
static bool
is_null(Relation rel, HeapTuple row, const char *column)
{
	return heap_attisnull(row, SPI_fnumber(RelationGetDescr(rel), column), RelationGetDescr(rel));
}

/* A name in a row, or NULL. */
char *
svc_row_name(Relation rel, HeapTuple row, const char *column)
{
	return is_null(rel, row, column) ? NULL
		: pstrdup(NameStr(*DatumGetName(svc_row_value(rel, row, column))));
}

/* A text in a row, or NULL. */
char *
svc_row_text(Relation rel, HeapTuple row, const char *column)
{
	return is_null(rel, row, column) ? NULL
		: TextDatumGetCString(svc_row_value(rel, row, column));
}

/* A role or relation in a row, or InvalidOid. */
Oid
svc_row_oid(Relation rel, HeapTuple row, const char *column)
{
	return is_null(rel, row, column) ? InvalidOid
		: DatumGetObjectId(svc_row_value(rel, row, column));
}

/* A row with another value in a column. */
HeapTuple
svc_row_with(Relation rel, HeapTuple row, const char *column, Datum value)
{
	int			number = SPI_fnumber(RelationGetDescr(rel), column);
	bool		isnull = false;

	return heap_modify_tuple_by_cols(row, RelationGetDescr(rel), 1, &number, &value, &isnull);
}

/* A column of a row as a parameter. */
static SqlArg
column_arg(Relation rel, HeapTuple row, int number)
{
	SqlArg		arg;

	arg.type = TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid;
	arg.value = SPI_getbinval(row, RelationGetDescr(rel), number, &arg.isnull);
	return arg;
}

/* Refuse a row about a relation that is gone, or of somebody for whom the user does not act. */
void
svc_guard_check_relation(Relation rel, Oid relation)
{
	Oid			owner = svc_relation_owner(relation);

	if (!OidIsValid(owner))
		svc_guard_refuse(rel, psprintf("There is no relation with OID %u.", relation));
	if (!svc_acts_for_role(GetUserId(), owner))
		svc_guard_refuse(rel, psprintf("Relation %s belongs to role \"%s\", and the row is about it.",
									   svc_quote_relation(relation), svc_role_name(owner)));
}

/* May the user bring rows about the relation that a row names?  Its owner may. */
bool
svc_guard_admit_relation(Relation rel, HeapTuple row)
{
	svc_guard_check_relation(rel, svc_row_oid(rel, row, "relation"));
	return true;
}

/* Has the table a row with the same key?  Inside a scope of the extension's owner. */
bool
svc_guard_has_row(const GuardedTable *table, Relation rel, HeapTuple row)
{
	TupleDesc	desc = RelationGetDescr(rel);
	SqlArg	   *args = palloc(sizeof(SqlArg) * desc->natts);
	StringInfoData query;
	int			n = 0;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT 1 FROM " SVC_SCHEMA ".%s WHERE ", table->name);
	for (int i = 0; table->key[i]; i++)
	{
		int			number = SPI_fnumber(desc, table->key[i]);

		args[n++] = column_arg(rel, row, number);
		appendStringInfo(&query, "%s%s %s $%d", i > 0 ? " AND " : "", table->key[i],
						 TupleDescAttr(desc, number - 1)->attnotnull
						 ? "OPERATOR(pg_catalog.=)" : "IS NOT DISTINCT FROM", n);
	}
	return svc_sql_run(query.data, args, n) > 0;
}

/* Insert a row.  Inside a scope of the extension's owner. */
void
svc_guard_insert(Relation rel, HeapTuple row)
{
	TupleDesc	desc = RelationGetDescr(rel);
	SqlArg	   *args = palloc(sizeof(SqlArg) * desc->natts);
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "INSERT INTO " SVC_SCHEMA ".%s VALUES (", RelationGetRelationName(rel));
	for (int i = 0; i < desc->natts; i++)
	{
		args[i] = column_arg(rel, row, i + 1);
		appendStringInfo(&query, "%s$%d", i > 0 ? ", " : "", i + 1);
	}
	appendStringInfoString(&query, ")");
	svc_sql_run(query.data, args, desc->natts);
}

/* Refuse rows that no dump of ours has: with something missing, or longer than we write. */
static void
check_shape(Relation rel, HeapTuple row)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		bool		isnull;
		Datum		value = SPI_getbinval(row, desc, i + 1, &isnull);

		if (isnull && column->attnotnull)
			svc_guard_refuse(rel, NULL);
		if (!isnull && column->attlen == -1 && toast_raw_datum_size(value) > MAX_VALUE)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("value of column \"%s\" is too long", NameStr(column->attname)),
					 errdetail("It has more than %d bytes.", MAX_VALUE)));
	}
}

/*
 * Refuse to look at rows with an old snapshot, which shows others' rows as they
 * were when it was taken.
 */
static void
check_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the catalog of %s can only be restored at isolation level READ COMMITTED",
						SVC_EXTENSION),
				 errhint("Restore with PGOPTIONS='-c default_transaction_isolation=read\\ committed'.")));
}

/* Is a row of the same key there?  Says so, since it is left as it is. */
static bool
is_there_already(const GuardedTable *table, Relation rel, HeapTuple row)
{
	SqlScope	scope;
	bool		found;

	svc_sql_begin(&scope, svc_extension_owner());
	found = svc_guard_has_row(table, rel, row);
	svc_sql_end(&scope);
	if (found)
		ereport(NOTICE,
				(errmsg("a row of table %s is there already, skipping", table->name)));
	return found;
}

/* What becomes of a row that a user inserts: the row as it gets in, or NULL. */
static HeapTuple
admit_row(Relation rel, HeapTuple row)
{
	const GuardedTable *table = svc_guarded_table(RelationGetRelationName(rel));

	if (!table || RelationGetRelid(rel) != svc_catalog_relation(table->name))
		svc_guard_refuse(rel, NULL);
	check_shape(rel, row);
	check_snapshot();
	if (!table->admit(rel, row) || is_there_already(table, rel, row))
		return NULL;
	return table->check(rel, row);
}

/*
 * svc.guard_catalog(): BEFORE trigger, for each row, and for TRUNCATE.
 */
Datum
svc_guard_catalog(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	bool		trusted;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of %s", SVC_EXTENSION)));
	trusted = svc_guard_trusts();
	if (!trusted && TRIGGER_FIRED_FOR_ROW(data->tg_event) && TRIGGER_FIRED_BY_INSERT(data->tg_event))
		return PointerGetDatum(admit_row(data->tg_relation, data->tg_trigtuple));
	if (!trusted)
		svc_guard_refuse(data->tg_relation, NULL);
	if (TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple
						   : data->tg_trigtuple);
}
