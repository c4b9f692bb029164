/*
 * request.c: what svc.create_service is asked for: read, checked as far as the
 * arguments alone can tell, and carried to a runner.
 */
#include "core/svc.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "service/request.h"
#include "service/role.h"
#include "service/service.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Refuse a name from which the names of roles and schemas could not be made. */
void
request_check_length(const char *name, const char *what)
{
	if (strlen(name) > SERVICE_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("%s \"%s\" is too long", what, name),
				 errdetail("It has %d bytes; the limit is %d, so that names of roles and schemas can be made from it.",
						   (int) strlen(name), SERVICE_MAX_NAME)));
}

/* Refuse a password that is empty or belongs to nobody. */
static void
check_password(const char *password, const char *role, const char *what)
{
	if (password && (!role || password[0] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 role ? errmsg("the password of %s must not be empty", what)
				 : errmsg("a password was given, but no %s", what)));
}

/* Refuse two arguments that name the same role. */
static void
check_different(const char *a, const char *what_a, const char *b, const char *what_b)
{
	if (a && b && strcmp(a, b) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s and %s must be different roles", what_a, what_b)));
}

/* The names in the argument "extensions". */
static List *
extensions_arg(FunctionCallInfo fcinfo, int i)
{
	List	   *names = NIL;
	Datum	   *elements;
	int			n;

	if (PG_ARGISNULL(i) || ARR_NDIM(PG_GETARG_ARRAYTYPE_P(i)) == 0)
		return NIL;
	elements = svc_arg_array(fcinfo, i, "extensions", NAMEOID, 1000, &n);
	for (int k = 0; k < n; k++)
		names = lappend(names, pstrdup(NameStr(*DatumGetName(elements[k]))));
	return names;
}

/* Read the arguments of svc.create_service, and refuse those that cannot be right. */
Request *
request_read(FunctionCallInfo fcinfo)
{
	Request    *r = palloc0(sizeof(Request));

	r->service = svc_arg_name(fcinfo, 0, "service");
	r->database = svc_arg_name_or_null(fcinfo, 1, "database");
	r->schema = svc_arg_name_or_null(fcinfo, 2, "schema");
	r->owner = svc_arg_name_or_null(fcinfo, 3, "owner");
	r->role_prefix = svc_arg_name_or_null(fcinfo, 4, "role_prefix");
	r->login = svc_arg_name_or_null(fcinfo, 5, "login");
	r->password = svc_arg_text_or_null(fcinfo, 6, "password");
	r->login_level = svc_arg_text(fcinfo, 7, "login_level");
	r->migrator = svc_arg_name_or_null(fcinfo, 8, "migrator");
	r->migrator_password = svc_arg_text_or_null(fcinfo, 9, "migrator_password");
	r->extensions = extensions_arg(fcinfo, 10);
	r->team = svc_arg_text_or_null(fcinfo, 11, "team");
	r->description = svc_arg_text_or_null(fcinfo, 12, "description");
	r->adopt = svc_arg_bool(fcinfo, 13, "adopt");
	r->if_not_exists = svc_arg_bool(fcinfo, 14, "if_not_exists");

	r->caller = GetUserId();
	if (r->database && !r->schema)
		r->schema = "public";

	request_check_length(r->service, "service name");
	if (!r->role_prefix)
		r->role_prefix = r->service;
	request_check_length(r->role_prefix, "role prefix");
	role_check_level(r->login_level, "login_level");
	check_password(r->password, r->login, "login");
	check_password(r->migrator_password, r->migrator, "migrator");
	check_different(r->login, "login", r->migrator, "migrator");
	check_different(r->owner, "owner", psprintf("%s_writer", r->role_prefix), "writer");
	check_different(r->owner, "owner", psprintf("%s_reader", r->role_prefix), "reader");
	check_different(r->owner, "owner", r->login, "login");
	check_different(r->owner, "owner", r->migrator, "migrator");
	return r;
}

/* The text parts of a request, in the order in which they travel. */
static char **
text_part(Request *r, int i)
{
	char	  **parts[] = {&r->service, &r->database, &r->schema, &r->owner, &r->role_prefix,
		&r->login, &r->password, &r->login_level, &r->migrator, &r->migrator_password,
	&r->team, &r->description};

	return i < lengthof(parts) ? parts[i] : NULL;
}

/* A flag as it travels. */
static char *
flag(bool value)
{
	return value ? "t" : "f";
}

/* A request as strings. */
List *
request_to_items(const Request *r)
{
	List	   *items = NIL;
	Request		copy = *r;
	char	  **part;

	for (int i = 0; (part = text_part(&copy, i)) != NULL; i++)
		items = lappend(items, *part);
	items = lappend(items, flag(r->adopt));
	items = lappend(items, flag(r->made_database));
	items = lappend(items, psprintf("%u", r->caller));
	return list_concat(items, r->extensions);
}

/* A request from strings. */
Request *
request_from_items(List *items)
{
	Request    *r = palloc0(sizeof(Request));
	char	  **part;
	int			i;

	for (i = 0; (part = text_part(r, i)) != NULL; i++)
		*part = list_nth(items, i);
	r->adopt = *(char *) list_nth(items, i++) == 't';
	r->made_database = *(char *) list_nth(items, i++) == 't';
	r->caller = strtoul(list_nth(items, i++), NULL, 10);
	r->extensions = list_copy_tail(items, i);
	return r;
}
