/*
 * retention.c: rows that are kept for a while, and then go.
 *
 * A declaration is a row of svc.retention.  Rows are deleted in batches,
 * oldest first, as the table's owner in a restricted operation: a DBA who
 * cleans up does not run a service's triggers with a DBA's rights.  A row that
 * somebody has locked is left for the next time.
 *
 * One cursor goes through the index once, and feeds the batches: a query for
 * each batch would begin with the entries of all rows that went before, which
 * the index keeps until the transaction has ended.  The worker, whose batches
 * are transactions of their own, goes on from the age that it came to.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/ddl.h"
#include "core/extension.h"
#include "core/guard.h"
#include "core/protect.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "upkeep/retention.h"
#include "upkeep/updated_at.h"
#include "upkeep/upkeep.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define BATCH_ROWS 1000

/* Longer than anybody keeps anything, and within what timestamps can say */
#define MAX_KEEP_YEARS 1000

SVC_FUNCTION(svc_keep_rows);
SVC_FUNCTION(svc_drop_retention);
SVC_FUNCTION(svc_expire_now);

/* Refuse a column that says no age; returns its number. */
static AttrNumber
check_age_type(Relation rel, const char *column)
{
	AttrNumber	number = svc_column_number(rel, column);
	Oid			type = TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid;

	if (!updated_at_type(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" says no age", column,
						RelationGetRelationName(rel)),
				 errdetail("It is of type %s; an age column is timestamptz, timestamp or date.",
						   format_type_be(type))));
	return number;
}

/* Refuse a column that says no age, or by which the oldest rows are not found. */
static void
check_age_column(Relation rel, const char *column)
{
	if (!svc_has_index_on(rel, check_age_type(rel, column)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no index begins with column \"%s\" of relation \"%s\"", column,
						RelationGetRelationName(rel)),
				 errdetail("Every cleaning would read the whole table."),
				 errhint("CREATE INDEX ON %s (%s)", svc_quote_relation(RelationGetRelid(rel)),
						 quote_identifier(column))));
}

/* Refuse what is no table whose rows could be kept for a while. */
static void
check_kind(Relation rel)
{
	char		relkind = rel->rd_rel->relkind;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", RelationGetRelationName(rel))));
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("\"%s\" is a temporary table", RelationGetRelationName(rel))));
}

/* Refuse tables whose rows are not ours to delete. */
static void
check_kept_table(Relation rel)
{
	check_kind(rel);
	svc_check_relation_owner(RelationGetRelid(rel));
}

/* Is an interval longer than now() can be reduced by, in any of its parts? */
static bool
is_too_long(const Interval *keep)
{
	return abs(keep->month) > MAX_KEEP_YEARS * MONTHS_PER_YEAR ||
		abs(keep->day) > MAX_KEEP_YEARS * 366 ||
		keep->time > MAX_KEEP_YEARS * 366 * USECS_PER_DAY ||
		keep->time < -MAX_KEEP_YEARS * 366 * USECS_PER_DAY;
}

/* Refuse an interval that is no time to keep something. */
static void
check_keep(Interval *keep)
{
	Interval	zero = {0};

	if (DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(keep),
										 IntervalPGetDatum(&zero))) ||
		svc_interval_is_infinite(keep))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a time of zero or more", "keep")));
	if (is_too_long(keep))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be at most %d years", "keep", MAX_KEEP_YEARS),
				 errhint("svc.drop_retention keeps all rows.")));
}

/* The argument that says for how long rows are kept. */
static Datum
keep_arg(FunctionCallInfo fcinfo, int i)
{

	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "keep"),
				 errhint("svc.drop_retention keeps all rows.")));
	check_keep(PG_GETARG_INTERVAL_P(i));
	return IntervalPGetDatum(PG_GETARG_INTERVAL_P(i));
}

/*
 * svc.keep_rows(relation, age_column, keep)
 */
