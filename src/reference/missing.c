/*
 * missing.c: what is said of keys that are refused.
 *
 * A missing key is a foreign key violation to whoever reads errors by their
 * code and fields: drivers, mappers, applications.
 */
#include "core/svc.h"

#include "access/sysattr.h"
#include "core/relation.h"
#include "core/sql.h"
#include "miscadmin.h"
#include "reference/check.h"
#include "reference/lookup.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/errcodes.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/typcache.h"

/* May the user see values of the column? */
static bool
may_see(Relation rel, AttrNumber column)
{
	Oid			relid = RelationGetRelid(rel);

	if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
		return false;
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck(relid, column, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/*
 * Does a row of the whole table still hold a key?  A foreign key does not ask for
 * the keys of rows that are gone, either.  A row that left its partition is in
 * another one.  Where the role that looks up does not see all rows, they are
 * taken to be there.
 */
bool
missing_is_held(const Reference *reference, Datum key)
{
	Oid			relid = reference->relation;
	TypeCacheEntry *type = lookup_type_cache(reference->key_type, TYPECACHE_EQ_OPR);
	char	   *name = get_attname(reference->part, reference->column, false);
	const char *column = psprintf("t.%s", quote_identifier(name));
	const char *equals = lookup_operator(type->eq_opr);
	LookupScope scope;
	SqlScope	sql;
	bool		held = true;

	lookup_begin(&scope, reference);
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED)
	{
		svc_sql_begin_restricted(&sql, GetUserId());
		held = svc_sql(psprintf(reference->is_array ?
								"SELECT 1 FROM %s AS t WHERE $1 %s ANY (%s) LIMIT 1" :
								"SELECT 1 FROM %s AS t WHERE $1 %s %s LIMIT 1",
								svc_quote_relation(relid), equals,
								reference->is_array ? lookup_as_keys(reference, column)
								: lookup_as_key(reference, column)),
					   sql_datum(key, reference->key_type)) > 0;
		svc_sql_end(&sql);
	}
	lookup_end(&scope);
	return held;
}

/* Who says that a key is missing, and where it would have to be. */
static void
hint_where(const Reference *reference, KeyState state)
{
	if (OidIsValid(reference->validator))
		errhint("Validator %s says so.", format_procedure_qualified(reference->validator));
	else if (state == KEY_DELETED)
		errhint("It was deleted from %s of service \"%s\".", reference->contract_name,
				NameStr(reference->service));
	else
		errhint("It must be in %s of service \"%s\".", reference->contract_name,
				NameStr(reference->service));
}

/* Refuse a key that is missing. */
void
missing_raise(const Reference *reference, Relation rel, const KeySet *set, int index)
{
	const char *column = NameStr(TupleDescAttr(RelationGetDescr(rel), reference->column - 1)->attname);

	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("insert or update on table \"%s\" violates foreign key constraint \"%s\"",
					RelationGetRelationName(rel), NameStr(reference->name)),
			 may_see(rel, reference->column) ?
			 errdetail("Key (%s)=(%s) is not present in table \"%s\".", column,
					   key_set_text(set, index), NameStr(reference->entity)) :
			 errdetail("Key is not present in table \"%s\".", NameStr(reference->entity)),
			 hint_where(reference, key_set_state(set, index)),
			 errtablecol(rel, reference->column),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, NameStr(reference->name))));
}

/* Refuse rows whose keys could not be asked. */
void
unavailable_raise(const Check *check, Relation rel)
{
	const Reference *reference = check->reference;

	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('S', 'V', '0', '0', '1')),
			 errmsg("reference \"%s\" of table \"%s\" cannot be checked now",
					NameStr(reference->name), RelationGetRelationName(rel)),
			 check->refusal ? errdetail_internal("%s", check->refusal) :
			 errdetail("Contract %s of service \"%s\" did not answer within svc_ownership.reference_budget.",
					   reference->contract_name, NameStr(reference->service)),
			 errhint("With on_unavailable => 'accept' such rows are accepted and checked later."),
			 errtablecol(rel, reference->column),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, NameStr(reference->name))));
}
