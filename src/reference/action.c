/*
 * action.c: what becomes of rows that refer to deleted keys.
 *
 * A row is changed only if, at one moment, it held a key that the contract had
 * not.  So a transaction takes its snapshot first, reads with it which keys
 * rows hold, then asks the contract, with a newer snapshot, and then changes
 * rows as the first snapshot shows them.  At REPEATABLE READ the server refuses
 * that if a row was changed meanwhile (40001), and everything is looked at again.
 * At READ COMMITTED it would take the row's new version, which may hold a key
 * that was made again after the contract was asked.
 *
 * Everything runs as the owner role of the referencing service, restricted, as
 * lookups do: triggers of the table fire with its rights and the search_path of
 * its schema.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "reference/action.h"
#include "reference/ask.h"
#include "reference/checker.h"
#include "reference/lookup.h"
#include "reference/tombstone.h"
#include "reference/violation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "worker/worker.h"

/* Rows that one transaction changes at most */
#define ACTION_ROWS 1000

/* How often a transaction is tried again that met others */
#define ACTION_RETRIES 5

/* One transaction of a pass */
typedef struct Step
{
	const char *name;			/* of the reference */
	ArrayType  *keys;
	MemoryContext cxt;			/* the pass's, for what outlives the transaction */
	const char *detail;			/* for violations */

	/* what came of it */
	bool		changed;		/* rows were changed: there may be more */
	bool		busy;			/* there are rows that others have locked */
	int			n_left;			/* deleted keys that rows hold, each as an array */
	ArrayType **left;
} Step;

/* A statement's parts that name the rows that hold some keys */
typedef struct Holders
{
	char	   *from;			/* the relation, as t; of an array column with its elements */
	char	   *key;			/* expression of one key */
	char	   *where;			/* $1 holds the keys */
	Oid			array_type;		/* of $1 */
} Holders;

/*
 * The operator by which stored keys are compared with those of another type:
 * the equality of their default ordering, as a foreign key uses it.
 */
static Oid
key_operator(Oid stored, Oid *other)
{
	Oid			class = GetDefaultOpClass(stored, BTREE_AM_OID);
	Oid			input;
	Oid			operator;

	if (!OidIsValid(class))
		return InvalidOid;
	input = get_opclass_input_type(class);
	if (IsPolymorphicType(input) || input == RECORDOID || IsBinaryCoercible(*other, input))
	{
		if (!IsPolymorphicType(input) && input != RECORDOID)
			*other = input;
		return get_opfamily_member(get_opclass_family(class), input, input, BTEqualStrategyNumber);
	}
	operator = get_opfamily_member(get_opclass_family(class), input, *other, BTEqualStrategyNumber);
	return operator;
}

/* How the rows are named that hold keys of a type. */
static Holders
holders_of(const Reference *reference, Oid type)
{
	Holders		h;
	const char *column = quote_identifier(get_attname(reference->relation, reference->column, false));
	Oid			operator = key_operator(reference->key_type, &type);

	h.array_type = get_array_type(type);
	if (!OidIsValid(operator) || !OidIsValid(h.array_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("deleted keys of type %s cannot be found in column \"%s\"",
						format_type_be(type),
						get_attname(reference->relation, reference->column, false))));
	h.from = psprintf("%s AS t", svc_quote_relation(reference->relation));
	h.key = lookup_as_key(reference, psprintf("t.%s", column));
	if (reference->is_array)
	{
		h.from = psprintf("%s CROSS JOIN LATERAL pg_catalog.unnest(t.%s) AS k (key)", h.from, column);
		h.key = lookup_as_key(reference, "k.key");
	}
	h.where = psprintf("%s %s ANY ($1)", h.key, lookup_operator(operator));
	return h;
}

/* Begin to read and change the rows of a reference, as its service's owner role. */
static void
begin_as_service(SqlScope *scope, const Reference *reference)
{
	Oid			user;
	int			context;

	svc_sql_begin_theirs(scope, reference->run_as, svc_search_path_of(reference->relation));
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	lookup_check_sees_rows(reference);
}

/* The distinct keys of some that rows hold; the set is empty if none does. */
static KeySet *
keys_held(const Reference *reference, ArrayType *keys)
{
	KeySet	   *set = key_set_make(reference);
	MemoryContext memory = CurrentMemoryContext;
	Holders		h;
	uint64		n;
	SqlScope	scope;

	begin_as_service(&scope, reference);
	h = holders_of(reference, ARR_ELEMTYPE(keys));
	n = svc_sql(psprintf("SELECT DISTINCT %s FROM %s WHERE %s", h.key, h.from, h.where),
				sql_array(keys, h.array_type));
	MemoryContextSwitchTo(memory);
	for (uint64 row = 0; row < n; row++)
	{
		bool		isnull;
		Datum		key = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			(void) key_set_add(set, key, NULL);
	}
	svc_sql_end(&scope);
	return set;
}

