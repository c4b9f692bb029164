/*
 * args.c: arguments of functions, checked alike everywhere.
 *
 * Our functions are not STRICT: a NULL where a value is needed is an error
 * that names the argument, not a silent NULL result.
 */
#include "core/svc.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "access/detoast.h"
#include "core/args.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Refuse a NULL argument. */
void
svc_arg_check_given(FunctionCallInfo fcinfo, int i, const char *what)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", what)));
}

/* An optional name argument: NULL where it was not given; never empty. */
char *
svc_arg_name_or_null(FunctionCallInfo fcinfo, int i, const char *what)
{
	char	   *name;

	if (PG_ARGISNULL(i))
		return NULL;
	name = pstrdup(NameStr(*PG_GETARG_NAME(i)));
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("argument \"%s\" must not be empty", what)));
	return name;
}

/* A name argument that must be given. */
char *
svc_arg_name(FunctionCallInfo fcinfo, int i, const char *what)
{
	svc_arg_check_given(fcinfo, i, what);
	return svc_arg_name_or_null(fcinfo, i, what);
}

/* An optional text argument of bounded length. */
char *
svc_arg_text_or_null(FunctionCallInfo fcinfo, int i, const char *what)
{
	if (PG_ARGISNULL(i))
		return NULL;
	if (toast_raw_datum_size(PG_GETARG_DATUM(i)) - VARHDRSZ > SVC_MAX_TEXT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"%s\" is longer than %d bytes", what, SVC_MAX_TEXT)));
	return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* A text argument that must be given. */
char *
svc_arg_text(FunctionCallInfo fcinfo, int i, const char *what)
{
	svc_arg_check_given(fcinfo, i, what);
	return svc_arg_text_or_null(fcinfo, i, what);
}

/* A boolean argument: every one of ours has a default, so NULL is a mistake. */
bool
svc_arg_bool(FunctionCallInfo fcinfo, int i, const char *what)
{
	svc_arg_check_given(fcinfo, i, what);
	return PG_GETARG_BOOL(i);
}

/* A regclass argument that must name an existing relation. */
Oid
svc_arg_relation(FunctionCallInfo fcinfo, int i, const char *what)
{
	Oid			relation;

	svc_arg_check_given(fcinfo, i, what);
	relation = PG_GETARG_OID(i);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation)));
	return relation;
}

/* The elements of an array argument: not NULL, no NULL in it, at least one. */
Datum *
svc_arg_array(FunctionCallInfo fcinfo, int i, const char *what, Oid type, int max, int *n)
{
	ArrayType  *array;
	Datum	   *elements;
	int16		length;
	bool		by_value;
	char		align;

	svc_arg_check_given(fcinfo, i, what);
	array = PG_GETARG_ARRAYTYPE_P(i);
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must be a list without nulls", what)));
	*n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (*n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", what)));
	if (*n > max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"%s\" has more than %d elements", what, max)));
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &elements, NULL, n);
	return elements;
}

/* The name of a role, or its number where it was dropped. */
char *
svc_role_name(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	return name ? name : psprintf("%u", role);
}
