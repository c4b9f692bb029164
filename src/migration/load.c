/*
 * load.c: svc.load_migrations, files that come and are kept.
 */
#include "core/svc.h"

#include "core/args.h"
#include "core/extension.h"
#include "core/sql.h"
#include "migration/formats.h"
#include "migration/load.h"
#include "migration/store.h"

SVC_FUNCTION(svc_load_migrations_directory);
SVC_FUNCTION(svc_load_migrations_files);

/* Read files by their rules and keep them; returns how many are new or changed. */
int
load_files(const char *service, MigrationFormat format, List *inputs)
{
	MigrationSet *set;
	SqlScope	scope;
	int			n;

	svc_sql_begin(&scope, svc_extension_owner());
	format = store_format(service, format);
	svc_sql_end(&scope);
	set = formats_read(format, inputs);
	svc_sql_begin(&scope, svc_extension_owner());
	n = store_set(service, set);
	svc_sql_end(&scope);
	return n;
}

/*
 * svc.load_migrations(service, directory, format) → int
 */
Datum
svc_load_migrations_directory(PG_FUNCTION_ARGS)
{
	Service    *service;
	char	   *directory;
	MigrationFormat format;

	svc_check_writable("svc.load_migrations()");
	service = service_arg(fcinfo, 0);
	directory = svc_arg_text(fcinfo, 1, "directory");
	format = migration_format_of(svc_arg_text(fcinfo, 2, "format"));
	PG_RETURN_INT32(load_files(service->name, format, inputs_of_directory(directory)));
}

/*
 * svc.load_migrations(service, files, format) → int
 */
Datum
svc_load_migrations_files(PG_FUNCTION_ARGS)
{
	Service    *service;
	MigrationFormat format;

	svc_check_writable("svc.load_migrations()");
	service = service_arg(fcinfo, 0);
	svc_arg_check_given(fcinfo, 1, "files");
	format = migration_format_of(svc_arg_text(fcinfo, 2, "format"));
	PG_RETURN_INT32(load_files(service->name, format, inputs_of_jsonb(PG_GETARG_DATUM(1))));
}
