/*
 * adopt.c: svc.adopt_history, the table of the tool that ran migrations before.
 *
 * From then on the tool and svc.migrate agree on what is applied, and either can
 * go on.  A table that one of them could misread is refused, with the reason.
 */
#include "core/svc.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "core/args.h"
#include "core/extension.h"
#include "core/relation.h"
#include "core/sql.h"
#include "migration/attempt.h"
#include "migration/history.h"
#include "migration/running.h"
#include "migration/setting.h"
#include "migration/tool.h"
#include "migration/tool_table.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#define SEQUENCE_DEFAULT "nextval("

SVC_FUNCTION(svc_adopt_history);

/* The formats that keep a history of their own */
static const MigrationFormat tool_formats[] = {
	FORMAT_FLYWAY, FORMAT_GOOSE, FORMAT_DRIZZLE, FORMAT_GOLANG_MIGRATE
};

/* What a table must be given in order to be adopted; the rights that a tool's own role has */
static const struct
{
	AclMode		mode;
	const char *name;
}			needed[] = {
	{ACL_SELECT, "SELECT"},
	{ACL_INSERT, "INSERT"},
	{ACL_UPDATE, "UPDATE"},
	{ACL_DELETE, "DELETE"}
};

/* Refuse a table; the reason is a sentence. */
static void
refuse(Relation rel, MigrationFormat format, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" cannot be adopted as the history of %s",
					RelationGetRelationName(rel), migration_format_name(format)),
			 errdetail_internal("%s", reason),
			 errhint("Put it right with the tool itself, or begin a history of its own with svc.baseline.")));
}

/* The names that a table of a tool may have; schemas come from the settings, too. */
static List *
places_to_look(const Service *service, const MigrationSource *source, const Tool *tool)
{
	char	   *table = source ? setting_text(source, "table") : NULL;
	List	   *schemas = source ? setting_texts(source, "schemas") : NIL;
	List	   *places = NIL;
	ListCell   *cell;

	if (tool->schema_name)
		schemas = lappend(schemas, unconstify(char *, tool->schema_name));
	if (service->schema)
		schemas = lappend(schemas, service->schema);
	schemas = lappend(schemas, "public");
	foreach(cell, schemas)
		places = lappend(places, list_make2(lfirst(cell),
											table ? table : unconstify(char *, tool->table_name)));
	return places;
}

/* The table of a tool, where it is usually; InvalidOid: there is none. */
static Oid
find_table(const Service *service, const MigrationSource *source, const Tool *tool)
{
	ListCell   *cell;

	foreach(cell, places_to_look(service, source, tool))
	{
		List	   *place = lfirst(cell);
		Oid			schema = get_namespace_oid(linitial(place), true);
		Oid			table = OidIsValid(schema) ? get_relname_relid(lsecond(place), schema) : InvalidOid;

		if (OidIsValid(table))
			return table;
	}
	return InvalidOid;
}

/* Which tool has a table like this one; FORMAT_AUTO: none. */
static MigrationFormat
format_of_table(Oid table)
{
	Relation	rel = relation_open(table, AccessShareLock);
	MigrationFormat format = FORMAT_AUTO;

	for (int i = 0; i < lengthof(tool_formats) && format == FORMAT_AUTO; i++)
		if (!tool_table_columns_misfit(rel, tool_of_format(tool_formats[i])))
			format = tool_formats[i];
	relation_close(rel, AccessShareLock);
	return format;
}

/* Find out by the tables that are there whose history it is. */
static MigrationFormat
detect_format(const Service *service, const MigrationSource *source, Oid history)
{
	if (source && tool_of_format(source->format))
		return source->format;
	if (OidIsValid(history))
		return format_of_table(history);
	for (int i = 0; i < lengthof(tool_formats); i++)
	{
		Oid			table = find_table(service, source, tool_of_format(tool_formats[i]));

		if (OidIsValid(table) && format_of_table(table) == tool_formats[i])
			return tool_formats[i];
	}
	return FORMAT_AUTO;
}

/* Refuse where there is no table to adopt. */
static void
raise_no_table(const Service *service, MigrationFormat format)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 format == FORMAT_AUTO
			 ? errmsg("no history table of a tool was found for service \"%s\"", service->name)
			 : errmsg("no history table of %s was found for service \"%s\"",
					  migration_format_name(format), service->name),
			 errdetail("It is looked for by its usual name in the service's schema and in schema \"public\"."),
			 errhint("Name it: svc.adopt_history('%s', history => 'schema.table').", service->name)));
}

/* Refuse a format that is not the one of the files. */
static void
check_format(const MigrationSource *source, MigrationFormat format)
{
	if (format != FORMAT_AUTO && !tool_of_format(format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no history table of format \"%s\"", migration_format_name(format)),
				 errhint("The tools are flyway, goose, drizzle and golang-migrate.")));
	if (source && format != FORMAT_AUTO && source->format != format)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the files of the service are of format \"%s\"",
						migration_format_name(source->format)),
				 errhint("Load them with format => '%s' first.", migration_format_name(format))));
}

/* Has the service's owner role all rights on the table that its tool's role has? */
static bool
owner_may_write(const Service *service, Oid table)
{
	AclMode		mode = 0;

	for (int i = 0; i < lengthof(needed); i++)
		mode |= needed[i].mode;
	return pg_class_aclmask(table, service->owner, mode, ACLMASK_ALL) == mode &&
		object_aclcheck(NamespaceRelationId, get_rel_namespace(table), service->owner, ACL_USAGE) == ACLCHECK_OK;
}

/* Say that the caller cannot give the owner role what it lacks. */
static void
raise_not_granted(const Service *service, Oid table)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to grant rights on table %s", svc_quote_relation(table)),
			 errdetail("Role \"%s\" must be able to read and write it.", svc_role_name(service->owner)),
			 errhint("Call svc.adopt_history as the table's owner, or as a superuser.")));
}

