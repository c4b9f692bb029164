/*
 * declare.c: the functions that declare, change and end references.
 *
 * Who declares a reference lets the owner role of the referencing service look
 * keys up, and for on_delete change rows, whenever somebody writes: so the
 * caller must be a member of that role, and own the table.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "reference/declare.h"
#include "reference/reference_row.h"
#include "reference/resolve.h"
#include "reference/violation.h"
#include "service/ownership.h"
#include "service/service.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

SVC_FUNCTION(svc_create_reference);
SVC_FUNCTION(svc_alter_reference);
SVC_FUNCTION(svc_drop_reference);

/* No answer is that old; and none is worth keeping for less than nothing */
#define MAX_CACHE_TTL ((int64) 24 * SECS_PER_HOUR * 1000)

/* Names of references are given and taken one at a time. */
void
declare_lock_names(void)
{
	LockDatabaseObject(RelationRelationId, svc_catalog_relation("reference"), 0, ExclusiveLock);
}

/* Is there a reference of this name?  Inside a scope of the extension's owner. */
bool
declare_is_taken(const char *name)
{
	return svc_sql("SELECT 1 FROM svc.reference WHERE reference = $1", sql_name(name)) > 0;
}

/*
 * A name for a reference: <table>_<column>_ref, cut as the server cuts names of
 * constraints, with a number if it is taken.  Leaves room for what names of
 * triggers add.  Inside a scope of the extension's owner.
 */
char *
declare_free_name(Relation rel, const char *column)
{
	const char *room = "________";

	StaticAssertStmt(NAMEDATALEN - 1 - 8 == REFERENCE_MAX_NAME, "room for suffixes of triggers");
	for (int n = 0;; n++)
	{
		char	   *label = n == 0 ? psprintf("ref%s", room) : psprintf("ref%d%s", n, room);
		char	   *name = makeObjectName(RelationGetRelationName(rel), column, label);

		name[strlen(name) - strlen(room)] = '\0';
		if (!declare_is_taken(name))
			return name;
	}
}

/* Refuse to declare the same thing twice. */
static void
check_not_declared(const Declaration *d)
{
	if (svc_sql("SELECT r.reference FROM svc.reference r"
				" WHERE r.relation = $1 AND r.column_name = $2 AND r.service = $3 AND r.entity = $4",
				sql_regclass(d->row.relation), sql_name(d->row.column), sql_name(d->row.service),
				sql_name(d->row.entity)) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("column \"%s\" of relation \"%s\" refers to %s already", d->row.column,
						RelationGetRelationName(d->rel), svc_quote_relation(d->contract)),
				 errdetail("This is reference \"%s\".", svc_sql_value(0, 1)),
				 errhint("svc.alter_reference changes it.")));
}

/* How many rows a table has with its parts, as estimated; -1: nobody knows. */
static double
estimate_rows(Relation rel)
{
	double		rows = 0;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(RelationGetRelid(rel), NoLock, NULL))
	{
		Relation	part = relation_open(lfirst_oid(cell), NoLock);

		if (RELKIND_HAS_STORAGE(part->rd_rel->relkind) && RelationGetNumberOfBlocks(part) > 0)
			rows = part->rd_rel->reltuples < 0 || rows < 0 ? -1 : rows + part->rd_rel->reltuples;
		relation_close(part, NoLock);
	}
	return rows;
}

/* Has a relation, or a part of it, any rows?  Dead ones count, too. */
bool
declare_has_blocks(Oid relation)
{
	bool		found = false;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relation, NoLock, NULL))
	{
		Relation	rel = relation_open(lfirst_oid(cell), AccessShareLock);

		found |= RELKIND_HAS_STORAGE(rel->rd_rel->relkind) && RelationGetNumberOfBlocks(rel) > 0;
		relation_close(rel, NoLock);
	}
	return found;
}

/* Say that there are rows that nobody has checked. */
static void
tell_of_rows(const Declaration *d)
{
	double		rows = estimate_rows(d->rel);

	ereport(NOTICE,
			(rows > 0 ? errmsg("about %.0f rows of \"%s\" are not checked", rows,
							   RelationGetRelationName(d->rel))
			 : errmsg("the rows that \"%s\" has are not checked", RelationGetRelationName(d->rel)),
			 errhint("CALL svc.validate_reference(%s) checks them.", quote_literal_cstr(d->row.name))));
}

