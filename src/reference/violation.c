/*
 * violation.c: keys that are not valid, and what became of them.
 *
 * A violation is a key of a reference, not a row: it is opened when the key is
 * found missing, seen again by whoever looks again, and resolved when the key
 * is valid or no row holds it any more.  Several may record at once (the worker
 * and sweeps): rows are inserted or updated in the order of their hashes, so
 * that they do not wait for each other in a circle.
 *
 * People read keys as text; what identifies one is a hash of that text, since a
 * key may be longer than an index entry.  The text is made by the type's output
 * function, which may be anybody's: it runs as the referencing service's owner
 * role, restricted.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "reference/log.h"
#include "reference/violation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Keys that one statement records */
#define RECORD_KEYS 10000

static const char *const source_names[] = {
	[SOURCE_WORKER] = "worker",
	[SOURCE_SWEEP] = "sweep",
	[SOURCE_STATEMENT] = "statement"
};

/* Some keys of a set, as three columns */
typedef struct KeyRows
{
	int			n;
	Datum	   *keys;			/* as text */
	Datum	   *states;			/* as text */
	Datum	   *rows;			/* bigint; 0 is not known, if they were not counted */
} KeyRows;

/* What is recorded now */
typedef struct Recording
{
	const Reference *reference;
	const KeySet *set;
	const ViolationLook *look;
	TimestampTz at;
	bool		resolves;		/* there is something that a valid key could resolve */
	KeyRows		bad;			/* missing or deleted */
	KeyRows		other;			/* not valid, but no violation: it could not be asked */
	KeyRows		valid;			/* may resolve */
	KeyRows		sample;			/* of the valid ones */
} Recording;

/* What violations do when the library is loaded. */
void
ViolationInit(void)
{
	LogInit();
	ViolationJobInit();
}

/* Room for the keys of one statement. */
static void
make_room(KeyRows *rows)
{
	rows->n = 0;
	rows->keys = palloc(sizeof(Datum) * RECORD_KEYS);
	rows->states = palloc(sizeof(Datum) * RECORD_KEYS);
	rows->rows = palloc(sizeof(Datum) * RECORD_KEYS);
}

/* Add a key. */
static void
add_key(const Recording *r, KeyRows *rows, int index)
{
	rows->keys[rows->n] = CStringGetTextDatum(key_set_text(r->set, index));
	rows->states[rows->n] = CStringGetTextDatum(key_state_name(key_set_state(r->set, index)));
	rows->rows[rows->n] = Int64GetDatum(r->look->rows ? r->look->rows[index] : 0);
	rows->n++;
}

/* Sort a key of the set into what is done about it. */
static void
sort_key(Recording *r, int index)
{
	switch (key_set_state(r->set, index))
	{
		case KEY_MISSING:
		case KEY_DELETED:
			add_key(r, &r->bad, index);
			break;
		case KEY_VALID:
			if (r->resolves)
				add_key(r, &r->valid, index);
			if (index >= r->look->first_new && log_takes_sample())
				add_key(r, &r->sample, index);
			break;
		case KEY_STALE:
		case KEY_UNKNOWN:
			add_key(r, &r->other, index);
			break;
		case KEY_PENDING:
		case KEY_WAIVED:
			break;
	}
}

/*
 * Sort keys of the set, with the rights that output functions of others may have.
 * A violation is known by its key's text, so that is the same in every session.
 */
static void
sort_keys(Recording *r, int from, int to)
{
	SqlScope	scope;

	svc_sql_begin_restricted(&scope, r->reference->run_as);
	svc_sql_set("timezone", "UTC");
	MemoryContextSwitchTo(scope.cxt);
	make_room(&r->bad);
	make_room(&r->other);
	make_room(&r->valid);
	make_room(&r->sample);
	for (int i = from; i < to; i++)
		sort_key(r, i);
	svc_sql_end(&scope);
}

/* A column of keys as a parameter. */
static SqlArg
texts(Datum *values, int n)
{
	return sql_array(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT), TEXTARRAYOID);
}

/* The numbers of rows as a parameter; NULL where they were not counted. */
static SqlArg
counts(const Recording *r, const KeyRows *rows)
{
	if (!r->look->rows)
		return sql_null(INT8ARRAYOID);
	return sql_array(construct_array(rows->rows, rows->n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
									 TYPALIGN_DOUBLE), INT8ARRAYOID);
}

/* A time as a parameter; 0 is SQL NULL. */
static SqlArg
sql_time(TimestampTz time)
{
	return time == 0 ? sql_null(TIMESTAMPTZOID)
		: sql_datum(TimestampTzGetDatum(time), TIMESTAMPTZOID);
}

