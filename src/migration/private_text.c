/*
 * private_text.c: the type svc.private_text, text of a service that only its
 * owners can read.
 *
 * Owner roles have SELECT on all of our catalog tables, since pg_dump wants it,
 * and several services can live in one database.  So what a migration's file or
 * error says is hidden by its type: the value names its service, and is written
 * out only for those who act for that.  There is no binary form, no cast, no
 * comparison.
 *
 * A comparison is there nevertheless: of whole rows, byte by byte (*<).  Each
 * value therefore begins with random bytes, and what it finds out is those.
 */
#include "core/svc.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "core/guard.h"
#include "migration/private_text.h"
#include "service/service.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define NONCE_LENGTH 16

/* What a value holds, behind its varlena header, unaligned */
#define VALUE_NONCE 0
#define VALUE_NAME_LENGTH NONCE_LENGTH	/* one byte */
#define VALUE_NAME (NONCE_LENGTH + 1)

SVC_FUNCTION(svc_private_text_in);
SVC_FUNCTION(svc_private_text_out);

/* The type. */
Oid
private_text_type(void)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum("private_text"),
									   ObjectIdGetDatum(get_namespace_oid(SVC_SCHEMA, false)));

	if (!OidIsValid(type))
		elog(ERROR, "type " SVC_SCHEMA ".private_text does not exist");
	return type;
}

/* The type of arrays of it. */
Oid
private_text_array_type(void)
{
	return get_array_type(private_text_type());
}

/* A value. */
Datum
private_text_make(const char *service, const char *text, Size length)
{
	Size		name_length = strlen(service);
	struct varlena *value = palloc(VARHDRSZ + VALUE_NAME + name_length + length);
	char	   *data = VARDATA(value);

	Assert(name_length < NAMEDATALEN);
	SET_VARSIZE(value, VARHDRSZ + VALUE_NAME + name_length + length);
	if (!pg_strong_random(data + VALUE_NONCE, NONCE_LENGTH))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bytes")));
	data[VALUE_NAME_LENGTH] = (char) name_length;
	memcpy(data + VALUE_NAME, service, name_length);
	memcpy(data + VALUE_NAME + name_length, text, length);
	return PointerGetDatum(value);
}

/* A value as a parameter of a statement; NULL is SQL NULL. */
SqlArg
sql_private_text(const char *service, const char *text)
{
	SqlArg		arg = {private_text_type(), (Datum) 0, text == NULL};

	if (text)
		arg.value = private_text_make(service, text, strlen(text));
	return arg;
}

/* What is in a value, whoever asks. */
const char *
private_text_open(Datum value, Size *length)
{
	struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);
	char	   *data = VARDATA_ANY(plain);
	Size		begin = VALUE_NAME + (unsigned char) data[VALUE_NAME_LENGTH];

	*length = VARSIZE_ANY_EXHDR(plain) - begin;
	return data + begin;
}

/* The service that a value belongs to. */
char *
private_text_service(Datum value)
{
	struct varlena *plain = PG_DETOAST_DATUM_PACKED(value);
	char	   *data = VARDATA_ANY(plain);

	return pnstrdup(data + VALUE_NAME, (unsigned char) data[VALUE_NAME_LENGTH]);
}

/*
 * What the text form begins with: the service's name, with a newline or
 * backslash in it written as two characters, and a newline.
 */
char *
private_text_prefix(const char *service)
{
	StringInfoData prefix;

	initStringInfo(&prefix);
	for (const char *p = service; *p; p++)
	{
		if (*p == '\n' || *p == '\\')
			appendStringInfoChar(&prefix, '\\');
		appendStringInfoChar(&prefix, *p == '\n' ? 'n' : *p);
	}
	appendStringInfoChar(&prefix, '\n');
	return prefix.data;
}

/* Refuse a text that is not in the form that private_text_prefix begins. */
static void
refuse_form(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", SVC_SCHEMA ".private_text"),
			 errdetail("It is the name of a service, a newline, and text."),
			 errhint("Only a restore writes values of this type.")));
}

/* Read the service's name; *end is where the text begins. */
static char *
read_name(const char *input, const char **end)
{
	StringInfoData name;
	const char *p;

	initStringInfo(&name);
	for (p = input; *p != '\n'; p++)
	{
		bool		escaped = *p == '\\';

		if (escaped)
			p++;
		if (*p == '\0' || (escaped && *p != 'n' && *p != '\\') || name.len + 1 >= NAMEDATALEN)
			refuse_form();
		appendStringInfoChar(&name, escaped && *p == 'n' ? '\n' : *p);
	}
	if (name.len == 0)
		refuse_form();
	*end = p + 1;
	return name.data;
}

/*
 * svc.private_text_in(cstring): the text form; whose value it is decides where
 * it may be stored, not here.
 */
Datum
svc_private_text_in(PG_FUNCTION_ARGS)
{
	const char *text;
	char	   *service = read_name(PG_GETARG_CSTRING(0), &text);

	PG_RETURN_DATUM(private_text_make(service, text, strlen(text)));
}

/* Refuse those who do not act for the service.  Of one that is not there only superusers read. */
static void
check_may_read(const char *name)
{
	Service    *service;

	if (svc_guard_trusts())
		return;
	service = service_lookup(name, true);
	if (!service || !svc_acts_for_role(GetUserId(), service->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for text of service \"%s\"", name),
				 errdetail("Files and errors of its migrations are for those who own the service."),
				 errhint("Select the rows of your own services.")));
}

/*
 * svc.private_text_out(svc.private_text): the text form, for the service's owners
 */
Datum
svc_private_text_out(PG_FUNCTION_ARGS)
{
	Datum		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	char	   *service = private_text_service(value);
	Size		length;
	const char *text = private_text_open(value, &length);
	char	   *prefix;
	char	   *output;

	check_may_read(service);
	prefix = private_text_prefix(service);
	output = palloc(strlen(prefix) + length + 1);
	strcpy(output, prefix);
	memcpy(output + strlen(prefix), text, length);
	output[strlen(prefix) + length] = '\0';
	PG_RETURN_CSTRING(output);
}
