/*
 * goose_parser.h: a Goose file, cut into what Goose sends to the server.
 */
#ifndef SVC_MIGRATION_GOOSE_PARSER_H
#define SVC_MIGRATION_GOOSE_PARSER_H

#include "lib/stringinfo.h"

#include "migration/migration.h"
#include "migration/origin.h"

typedef enum GooseState
{
	GOOSE_START,
	GOOSE_UP,
	GOOSE_BLOCK_UP,				/* between StatementBegin and StatementEnd */
	GOOSE_BLOCK_UP_ENDED,
	GOOSE_DOWN,
	GOOSE_BLOCK_DOWN,
	GOOSE_BLOCK_DOWN_ENDED
} GooseState;

typedef struct GooseParser
{
	const char *file_name;		/* for errors, in the database's encoding */
	const char *text;
	const char *end;
	const char *at;
	int			line;			/* of the one that was read last */
	MigrationDirection direction;
	GooseState	state;
	bool		expand;			/* ENVSUB; else its lines are taken as they are */
	List	   *variables;
	bool		transaction;	/* no "NO TRANSACTION" yet */
	bool		has_down;
	bool		has_variables;	/* "ENVSUB ON" was seen */
	bool		substitute;		/* and is on */
	StringInfoData buffer;		/* the chunk */
	Origin		origin;			/* of the buffer */
} GooseParser;

/* What is sent at once; points into the parser's buffer, valid until the next call */
typedef struct GooseChunk
{
	const char *text;
	Size		length;
	Size		offset;			/* of the text in the buffer: for origin_of */
} GooseChunk;

extern void goose_begin(GooseParser *parser, const char *file_name, MigrationDirection direction,
						const char *text, Size length);
extern bool goose_next(GooseParser *parser, GooseChunk *chunk);

#endif							/* SVC_MIGRATION_GOOSE_PARSER_H */
