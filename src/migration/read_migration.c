/*
 * read_migration.c: svc.read_migration, which shows what is made of a file.
 */
#include "core/svc.h"

#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "core/args.h"
#include "migration/flyway_name.h"
#include "migration/folder.h"
#include "migration/formats.h"
#include "migration/goose_parser.h"
#include "migration/script.h"
#include "migration/statement.h"

SVC_FUNCTION(svc_read_migration);

#define COLUMNS 5
#define BREAKPOINT "--> statement-breakpoint"

/* A file that is read */
typedef struct Reading
{
	ReturnSetInfo *result;
	MigrationFormat format;
	MigrationFile file;
	const char *text;
	Size		length;
	List	   *variables;
} Reading;

/* Write a row; transactional may be unknown: -1. */
static void
put_row(Reading *reading, MigrationDirection direction, int number, int line, const char *text,
		Size length, int transactional)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};

	values[0] = CStringGetTextDatum(direction == DIRECTION_UP ? "up" : "down");
	values[1] = Int32GetDatum(number);
	values[2] = Int32GetDatum(line);
	values[3] = PointerGetDatum(cstring_to_text_with_len(text, length));
	values[4] = BoolGetDatum(transactional == 1);
	nulls[4] = transactional < 0;
	tuplestore_putvalues(reading->result->setResult, reading->result->setDesc, values, nulls);
}

/* A row a piece, for formats that send pieces to the server. */
static void
put_pieces(Reading *reading, MigrationDirection direction)
{
	List	   *pieces = script_pieces(reading->format, &reading->file, direction, reading->text,
									   reading->length, reading->variables);
	ListCell   *cell;

	foreach(cell, pieces)
	{
		const ScriptPiece *piece = lfirst(cell);

		put_row(reading, direction, piece->number, piece->line, piece->text, piece->length,
				piece->readable ? piece->transactional : -1);
	}
}

/* A row a statement, for the others. */
static void
put_statements(Reading *reading, MigrationDirection direction)
{
	Script	   *script = script_open(reading->format, &reading->file, direction, reading->text,
									 reading->length, reading->variables);
	ScriptStatement statement;

	while (script_next(script, &statement))
	{
		const char *reason;

		put_row(reading, direction, statement.number, statement.line, statement.text,
				statement.length, statement_is_transactional(statement.raw->stmt, &reason));
	}
	script_close(script);
}

/* Which format is one file alone?  Drizzle's are known by their breakpoints. */
static MigrationFormat
format_of_file(const Reading *reading)
{
	InputFile	input = {reading->file.script, reading->text, reading->length};
	MigrationFormat format = formats_detect(list_make1(&input));

	if (format == FORMAT_PLAIN && strstr(reading->text, BREAKPOINT))
		return FORMAT_DRIZZLE;
	return format;
}

/* What the name says about the file: which direction it is for. */
static MigrationDirection
direction_of_file(const Reading *reading)
{
	const char *base = file_base_name(reading->file.script);
	FlywayName	parts;

	if (reading->format == FORMAT_GOLANG_MIGRATE && strstr(base, ".down."))
		return DIRECTION_DOWN;
	if (reading->format == FORMAT_FLYWAY && flyway_parse_name(base, &parts) &&
		parts.kind == KIND_UNDO)
		return DIRECTION_DOWN;
	return DIRECTION_UP;
}

/* A Goose file holds both directions. */
static void
put_goose(Reading *reading)
{
	put_pieces(reading, DIRECTION_UP);
	put_pieces(reading, DIRECTION_DOWN);
}

/* svc.read_migration(file_name text, content text, format text, variables jsonb): what is made of a file. */
Datum
svc_read_migration(PG_FUNCTION_ARGS)
{
	Reading		reading = {(ReturnSetInfo *) fcinfo->resultinfo};
	text	   *content;

	reading.file.script = svc_arg_text(fcinfo, 0, "file_name");
	if (PG_ARGISNULL(1) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null",
						PG_ARGISNULL(1) ? "content" : "variables")));
	content = PG_GETARG_TEXT_PP(1);
	reading.text = text_to_cstring(content);
	reading.length = VARSIZE_ANY_EXHDR(content);
	reading.format = migration_format_of(svc_arg_text(fcinfo, 2, "format"));
	reading.variables = variables_of_jsonb(PG_GETARG_DATUM(3));
	reading.file.placeholders = true;
	if (reading.format == FORMAT_AUTO)
		reading.format = format_of_file(&reading);
	InitMaterializedSRF(fcinfo, 0);
	if (reading.format == FORMAT_GOOSE)
		put_goose(&reading);
	else if (reading.format == FORMAT_DRIZZLE || reading.format == FORMAT_GOLANG_MIGRATE)
		put_pieces(&reading, direction_of_file(&reading));
	else
		put_statements(&reading, direction_of_file(&reading));
	return (Datum) 0;
}
