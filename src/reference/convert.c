/*
 * convert.c: a foreign key becomes a reference, with the data in place.
 *
 * The meaning is kept as far as loose coupling lets it be: what a key's
 * deletion does to the rows that hold it, when keys are checked, the name that
 * errors have.  What cannot be kept is said.
 */
#include "core/svc.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "nodes/parsenodes.h"
#include "reference/declare.h"
#include "reference/resolve.h"
#include "service/ownership.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

SVC_FUNCTION(svc_convert_foreign_key);

/* A foreign key of one column */
typedef struct ForeignKey
{
	char	   *name;
	char	   *column;
	Oid			referenced;
	char	   *referenced_column;
	char		on_delete;		/* as in pg_constraint */
	char		on_update;
	bool		deferrable;
	bool		deferred;
	bool		validated;
} ForeignKey;

/* The only element of an array of column numbers, as the column's name; NULL if there are more. */
static char *
only_column(HeapTuple tuple, AttrNumber attribute, Oid relation)
{
	bool		isnull;
	ArrayType  *array = DatumGetArrayTypeP(SysCacheGetAttr(CONSTROID, tuple, attribute, &isnull));

	if (isnull || ARR_DIMS(array)[0] != 1)
		return NULL;
	return get_attname(relation, ((int16 *) ARR_DATA_PTR(array))[0], false);
}

/* Refuse constraints that cannot become a reference. */
static void
check_constraint(Form_pg_constraint form, Oid relation)
{
	if (form->contype != CONSTRAINT_FOREIGN)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("constraint \"%s\" of relation \"%s\" is not a foreign key",
						NameStr(form->conname), get_rel_name(relation))));
	if (OidIsValid(form->conparentid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("constraint \"%s\" of relation \"%s\" is a part of another one",
						NameStr(form->conname), get_rel_name(relation)),
				 errhint("Convert the foreign key of the whole table.")));
}

/* Read a foreign key of a table. */
static ForeignKey
read_foreign_key(Oid relation, const char *name)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID,
										ObjectIdGetDatum(get_relation_constraint_oid(relation, name, false)));
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	ForeignKey	key = {0};

	check_constraint(form, relation);
	key.name = pstrdup(NameStr(form->conname));
	key.referenced = form->confrelid;
	key.column = only_column(tuple, Anum_pg_constraint_conkey, relation);
	if (!key.column)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("foreign key \"%s\" of relation \"%s\" has several columns", name,
						get_rel_name(relation)),
				 errdetail("Composite keys are not supported.")));
	key.referenced_column = only_column(tuple, Anum_pg_constraint_confkey, key.referenced);
	key.on_delete = form->confdeltype;
	key.on_update = form->confupdtype;
	key.deferrable = form->condeferrable;
	key.deferred = form->condeferred;
	key.validated = form->convalidated;
	ReleaseSysCache(tuple);
	return key;
}

/* Refuse a foreign key inside of a service. */
static void
check_two_services(Oid relation, const ForeignKey *key)
{
	NameData	service;

	if (ownership_of(relation, &service) != OWNED_NOT &&
		ownership_is(key->referenced, NameStr(service)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("foreign key \"%s\" of relation \"%s\" refers to a table of the same service \"%s\"",
						key->name, get_rel_name(relation), NameStr(service)),
				 errhint("Inside a service a foreign key is right.")));
}

/* Say why there is no contract, or which there are. */
static void
raise_no_entity(const ForeignKey *key, uint64 found, char *list)
{
	char	   *column = psprintf("%s of %s", quote_identifier(key->referenced_column),
								  svc_quote_relation(key->referenced));

	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no entity is published with column %s as its key", column),
				 errhint("svc.publish publishes a table; its service then grants it: svc.grant_contract.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("several entities are published with column %s as their key", column),
			 errdetail("They are: %s.", list),
			 errhint("Give service and entity.")));
}

/*
 * Find what is published of the referenced table, with all of its rows and the
 * referenced column as its key.
 */
static void
find_entity(const ForeignKey *key, ReferenceRow *row)
{
	uint64		found;
	SqlScope	scope;
	char	   *list = NULL;

	svc_sql_begin(&scope, svc_extension_owner());
	found = svc_sql("SELECT e.service, e.entity,"
					"       pg_catalog.string_agg(pg_catalog.format('\"%s\" of service \"%s\"', e.entity, e.service), ', ') OVER ()"
					"  FROM svc.entity e"
					" WHERE e.relation = $1 AND e.key = $2 AND (e.filter IS NULL OR e.entity = $4)"
					"   AND ($3 IS NULL OR e.service = $3) AND ($4 IS NULL OR e.entity = $4)"
					" ORDER BY 1, 2",
					sql_oid(key->referenced), sql_name(key->referenced_column),
					sql_name(row->service), sql_name(row->entity));
	svc_sql_keep();
	if (found > 0)
		list = svc_sql_value(0, 3);
	if (found != 1)
		raise_no_entity(key, found, list);
	row->service = svc_sql_value(0, 1);
	row->entity = svc_sql_value(0, 2);
	svc_sql_end(&scope);
}

/* What comes nearest to what a foreign key does with rows whose key is deleted. */
static ReferenceOnDelete
nearest_on_delete(const ForeignKey *key, const Declaration *d)
{
	Form_pg_attribute column = TupleDescAttr(RelationGetDescr(d->rel), d->column - 1);

	if (key->on_delete == FKCONSTR_ACTION_CASCADE)
		return ON_DELETE_DELETE;
	if (key->on_delete == FKCONSTR_ACTION_SETNULL && !column->attnotnull)
		return ON_DELETE_SET_NULL;
	return ON_DELETE_REPORT;
}