/*
 * Open violations, or see them again; and log them.  A sweep sees a key range
 * by range, and adds up the rows that hold it.
 */
static void
record_bad(const Recording *r)
{
	if (r->bad.n == 0)
		return;
	svc_sql("WITH found AS ("
			"  SELECT f.key, pg_catalog.sha256(pg_catalog.convert_to(f.key, pg_catalog.getdatabaseencoding())) AS hash,"
			"         pg_catalog.min(f.state) AS state, pg_catalog.sum(f.rows)::pg_catalog.int8 AS rows"
			"    FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) f (key, state, rows)"
			"   GROUP BY f.key),"
			" recorded AS ("
			"  INSERT INTO svc.reference_violation AS v"
			"         (reference, key_hash, key, rows, state, found, source, first_seen, last_seen, sweep)"
			"  SELECT $1, f.hash, pg_catalog.left(f.key, " VIOLATION_KEY_TEXT "), f.rows, 'open', f.state, $5, $6, $6, $7"
			"    FROM found f ORDER BY f.hash"
			"  ON CONFLICT (reference, key_hash) DO UPDATE"
			"     SET rows = CASE WHEN v.sweep = EXCLUDED.sweep THEN v.rows + EXCLUDED.rows"
			"                     WHEN v.state = 'resolved' THEN EXCLUDED.rows"
			"                     ELSE coalesce(EXCLUDED.rows, v.rows) END,"
			"         state = CASE WHEN v.state = 'waived' AND coalesce(v.waived_until > $6, true) THEN 'waived' ELSE 'open' END,"
			"         found = EXCLUDED.found,"
			"         source = CASE WHEN v.state = 'resolved' THEN EXCLUDED.source ELSE v.source END,"
			"         first_seen = CASE WHEN v.state = 'resolved' THEN EXCLUDED.first_seen ELSE v.first_seen END,"
			"         note = CASE WHEN v.state <> 'resolved' THEN v.note END,"
			"         waived_until = CASE WHEN v.state <> 'resolved' THEN v.waived_until END,"
			"         last_seen = EXCLUDED.last_seen,"
			"         sweep = coalesce(EXCLUDED.sweep, v.sweep)"
			"  RETURNING v.key_hash, v.state)"
			" INSERT INTO svc.reference_log (at, reference, key, state, source, detail)"
			" SELECT $6, $1, pg_catalog.left(f.key, " VIOLATION_KEY_TEXT "),"
			"        CASE WHEN c.state = 'waived' THEN c.state ELSE f.state END, $5, $8"
			"   FROM found f JOIN recorded c ON c.key_hash = f.hash",
			sql_name(NameStr(r->reference->name)), texts(r->bad.keys, r->bad.n),
			texts(r->bad.states, r->bad.n), counts(r, &r->bad),
			sql_text(source_names[r->look->source]), sql_time(r->at), sql_time(r->look->sweep),
			sql_text(r->look->detail));
}

/* Resolve the violations of keys that are valid, and log that they changed. */
static void
record_valid(const Recording *r)
{
	if (r->valid.n == 0)
		return;
	svc_sql("WITH resolved AS ("
			"  UPDATE svc.reference_violation v SET state = 'resolved', last_seen = $4"
			"   WHERE v.reference = $1 AND v.state <> 'resolved' AND coalesce(v.last_seen < $6, true)"
			"     AND v.key_hash IN (SELECT pg_catalog.sha256(pg_catalog.convert_to(k.key, pg_catalog.getdatabaseencoding()))"
			"                          FROM pg_catalog.unnest($2) k (key))"
			"  RETURNING v.key)"
			" INSERT INTO svc.reference_log (at, reference, key, state, source, detail)"
			" SELECT $4, $1, c.key, 'valid', $3, $5 FROM resolved c",
			sql_name(NameStr(r->reference->name)), texts(r->valid.keys, r->valid.n),
			sql_text(source_names[r->look->source]), sql_time(r->at), sql_text(r->look->detail),
			sql_time(r->look->asked));
}

/* Log keys that neither open nor resolve anything. */
static void
log_keys(const Recording *r, const KeyRows *rows)
{
	if (rows->n == 0)
		return;
	svc_sql("INSERT INTO svc.reference_log (at, reference, key, state, source, detail)"
			" SELECT $5, $1, pg_catalog.left(k.key, " VIOLATION_KEY_TEXT "), k.state, $4, $6"
			"   FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) k (key, state)",
			sql_name(NameStr(r->reference->name)), texts(rows->keys, rows->n),
			texts(rows->states, rows->n), sql_text(source_names[r->look->source]),
			sql_time(r->at), sql_text(r->look->detail));
}

