/*
 * tool_table.c: is a table one that a tool keeps its history in?
 *
 * Its owner can change it whenever he likes, to another type of a column or a
 * policy that runs what he wrote.  So it is looked at before each use, and not
 * only when it is adopted.
 */
#include "core/svc.h"

#include "access/sysattr.h"
#include "access/tupdesc.h"
#include "catalog/pg_class.h"
#include "migration/tool_table.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

/* Is it an ordinary table by itself?  The reason why not, or NULL. */
static const char *
wrong_kind(Relation rel)
{
	if (rel->rd_rel->relkind != RELKIND_RELATION)
		return "It is not an ordinary table.";
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return "It is a temporary table.";
	if (rel->rd_rel->relispartition || rel->rd_rel->relhassubclass)
		return "It is a part of another table, or has parts.";
	if (rel->rd_rel->relrowsecurity)
		return "It has row-level security, which would hide rows.";
	if (rel->rd_rules)
		return "It has rules, which make something else of what is written.";
	return NULL;
}

/* The column of a tool that a column of a table is; NULL: a foreign one. */
static const ToolColumn *
tool_column(const Tool *tool, const char *name)
{
	for (const ToolColumn *column = tool->columns; column->name; column++)
		if (strcmp(column->name, name) == 0)
			return column;
	return NULL;
}

/* Is the type one that the tool's column may have? */
static bool
has_type(const ToolColumn *column, Oid type)
{
	for (int i = 0; i < lengthof(column->types); i++)
		if (OidIsValid(column->types[i]) && column->types[i] == type)
			return true;
	return false;
}

/* The reason why a column is none that the tool's rows fit, or NULL. */
static const char *
wrong_column(const Tool *tool, Form_pg_attribute attribute)
{
	const ToolColumn *column = tool_column(tool, NameStr(attribute->attname));

	if (attribute->attisdropped)
		return NULL;
	if (column)
		return has_type(column, attribute->atttypid) ? NULL
			: psprintf("Its column \"%s\" is of type %s.", NameStr(attribute->attname),
					   format_type_be(attribute->atttypid));
	if (attribute->atthasdef || attribute->attidentity)
		return NULL;
	return psprintf("It has a column \"%s\", which the tool does not know and which has no default.",
					NameStr(attribute->attname));
}

/* The reason why the columns are not the tool's, or NULL. */
const char *
tool_table_columns_misfit(Relation rel, const Tool *tool)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (const ToolColumn *column = tool->columns; column->name; column++)
		if (!column->optional && get_attnum(RelationGetRelid(rel), column->name) <= 0)
			return psprintf("It has no column \"%s\".", column->name);
	for (int i = 0; i < desc->natts; i++)
	{
		const char *reason = wrong_column(tool, TupleDescAttr(desc, i));

		if (reason)
			return reason;
	}
	return NULL;
}

/* The reason why the primary key is not the tool's, or NULL. */
static const char *
wrong_key(Relation rel, const Tool *tool)
{
	AttrNumber	number = get_attnum(RelationGetRelid(rel), tool->key);
	Bitmapset  *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);

	if (bms_num_members(key) == 1 &&
		bms_is_member(number - FirstLowInvalidHeapAttributeNumber, key))
		return NULL;
	return psprintf("Its primary key is not (%s).", tool->key);
}

/* The reason why the table is not one of the tool, or NULL. */
const char *
tool_table_misfit(Relation rel, const Tool *tool)
{
	const char *reason = wrong_kind(rel);

	if (!reason)
		reason = tool_table_columns_misfit(rel, tool);
	if (!reason)
		reason = wrong_key(rel, tool);
	return reason;
}