/*
 * Say where no index finds the rows whose keys are deleted, if something is to
 * be done with them.  Predicates are only compared, as text: to read them as the
 * planner does would run functions in them.  Inside a scope of the extension's owner.
 */
static void
tell_of_index(const Declaration *d)
{
	List	   *family;

	if (d->row.on_delete != ON_DELETE_SET_NULL && d->row.on_delete != ON_DELETE_DELETE)
		return;
	family = find_all_inheritors(d->row.relation, NoLock, NULL);
	if (svc_sql("SELECT 1 FROM pg_catalog.pg_class c"
				" WHERE c.oid = ANY ($1) AND c.relkind = 'r' AND NOT EXISTS ("
				"   SELECT 1 FROM pg_catalog.pg_index i"
				"     JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
				"    WHERE i.indrelid = c.oid AND i.indisvalid AND a.attname = $2"
				"      AND (i.indpred IS NULL"
				"           OR pg_catalog.pg_get_expr(i.indpred, i.indrelid) = pg_catalog.format('(%I IS NOT NULL)', $2)))",
				sql_oids(family, OIDARRAYOID), sql_name(d->row.column)) > 0)
		ereport(NOTICE,
				(errmsg("no index finds the rows of \"%s\" by \"%s\"", RelationGetRelationName(d->rel),
						d->row.column),
				 errdetail("All rows are read whenever keys are deleted (on_delete %s).",
						   reference_on_delete_name(d->row.on_delete)),
				 errhint("CREATE INDEX ON %s (%s);", svc_quote_relation(d->row.relation),
						 quote_identifier(d->row.column))));
}

/* Declare: write the row and make the triggers.  Inside a scope of the extension's owner. */
void
declare_make(Declaration *d)
{
	declare_lock_names();
	check_not_declared(d);
	if (!d->row.name)
		d->row.name = declare_free_name(d->rel, d->row.column);
	reference_insert(&d->row);
	svc_sql("INSERT INTO svc.reference_state (reference, needs_sweep, validated_at)"
			" VALUES ($1, NOT $2, CASE WHEN $2 THEN pg_catalog.now() END)",
			sql_name(d->row.name), sql_bool(d->row.validated));
	declare_check_mode(d);
	reference_make_triggers(&d->row);
}

/* Which of some words a text argument is; "none" where it is NULL. */
static int
word_arg(FunctionCallInfo fcinfo, int i, const char *what, int (*index_of) (const char *),
		 const char *words, int none)
{
	char	   *word = svc_arg_text_or_null(fcinfo, i, what);
	int			index;

	if (!word)
		return none;
	index = index_of(word);
	if (index < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" has no value \"%s\"", what, word),
				 errhint("Use one of: %s.", words)));
	return index;
}

/* The argument that says for how long answers are remembered, in milliseconds. */
static int64
cache_ttl_arg(FunctionCallInfo fcinfo, int i, int64 none)
{
	double		value;

	if (PG_ARGISNULL(i))
		return none;
	if (svc_interval_is_infinite(PG_GETARG_INTERVAL_P(i)))
		value = MAX_CACHE_TTL + 1;
	else
		value = DatumGetFloat8(DirectFunctionCall2(interval_part,
												   PointerGetDatum(cstring_to_text("epoch")),
												   PG_GETARG_DATUM(i))) * 1000;
	if (value < 0 || value > MAX_CACHE_TTL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a time from zero to a day", "cache_ttl")));
	return (int64) value;
}

/* A name for a reference that an argument gives, or NULL. */
char *
declare_name_arg(FunctionCallInfo fcinfo, int i, const char *what)
{
	char	   *name = svc_arg_name_or_null(fcinfo, i, what);

	if (name && strlen(name) > REFERENCE_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of reference \"%s\" is too long", name),
				 errdetail("It has %d bytes, and may have %d: names of triggers are made from it.",
						   (int) strlen(name), REFERENCE_MAX_NAME)));
	return name;
}