/* The sequences that defaults of the table take numbers from. */
static List *
sequences_of(Oid table)
{
	uint64		rows = svc_sql("SELECT d.objid FROM pg_catalog.pg_depend d"
							   "  JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'"
							   " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
							   "   AND d.refclassid = d.classid AND d.refobjid = $1 AND d.deptype = 'a'",
							   sql_oid(table));
	List	   *sequences = NIL;

	for (uint64 row = 0; row < rows; row++)
		sequences = lappend_oid(sequences, svc_sql_oid_value(row, 1));
	return sequences;
}

/* Give the owner role the rights that it lacks, with the caller's own. */
static void
grant_rights(const Service *service, Oid table)
{
	const char *role = quote_identifier(svc_role_name(service->owner));
	Oid			schema = get_rel_namespace(table);
	ListCell   *cell;
	SqlScope	scope;

	if (!owner_may_write(service, table) &&
		!object_ownercheck(RelationRelationId, table, GetUserId()))
		raise_not_granted(service, table);
	svc_sql_begin(&scope, InvalidOid);
	svc_sql_quietly();
	if (!owner_may_write(service, table))
		svc_sql_do("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s", svc_quote_relation(table), role);
	if (object_aclcheck(NamespaceRelationId, schema, service->owner, ACL_USAGE) != ACLCHECK_OK)
		svc_sql_do("GRANT USAGE ON SCHEMA %s TO %s", quote_identifier(get_namespace_name(schema)), role);
	foreach(cell, sequences_of(table))
		if (pg_class_aclcheck(lfirst_oid(cell), service->owner, ACL_USAGE) != ACLCHECK_OK)
			svc_sql_do("GRANT USAGE ON SEQUENCE %s TO %s", svc_quote_relation(lfirst_oid(cell)), role);
	svc_sql_end(&scope);
	if (!owner_may_write(service, table))
		raise_not_granted(service, table);
}

/* Refuse where something was run already that the tool knows nothing of. */
static void
check_no_other_history(const Service *service, const MigrationSource *source, Oid table)
{
	bool		begun = history_past(service->name) != NIL;

	if (begun && !(source && source->history == table))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("service \"%s\" already has a history of migrations", service->name),
				 source && OidIsValid(source->history)
				 ? errdetail("It is adopted from %s.", svc_quote_relation(source->history))
				 : errdetail("It was made by svc.migrate, and the tool's table does not know it."),
				 errhint("SELECT * FROM svc.migrations('%s') lists it.", service->name)));
}

/* Refuse rows that the tool could misread, or we. */
static void
check_rows(const History *history, Relation rel)
{
	const Tool *tool = tool_adopted(history);
	const char *reason;
	SqlScope	scope;

	if (!tool->check)
		return;
	tool_begin(history, &scope, false);
	reason = tool->check(tool_table(history));
	svc_sql_end(&scope);
	if (reason)
		refuse(rel, history->source->format, reason);
}

/* Keep it in the catalog. */
static void
write_source(const Service *service, MigrationFormat format, Oid table)
{
	SqlScope	scope;

	svc_sql_begin(&scope, svc_extension_owner());
	service_hold(service->name);
	svc_sql("INSERT INTO svc.migration_source AS s (service, format, history) VALUES ($1, $2, $3)"
			" ON CONFLICT (service) DO UPDATE SET history = EXCLUDED.history",
			sql_name(service->name), sql_text(migration_format_name(format)), sql_regclass(table));
	svc_sql_end(&scope);
}

/* Adopt a table; returns how many rows of it count. */
static int
adopt(const Service *service, MigrationSource *source, MigrationFormat format, Oid table)
{
	MigrationSource adopted = {.format = format, .settings = source ? source->settings : "{}",
		.history = table};
	History		history = {.service = unconstify(Service *, service), .source = &adopted};
	const char *reason;
	Relation	rel;

	svc_lock_relation(table, AccessShareLock);
	rel = relation_open(table, NoLock);
	reason = tool_table_misfit(rel, tool_of_format(format));
	if (reason)
		refuse(rel, format, reason);
	check_no_other_history(service, source, table);
	grant_rights(service, table);
	check_rows(&history, rel);
	running_lock_tool(&history);
	write_source(service, format, table);
	relation_close(rel, NoLock);
	return list_length(history_read(service->name, true)->applied);
}

/*
 * svc.adopt_history(service, format, history) → how many migrations it holds
 */
Datum
svc_adopt_history(PG_FUNCTION_ARGS)
{
	Service    *service;
	MigrationFormat format;
	MigrationSource *source;
	Oid			table = PG_ARGISNULL(2) ? InvalidOid : PG_GETARG_OID(2);
	SqlScope	scope;

	svc_check_writable("svc.adopt_history()");
	service = service_arg(fcinfo, 0);
	format = migration_format_of(svc_arg_text(fcinfo, 1, "format"));
	if (OidIsValid(table))
		table = svc_arg_relation(fcinfo, 2, "history");
	svc_sql_begin(&scope, svc_extension_owner());
	source = store_source(service->name);
	svc_sql_end(&scope);

	check_format(source, format);
	running_lock(service);
	if (format == FORMAT_AUTO)
		format = detect_format(service, source, table);
	if (format != FORMAT_AUTO && !OidIsValid(table))
		table = find_table(service, source, tool_of_format(format));
	if (!OidIsValid(table))
		raise_no_table(service, format);
	if (format == FORMAT_AUTO)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s is no history table that is known", svc_quote_relation(table)),
				 errhint("The tools are flyway, goose, drizzle and golang-migrate.")));
	PG_RETURN_INT32(adopt(service, source, format, table));
}
