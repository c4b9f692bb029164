/*
 * lookup.c: asking a contract, or a validator, which keys there are.
 *
 * Many keys are one array parameter, one key has a plan of its own; plans are
 * generic, since a custom one for thousands of keys is a sequential scan.  They
 * are made and run as the role that looks up, never as the caller, and kept for
 * the session by what they depend on, so that references into one contract
 * share them.
 *
 * Names that functions in a contract, a validator or a key's type look up must
 * not be found in the caller's schemas, so those run under our search_path.  To
 * set it takes longer than to look up one key, so where there is no such code
 * it is left alone.
 *
 * Snapshots are the newest, also where the transaction's own is old: what is
 * asked is whether the key is there, not whether this transaction may see it.
 */
#include "core/svc.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "core/inval.h"
#include "core/relation.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "reference/lookup.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/guc.h"

/* more plans than this in one session: it starts afresh */
#define MAX_PLANS 500

/* Keys of a contract here in one lookup: the more, the nearer to each other they are in an index */
#define LOCAL_KEYS 100000

/* Finding a key through an index takes as long as reading so many rows in turn */
#define ROWS_PER_KEY 4

/* Keys that are few are not worth the question whether to read all there are */
#define MANY_KEYS 1000

/* What a query asks */
typedef enum LookupShape
{
	LOOKUP_ONE,					/* is this key there? */
	LOOKUP_MANY,				/* which of these are? */
	LOOKUP_TALLY,				/* how many of these are, and what do they come to? */
	LOOKUP_WHOLE				/* which are there at all? */
} LookupShape;

/* What a plan depends on */
typedef struct PlanKey
{
	Oid			asked;			/* contract or validator */
	Oid			equality;
	Oid			key_type;
	Oid			run_as;
	LookupShape shape;
	NameData	key;
} PlanKey;

/* Its plan.  Kept while it may run, so apart from the entry. */
typedef struct LookupPlan
{
	SPIPlanPtr	plan;
	bool		foreign_code;	/* it calls what is not the server's own */
	List	   *relations;		/* OIDs of what it reads, views too */
} LookupPlan;

typedef struct PlanEntry
{
	PlanKey		key;			/* hash key */
	bool		valid;
	LookupPlan *plan;
} PlanEntry;

/* Takes the keys that were found */
typedef struct Answers
{
	DestReceiver pub;
	KeySet	   *set;
	KeyState	state;			/* what is known of them by this */
	int			single;			/* the number of the only key that was asked, or -1 */
	Oid			type;			/* that answers must have; InvalidOid: nobody reads them */
	KeyTally	tally;			/* of the keys, where that may be enough */
	int64		more;			/* how many are read at most, */
	int			missed;			/* and how many of the keys are not among them yet */
} Answers;

static HTAB *plans = NULL;

/* counts invalidations, so that a plan made while one came is not trusted */
static uint64 invalidations = 0;

/* plans that may still be running: freed when the transaction ends */
static List *retired_plans = NIL;

/* A relation changed.  Only sets flags, as a callback must. */
static void
relation_changed(Oid relation)
{
	HASH_SEQ_STATUS status;
	PlanEntry  *entry;

	invalidations++;
	if (!plans)
		return;
	hash_seq_init(&status, plans);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!OidIsValid(relation) || list_member_oid(entry->plan->relations, relation))
			entry->valid = false;
}

/* A function or a schema changed: texts of queries name them. */
static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	relation_changed(InvalidOid);
}

