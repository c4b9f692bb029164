/*
 * restore.c: services that their own users restore.
 *
 * Tables are restored in any order, also side by side, so rows come before the
 * service that they are about.  They are not let into their tables: whoever
 * made a service of that name later would get them.  They are put aside in
 * svc.pending, with who brought them.  When the row of the service comes from
 * the same role, it is as if they came then; from anybody else, they are
 * forgotten.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/protect.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "service/restore.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

/* A row that was put aside */
typedef struct Pending
{
	char	   *relation;
	ArrayType  *content;		/* its columns as text */
} Pending;

/*
 * Who restores a service makes schemas and tables, and so may create in this
 * database.  Nobody else gets as far as having rows put aside.
 *
 * One at a time: who brings a service must see what others have put aside, and
 * who puts aside that the service has come.
 */
void
restore_begin(Relation rel)
{
	if (object_aclcheck(DatabaseRelationId, MyDatabaseId, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		svc_guard_refuse(rel, psprintf("A service is restored by a role with CREATE on database \"%s\".",
									   get_database_name(MyDatabaseId)));
	LockDatabaseObject(RelationRelationId, svc_catalog_relation("pending"), 0, ExclusiveLock);
}

/* Are values of a type OIDs of relations or roles?  They are put aside as numbers, whatever their names become. */
static bool
is_reference(Oid type)
{
	return type == REGCLASSOID || type == REGROLEOID;
}

/* A column of a row as text. */
static Datum
column_text(Relation rel, HeapTuple row, int number, bool *isnull)
{
	Oid			type = TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid;
	Datum		value = SPI_getbinval(row, RelationGetDescr(rel), number, isnull);
	Oid			output;
	bool		is_varlena;

	if (*isnull)
		return (Datum) 0;
	if (is_reference(type))
		return CStringGetTextDatum(psprintf("%u", DatumGetObjectId(value)));
	getTypeOutputInfo(type, &output, &is_varlena);
	return CStringGetTextDatum(OidOutputFunctionCall(output, value));
}

/* Put a row aside until its service comes. */
static void
put_aside(Relation rel, HeapTuple row, const char *service)
{
	int			n = RelationGetNumberOfAttributes(rel);
	Datum	   *texts = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			lower_bound = 1;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_fix_formats();
	for (int i = 0; i < n; i++)
		texts[i] = column_text(rel, row, i + 1, &nulls[i]);
	svc_sql("INSERT INTO svc.pending (role, service, relation, content) VALUES ($1, $2, $3, $4)",
			sql_regrole(scope.saved_user), sql_name(service), sql_name(RelationGetRelationName(rel)),
			sql_array(construct_md_array(texts, nulls, 1, &n, &lower_bound,
										 TEXTOID, -1, false, TYPALIGN_INT), TEXTARRAYOID));
	svc_sql_end(&scope);
}

/* The service that a row is about, which is there. */
Service *
restore_service(Relation rel, HeapTuple row)
{
	return service_lookup(svc_row_name(rel, row, "service"), false);
}

/*
 * May the user bring rows about a service?  Its owner may; rows about a service
 * that is not there are put aside.
 */
bool
restore_admit(Relation rel, HeapTuple row)
{
	char	   *name = svc_row_name(rel, row, "service");
	Service    *service = service_lookup(name, true);
	SqlScope	scope;

	if (!service)
	{
		restore_begin(rel);
		service = service_lookup(name, true);
	}
	if (!service)
	{
		put_aside(rel, row, name);
		return false;
	}
	if (!svc_acts_for_role(GetUserId(), service->owner))
		svc_guard_refuse(rel, psprintf("Service \"%s\" belongs to role \"%s\".", name,
									   svc_role_name(service->owner)));
	svc_sql_begin(&scope, svc_extension_owner());
	service_hold(name);
	svc_sql_end(&scope);
	return true;
}

/* The row that a text was made from.  Inside a scope. */
static HeapTuple
row_of_content(Relation rel, ArrayType *content)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values;
	Datum	   *texts;
	bool	   *nulls;
	int			n;

	deconstruct_array(content, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &n);
	if (n != desc->natts)
		elog(ERROR, "row of table %s has %d columns", RelationGetRelationName(rel), n);
	values = palloc0(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		Oid			input;
		Oid			parameter;

		if (nulls[i])
			continue;
		getTypeInputInfo(column->atttypid, &input, &parameter);
		values[i] = OidInputFunctionCall(input, TextDatumGetCString(texts[i]), parameter,
										 column->atttypmod);
	}
	return heap_form_tuple(desc, values, nulls);
}

/* Read a row that was put aside, in the current memory context. */
static HeapTuple
read_row(Relation rel, const Pending *pending)
{
	HeapTuple	row;
	SqlScope	scope;
	MemoryContext old;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_fix_formats();
	old = MemoryContextSwitchTo(scope.cxt);
	row = row_of_content(rel, pending->content);
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	return row;
}

/* Let a row in that was put aside, as if the user brought it now. */
static void
bring_in(void *argument)
{
	const Pending *pending = argument;
	const GuardedTable *table = svc_guarded_table(pending->relation);
	Relation	rel = table_open(svc_catalog_relation(pending->relation), RowExclusiveLock);
	HeapTuple	row = read_row(rel, pending);
	bool		there;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	there = svc_guard_has_row(table, rel, row);
	svc_sql_end(&scope);
	if (!there)
	{
		row = table->check(rel, row);
		svc_sql_begin(&scope, svc_extension_owner());
		svc_guard_insert(rel, row);
		svc_sql_end(&scope);
	}
	table_close(rel, NoLock);
}

/* The rows about a service that the current user has put aside. */
static List *
rows_put_aside(const char *service)
{
	List	   *all = NIL;
	uint64		rows;
	SqlScope	scope;
	MemoryContext old;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT relation, content FROM svc.pending"
				   " WHERE service = $1 AND role = $2 ORDER BY relation",
				   sql_name(service), sql_regrole(scope.saved_user));
	old = MemoryContextSwitchTo(scope.cxt);
	for (uint64 row = 0; row < rows; row++)
	{
		Pending    *pending = palloc(sizeof(Pending));
		bool		isnull;

		pending->relation = svc_sql_value(row, 1);
		pending->content = DatumGetArrayTypePCopy(SPI_getbinval(SPI_tuptable->vals[row],
																SPI_tuptable->tupdesc, 2, &isnull));
		all = lappend(all, pending);
	}
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	return all;
}

/* Forget what was put aside for a service.  Inside a scope of the extension's owner. */
void
restore_forget(const char *service)
{
	svc_sql("DELETE FROM svc.pending WHERE service = $1", sql_name(service));
}

/*
 * The row of a service was inserted: by its own user, in a restore, or by a
 * superuser or ourselves.  A row that may not get in stays out, with a warning:
 * the others count.
 */
void
restore_service_came(const char *service)
{
	ListCell   *cell;
	SqlScope	scope;

	if (!superuser() && !svc_sql_is_own())
		foreach(cell, rows_put_aside(service))
		{
			Pending    *pending = lfirst(cell);

			(void) svc_run_protected(bring_in, pending, true,
									 psprintf("a row of table %s about service \"%s\" was left out",
											  pending->relation, service),
									 "What it says can be declared again; docs/ lists the functions.");
		}
	svc_sql_begin(&scope, svc_extension_owner());
	restore_forget(service);
	svc_sql_end(&scope);
}
