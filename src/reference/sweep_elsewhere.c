/*
 * sweep_elsewhere.c: keys that were deleted elsewhere, where nobody tells us, as
 * sweeps find them.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "core/extension.h"
#include "core/sql.h"
#include "reference/sweep_elsewhere.h"
#include "reference/tombstone.h"
#include "reference/violation.h"

/*
 * Keys that were deleted elsewhere, where nobody tells us: those that the rows'
 * checks found valid, and two sweeps, an hour apart, found missing.  A contract
 * that has just moved and is not filled yet must not cost anybody his rows.
 */
static List *
deleted_elsewhere(const Reference *reference, TimestampTz sweep)
{
	List	   *keys = NIL;
	SqlScope	scope;
	uint64		rows;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql("SELECT v.key FROM svc.reference_violation v"
				   "  JOIN svc.reference r ON r.reference = v.reference AND r.validated"
				   " WHERE v.reference = $1 AND v.state = 'open' AND v.source = 'sweep'"
				   "   AND v.first_seen < $2 - interval '1 hour' AND v.last_seen >= $2"
				   "   AND pg_catalog.length(v.key) < " VIOLATION_KEY_TEXT
				   " ORDER BY v.first_seen LIMIT $3",
				   sql_name(NameStr(reference->name)),
				   sql_datum(TimestampTzGetDatum(sweep), TIMESTAMPTZOID),
				   sql_datum(Int64GetDatum(TOMBSTONE_KEYS), INT8OID));
	MemoryContextSwitchTo(scope.cxt);
	for (uint64 row = 0; row < rows; row++)
		keys = lappend(keys, pstrdup(svc_sql_value(row, 1)));
	svc_sql_end(&scope);
	return keys;
}

/*
 * Let what on_delete says be done about keys that were deleted elsewhere, when a
 * sweep that was begun then has seen all rows.
 */
void
sweep_act_on_deleted_elsewhere(const Reference *reference, TimestampTz sweep)
{
	List	   *texts;

	if (!reference->is_foreign ||
		(reference->on_delete != ON_DELETE_SET_NULL && reference->on_delete != ON_DELETE_DELETE))
		return;
	texts = deleted_elsewhere(reference, sweep);
	if (texts != NIL)
		action_on_deleted(reference, violation_keys(reference, texts, KEY_MISSING));
}