/* Free the plans that nothing can be running any more. */
static void
free_retired_plans(XactEvent event, void *arg)
{
	ListCell   *cell;

	if (retired_plans == NIL ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	foreach(cell, retired_plans)
	{
		LookupPlan *plan = lfirst(cell);

		SPI_freeplan(plan->plan);
		list_free(plan->relations);
		pfree(plan);
	}
	list_free(retired_plans);
	retired_plans = NIL;
}

/* Listen for changes; called once when the library is loaded. */
void
LookupInit(void)
{
	svc_on_relation_change(relation_changed);
	CacheRegisterSyscacheCallback(PROCOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, object_changed, (Datum) 0);
	RegisterXactCallback(free_retired_plans, NULL);
}

/* Say in errors for which reference something was done. */
static void
lookup_error_context(void *arg)
{
	errcontext("check of reference \"%s\"", NameStr(((const Reference *) arg)->name));
}

/*
 * Refuse to check a reference while it is being checked: a contract, an
 * operator or a validator writes to the table whose rows it judges.  What is
 * being done stands in the error context, which errors unwind by themselves.
 */
static void
check_not_within(const Reference *reference)
{
	for (ErrorContextCallback *c = error_context_stack; c; c = c->previous)
		if (c->callback == lookup_error_context &&
			strcmp(NameStr(((const Reference *) c->arg)->name), NameStr(reference->name)) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("reference \"%s\" is being checked", NameStr(reference->name)),
					 errdetail("Code that its check runs changes rows of \"%s\".",
							   get_rel_name(reference->part)),
					 errhint("A contract or validator must not write to the tables that refer to it.")));
}

/* Settings of the caller's that code of others must not meet; returns what ends them. */
static int
begin_safe_settings(void)
{
	int			level = NewGUCNestLevel();

	svc_sql_set("search_path", "pg_catalog, pg_temp");
	svc_sql_set("row_security", "on");
	return level;
}

/* May the comparison of keys run code that is not the server's own? */
static bool
has_foreign_keys(const Reference *reference)
{
	return reference->key_type >= FirstNormalObjectId || reference->equality >= FirstNormalObjectId;
}

/* Begin to act for a reference. */
void
lookup_begin(LookupScope *scope, const Reference *reference)
{
	check_not_within(reference);
	GetUserIdAndSecContext(&scope->saved_user, &scope->saved_context);
	SetUserIdAndSecContext(reference->run_as,
						   scope->saved_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	scope->settings = has_foreign_keys(reference) ? begin_safe_settings() : 0;
	scope->callback.callback = lookup_error_context;
	scope->callback.arg = unconstify(Reference *, reference);
	scope->callback.previous = error_context_stack;
	error_context_stack = &scope->callback;
}

/* End what lookup_begin began. */
void
lookup_end(LookupScope *scope)
{
	error_context_stack = scope->callback.previous;
	if (scope->settings)
		AtEOXact_GUC(true, scope->settings);
	SetUserIdAndSecContext(scope->saved_user, scope->saved_context);
}

/* Is a function not the server's own? */
static bool
is_foreign_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

/* Does a query, with the views in it, call what is not the server's own, or have row security? */
static bool
has_foreign_code(Node *node, void *context)
{
	if (!node)
		return false;
	if (IsA(node, Query))
		return ((Query *) node)->hasRowSecurity ||
			query_tree_walker((Query *) node, has_foreign_code, context, 0);
	if (check_functions_in_node(node, is_foreign_function, context) || IsA(node, CoerceToDomain))
		return true;
	return expression_tree_walker(node, has_foreign_code, context);
}

/* An operator as a query names it. */
char *
lookup_operator(Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *clause;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	clause = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return clause;
}

/* A collation as a query names it. */
static char *
collation_name(Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(form->collnamespace),
									  NameStr(form->collname));
	ReleaseSysCache(tuple);
	return name;
}

/* A type as a cast names it that cuts nothing off: "character" alone would be one character. */
static char *
type_name(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

/* What the reference's column holds as it has to be compared: with a type and a collation. */
static char *
as_compared(const Reference *reference, const char *expression, Oid declared, Oid wanted)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(reference->part, reference->column, &type, &typmod, &collation);
	if (declared != wanted)
		expression = psprintf("%s::%s", expression, type_name(wanted));
	if (!OidIsValid(collation) || !OidIsValid(reference->collation) ||
		collation == reference->collation ||
		(get_collation_isdeterministic(collation) &&
		 get_collation_isdeterministic(reference->collation)))
		return pstrdup(expression);
	return psprintf("%s COLLATE %s", expression, collation_name(reference->collation));
}

