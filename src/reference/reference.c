/*
 * reference.c: declared references by their names, and what is noted of them.
 *
 * svc.reference says what is declared, and is dumped; svc.reference_state says
 * what became of it, and is not: without a row there, nobody knows whether the
 * rows of the reference are valid, and it needs a sweep.
 */
#include "core/svc.h"

#include "core/ddl.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/check.h"
#include "reference/checker.h"
#include "reference/reference.h"
#include "reference/reference_follow.h"
#include "reference/reference_guard.h"
#include "reference/reference_row.h"
#include "reference/tombstone.h"
#include "reference/sweep.h"
#include "reference/unchecked.h"
#include "reference/violation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* What the values are called in SQL, in their order */
static const char *const mode_names[] = {"default", "statement", "commit", "async", "observe", "off"};
static const char *const on_missing_names[] = {"reject", "report"};
static const char *const on_unavailable_names[] = {"accept", "reject"};
static const char *const on_delete_names[] = {"report", "set_null", "delete", "keep"};
static const char *const state_names[] = {"pending", "valid", "missing", "deleted", "stale",
	"unknown", "waived"};

/* The number of a word among some, or -1. */
static int
index_of(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

const char *
reference_mode_name(ReferenceMode mode)
{
	return mode_names[mode];
}

const char *
reference_on_missing_name(ReferenceOnMissing value)
{
	return on_missing_names[value];
}

const char *
reference_on_unavailable_name(ReferenceOnUnavailable value)
{
	return on_unavailable_names[value];
}

const char *
reference_on_delete_name(ReferenceOnDelete value)
{
	return on_delete_names[value];
}

const char *
key_state_name(KeyState state)
{
	return state_names[state];
}

int
reference_mode_of(const char *word)
{
	return index_of(word, mode_names, lengthof(mode_names));
}

int
reference_on_missing_of(const char *word)
{
	return index_of(word, on_missing_names, lengthof(on_missing_names));
}

int
reference_on_unavailable_of(const char *word)
{
	return index_of(word, on_unavailable_names, lengthof(on_unavailable_names));
}

int
reference_on_delete_of(const char *word)
{
	return index_of(word, on_delete_names, lengthof(on_delete_names));
}

/* A declared reference for the rows of its relation, or of a part of it. */
static Reference *
look_up(const char *name, Oid part)
{
	ReferenceRow *row;
	ReferenceNames names;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	row = reference_row(&scope, name);
	svc_sql_end(&scope);
	if (!row || !get_rel_name(row->relation))
		return NULL;
	names = reference_row_names(row);
	return reference_resolve(OidIsValid(part) ? part : row->relation, &names);
}

Reference *
reference_lookup(const char *name)
{
	return look_up(name, InvalidOid);
}

Reference *
reference_for_part(const char *name, Oid part)
{
	return get_rel_name(part) ? look_up(name, part) : NULL;
}

/* The names of the references that a condition on $1, a relation, selects. */
static List *
names_of(const char *condition, Oid relation)
{
	List	   *names = NIL;
	SqlScope	scope;
	MemoryContext old;
	uint64		rows;

	svc_sql_begin(&scope, svc_extension_owner());
	rows = svc_sql(psprintf("SELECT r.reference FROM svc.reference r WHERE %s ORDER BY 1", condition),
				   sql_oid(relation));
	old = MemoryContextSwitchTo(scope.cxt);
	for (uint64 row = 0; row < rows; row++)
		names = lappend(names, svc_sql_value(row, 1));
	MemoryContextSwitchTo(old);
	svc_sql_end(&scope);
	return names;
}

List *
reference_names_into(Oid published_or_contract)
{
	return names_of("(r.service, r.entity) IN ("
					"   SELECT e.service, e.entity FROM svc.entity e WHERE e.relation = $1)"
					" OR EXISTS ("
					"   SELECT 1 FROM pg_catalog.pg_class c"
					"     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
					"    WHERE c.oid = $1 AND n.nspname = (r.service || '_api')::name AND c.relname = r.entity)",
					published_or_contract);
}

List *
reference_names_of(Oid relation)
{
	return names_of("r.relation = $1", relation);
}

/* All rows must be looked at, since nobody knows which keys were not checked. */
void
reference_need_sweep(const char *name)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("INSERT INTO svc.reference_state AS s (reference, needs_sweep)"
			" SELECT r.reference, true FROM svc.reference r WHERE r.reference = $1 FOR KEY SHARE"
			" ON CONFLICT (reference) DO UPDATE SET needs_sweep = true WHERE NOT s.needs_sweep",
			sql_name(name));
	svc_sql_end(&scope);
}

/*
 * May rows hold keys that nobody has looked at: does it need a sweep, do keys wait
 * to be checked, or is a deleted one not settled yet?  What this transaction has
 * left to the worker is not seen, so where it may have left some there are.
 */
bool
reference_has_unchecked(const char *name)
{
	SqlScope	scope;
	bool		unchecked;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("SELECT EXISTS (SELECT FROM svc.reference_debt d WHERE d.reference = $1 AND d.needs_sweep)"
			"    OR EXISTS (SELECT FROM svc.reference r"
			"                 LEFT JOIN svc.reference_contract c ON c.reference = r.reference"
			"                WHERE r.reference = $1"
			"                  AND (r.mode IN ('async', 'observe') OR r.on_missing = 'report' OR c.is_foreign IS NOT false))"
			"    OR EXISTS (SELECT FROM svc.reference_parked p WHERE p.reference = $1)"
			"    OR EXISTS (SELECT FROM svc.tombstone d WHERE d.reference = $1 AND d.state <> 'settled')"
			"    OR EXISTS (SELECT FROM svc.journal_backlog(20000) j WHERE j.kind IN ('c', 'r') AND (j.subject = $1 OR j.relation IS NULL))",
			sql_name(name));
	unchecked = svc_sql_bool_value(0, 1);
	svc_sql_end(&scope);
	return unchecked;
}

/* The last thing that went wrong; NULL: it went right again. */
void
reference_noted_error(const char *name, const char *message)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("INSERT INTO svc.reference_state AS s (reference, last_error, last_error_at)"
			" SELECT r.reference, $2, CASE WHEN $2 IS NOT NULL THEN pg_catalog.clock_timestamp() END"
			"   FROM svc.reference r WHERE r.reference = $1 FOR KEY SHARE"
			" ON CONFLICT (reference) DO UPDATE"
			"   SET last_error = EXCLUDED.last_error, last_error_at = EXCLUDED.last_error_at"
			" WHERE s.last_error IS DISTINCT FROM EXCLUDED.last_error",
			sql_name(name), sql_text(message));
	svc_sql_end(&scope);
}

/* What references do when the library is loaded. */
void
ReferenceInit(void)
{
	ReferenceGuardInit();
	CheckInit();
	ReferenceFollowInit();
	UncheckedInit();
	CheckerInit();
	TombstoneInit();
	ViolationInit();
	SweepInit();
}