/* The argument that says when keys are checked. */
int
declare_mode_arg(FunctionCallInfo fcinfo, int i, int none)
{
	return word_arg(fcinfo, i, "mode", reference_mode_of,
					"default, statement, commit, async, observe, off", none);
}

/* The argument that says what becomes of rows whose key is deleted. */
int
declare_on_delete_arg(FunctionCallInfo fcinfo, int i, int none)
{
	return word_arg(fcinfo, i, "on_delete", reference_on_delete_of,
					"report, set_null, delete, keep", none);
}

/* The arguments from number "first" on that say how a reference behaves; what is NULL stays. */
static void
policy_args(FunctionCallInfo fcinfo, int first, ReferenceRow *row)
{
	row->mode = declare_mode_arg(fcinfo, first, row->mode);
	row->on_missing = word_arg(fcinfo, first + 1, "on_missing", reference_on_missing_of,
							   "reject, report", row->on_missing);
	row->on_unavailable = word_arg(fcinfo, first + 2, "on_unavailable", reference_on_unavailable_of,
								   "accept, reject", row->on_unavailable);
	row->on_delete = declare_on_delete_arg(fcinfo, first + 3, row->on_delete);
	row->cache_ttl = cache_ttl_arg(fcinfo, first + 4, row->cache_ttl);
}

/*
 * svc.create_reference(relation, column_name, service, entity, mode, on_missing,
 *                      on_unavailable, on_delete, cache_ttl, name, validator) → name
 */
Datum
svc_create_reference(PG_FUNCTION_ARGS)
{
	Declaration d = {.row.cache_ttl = REFERENCE_CACHE_TTL};
	Name		result = palloc0(sizeof(NameData));
	SqlScope	scope;

	svc_check_writable("svc.create_reference()");
	d.row.column = svc_arg_name(fcinfo, 1, "column_name");
	d.row.service = svc_arg_name(fcinfo, 2, "service");
	d.row.entity = svc_arg_name(fcinfo, 3, "entity");
	policy_args(fcinfo, 4, &d.row);
	d.row.name = declare_name_arg(fcinfo, 9, "name");
	d.row.validator = svc_arg_text_or_null(fcinfo, 10, "validator");
	d.rel = declare_open_own_table(fcinfo, 0, "relation");
	declare_check(&d);
	d.row.validated = !declare_has_blocks(d.row.relation);

	svc_sql_begin(&scope, svc_extension_owner());
	declare_make(&d);
	namestrcpy(result, d.row.name);
	if (!d.row.validated)
		tell_of_rows(&d);
	tell_of_index(&d);
	svc_sql_end(&scope);
	relation_close(d.rel, NoLock);
	PG_RETURN_NAME(result);
}

/* The declared reference of a name, or NULL. */
static ReferenceRow *
find_row(const char *name)
{
	ReferenceRow *row;
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	row = reference_row(&scope, name);
	svc_sql_end(&scope);
	return row;
}

/* Refuse whoever may not change a reference: who may declare it may. */
static void
check_may_change(const ReferenceRow *row)
{
	NameData	service;

	if (!get_rel_name(row->relation))
		return;
	svc_check_relation_owner(row->relation);
	if (ownership_of(row->relation, &service) != OWNED_NOT && service_lookup(NameStr(service), true))
		service_check_owned_by(service_lookup(NameStr(service), false), GetUserId());
}

/*
 * A declared reference, with its table locked; NULL where there is none and
 * that is all right.  Whoever changed it while we waited is heard.
 */
static ReferenceRow *
lock_row(const char *name, bool if_exists)
{
	ReferenceRow *row = find_row(name);

	while (row)
	{
		Oid			relation = row->relation;

		check_may_change(row);
		if (get_rel_name(relation))
			(void) svc_lock_family(relation, ShareRowExclusiveLock);
		declare_lock_names();
		row = find_row(name);
		if (row && row->relation == relation)
		{
			check_may_change(row);
			return row;
		}
	}
	if (!if_exists)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("reference \"%s\" does not exist", name),
				 errhint("SELECT * FROM svc.references_declared lists the references.")));
	ereport(NOTICE, (errmsg("reference \"%s\" does not exist, skipping", name)));
	return NULL;
}