/*
 * An expression of the type of the reference's column, or of its elements, as it
 * has to be compared: as the contract compares keys.  Left to itself the parser
 * would compare a text with a character(n) as texts, and finds no equality for a
 * domain over an enum.  Where both collations tell values apart by their bytes
 * nothing is said of them, since an index of the column would not do for another
 * one.
 */
char *
lookup_as_key(const Reference *reference, const char *expression)
{
	Oid			declared = reference->is_array ? get_base_element_type(reference->column_type)
		: reference->column_type;

	return as_compared(reference, expression, declared, reference->key_type);
}

/* An array column as it has to be compared with an array of keys. */
char *
lookup_as_keys(const Reference *reference, const char *expression)
{
	return as_compared(reference, expression, reference->column_type,
					   get_array_type(reference->key_type));
}

/* The key's column, without the domain that it may be of: that of an enum has no equality of its own. */
static char *
key_of_contract(const Reference *reference)
{
	char	   *key = psprintf("c.%s", quote_identifier(NameStr(reference->key)));
	Oid			type = get_atttype(reference->contract,
								   get_attnum(reference->contract, NameStr(reference->key)));

	if (!OidIsValid(type) || getBaseType(type) == type)
		return key;
	return psprintf("%s::%s", key, type_name(getBaseType(type)));
}

/* The query that asks a contract for one key, or for an array of keys. */
static char *
contract_query(const Reference *reference, LookupShape shape)
{
	const char *key = key_of_contract(reference);
	const char *equals = lookup_operator(reference->equality);
	char	   *typed;

	if (shape == LOOKUP_ONE)
		return psprintf("SELECT 1 FROM %s AS c WHERE %s %s $1", reference->contract_name, key,
						equals);
	if (shape == LOOKUP_WHOLE)
		return psprintf("SELECT %s FROM %s AS c", key, reference->contract_name);
	/* answers are compared with what was asked for, so they have its type */
	typed = psprintf("%s::%s", key, type_name(reference->key_type));
	if (shape == LOOKUP_TALLY)
		typed = psprintf("pg_catalog.count(*), pg_catalog.bit_xor(pg_catalog.%s(%s, 0))",
						 quote_identifier(get_func_name(key_set_far_hash(reference->key_type))),
						 typed);
	return psprintf("SELECT %s FROM %s AS c WHERE %s %s ANY ($1)", typed,
					reference->contract_name, key, equals);
}

/* The query that asks a validator for missing keys. */
static char *
validator_query(Oid validator)
{
	return psprintf("SELECT v FROM %s($1) AS v",
					quote_qualified_identifier(get_namespace_name(get_func_namespace(validator)),
											   get_func_name(validator)));
}

/* What a plan depends on. */
static PlanKey
plan_key(const Reference *reference, LookupShape shape)
{
	PlanKey		key;

	memset(&key, 0, sizeof(key));
	key.key_type = reference->key_type;
	key.run_as = reference->run_as;
	key.shape = shape;
	if (OidIsValid(reference->validator))
		key.asked = reference->validator;
	else
	{
		key.asked = reference->contract;
		key.equality = reference->equality;
		key.key = reference->key;
	}
	return key;
}

