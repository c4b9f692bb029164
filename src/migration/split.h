/*
 * split.h: a text cut into statements by the server's own lexer and parser.
 */
#ifndef SVC_MIGRATION_SPLIT_H
#define SVC_MIGRATION_SPLIT_H

#include "nodes/parsenodes.h"

/* Where statements end */
typedef struct Splitter Splitter;

/* One statement.  All places are offsets in bytes into the splitter's text. */
typedef struct SplitStatement
{
	Size		start;			/* of its first token; comments before it do not count */
	Size		length;			/* without the semicolon */
	RawStmt    *raw;			/* its locations count from start; valid until the next call */
	Size		copy_start;		/* COPY ... FROM STDIN: its data, without the last \. line */
	Size		copy_length;
	bool		has_copy_data;
	Size		end;			/* where the text goes on */
} SplitStatement;

/*
 * Text is in the database's encoding, and is not copied.  psql's lines \restrict
 * and \unrestrict are passed over, any other command of psql's is an error.
 */
extern Splitter *split_begin(const char *text, Size length);
extern bool split_next(Splitter *splitter, SplitStatement *statement);
extern void split_end(Splitter *splitter);

/*
 * Where the error is that split_next just raised: it carries no place of its own,
 * since only the caller's error context knows the file and where the text lies in it.
 */
extern Size split_error_offset(const Splitter *splitter);

/* What the session's setting became, where a statement that ran may have changed it */
extern void split_set_conforming_strings(Splitter *splitter, bool on);
extern bool split_conforming_strings(const Splitter *splitter);

/* How much of the text the lexer sees at once; tests make it small */
extern Size split_window_size;

/* Go on at a place: one where a statement ended */
extern void split_seek(Splitter *splitter, Size offset);

#endif							/* SVC_MIGRATION_SPLIT_H */