Datum
svc_keep_rows(PG_FUNCTION_ARGS)
{
	Relation	rel;
	char	   *column;
	Datum		keep;
	SqlScope	scope;

	svc_check_writable("svc.keep_rows()");
	rel = svc_open_relation_arg(fcinfo, 0, "relation", AccessShareLock);
	column = svc_arg_name(fcinfo, 1, "age_column");
	keep = keep_arg(fcinfo, 2);
	check_kept_table(rel);
	check_age_column(rel, column);

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("INSERT INTO svc.retention (relation, age_column, keep) VALUES ($1, $2, $3)"
			" ON CONFLICT (relation) DO UPDATE"
			"   SET age_column = EXCLUDED.age_column, keep = EXCLUDED.keep",
			sql_regclass(RelationGetRelid(rel)), sql_name(column), sql_datum(keep, INTERVALOID));
	svc_sql_end(&scope);
	relation_close(rel, NoLock);
	worker_ring();
	PG_RETURN_VOID();
}

/*
 * svc.drop_retention(relation)
 */
Datum
svc_drop_retention(PG_FUNCTION_ARGS)
{
	Oid			relation;
	SqlScope	scope;

	svc_check_writable("svc.drop_retention()");
	relation = svc_arg_relation(fcinfo, 0, "relation");
	svc_check_relation_owner(relation);

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("DELETE FROM svc.retention WHERE relation = $1 RETURNING 1", sql_oid(relation)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("rows of relation \"%s\" do not expire", get_rel_name(relation)),
				 errhint("svc.keep_rows says for how long rows are kept.")));
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * The tables whose rows may be deleted for a caller: those that it owns, of
 * them the one that is named, if one is.
 */
List *
retention_list(Oid caller, Oid relation)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *retentions = NIL;
	SqlScope	scope;
	uint64		rows;
	MemoryContext old;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT r.relation::pg_catalog.oid, r.age_column, a.atttypid, r.keep"
				   "  FROM svc.retention r"
				   "  JOIN pg_catalog.pg_class c ON c.oid = r.relation"
				   "  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = r.age_column"
				   " WHERE pg_catalog.pg_has_role($1, c.relowner, 'USAGE')"
				   "   AND ($2 IS NULL OR r.relation = $2)"
				   " ORDER BY r.relation::pg_catalog.regclass::pg_catalog.text",
				   sql_oid(caller), sql_oid(relation));
	old = MemoryContextSwitchTo(cxt);
	for (uint64 row = 0; row < rows; row++)
	{
		Retention  *r = palloc0(sizeof(Retention));
		bool		isnull;

		r->relation = svc_sql_oid_value(row, 1);
		r->column = svc_sql_value(row, 2);
		r->type = svc_sql_oid_value(row, 3);
		r->keep = DatumGetIntervalP(datumCopy(SPI_getbinval(SPI_tuptable->vals[row],
															SPI_tuptable->tupdesc, 4, &isnull),
											  false, sizeof(Interval)));
		retentions = lappend(retentions, r);
	}
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	return retentions;
}

/* The name of an age column's type, for a cast. */
static const char *
type_name(Oid type)
{
	return type == TIMESTAMPTZOID ? "timestamptz" : type == TIMESTAMPOID ? "timestamp" : "date";
}

/*
 * A cursor on the rows that have expired, oldest first.  It locks those that
 * it gives, and passes over those that others have locked.
 */
static Portal
open_expired(const Retention *r)
{
	const char *column = quote_identifier(r->column);
	Oid			types[2] = {TIMESTAMPTZOID, r->type};
	Datum		values[2] = {0, r->from};
	char	   *from = r->goes_on ? psprintf(" AND s.%s OPERATOR(pg_catalog.>=) $2", column) : "";
	char	   *query = psprintf("SELECT s.tableoid, s.ctid, s.%s FROM %s AS s"
								 " WHERE s.%s OPERATOR(pg_catalog.<) $1::pg_catalog.%s%s"
								 " ORDER BY s.%s FOR UPDATE SKIP LOCKED",
								 column, svc_quote_relation(r->relation), column,
								 type_name(r->type), from, column);

	values[0] = DirectFunctionCall2(timestamptz_mi_interval,
									TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
									IntervalPGetDatum(r->keep));
	return SPI_cursor_open_with_args(NULL, query, r->goes_on ? 2 : 1, types, values, NULL, false,
									 CURSOR_OPT_NO_SCROLL);
}