/* Is there nothing to write of what was sorted? */
static bool
is_empty(const Recording *r)
{
	return r->bad.n == 0 && r->other.n == 0 && r->valid.n == 0 && r->sample.n == 0;
}

/* Write what was sorted. */
static void
write_sorted(const Recording *r)
{
	SqlScope	scope;

	if (is_empty(r))
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	log_make_partition(r->at);
	record_bad(r);
	record_valid(r);
	log_keys(r, &r->other);
	log_keys(r, &r->sample);
	svc_sql_end(&scope);
}

/* Has a reference violations that are not resolved? */
bool
violation_is_any(const char *reference)
{
	SqlScope	scope;
	bool		found;

	svc_sql_begin(&scope, svc_extension_owner());
	found = svc_sql("SELECT 1 FROM svc.reference_violation v"
					" WHERE v.reference = $1 AND v.state <> 'resolved' LIMIT 1",
					sql_name(reference)) > 0;
	svc_sql_end(&scope);
	return found;
}

/* Record what a look found. */
void
violation_record_look(const Reference *reference, const KeySet *set, const ViolationLook *look)
{
	Recording	r = {reference, set, look, GetCurrentTimestamp()};
	MemoryContext cxt;
	MemoryContext old;

	/* what is not declared has nobody who could read of it */
	if (!reference->declared)
		return;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "svc_ownership violations",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	r.resolves = look->sweep == 0 && violation_is_any(NameStr(reference->name));
	for (int from = 0; from < key_set_count(set); from += RECORD_KEYS)
	{
		sort_keys(&r, from, Min(from + RECORD_KEYS, key_set_count(set)));
		write_sorted(&r);
		MemoryContextReset(cxt);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* The same for whoever is no sweep. */
void
violation_record(const Reference *reference, const KeySet *set, ViolationSource source,
				 const char *detail)
{
	ViolationLook look = {.source = source, .detail = detail};

	violation_record_look(reference, set, &look);
}

/*
 * Record that some of a set's keys are valid, or that no row holds them; nothing
 * is said of the others.
 */
void
violation_resolve(const Reference *reference, KeySet *set, TimestampTz asked, const char *detail)
{
	ViolationLook look = {.source = SOURCE_WORKER,.detail = detail,.asked = asked,.first_new = PG_INT32_MAX};

	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) != KEY_VALID)
			key_set_mark(set, i, KEY_PENDING);
	violation_record_look(reference, set, &look);
}

/* Keys from their texts, by their type's input function, as the role that looks them up. */
KeySet *
violation_keys(const Reference *reference, List *texts, KeyState state)
{
	Oid			input;
	Oid			io_param;
	KeySet	   *set;
	SqlScope	scope;
	ListCell   *cell;

	getTypeInputInfo(reference->key_type, &input, &io_param);
	svc_sql_begin_restricted(&scope, reference->run_as);
	MemoryContextSwitchTo(scope.cxt);
	set = key_set_make(reference);
	foreach(cell, texts)
	{
		Datum		key = OidInputFunctionCall(input, lfirst(cell), io_param, -1);
		int			index;

		(void) key_set_add(set, key, &index);
		key_set_mark(set, index, state);
	}
	svc_sql_end(&scope);
	return set;
}

/*
 * A sweep has seen all rows that were there when it was begun.  A violation that
 * nobody saw since then is none any more: the key is valid, or no row holds it.
 */
void
violation_resolve_unseen(const Reference *reference, TimestampTz sweep)
{
	SqlScope	scope;
	TimestampTz now = GetCurrentTimestamp();

	svc_sql_begin(&scope, svc_extension_owner());
	log_make_partition(now);
	svc_sql("WITH resolved AS ("
			"  UPDATE svc.reference_violation v SET state = 'resolved', rows = 0, last_seen = $3"
			"   WHERE v.reference = $1 AND v.state <> 'resolved' AND v.last_seen < $2"
			"  RETURNING v.key)"
			" INSERT INTO svc.reference_log (at, reference, key, state, source, detail)"
			" SELECT $3, $1, c.key, 'valid', 'sweep', 'no row holds it without a parent any more' FROM resolved c",
			sql_name(NameStr(reference->name)), sql_time(sweep), sql_time(now));
	svc_sql_end(&scope);
}

/*
 * The reference is gone or has another name.  Its violations follow by
 * themselves; not so the log, whose partitions are to go without locking
 * svc.reference.
 */
void
violation_follow(const char *reference, const char *new_name)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	if (new_name)
		svc_sql("UPDATE svc.reference_log SET reference = $2 WHERE reference = $1",
				sql_name(reference), sql_name(new_name));
	else
		svc_sql("DELETE FROM svc.reference_log WHERE reference = $1", sql_name(reference));
	svc_sql_end(&scope);
}