/* Make the table of plans. */
static void
make_cache(void)
{
	HASHCTL		control = {
		.keysize = sizeof(PlanKey),
		.entrysize = sizeof(PlanEntry),
		.hcxt = CacheMemoryContext
	};

	plans = hash_create("svc_ownership lookups", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Put a plan aside until the transaction ends. */
static void
retire(LookupPlan *plan)
{
	MemoryContext old = MemoryContextSwitchTo(CacheMemoryContext);

	retired_plans = lappend(retired_plans, plan);
	MemoryContextSwitchTo(old);
}

/* Forget all plans. */
static void
retire_all(void)
{
	HASH_SEQ_STATUS status;
	PlanEntry  *entry;

	hash_seq_init(&status, plans);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		retire(entry->plan);
		(void) hash_search(plans, &entry->key, HASH_REMOVE, NULL);
	}
}

/* Plan a lookup, as the role that will do it, and keep the plan. */
static LookupPlan *
make_plan(const Reference *reference, LookupShape shape)
{
	Oid			type = shape == LOOKUP_ONE ? reference->key_type
		: get_array_type(reference->key_type);
	char	   *query = OidIsValid(reference->validator) ? validator_query(reference->validator)
		: contract_query(reference, shape);
	int			settings = begin_safe_settings();
	SPIPlanPtr	prepared = SPI_prepare_cursor(query, shape == LOOKUP_WHOLE ? 0 : 1, &type,
											  CURSOR_OPT_GENERIC_PLAN);
	CachedPlanSource *source;
	LookupPlan *plan;
	MemoryContext old;

	if (!prepared)
		elog(ERROR, "could not prepare %s", query);
	AtEOXact_GUC(true, settings);
	source = linitial(SPI_plan_get_plan_sources(prepared));
	old = MemoryContextSwitchTo(CacheMemoryContext);
	plan = palloc(sizeof(LookupPlan));
	plan->relations = list_copy(source->relationOids);
	MemoryContextSwitchTo(old);
	plan->foreign_code = source->dependsOnRLS ||
		has_foreign_code((Node *) linitial(source->query_list), NULL);
	plan->plan = prepared;
	if (SPI_keepplan(prepared) != 0)
		elog(ERROR, "could not keep %s", query);
	return plan;
}

/* The plan of a lookup, made the first time. */
static LookupPlan *
get_plan(const Reference *reference, LookupShape shape)
{
	PlanKey		key = plan_key(reference, shape);
	PlanEntry  *entry;
	LookupPlan *plan;
	uint64		seen;
	bool		found;

	if (!plans)
		make_cache();
	entry = hash_search(plans, &key, HASH_FIND, NULL);
	if (entry && entry->valid)
		return entry->plan;

	seen = invalidations;
	plan = make_plan(reference, shape);
	if (hash_get_num_entries(plans) >= MAX_PLANS)
		retire_all();
	entry = hash_search(plans, &key, HASH_ENTER, &found);
	if (found)
		retire(entry->plan);
	entry->plan = plan;
	entry->valid = seen == invalidations;
	return plan;
}

/* The only key that was asked was found. */
static bool
receive_single(TupleTableSlot *slot, DestReceiver *receiver)
{
	Answers    *answers = (Answers *) receiver;

	key_set_mark(answers->set, answers->single, answers->state);
	return true;
}

/* A key was found: count it. */
static bool
receive_to_count(TupleTableSlot *slot, DestReceiver *receiver)
{
	Answers    *answers = (Answers *) receiver;
	bool		isnull;
	Datum		key = slot_getattr(slot, 1, &isnull);

	if (!isnull)
		key_set_count_key(answers->set, key, &answers->tally);
	return true;
}

/* The keys that were found were counted where they are. */
static bool
receive_tally(TupleTableSlot *slot, DestReceiver *receiver)
{
	Answers    *answers = (Answers *) receiver;
	bool		isnull;

	answers->tally.count = DatumGetInt64(slot_getattr(slot, 1, &isnull));
	answers->tally.sum = DatumGetInt64(slot_getattr(slot, 2, &isnull));
	return true;
}

/* Which key an answer is; -1: nobody asked for it. */
static int
answer_index(const Answers *answers, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		key = slot_getattr(slot, 1, &isnull);

	return isnull ? -1 : key_set_find(answers->set, key);
}

/* A key was found: look which it is. */
static bool
receive_to_match(TupleTableSlot *slot, DestReceiver *receiver)
{
	Answers    *answers = (Answers *) receiver;
	int			index = answer_index(answers, slot);

	if (index >= 0)
		key_set_mark(answers->set, index, answers->state);
	return true;
}

/*
 * Refuse answers that are no keys.  A validator is called by its name: another
 * function may have that by now, or fit the keys better than the declared one.
 */
static void
startup_answers(DestReceiver *receiver, int operation, TupleDesc desc)
{
	Answers    *answers = (Answers *) receiver;
	Oid			type = TupleDescAttr(desc, 0)->atttypid;

	if (OidIsValid(answers->type) && getBaseType(type) != answers->type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a validator of keys of type %s returns %s", format_type_be(answers->type),
						format_type_be(type)),
				 errhint("svc.alter_reference(..., validator => ...) declares another one.")));
}