/* Of those the ones that the contract has not: deleted. */
static ArrayType *
ask_deleted(const Reference *reference, KeySet *set)
{
	const char *refusal = lookup_refusal(reference);
	int			from = 0;

	if (refusal)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s", refusal)));
	ask_within(reference, set);
	for (int i = 0; i < key_set_count(set); i++)
		if (key_set_state(set, i) == KEY_MISSING)
			key_set_mark(set, i, KEY_DELETED);
	return key_set_array(set, KEY_DELETED, &from, PG_INT32_MAX);
}

/* What is done in effect: a reference that only observes changes nothing, and an element of an array is not a row. */
static ReferenceOnDelete
effective_action(const Reference *reference)
{
	return reference->is_array || reference->mode == REFERENCE_OBSERVE ? ON_DELETE_REPORT
		: reference->on_delete;
}

/* The places of some rows that hold keys, locked, as two arrays; those that others have locked are left out. */
static int
lock_rows(const Holders *h, ArrayType *keys, SqlArg places[2])
{
	int			n = (int) svc_sql(psprintf("SELECT t.tableoid, t.ctid FROM %s WHERE %s LIMIT %d"
										   " FOR UPDATE OF t SKIP LOCKED", h->from, h->where,
										   ACTION_ROWS),
								  sql_array(keys, h->array_type));
	Datum	   *tables = palloc(sizeof(Datum) * Max(n, 1));
	Datum	   *rows = palloc(sizeof(Datum) * Max(n, 1));
	bool		isnull;

	for (int i = 0; i < n; i++)
	{
		tables[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		rows[i] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull);
	}
	places[0] = sql_array(construct_array(tables, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT),
						  OIDARRAYOID);
	places[1] = sql_array(construct_array(rows, n, TIDOID, sizeof(ItemPointerData), false,
										  TYPALIGN_SHORT), TIDARRAYOID);
	return n;
}

/* The statement that does what on_delete says with the rows at some places. */
static char *
action_statement(const Reference *reference)
{
	const char *relation = svc_quote_relation(reference->relation);
	const char *column = quote_identifier(get_attname(reference->relation, reference->column, false));
	const char *places = "ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS d (place, line)"
		" WHERE t.tableoid OPERATOR(pg_catalog.=) d.place AND t.ctid OPERATOR(pg_catalog.=) d.line";

	if (effective_action(reference) == ON_DELETE_DELETE)
		return psprintf("DELETE FROM %s AS t USING %s RETURNING true", relation, places);
	return psprintf("UPDATE %s AS t SET %s = NULL FROM %s RETURNING t.%s IS NULL",
					relation, column, places, column);
}

/* Refuse to go on for ever with rows that a trigger or a rule keeps as they are. */
static void
check_all_changed(const Reference *reference, uint64 changed, int wanted)
{
	for (uint64 row = 0; row < SPI_processed; row++)
		if (!svc_sql_bool_value(row, 1))
			changed--;
	if (changed < wanted)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("rows of \"%s\" still hold deleted keys",
						get_rel_name(reference->relation)),
				 errdetail("%d rows were to be changed, and %d were.", wanted, (int) changed),
				 errhint("A trigger or a rule of the table keeps them.")));
}

/* Change a batch of the rows that hold deleted keys. */
static void
change_rows(Step *step, const Reference *reference, ArrayType *deleted)
{
	SqlScope	scope;
	Holders		h;
	SqlArg		places[2];
	int			n;

	begin_as_service(&scope, reference);
	h = holders_of(reference, ARR_ELEMTYPE(deleted));
	n = lock_rows(&h, deleted, places);
	step->changed = n > 0;
	step->busy = n == 0;
	if (n > 0)
		check_all_changed(reference, svc_sql_run(action_statement(reference), places, 2), n);
	svc_sql_end(&scope);
}

/* Constraints that are checked at the end could not be, once the rights are restricted. */
static void
check_constraints_at_once(void)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_do("SET CONSTRAINTS ALL IMMEDIATE");
	svc_sql_end(&scope);
}

/* Find out which deleted keys rows hold, and which keys at all; NULL if the reference is gone. */
static Reference *
find_deleted(Step *step, KeySet **set, ArrayType **deleted)
{
	Reference  *reference = reference_lookup(step->name);

	*deleted = NULL;
	*set = NULL;
	if (!reference || !reference->declared || reference->mode == REFERENCE_OFF ||
		reference->on_delete == ON_DELETE_KEEP)
		return NULL;
	*set = keys_held(reference, step->keys);
	if (key_set_count(*set) > 0)
		*deleted = ask_deleted(reference, *set);
	return reference;
}

/* Keys that no row holds, and those that were made again, are violations no more. */
static void
resolve_others(const Reference *reference, ArrayType *keys, const KeySet *held)
{
	KeySet	   *all;

	if (ARR_ELEMTYPE(keys) != reference->key_type || !violation_is_any(NameStr(reference->name)))
		return;
	all = key_set_make(reference);
	key_set_add_array(all, keys);
	for (int i = 0; i < key_set_count(all); i++)
	{
		int			index = key_set_find(held, key_set_key(all, i));

		if (index < 0 || key_set_state(held, index) == KEY_VALID)
			key_set_mark(all, i, KEY_VALID);
	}
	violation_resolve(reference, all, 0, "no row holds it without a parent any more");
}

