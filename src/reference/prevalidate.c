/*
 * prevalidate.c: keys that are looked up before they are written.
 *
 * A service may ask outside of its transaction, where waiting holds no lock and
 * no snapshot.  It hears no more than what inserting the keys would tell: so
 * whoever may write the column may ask.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "core/args.h"
#include "core/protect.h"
#include "core/sql.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "reference/checker.h"
#include "reference/lookup.h"
#include "reference/tombstone.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Keys in one call */
#define MAX_KEYS 100000

SVC_FUNCTION(svc_prevalidate);

/* Keys that are asked for, in their order */
typedef struct Question
{
	const Reference *reference;
	KeySet	   *set;
	int			n;
	int		   *numbers;		/* of each in the set; -1: it is NULL */
} Question;

/* Refuse callers who could not write the column. */
static void
check_may_write(const Reference *reference)
{
	static const AclMode modes[] = {ACL_INSERT, ACL_UPDATE};

	for (int i = 0; i < lengthof(modes); i++)
		if (pg_class_aclcheck(reference->relation, GetUserId(), modes[i]) == ACLCHECK_OK ||
			pg_attribute_aclcheck(reference->relation, reference->column, GetUserId(),
								  modes[i]) == ACLCHECK_OK)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for reference \"%s\"", NameStr(reference->name)),
			 errdetail("Whoever may insert or update column \"%s\" of relation \"%s\" may ask for its keys.",
					   get_attname(reference->relation, reference->column, false),
					   get_rel_name(reference->relation))));
}

/* The reference. */
static Reference *
reference_arg(FunctionCallInfo fcinfo, int i)
{
	char	   *name = svc_arg_name(fcinfo, i, "name");
	Reference  *reference = reference_lookup(name);

	if (!reference)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("reference \"%s\" does not exist", name),
				 errhint("svc.references_declared lists them.")));
	check_may_write(reference);
	return reference;
}

/* The array of keys, of the type that the column has. */
static ArrayType *
ids_arg(FunctionCallInfo fcinfo, int i, const Reference *reference)
{
	ArrayType  *ids;
	Oid			type;

	svc_arg_check_given(fcinfo, i, "ids");
	ids = PG_GETARG_ARRAYTYPE_P(i);
	type = getBaseType(ARR_ELEMTYPE(ids));
	if (type != reference->key_type && !IsBinaryCoercible(type, reference->key_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("argument \"%s\" is of type %s", "ids", format_type_be(get_fn_expr_argtype(fcinfo->flinfo, i))),
				 errdetail("Keys of reference \"%s\" are of type %s.", NameStr(reference->name),
						   format_type_be(reference->key_type)),
				 errhint("Cast it: ids::%s[].", format_type_be(reference->key_type))));
	return ids;
}

/* Read the keys, as the role that looks them up: their type may be somebody's own. */
static void
read_keys(Question *q, ArrayType *ids)
{
	Datum	   *elements;
	bool	   *nulls;
	int16		length;
	bool		by_value;
	char		align;
	SqlScope	scope;

	svc_sql_begin_restricted(&scope, q->reference->run_as);
	MemoryContextSwitchTo(scope.cxt);
	get_typlenbyvalalign(ARR_ELEMTYPE(ids), &length, &by_value, &align);
	deconstruct_array(ids, ARR_ELEMTYPE(ids), length, by_value, align, &elements, &nulls, &q->n);
	if (q->n > MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"%s\" has %d elements", "ids", q->n),
				 errdetail("At most %d are looked up at once.", MAX_KEYS)));
	q->set = key_set_make(q->reference);
	q->numbers = palloc(sizeof(int) * Max(q->n, 1));
	for (int i = 0; i < q->n; i++)
	{
		q->numbers[i] = -1;
		if (!nulls[i])
			(void) key_set_add(q->set, elements[i], &q->numbers[i]);
	}
	svc_sql_end(&scope);
}

/* Ask a contract that is here. */
static void
ask_here(void *argument)
{
	Question   *q = argument;

	lookup_ask(q->reference, q->set);
	tombstone_mark(q->reference, q->set);
}

/* Find out what there is to know; what goes wrong leaves keys unknown. */
static void
ask(Question *q)
{
	ErrorData  *error;

	if (q->reference->is_foreign)
		checker_ask(q->reference, q->set);
	else if (!lookup_refusal(q->reference))
	{
		error = svc_try(ask_here, q);
		if (error && svc_is_interruption(error))
			ReThrowError(error);
	}
	for (int i = 0; i < key_set_count(q->set); i++)
		if (key_set_state(q->set, i) == KEY_PENDING)
			key_set_mark(q->set, i, KEY_UNKNOWN);
	tombstone_mark(q->reference, q->set);
}

/* Report the keys in their order; NULL refers to nothing, and so is valid. */
static void
report(FunctionCallInfo fcinfo, const Question *q)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SqlScope	scope;

	svc_sql_begin_restricted(&scope, q->reference->run_as);
	for (int i = 0; i < q->n; i++)
	{
		int			number = q->numbers[i];
		KeyState	state = number < 0 ? KEY_VALID : key_set_state(q->set, number);
		Datum		values[2] = {0, CStringGetTextDatum(key_state_name(state))};
		bool		nulls[2] = {number < 0, false};

		if (number >= 0)
			values[0] = CStringGetTextDatum(key_set_text(q->set, number));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	svc_sql_end(&scope);
}

/*
 * svc.prevalidate(name, ids) → key, state
 */
Datum
svc_prevalidate(PG_FUNCTION_ARGS)
{
	Question	q = {.reference = reference_arg(fcinfo, 0)};

	read_keys(&q, ids_arg(fcinfo, 1, q.reference));
	ask(&q);
	InitMaterializedSRF(fcinfo, 0);
	report(fcinfo, &q);
	PG_RETURN_NULL();
}