static void
end_answers(DestReceiver *receiver)
{
}

/*
 * Run a lookup's plan in the newest snapshot, which sees what this transaction
 * did, too.  type: the parameter's; InvalidOid: there is none.
 */
static void
run_plan(const LookupPlan *plan, Datum parameter, Oid type, Answers *answers)
{
	ParamListInfo params = OidIsValid(type) ? makeParamList(1) : NULL;
	int			settings = plan->foreign_code ? begin_safe_settings() : 0;
	SPIExecuteOptions options = {
		.params = params,
		.read_only = true,		/* in the snapshot that is active */
		.dest = &answers->pub
	};

	if (params)
		params->params[0] = (ParamExternData) {
			.value = parameter,.pflags = PARAM_FLAG_CONST,.ptype = type
		};
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute_plan_extended(plan->plan, &options) < 0)
		elog(ERROR, "could not look keys up");
	PopActiveSnapshot();
	if (settings)
		AtEOXact_GUC(true, settings);
}

/* A receiver of answers. */
static Answers
answers_for(KeySet *set, bool (*receive) (TupleTableSlot *slot, DestReceiver *receiver),
			KeyState state, Oid type)
{
	return (Answers) {
		.pub = {receive, startup_answers, end_answers, end_answers, DestNone},
		.set = set,
		.state = state,
		.type = type
	};
}

/* Mark the keys of a set that are still pending, from a number on up to another. */
static void
mark_rest(KeySet *set, int from, int to, KeyState state)
{
	for (int i = from; i < to; i++)
		if (key_set_state(set, i) == KEY_PENDING)
			key_set_mark(set, i, state);
}

/* Look up the only key that is pending. */
static void
ask_single(const Reference *reference, KeySet *set, int index)
{
	Answers		answers = answers_for(set, receive_single, KEY_VALID, InvalidOid);

	answers.single = index;
	run_plan(get_plan(reference, LOOKUP_ONE), key_set_key(set, index), reference->key_type, &answers);
	mark_rest(set, index, index + 1, KEY_MISSING);
}

/*
 * Are all pending keys of a part of a set there?  To see that, answers are only
 * counted: to find each in the set again takes as long as to look it up.  Where
 * they come from elsewhere they are counted there, and one row comes back.
 */
static bool
all_are_there(const Reference *reference, const KeySet *set, int first, int end, Datum keys)
{
	bool		far = reference->is_foreign && OidIsValid(key_set_far_hash(reference->key_type));
	LookupPlan *plan;
	Answers		answers;
	KeyTally	asked;

	if (!key_set_tally(set, KEY_PENDING, first, end, far, &asked))
		return false;
	plan = get_plan(reference, far ? LOOKUP_TALLY : LOOKUP_MANY);
	answers = answers_for(unconstify(KeySet *, set), far ? receive_tally : receive_to_count,
						  KEY_VALID, far ? InvalidOid : reference->key_type);
	run_plan(plan, keys, get_array_type(reference->key_type), &answers);
	return answers.tally.count == asked.count && answers.tally.sum == asked.sum;
}

/*
 * Look up the pending keys from a number on, as many as are asked for at once;
 * returns how far it came.  Mostly all are there.
 */
