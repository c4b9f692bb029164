/*
 * sweep_progress.c: how far a sweep got, and what came of it, as the catalog has it.
 *
 * A sweep of a reference that needs one takes its debt when it begins, and
 * whatever comes later makes a new one: that begins it anew.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/sweep_progress.h"
#include "utils/xid8.h"

/* A sweep that nobody went on with for so long is begun anew, seconds */
#define STALE_AFTER SECS_PER_DAY

/*
 * Take the debt of a reference that needs a sweep: it is ours from now on, and
 * whatever comes later makes a new one.
 */
static bool
take_debt(const char *reference)
{
	return svc_sql("INSERT INTO svc.reference_state AS s (reference, needs_sweep)"
				   " SELECT r.reference, false FROM svc.reference r WHERE r.reference = $1 FOR KEY SHARE"
				   " ON CONFLICT (reference) DO UPDATE SET needs_sweep = false WHERE s.needs_sweep"
				   " RETURNING 1", sql_name(reference)) > 0;
}

/*
 * Begin, or go on where somebody stopped.  Not so if since then something came
 * that needs a sweep, if that was too long ago, or if the caller knows better.
 */
void
sweep_progress_begin(const char *reference, bool anew)
{
	SqlScope	scope;
	bool		owed;

	svc_sql_begin(&scope, svc_extension_owner());
	owed = take_debt(reference);
	svc_sql("INSERT INTO svc.reference_sweep AS w (reference, started, fence, block, rows, seen, owed)"
			" SELECT $1, pg_catalog.clock_timestamp(),"
			"        pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), 0, 0, pg_catalog.clock_timestamp(), $2"
			/* one that is being dropped is waited for, and is no error */
			"   FROM svc.reference r WHERE r.reference = $1 FOR KEY SHARE"
			" ON CONFLICT (reference) DO UPDATE"
			"   SET started = EXCLUDED.started, fence = EXCLUDED.fence, part = NULL, block = 0, rows = 0,"
			"       seen = EXCLUDED.seen, finished = NULL,"
			"       owed = EXCLUDED.owed OR (w.owed AND w.finished IS NULL)"
			" WHERE $2 OR $4 OR w.finished IS NOT NULL OR w.seen < EXCLUDED.seen - pg_catalog.make_interval(secs => $3)",
			sql_name(reference), sql_bool(owed),
			sql_datum(Float8GetDatum(STALE_AFTER), FLOAT8OID), sql_bool(anew));
	svc_sql_end(&scope);
}

/* Read how far it got, and hold that against others; false if it is finished, or the reference is gone. */
bool
sweep_progress_read(SweepProgress *p)
{
	SqlScope	scope;
	bool		going;
	bool		isnull;

	svc_sql_begin(&scope, svc_extension_owner());
	going = svc_sql("SELECT w.started, w.fence, w.part::pg_catalog.oid, w.block, w.file"
					"  FROM svc.reference_sweep w"
					" WHERE w.reference = $1 AND w.finished IS NULL FOR UPDATE",
					sql_name(p->reference)) > 0;
	if (going)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		p->started = DatumGetTimestampTz(SPI_getbinval(row, desc, 1, &isnull));
		p->fence = XidFromFullTransactionId(DatumGetFullTransactionId(SPI_getbinval(row, desc, 2, &isnull)));
		p->part = svc_sql_oid_value(0, 3);
		p->block = DatumGetInt64(SPI_getbinval(row, desc, 4, &isnull));
		p->file = svc_sql_oid_value(0, 5);
	}
	svc_sql_end(&scope);
	return going;
}

/* Note that a sweep has seen all rows.  Inside a scope. */
static void
note_swept(const char *reference)
{
	svc_sql("UPDATE svc.reference_state SET swept_at = pg_catalog.clock_timestamp() WHERE reference = $1",
			sql_name(reference));
}

/* Write how far it got; so many rows more were looked at. */
void
sweep_progress_write(const SweepProgress *p, int64 rows, bool done)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("UPDATE svc.reference_sweep SET part = $2, block = $3, file = $6, rows = rows + $4,"
			"       seen = pg_catalog.clock_timestamp(),"
			"       finished = CASE WHEN $5 THEN pg_catalog.clock_timestamp() END"
			" WHERE reference = $1",
			sql_name(p->reference), sql_regclass(p->part), sql_datum(Int64GetDatum(p->block), INT8OID),
			sql_datum(Int64GetDatum(rows), INT8OID), sql_bool(done), sql_oid(p->file));
	if (done)
		note_swept(p->reference);
	svc_sql_end(&scope);
}

/* What is not as it should be, and not waived. */
SweepResult
sweep_result(const char *reference)
{
	SweepResult result = {0, 0};
	SqlScope	scope;
	bool		isnull;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(v.rows), 0)::pg_catalog.int8"
			"  FROM svc.reference_violation v"
			" WHERE v.reference = $1 AND (v.state = 'open' OR v.state = 'waived' AND v.waived_until <= pg_catalog.now())",
			sql_name(reference));
	result.keys = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	result.rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	svc_sql_end(&scope);
	return result;
}
