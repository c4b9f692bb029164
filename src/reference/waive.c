/*
 * waive.c: violations that somebody has looked at, and accepts.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "reference/sweep.h"
#include "reference/violation.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_waive_violation);
SVC_FUNCTION(svc_reopen_violation);

/* How a violation is found by its reference and its key as people read it */
#define THIS_VIOLATION \
	"v.reference = $1 AND v.state <> 'resolved'" \
	" AND (v.key_hash = pg_catalog.sha256(pg_catalog.convert_to($2, pg_catalog.getdatabaseencoding())) OR v.key = $2)"

/* Until when, or NULL: for ever. */
static SqlArg
until_arg(FunctionCallInfo fcinfo, int i)
{
	TimestampTz until;

	if (PG_ARGISNULL(i))
		return sql_null(TIMESTAMPTZOID);
	until = PG_GETARG_TIMESTAMPTZ(i);
	if (until <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" has passed already", "until")));
	return sql_datum(TimestampTzGetDatum(until), TIMESTAMPTZOID);
}

/* There is no such violation. */
static void
refuse_unknown(const char *reference, const char *key, const char *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("reference \"%s\" has no %s of key \"%s\"", reference, kind, key),
			 errhint("svc.reference_violations lists them.")));
}

/*
 * svc.waive_violation(reference, key, reason, until)
 */
Datum
svc_waive_violation(PG_FUNCTION_ARGS)
{
	char	   *reference;
	char	   *key;
	char	   *reason;
	SqlArg		until;
	SqlScope	scope;

	svc_check_writable("svc.waive_violation()");
	reference = svc_arg_name(fcinfo, 0, "reference");
	key = svc_arg_text(fcinfo, 1, "key");
	reason = svc_arg_text(fcinfo, 2, "reason");
	until = until_arg(fcinfo, 3);
	sweep_check_owner(reference);

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("UPDATE svc.reference_violation v SET state = 'waived', note = $3, waived_until = $4"
				" WHERE " THIS_VIOLATION,
				sql_name(reference), sql_text(key), sql_text(reason), until) == 0)
		refuse_unknown(reference, key, "violation");
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}

/*
 * svc.reopen_violation(reference, key)
 */
Datum
svc_reopen_violation(PG_FUNCTION_ARGS)
{
	char	   *reference;
	char	   *key;
	SqlScope	scope;

	svc_check_writable("svc.reopen_violation()");
	reference = svc_arg_name(fcinfo, 0, "reference");
	key = svc_arg_text(fcinfo, 1, "key");
	sweep_check_owner(reference);

	svc_sql_begin(&scope, svc_extension_owner());
	if (svc_sql("UPDATE svc.reference_violation v SET state = 'open', note = NULL, waived_until = NULL"
				" WHERE " THIS_VIOLATION " AND v.state = 'waived'",
				sql_name(reference), sql_text(key)) == 0)
		refuse_unknown(reference, key, "waived violation");
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}