/* The statement that deletes the rows at some places, given as two arrays. */
static SPIPlanPtr
prepare_delete(const Retention *r)
{
	Oid			types[2] = {OIDARRAYOID, TIDARRAYOID};
	char	   *statement = psprintf("DELETE FROM %s AS t"
									 " USING ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS d (place, row)"
									 " WHERE t.tableoid OPERATOR(pg_catalog.=) d.place"
									 "   AND t.ctid OPERATOR(pg_catalog.=) d.row",
									 svc_quote_relation(r->relation));
	SPIPlanPtr	plan = SPI_prepare(statement, 2, types);

	if (!plan)
		elog(ERROR, "could not prepare %s", statement);
	return plan;
}

/* Delete the rows of one batch, the last result. */
static uint64
delete_batch(SPIPlanPtr statement)
{
	SPITupleTable *batch = SPI_tuptable;
	int			n = (int) batch->numvals;
	Datum	   *places = palloc(sizeof(Datum) * n);
	Datum	   *rows = palloc(sizeof(Datum) * n);
	Datum		values[2];
	bool		isnull;

	for (int i = 0; i < n; i++)
	{
		places[i] = SPI_getbinval(batch->vals[i], batch->tupdesc, 1, &isnull);
		rows[i] = SPI_getbinval(batch->vals[i], batch->tupdesc, 2, &isnull);
	}
	values[0] = PointerGetDatum(construct_array(places, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(rows, n, TIDOID, sizeof(ItemPointerData), false,
												TYPALIGN_SHORT));
	/* a rule may have made something else of it */
	if (SPI_execute_plan(statement, values, NULL, false, 0) < 0)
		elog(ERROR, "could not delete expired rows");
	return SPI_processed;
}

/* Remember to which age a batch came, the last result. */
static void
note_age(Retention *r, SPITupleTable *batch)
{
	bool		isnull;
	Datum		age = SPI_getbinval(batch->vals[batch->numvals - 1], batch->tupdesc, 3, &isnull);

	r->stands = r->goes_on && datumIsEqual(age, r->from, true, sizeof(Datum));
	r->from = age;
	r->goes_on = true;
}

/* Delete what has expired from one table: one batch, or batch after batch. */
static void
delete_expired(Retention *r)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership batch",
												ALLOCSET_DEFAULT_SIZES);
	SPIPlanPtr	statement = prepare_delete(r);
	Portal		expired = open_expired(r);

	r->deleted = 0;
	do
	{
		MemoryContext old;
		SPITupleTable *found;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(expired, true, BATCH_ROWS);
		found = SPI_tuptable;
		r->done = SPI_processed == 0;
		if (r->done)
			break;
		note_age(r, found);
		old = MemoryContextSwitchTo(batch);
		r->deleted += delete_batch(statement);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
		SPI_freetuptable(found);
	} while (!r->one_batch);
	SPI_cursor_close(expired);
}

/*
 * The same as the table's owner.  Policies do not hide rows from it, as they do
 * not from a foreign key's cascade.
 */
void
retention_expire(void *argument)
{
	Retention  *r = argument;
	Oid			user;
	int			context;
	int			guc_level;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(svc_relation_owner(r->relation),
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION |
						   SECURITY_NOFORCE_RLS);
	guc_level = upkeep_begin_path_of(r->relation);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	delete_expired(r);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, guc_level);
	SetUserIdAndSecContext(user, context);
}

