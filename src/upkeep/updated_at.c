/*
 * updated_at.c: the trigger function update_updated_at_column().
 *
 * What takes a PL/pgSQL function a microsecond is a few stores here: columns
 * are looked up once a statement, the time is now() and so the same for all
 * rows, and a column that is not NULL is overwritten in a copy of the row.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/trigger.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "upkeep/updated_at.h"

/* as many columns as anybody has; more are set in a copy */
#define MAX_IN_PLACE 4

/* What one trigger does in one statement */
typedef struct UpdatedAt
{
	Oid			relation;
	Oid			trigger;
	bool		on_change;		/* a row that did not change keeps its time */
	int			n;
	int		   *columns;		/* attribute numbers */
	Datum	   *values;			/* now, in each column's type */
	bool	   *nulls;			/* none of them is */
} UpdatedAt;

SVC_FUNCTION(svc_update_updated_at_column);

/* Refuse triggers that fire where nothing can be set any more. */
static void
check_protocol(FunctionCallInfo fcinfo)
{
	TriggerData *data = svc_trigger_data(fcinfo, "update_updated_at_column()");

	if (!TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		!(data->tg_trigger->tgtype & TRIGGER_TYPE_UPDATE))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of \"%s\" cannot call update_updated_at_column()",
						data->tg_trigger->tgname, RelationGetRelationName(data->tg_relation)),
				 errdetail("It must fire BEFORE UPDATE, FOR EACH ROW."),
				 errhint("svc.keep_updated_at makes one that does.")));
}

/* The time of this transaction as a value of a column: of its type, and as precise as it is. */
static Datum
now_for(Relation rel, Form_pg_attribute column)
{
	Datum		now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	Datum		typmod = Int32GetDatum(column->atttypmod);

	switch (column->atttypid)
	{
		case TIMESTAMPTZOID:
			return DirectFunctionCall2(timestamptz_scale, now, typmod);
		case TIMESTAMPOID:
			return DirectFunctionCall2(timestamp_scale,
									   DirectFunctionCall1(timestamptz_timestamp, now), typmod);
		case DATEOID:
			return DirectFunctionCall1(timestamptz_date, now);
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of relation \"%s\" is of type %s", NameStr(column->attname),
							RelationGetRelationName(rel), format_type_be(column->atttypid)),
					 errdetail("update_updated_at_column() sets columns of type timestamptz, timestamp and date."),
					 errtable(rel)));
			return (Datum) 0;	/* keep compiler quiet */
	}
}

/* Is this a type that can hold a time of change? */
bool
updated_at_type(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

/* Check a column that shall hold a time; returns its number. */
AttrNumber
updated_at_column(Relation rel, const char *column)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), column) != 0)
			continue;
		(void) now_for(rel, attribute);
		if (attribute->attgenerated)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_DEFINITION),
					 errmsg("column \"%s\" of relation \"%s\" is a generated column", column,
							RelationGetRelationName(rel)),
					 errtable(rel)));
		return attribute->attnum;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of relation \"%s\" does not exist", column,
					RelationGetRelationName(rel)),
			 errhint("update_updated_at_column() sets updated_at, or the columns that the trigger names as arguments."),
			 errtable(rel)));
	return InvalidAttrNumber;	/* keep compiler quiet */
}

/* Add a column to what a trigger sets. */
static void
add_column(UpdatedAt *u, Relation rel, const char *column)
{
	AttrNumber	number = updated_at_column(rel, column);

	u->columns[u->n] = number;
	u->values[u->n] = now_for(rel, TupleDescAttr(RelationGetDescr(rel), number - 1));
	u->nulls[u->n] = false;
	u->n++;
}

/* Read a trigger's arguments, in memory that lives as long as the statement. */
static UpdatedAt *
read_arguments(FunctionCallInfo fcinfo)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Trigger    *trigger = data->tg_trigger;
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	UpdatedAt  *u = palloc0(sizeof(UpdatedAt));
	int			room = Max(trigger->tgnargs, 1);

	u->relation = RelationGetRelid(data->tg_relation);
	u->trigger = trigger->tgoid;
	u->columns = palloc(sizeof(int) * room);
	u->values = palloc(sizeof(Datum) * room);
	u->nulls = palloc(sizeof(bool) * room);
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (strcmp(trigger->tgargs[i], UPDATED_AT_ON_CHANGE) == 0)
			u->on_change = true;
		else
			add_column(u, data->tg_relation, trigger->tgargs[i]);
	}
	if (u->n == 0)
		add_column(u, data->tg_relation, UPDATED_AT_DEFAULT);
	MemoryContextSwitchTo(old);
	return u;
}

/* Is this one of the columns that the trigger sets? */
static bool
sets_column(const UpdatedAt *u, AttrNumber number)
{
	for (int i = 0; i < u->n; i++)
		if (u->columns[i] == number)
			return true;
	return false;
}

/*
 * Did any other column change?  Generated columns follow from the others.
 */
