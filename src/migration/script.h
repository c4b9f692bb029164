/*
 * script.h: the statements of a migration's file.
 *
 * A format cuts a file into pieces (Goose at its lines, Drizzle at its
 * breakpoints, the others not at all), and the server's lexer cuts each piece
 * into statements.
 */
#ifndef SVC_MIGRATION_SCRIPT_H
#define SVC_MIGRATION_SCRIPT_H

#include "migration/migration.h"
#include "migration/split.h"
#include "migration/variable.h"

typedef struct Script Script;

typedef struct ScriptStatement
{
	int			number;			/* from 1, over the direction */
	int			line;			/* in the file */
	int			column;
	const char *text;			/* not terminated: see length */
	Size		length;
	RawStmt    *raw;			/* valid until the next call */
	const char *copy_data;		/* NULL: none */
	Size		copy_length;
} ScriptStatement;

/*
 * Text is the whole file in the database's encoding, and must stay there;
 * variables are a List of ScriptVariable.  format may be FORMAT_PLAIN for lines
 * "-- Rollback: <sql>": see rollback_comments.
 */
extern Script *script_open(MigrationFormat format, const MigrationFile *file,
						   MigrationDirection direction, const char *text, Size length,
						   List *variables);
extern bool script_next(Script *script, ScriptStatement *statement);
extern void script_close(Script *script);

/* Where statement_number begins next is where a run goes on; see run.c */
extern void script_set_conforming_strings(Script *script, bool on);

/* The place of an offset in a statement's text, for errors */
extern void script_place(Script *script, const ScriptStatement *statement, int offset,
						 int *line, int *column);

/* The pieces as the format cuts them; for svc.read_migration */
typedef struct ScriptPiece
{
	int			number;
	int			line;
	const char *text;
	Size		length;
	bool		transactional;	/* can it run in a transaction block, and does the file not say without? */
	bool		readable;		/* by PostgreSQL; else transactional says nothing */
} ScriptPiece;

extern List *script_pieces(MigrationFormat format, const MigrationFile *file,
						   MigrationDirection direction, const char *text, Size length,
						   List *variables);

/* The lines "-- Rollback: <sql>" of a file, as a text to be run; NULL: there are none */
extern char *script_rollback_comments(const char *text, Size length);

/* The text with Flyway's placeholders replaced; text itself where it has none */
extern const char *script_replace(const char *text, Size *length, List *variables,
								  const char *script);

/*
 * A repeatable migration's checksum: Flyway's of the text with its placeholders
 * replaced, if they are to be (file->placeholders).  Without any it is
 * file->checksum.
 */
extern char *script_checksum(const MigrationFile *file, const char *text, Size length,
							 List *variables);

/*
 * The variables with Flyway's own behind them (flyway:defaultSchema, user,
 * database, table, timestamp).  A caller adds what flyway.conf says
 * ("placeholders" of the settings) before those that were handed over: the last
 * one of a name counts.
 */
extern List *script_variables(List *variables, const char *schema, const char *user,
							  const char *database, const char *table);

#endif							/* SVC_MIGRATION_SCRIPT_H */