/* Say what is another thing from now on. */
static void
tell(const ForeignKey *key, const Declaration *d)
{
	StringInfoData detail;

	initStringInfo(&detail);
	if (d->row.on_delete == ON_DELETE_DELETE || d->row.on_delete == ON_DELETE_SET_NULL)
		appendStringInfo(&detail, "Rows follow the deletion of their key after it is committed (on_delete %s).",
						 reference_on_delete_name(d->row.on_delete));
	else
		appendStringInfo(&detail, "%s (on_delete %s).",
						 key->on_delete == FKCONSTR_ACTION_NOACTION ||
						 key->on_delete == FKCONSTR_ACTION_RESTRICT
						 ? "It does not keep keys from being deleted"
						 : "Rows whose key is deleted stay as they are",
						 reference_on_delete_name(d->row.on_delete));
	if (key->on_update == FKCONSTR_ACTION_CASCADE || key->on_update == FKCONSTR_ACTION_SETNULL ||
		key->on_update == FKCONSTR_ACTION_SETDEFAULT)
		appendStringInfoString(&detail, " A key that is changed counts as deleted.");
	if (key->deferrable && !key->deferred && d->row.mode == REFERENCE_COMMIT)
		appendStringInfoString(&detail, " It is checked at the end of the transaction, unless SET CONSTRAINTS says otherwise.");
	if (!d->row.validated)
		appendStringInfoString(&detail, " It was not validated, and its rows are not checked.");
	ereport(NOTICE,
			(errmsg("foreign key \"%s\" of %s is now reference \"%s\" to %s", key->name,
					svc_quote_relation(d->row.relation), d->row.name, svc_quote_relation(d->contract)),
			 errdetail_internal("%s", detail.data),
			 d->row.validated ? 0
			 : errhint("CALL svc.validate_reference(%s) checks them.", quote_literal_cstr(d->row.name))));
}

/* The foreign key's name, if it can be the reference's.  Inside a scope of the extension's owner. */
static char *
name_of(const ForeignKey *key, const Declaration *d)
{
	if (strlen(key->name) <= REFERENCE_MAX_NAME && !declare_is_taken(key->name))
		return key->name;
	return declare_free_name(d->rel, d->row.column);
}

/*
 * Dropping a foreign key locks out everybody from both tables: first, so that
 * no lock is made stronger later.
 */
static void
lock_both(Oid relation, const char *name)
{
	ForeignKey	key;

	svc_check_relation_owner(relation);
	key = read_foreign_key(relation, name);
	svc_lock_relation(relation, AccessExclusiveLock);
	svc_lock_relation(key.referenced, AccessExclusiveLock);
}

/* Drop the foreign key and declare the reference. */
static void
convert(Declaration *d, const ForeignKey *key)
{
	SqlScope	scope;

	/* no table is altered that is open */
	relation_close(d->rel, NoLock);
	svc_sql_begin(&scope, svc_extension_owner());
	svc_sql_do("ALTER TABLE %s DROP CONSTRAINT %s", svc_quote_relation(d->row.relation),
			   quote_identifier(key->name));
	d->rel = relation_open(d->row.relation, NoLock);
	if (!d->row.name)
		d->row.name = MemoryContextStrdup(scope.cxt, name_of(key, d));
	declare_make(d);
	svc_sql_end(&scope);
	tell(key, d);
}

/*
 * svc.convert_foreign_key(relation, constraint_name, service, entity, mode,
 *                         on_delete, name) → name
 */
Datum
svc_convert_foreign_key(PG_FUNCTION_ARGS)
{
	Declaration d = {.row.cache_ttl = REFERENCE_CACHE_TTL};
	ForeignKey	key;
	Name		result = palloc0(sizeof(NameData));
	char	   *name;
	int			mode;
	int			on_delete;

	svc_check_writable("svc.convert_foreign_key()");
	name = svc_arg_name(fcinfo, 1, "constraint_name");
	d.row.service = svc_arg_name_or_null(fcinfo, 2, "service");
	d.row.entity = svc_arg_name_or_null(fcinfo, 3, "entity");
	mode = declare_mode_arg(fcinfo, 4, -1);
	on_delete = declare_on_delete_arg(fcinfo, 5, -1);
	d.row.name = declare_name_arg(fcinfo, 6, "name");
	lock_both(svc_arg_relation(fcinfo, 0, "relation"), name);
	d.rel = declare_open_own_table(fcinfo, 0, "relation");

	key = read_foreign_key(RelationGetRelid(d.rel), name);
	check_two_services(RelationGetRelid(d.rel), &key);
	find_entity(&key, &d.row);
	d.row.column = key.column;
	d.column = svc_column_number(d.rel, key.column);
	d.row.mode = mode >= 0 ? mode : key.deferrable ? REFERENCE_COMMIT : REFERENCE_DEFAULT;
	d.row.on_delete = on_delete >= 0 ? on_delete : nearest_on_delete(&key, &d);
	d.row.validated = key.validated;
	declare_check(&d);
	convert(&d, &key);
	namestrcpy(result, d.row.name);
	relation_close(d.rel, NoLock);
	PG_RETURN_NAME(result);
}