static bool
row_changed(const UpdatedAt *u, TupleTableSlot *before, TupleTableSlot *after)
{
	TupleDesc	desc = after->tts_tupleDescriptor;

	slot_getallattrs(before);
	slot_getallattrs(after);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped || attribute->attgenerated || sets_column(u, i + 1))
			continue;
		if (before->tts_isnull[i] != after->tts_isnull[i])
			return true;
		if (!before->tts_isnull[i] &&
			!datum_image_eq(before->tts_values[i], after->tts_values[i],
							attribute->attbyval, attribute->attlen))
			return true;
	}
	return false;
}

/* The new row with the times of the old one. */
static HeapTuple
keep_times(const UpdatedAt *u, TriggerData *data)
{
	TupleTableSlot *before = data->tg_trigslot;
	Datum	   *values = palloc(sizeof(Datum) * u->n);
	bool	   *nulls = palloc(sizeof(bool) * u->n);

	for (int i = 0; i < u->n; i++)
		values[i] = slot_getattr(before, u->columns[i], &nulls[i]);
	return heap_modify_tuple_by_cols(data->tg_newtuple, RelationGetDescr(data->tg_relation),
									 u->n, u->columns, values, nulls);
}

/* Where a column's value stands in a row, or NULL where it has no place (it is NULL). */
static char *
place_of(HeapTuple row, TupleDesc desc, int column)
{
	HeapTupleHeader header = row->t_data;
	char	   *data = (char *) header + header->t_hoff;
	bool		has_nulls = HeapTupleHasNulls(row);
	uint32		offset = 0;

	if (HeapTupleHeaderGetNatts(header) < column ||
		(has_nulls && att_isnull(column - 1, header->t_bits)))
		return NULL;
	for (int i = 0;; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (has_nulls && att_isnull(i, header->t_bits))
			continue;
		offset = att_align_pointer(offset, attribute->attalign, attribute->attlen, data + offset);
		if (i == column - 1)
			return data + offset;
		offset = att_addlength_pointer(offset, attribute->attlen, data + offset);
	}
}

/* Put a column's time where it stands in a row. */
static void
overwrite(char *place, Datum value, Form_pg_attribute column)
{
	if (column->attbyval)
		store_att_byval(place, value, column->attlen);
	else
		memcpy(place, DatumGetPointer(value), column->attlen);
}

/*
 * The row with the time of now: a copy that is overwritten, or, where a column
 * is NULL and has no place, a row that is made anew.
 */
static HeapTuple
set_times(const UpdatedAt *u, HeapTuple row, TupleDesc desc)
{
	HeapTuple	copy = heap_copytuple(row);

	for (int i = 0; i < u->n; i++)
	{
		char	   *place = place_of(copy, desc, u->columns[i]);

		if (!place)
			return heap_modify_tuple_by_cols(row, desc, u->n, u->columns, u->values, u->nulls);
		overwrite(place, u->values[i], TupleDescAttr(desc, u->columns[i] - 1));
	}
	return copy;
}

/*
 * Set the times in the new row itself, where that is the executor's own copy of
 * it and not one made for us; false where it is not, or a column is NULL.  This
 * saves two copies a row, which is most of what is left to save.
 */
static bool
set_times_in_place(const UpdatedAt *u, HeapTuple row, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	char	   *places[MAX_IN_PLACE];

	if (u->n > MAX_IN_PLACE || !(TTS_IS_BUFFERTUPLE(slot) || TTS_IS_HEAPTUPLE(slot)) ||
		!TTS_SHOULDFREE(slot) || ((HeapTupleTableSlot *) slot)->tuple != row)
		return false;
	for (int i = 0; i < u->n; i++)
		if (!(places[i] = place_of(row, desc, u->columns[i])))
			return false;
	for (int i = 0; i < u->n; i++)
	{
		overwrite(places[i], u->values[i], TupleDescAttr(desc, u->columns[i] - 1));
		/* a condition or an earlier trigger may have read it already */
		if (slot->tts_nvalid >= u->columns[i] && TupleDescAttr(desc, u->columns[i] - 1)->attbyval)
			slot->tts_values[u->columns[i] - 1] = u->values[i];
	}
	return true;
}

/*
 * svc_triggers.update_updated_at_column(): trigger function, BEFORE UPDATE
 * (and, if the trigger says so, INSERT), FOR EACH ROW.
 */
Datum
svc_update_updated_at_column(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	UpdatedAt  *u = fcinfo->flinfo->fn_extra;
	HeapTuple	row;

	if (!u || !CALLED_AS_TRIGGER(fcinfo) || u->trigger != data->tg_trigger->tgoid ||
		u->relation != RelationGetRelid(data->tg_relation))
	{
		check_protocol(fcinfo);
		u = fcinfo->flinfo->fn_extra = read_arguments(fcinfo);
	}
	if (!TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		row = data->tg_trigtuple;
	else if (u->on_change && !row_changed(u, data->tg_trigslot, data->tg_newslot))
		return PointerGetDatum(keep_times(u, data));
	else
	{
		row = data->tg_newtuple;
		if (set_times_in_place(u, row, data->tg_newslot))
			return PointerGetDatum(row);
	}
	return PointerGetDatum(set_times(u, row, RelationGetDescr(data->tg_relation)));
}
