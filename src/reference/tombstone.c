/*
 * tombstone.c: rows of svc.tombstone, and what sessions remember of them.
 *
 * A row stands for keys of one reference that were deleted together, so that
 * ten million deleted keys are a thousand rows.  settle.c leads it through its
 * states.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/inval.h"
#include "core/sql.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "reference/lookup.h"
#include "reference/settle.h"
#include "reference/tombstone.h"
#include "reference/watch.h"
#include "service/service.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "worker/worker.h"

SVC_FUNCTION(svc_tombstones);

/* Columns of svc.tombstone that are read without SQL, in the order of its definition */
enum
{
	COL_REFERENCE = 2,
	COL_KEYS
};

/* What this session knows: is there a tombstone at all? */
static enum
{
	ANY_UNKNOWN,
	ANY_NO,
	ANY_YES
}			any_tombstone = ANY_UNKNOWN;

/* A relation changed; only sets a flag.  Which one does not matter: it is rare, and to look again is cheap. */
static void
relation_changed(Oid relation)
{
	any_tombstone = ANY_UNKNOWN;
}

/* Note deleted keys (NULL: which ones is not known), as part of the current transaction. */
void
tombstone_add(const char *reference, ArrayType *keys)
{
	SqlScope	scope;
	int			n = keys ? ArrayGetNItems(ARR_NDIM(keys), ARR_DIMS(keys)) : 0;

	if (keys && n == 0)
		return;
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql("INSERT INTO svc.tombstone (reference, keys, key_count) VALUES ($1, $2, $3)",
			sql_name(reference),
			keys ? sql_datum(PointerGetDatum(keys), BYTEAOID) : sql_null(BYTEAOID),
			sql_datum(Int32GetDatum(n), INT4OID));
	svc_sql_end(&scope);
	worker_ring();
}

/* Let what on_delete says be done with the rows that hold the missing and deleted keys of a set. */
void
action_on_deleted(const Reference *reference, KeySet *set)
{
	static const KeyState states[] = {KEY_MISSING, KEY_DELETED};

	if (reference->on_delete == ON_DELETE_KEEP)
		return;
	for (int i = 0; i < lengthof(states); i++)
	{
		int			from = 0;
		ArrayType  *keys;

		while ((keys = key_set_array(set, states[i], &from, TOMBSTONE_KEYS)) != NULL)
			tombstone_add(NameStr(reference->name), keys);
	}
}

/* Mark those of a set's keys that are among some deleted ones. */
static void
mark_keys(KeySet *set, ArrayType *deleted)
{
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *keys;
	int			n;

	get_typlenbyvalalign(ARR_ELEMTYPE(deleted), &length, &by_value, &align);
	deconstruct_array(deleted, ARR_ELEMTYPE(deleted), length, by_value, align, &keys, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		int			index = key_set_find(set, keys[i]);

		if (index >= 0 && key_set_state(set, index) == KEY_MISSING)
			key_set_mark(set, index, KEY_DELETED);
	}
	pfree(keys);
}