static int
ask_many(const Reference *reference, KeySet *set, int first)
{
	Oid			type = get_array_type(reference->key_type);
	bool		validates = OidIsValid(reference->validator);
	int			end = first;
	int			most = validates || reference->is_foreign ? LOOKUP_KEYS : LOCAL_KEYS;
	ArrayType  *keys = key_set_array(set, KEY_PENDING, &end, most);
	Answers		answers;

	if (!validates && all_are_there(reference, set, first, end, PointerGetDatum(keys)))
		mark_rest(set, first, end, KEY_VALID);
	else
	{
		answers = answers_for(set, receive_to_match, validates ? KEY_MISSING : KEY_VALID,
							  reference->key_type);
		run_plan(get_plan(reference, LOOKUP_MANY), PointerGetDatum(keys), type, &answers);
		mark_rest(set, first, end, validates ? KEY_VALID : KEY_MISSING);
	}
	pfree(keys);
	return end;
}

/* A key of the contract's was read: is it one of those that were asked for? */
static bool
receive_in_passing(TupleTableSlot *slot, DestReceiver *receiver)
{
	Answers    *answers = (Answers *) receiver;
	int			index = answer_index(answers, slot);

	if (index >= 0 && key_set_state(answers->set, index) == KEY_PENDING)
	{
		key_set_mark(answers->set, index, KEY_VALID);
		answers->missed--;
	}
	return answers->missed > 0 && --answers->more > 0;
}

/*
 * Does a plan only read rows, one after the other?  Then nothing is computed for
 * keys that nobody asked for.
 */
static bool
only_reads(const Plan *plan)
{
	ListCell   *cell;

	if (plan->qual != NIL || plan->initPlan != NIL)
		return false;
	if (!IsA(plan, Append))
		return IsA(plan, SeqScan) || IsA(plan, IndexOnlyScan);
	foreach(cell, ((const Append *) plan)->appendplans)
		if (!only_reads(lfirst(cell)))
			return false;
	return true;
}

/* Is it quicker to read all keys of a contract than to find so many of them? */
static bool
is_worth_reading(const LookupPlan *plan, int keys)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan->plan);
	const Plan *tree;
	bool		worth;

	if (!cached)
		return false;
	tree = linitial_node(PlannedStmt, cached->stmt_list)->planTree;
	worth = only_reads(tree) && tree->total_cost <= ROWS_PER_KEY * cpu_tuple_cost * keys;
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	return worth;
}

/* Are the contract's keys like those of a set, and compared in the same way? */
static bool
same_keys(const Reference *reference)
{
	AttrNumber	key = get_attnum(reference->contract, NameStr(reference->key));

	return key > 0 &&
		IsBinaryCoercible(getBaseType(get_atttype(reference->contract, key)),
						  reference->key_type) &&
		reference->equality == lookup_type_cache(reference->key_type, TYPECACHE_EQ_OPR)->eq_opr;
}

/* How many keys are pending?  0 where they cannot be many. */
static int
count_pending(const KeySet *set)
{
	int			n = 0;

	if (key_set_count(set) < MANY_KEYS)
		return 0;
	for (int i = key_set_first(set, KEY_PENDING, 0); i >= 0; i = key_set_first(set, KEY_PENDING, i + 1))
		n++;
	return n;
}

/*
 * Mark the keys that are there by reading all keys of a contract, where that is
 * quicker than to look for each through an index.  It ends when it has taken as
 * long as that would; what is pending still has to be asked for.  A serializable
 * transaction would conflict with all that it reads.
 */
static void
read_whole(const Reference *reference, KeySet *set)
{
	Answers		answers = answers_for(set, receive_in_passing, KEY_VALID, InvalidOid);
	const LookupPlan *plan;

	answers.missed = count_pending(set);
	answers.more = (int64) answers.missed * ROWS_PER_KEY;
	if (answers.missed < MANY_KEYS || OidIsValid(reference->validator) || reference->is_foreign ||
		IsolationIsSerializable() || !same_keys(reference))
		return;
	plan = get_plan(reference, LOOKUP_WHOLE);
	if (!plan->foreign_code && is_worth_reading(plan, answers.missed))
		run_plan(plan, (Datum) 0, InvalidOid, &answers);
}