/* What a reference is like that exists, for the checks of a change. */
static void
describe(Declaration *d, const ReferenceRow *row)
{
	d->row = *row;
	d->rel = relation_open(row->relation, NoLock);
	d->column = svc_column_number(d->rel, row->column);
	d->run_as = reference_run_as(row->relation);
	d->contract = reference_relation_of_name(reference_contract_name(row->service, row->entity),
											 NULL, NULL);
	d->is_foreign = OidIsValid(d->contract) && reference_reads_foreign(d->contract);
}

/* Is a trigger of a reference not there, so that nobody saw rows? */
static bool
lacks_triggers(const char *name)
{
	return svc_sql("SELECT 1 FROM svc.reference_trigger WHERE reference = $1 AND state = 'missing'",
				   sql_name(name)) > 0;
}

/* Is a reference's validator another one, by which nobody has looked at its rows? */
static bool
changes_validator(const ReferenceRow *before, const ReferenceRow *after)
{
	if (!before->validator || !after->validator)
		return before->validator != after->validator;
	return strcmp(before->validator, after->validator) != 0;
}

/* Does nobody know which rows came while a reference was like this, for whom they were journalled, or whether they are valid? */
static bool
loses_track(const ReferenceRow *before, const ReferenceRow *after)
{
	return (before->mode == REFERENCE_OFF && after->mode != REFERENCE_OFF) ||
		strcmp(before->name, after->name) != 0 || changes_validator(before, after) ||
		lacks_triggers(before->name);
}

/* Write what changed, and let the triggers say it.  Inside a scope of the extension's owner. */
static void
change(Declaration *d, const ReferenceRow *before)
{
	bool		renamed = strcmp(before->name, d->row.name) != 0;
	bool		lost = loses_track(before, &d->row);

	if (renamed && declare_is_taken(d->row.name))
		reference_raise_taken(d->row.name);
	reference_update(before->name, &d->row);
	if (renamed)
	{
		reference_drop_triggers(before->name, before->relation);
		violation_follow(before->name, d->row.name);
	}
	declare_check_mode(d);
	reference_make_triggers(&d->row);
	if (lost)
		reference_need_sweep(d->row.name);
}

/*
 * svc.alter_reference(name, mode, on_missing, on_unavailable, on_delete,
 *                     cache_ttl, validator, new_name)
 */
Datum
svc_alter_reference(PG_FUNCTION_ARGS)
{
	ReferenceRow *before;
	Declaration d = {0};
	char	   *validator;
	char	   *new_name;
	SqlScope	scope;

	svc_check_writable("svc.alter_reference()");
	validator = svc_arg_text_or_null(fcinfo, 6, "validator");
	new_name = declare_name_arg(fcinfo, 7, "new_name");
	before = lock_row(svc_arg_name(fcinfo, 0, "name"), false);
	describe(&d, before);
	d.row.confirmed = true;
	policy_args(fcinfo, 1, &d.row);
	if (new_name)
		d.row.name = new_name;
	if (validator)
	{
		d.row.validator = validator[0] ? validator : NULL;
		declare_check_validator(&d);
	}
	declare_check_on_delete(&d);

	svc_sql_begin(&scope, svc_extension_owner());
	change(&d, before);
	if (d.row.on_delete != before->on_delete)
		tell_of_index(&d);
	svc_sql_end(&scope);
	relation_close(d.rel, NoLock);
	PG_RETURN_VOID();
}

/*
 * svc.drop_reference(name, if_exists)
 */
Datum
svc_drop_reference(PG_FUNCTION_ARGS)
{
	char	   *name;
	ReferenceRow *row;
	SqlScope	scope;

	svc_check_writable("svc.drop_reference()");
	name = svc_arg_name(fcinfo, 0, "name");
	row = lock_row(name, svc_arg_bool(fcinfo, 1, "if_exists"));
	if (!row)
		PG_RETURN_VOID();
	svc_sql_begin(&scope, svc_extension_owner());
	reference_forget(row);
	svc_sql_end(&scope);
	PG_RETURN_VOID();
}