/* One transaction: look, and do what on_delete says with a batch of rows. */
static void
do_step(void *argument)
{
	Step	   *step = argument;
	KeySet	   *set;
	ArrayType  *deleted;
	Reference  *reference = find_deleted(step, &set, &deleted);

	step->changed = false;
	step->busy = false;
	if (!reference)
		return;
	if (!deleted || effective_action(reference) == ON_DELETE_REPORT)
		resolve_others(reference, step->keys, set);
	if (!deleted)
		return;
	if (reference->is_foreign)
		checker_forget(reference, deleted);
	if (effective_action(reference) == ON_DELETE_REPORT)
	{
		violation_record(reference, set, SOURCE_WORKER, step->detail);
		return;
	}
	check_constraints_at_once();
	change_rows(step, reference, deleted);
}

/*
 * One transaction: say which deleted keys rows hold.  Each becomes an array of
 * its own here: outside of a transaction nothing is known of types.
 */
static void
list_deleted(void *argument)
{
	Step	   *step = argument;
	KeySet	   *set;
	ArrayType  *deleted;
	Datum	   *keys;
	int16		length;
	bool		by_value;
	char		align;

	step->n_left = 0;
	if (!find_deleted(step, &set, &deleted) || !deleted)
		return;
	get_typlenbyvalalign(ARR_ELEMTYPE(deleted), &length, &by_value, &align);
	deconstruct_array(deleted, ARR_ELEMTYPE(deleted), length, by_value, align, &keys, NULL,
					  &step->n_left);
	MemoryContextSwitchTo(step->cxt);
	step->left = palloc(sizeof(ArrayType *) * step->n_left);
	for (int i = 0; i < step->n_left; i++)
		step->left[i] = construct_array(&keys[i], 1, ARR_ELEMTYPE(deleted), length, by_value, align);
}

/* One transaction: what could not be done is a violation. */
static void
report_failed(void *argument)
{
	Step	   *step = argument;
	KeySet	   *set;
	ArrayType  *deleted;
	Reference  *reference = find_deleted(step, &set, &deleted);

	if (reference && deleted)
		violation_record(reference, set, SOURCE_WORKER, step->detail);
}

/* Did a transaction fail because of what others did at the same time? */
static bool
met_others(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/* Do what on_delete says with all rows that hold the keys of a step; *error: what went wrong. */
static ActionResult
do_steps(Step *step, ErrorData **error)
{
	int			retries = 0;

	*error = NULL;
	for (;;)
	{
		if (worker_must_leave())
			return ACTION_LEFT;
		*error = worker_transaction_of_theirs(XACT_REPEATABLE_READ, do_step, step);
		if (*error && !met_others(*error))
			return ACTION_FAILED;
		if (*error && retries++ >= ACTION_RETRIES)
			return ACTION_BUSY;
		if (*error)
			continue;
		if (!step->changed)
			return step->busy ? ACTION_BUSY : ACTION_DONE;
	}
}

/* Make violations of keys with which something went wrong. */
static void
report(Step *step, const char *why)
{
	step->detail = why;
	(void) worker_transaction_of_theirs(XACT_REPEATABLE_READ, report_failed, step);
}

/* The same for one key of some; what fails becomes a violation. */
static ActionResult
do_key(const Step *all, ArrayType *key, ErrorData **error)
{
	Step		step = *all;
	ErrorData  *failure;
	ActionResult result;

	step.keys = key;
	result = do_steps(&step, &failure);
	if (result != ACTION_FAILED)
		return result;
	*error = failure;
	report(&step, failure->message);
	return result;
}

/* The worse of two results. */
static ActionResult
worse(ActionResult a, ActionResult b)
{
	return Max(a, b);
}

/* Do it key by key, since for all of them together it failed: one must not hold up the others. */
static ActionResult
do_each_key(Step *step, ErrorData **error)
{
	ActionResult result = ACTION_DONE;
	ErrorData  *failure = worker_transaction_of_theirs(XACT_REPEATABLE_READ, list_deleted, step);

	if (failure)
	{
		*error = failure;
		return met_others(failure) ? ACTION_BUSY : ACTION_FAILED;
	}
	for (int i = 0; i < step->n_left && result != ACTION_LEFT; i++)
		result = worse(result, do_key(step, step->left[i], error));
	return result;
}

/*
 * Do what on_delete says with all rows that hold some keys that the contract
 * has not, in transactions of its own.
 */
ActionResult
action_pass(const char *reference, ArrayType *keys, ErrorData **error)
{
	Step		step = {.name = reference,.keys = keys,.cxt = CurrentMemoryContext,
	.detail = "deleted by the service that owns it"};
	ErrorData  *failure;
	ActionResult result = do_steps(&step, &failure);

	*error = NULL;
	if (result != ACTION_FAILED)
		return result;
	*error = failure;
	if (failure->sqlerrcode != WORKER_OUT_OF_TIME)
		return do_each_key(&step, error);
	/* each key could take as long, and others wait */
	report(&step, failure->message);
	return ACTION_FAILED;
}