/* Report how many rows of a table went. */
static void
report(FunctionCallInfo fcinfo, const Retention *r)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[2] = {ObjectIdGetDatum(r->relation), Int64GetDatum(r->deleted)};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * svc.expire_now(of_relation) → relation, deleted
 *
 * A table whose rows cannot be deleted does not stop the others.
 */
Datum
svc_expire_now(PG_FUNCTION_ARGS)
{
	Oid			relation;
	List	   *retentions;
	ListCell   *cell;

	svc_check_writable("svc.expire_now()");
	relation = PG_ARGISNULL(0) ? InvalidOid : svc_arg_relation(fcinfo, 0, "of_relation");
	if (OidIsValid(relation))
		svc_check_relation_owner(relation);
	InitMaterializedSRF(fcinfo, 0);

	retentions = retention_list(GetUserId(), relation);
	if (retentions == NIL && OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("rows of relation \"%s\" do not expire", get_rel_name(relation)),
				 errhint("svc.keep_rows says for how long rows are kept.")));
	foreach(cell, retentions)
	{
		Retention  *r = lfirst(cell);

		if (svc_run_protected(retention_expire, r, false, psprintf("expired rows of %s were not deleted",
												  svc_quote_relation(r->relation)),
							  "The table is left as it was; the others were cleaned."))
			report(fcinfo, r);
	}
	PG_RETURN_NULL();
}

/* A column was renamed, in the table that was named and all of its parts. */
static void
follow_altered(Node *command, List *objects)
{
	RenameStmt *rename = svc_ddl_column_rename(command);
	SqlScope	scope;

	if (!rename || objects == NIL || !svc_catalog_mentions("retention", 0, NIL))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.retention SET age_column = $3 WHERE relation = ANY ($1) AND age_column = $2",
			sql_oids(svc_ddl_renamed_in(objects), OIDARRAYOID), sql_name(rename->subname),
			sql_name(rename->newname));
	svc_sql_end(&scope);
}

/* Forget tables and age columns that were dropped. */
static void
follow_dropped(List *objects)
{
	List	   *relations = svc_ddl_relations(objects);
	SqlScope	scope;
	uint64		rows;

	if (!svc_catalog_mentions("retention", 1, relations))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("DELETE FROM svc.retention r WHERE r.relation = ANY ($1)"
				   "   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a"
				   "                    WHERE a.attrelid = r.relation AND a.attname = r.age_column)"
				   " RETURNING r.relation::pg_catalog.oid",
				   sql_oids(relations, OIDARRAYOID));
	for (uint64 row = 0; row < rows; row++)
		if (get_rel_name(svc_sql_oid_value(row, 1)))
			ereport(WARNING,
					(errmsg("rows of %s do not expire any more: their age column was dropped",
							svc_quote_relation(svc_sql_oid_value(row, 1)))));
	svc_sql_end(&scope);
}

static const DdlHandler retention_ddl = {
	.follow_altered = follow_altered,
	.follow_dropped = follow_dropped
};

/* A retention that a user restores.  Indexes come later, so none is asked for. */
static HeapTuple
check_restored(Relation rel, HeapTuple row)
{
	Relation	table = relation_open(svc_row_oid(rel, row, "relation"), AccessShareLock);

	check_kind(table);
	(void) check_age_type(table, svc_row_name(rel, row, "age_column"));
	check_keep(DatumGetIntervalP(svc_row_value(rel, row, "keep")));
	relation_close(table, AccessShareLock);
	return row;
}

static const char *const retention_key[] = {"relation", NULL};

static const GuardedTable retention_table = {
	.name = "retention", .key = retention_key,
	.admit = svc_guard_admit_relation, .check = check_restored
};

/* What retention does when the library is loaded. */
void
RetentionInit(void)
{
	svc_guard_register(&retention_table);
	svc_register_ddl_handler(&retention_ddl);
	RetentionJobInit();
}