/* Mark keys by all tombstones of a reference, read with the newest snapshot. */
static void
mark_all(const Reference *reference, KeySet *set)
{
	Relation	rel = table_open(svc_catalog_relation("tombstone"), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	row;
	LookupScope acting;

	/* keys are compared, which may run code of their type's author */
	lookup_begin(&acting, reference);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		name = heap_getattr(row, COL_REFERENCE, RelationGetDescr(rel), &isnull);
		Datum		keys = heap_getattr(row, COL_KEYS, RelationGetDescr(rel), &isnull);
		ArrayType  *deleted;

		CHECK_FOR_INTERRUPTS();
		if (isnull || namestrcmp(DatumGetName(name), NameStr(reference->name)) != 0)
			continue;
		deleted = DatumGetArrayTypePCopy(keys);
		if (ARR_ELEMTYPE(deleted) == reference->key_type)
			mark_keys(set, deleted);
		pfree(deleted);
	}
	lookup_end(&acting);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/*
 * Keys of a set that are missing and have a tombstone become KEY_DELETED; those
 * that could not be asked may have been made again.  Where the key's type in
 * the contract is not the column's, this is not told.
 */
void
tombstone_mark(const Reference *reference, KeySet *set)
{
	if (any_tombstone == ANY_NO || key_set_first(set, KEY_MISSING, 0) < 0)
		return;
	if (any_tombstone == ANY_UNKNOWN)
	{
		bool		any;

		/* what comes while we look makes us look again */
		any_tombstone = ANY_NO;
		any = svc_catalog_mentions("tombstone", 0, NIL);
		if (any)
			any_tombstone = ANY_YES;
	}
	if (any_tombstone == ANY_YES)
		mark_all(reference, set);
}

/* What tombstones do when the library is loaded. */
void
TombstoneInit(void)
{
	svc_on_relation_change(relation_changed);
	WatchFollowInit();
	SettleInit();
}

/* Refuse a reference that is not there, or that the caller may not see. */
static void
check_may_see(const char *reference, Oid caller)
{
	if (svc_sql("SELECT pg_catalog.pg_has_role($2, s.owner, 'MEMBER') OR coalesce(pg_catalog.pg_has_role($2, o.owner, 'MEMBER'), false)"
				"  FROM svc.reference r"
				"  LEFT JOIN svc.service s ON s.service = svc.owner_of(r.relation)"
				"  LEFT JOIN svc.service o ON o.service = r.service"
				" WHERE r.reference = $1", sql_name(reference), sql_oid(caller)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("reference \"%s\" does not exist", reference)));
	if (!svc_sql_bool_value(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to see deleted keys of reference \"%s\"", reference),
				 errdetail("Members of the owner roles of its two services may.")));
}

/* Add the keys of one tombstone, a row of the last result, to a function's result. */
static void
report_keys(ReturnSetInfo *result, HeapTuple row, TupleDesc desc)
{
	Datum		values[7];
	bool		nulls[7];
	ArrayType  *array;
	Datum	   *keys;
	int			n;
	int16		length;
	bool		by_value;
	char		align;
	Oid			output;
	bool		is_varlena;

	heap_deform_tuple(row, desc, values, nulls);
	if (nulls[1])
	{
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		return;
	}
	array = DatumGetArrayTypePCopy(values[1]);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	getTypeOutputInfo(ARR_ELEMTYPE(array), &output, &is_varlena);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &keys, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		values[1] = CStringGetTextDatum(OidOutputFunctionCall(output, keys[i]));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * svc.tombstones(of_reference) → reference, key, state, deleted_at, settled_at, attempts, last_error
 */
Datum
svc_tombstones(PG_FUNCTION_ARGS)
{
	char	   *reference = svc_arg_name_or_null(fcinfo, 0, "of_reference");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SPITupleTable *table;
	uint64		rows;
	SqlScope	scope;

	InitMaterializedSRF(fcinfo, 0);
	svc_sql_begin(&scope, svc_extension_owner());
	if (reference)
		check_may_see(reference, scope.saved_user);
	rows = svc_sql("SELECT t.reference, t.keys, t.state, t.deleted_at, t.settled_at, t.attempts, t.last_error"
				   "  FROM svc.tombstone t"
				   "  JOIN svc.reference r ON r.reference = t.reference"
				   "  LEFT JOIN svc.service s ON s.service = svc.owner_of(r.relation)"
				   "  LEFT JOIN svc.service o ON o.service = r.service"
				   " WHERE ($1 IS NULL OR t.reference = $1)"
				   "   AND (pg_catalog.pg_has_role($2, s.owner, 'MEMBER') OR pg_catalog.pg_has_role($2, o.owner, 'MEMBER'))"
				   " ORDER BY t.deleted_at, t.id",
				   sql_name(reference), sql_oid(scope.saved_user));
	table = SPI_tuptable;
	for (uint64 row = 0; row < rows; row++)
		report_keys(result, table->vals[row], table->tupdesc);
	svc_sql_end(&scope);
	return (Datum) 0;
}