/* lookup_ask for whoever acts for the reference already. */
void
lookup_ask_begun(const Reference *reference, KeySet *set)
{
	int			first = key_set_first(set, KEY_PENDING, 0);

	if (first < 0)
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (!OidIsValid(reference->validator) && key_set_first(set, KEY_PENDING, first + 1) < 0)
		ask_single(reference, set, first);
	else
	{
		read_whole(reference, set);
		while ((first = key_set_first(set, KEY_PENDING, first)) >= 0)
		{
			CHECK_FOR_INTERRUPTS();
			first = ask_many(reference, set, first);
		}
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/* Ask for the pending keys of a set. */
void
lookup_ask(const Reference *reference, KeySet *set)
{
	LookupScope scope;

	lookup_begin(&scope, reference);
	lookup_ask_begun(reference, set);
	lookup_end(&scope);
}

/* Ask once more for one key that was missing, and say whether it still is. */
bool
lookup_is_missing(const Reference *reference, KeySet *set, int index)
{
	KeySet	   *one = key_set_make(reference);

	(void) key_set_add(one, key_set_key(set, index), NULL);
	lookup_ask(reference, one);
	key_set_mark(set, index, key_set_state(one, 0));
	return key_set_state(one, 0) != KEY_VALID;
}

/*
 * Refuse where policies would hide rows that hold keys from the role that looks
 * up: what is not seen is not known to be right.
 */
void
lookup_check_sees_rows(const Reference *reference)
{
	if (check_enable_rls(reference->part, reference->run_as, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("policies of relation \"%s\" hide rows from role \"%s\"",
						get_rel_name(reference->part),
						GetUserNameFromId(reference->run_as, false)),
				 errhint("Let the role own the table, or give it BYPASSRLS.")));
}

/* May the role that looks up read the contract's key? */
static bool
may_read(const Reference *reference)
{
	AttrNumber	key;

	if (object_aclcheck(NamespaceRelationId, get_rel_namespace(reference->contract),
						reference->run_as, ACL_USAGE) != ACLCHECK_OK)
		return false;
	if (pg_class_aclcheck(reference->contract, reference->run_as, ACL_SELECT) == ACLCHECK_OK)
		return true;
	key = get_attnum(reference->contract, NameStr(reference->key));
	return key > 0 &&
		pg_attribute_aclcheck(reference->contract, key, reference->run_as, ACL_SELECT) == ACLCHECK_OK;
}

/* May it call the validator? */
static bool
may_call(const Reference *reference)
{
	return object_aclcheck(NamespaceRelationId, get_func_namespace(reference->validator),
						   reference->run_as, ACL_USAGE) == ACLCHECK_OK &&
		object_aclcheck(ProcedureRelationId, reference->validator, reference->run_as,
						ACL_EXECUTE) == ACLCHECK_OK;
}

/* Why a contract or a validator cannot be asked now, or NULL. */
const char *
lookup_refusal(const Reference *reference)
{
	if (reference->validator_name)
	{
		if (!OidIsValid(reference->validator) || !get_func_name(reference->validator))
			return psprintf("Validator %s does not exist.", reference->validator_name);
		if (!may_call(reference))
			return psprintf("Role \"%s\" may not call its validator.",
							GetUserNameFromId(reference->run_as, true));
		return NULL;
	}
	if (!OidIsValid(reference->contract) || !get_rel_name(reference->contract))
		return psprintf("Contract %s cannot be used: it, or its key column, does not exist, or has another type.",
						reference->contract_name);
	if (!may_read(reference))
		return psprintf("Role \"%s\" may not read %s.",
						GetUserNameFromId(reference->run_as, true), reference->contract_name);
	return NULL;
}
