/*
 * position.h: lines and columns of a text in the database's encoding.
 */
#ifndef SVC_MIGRATION_POSITION_H
#define SVC_MIGRATION_POSITION_H

typedef struct Position
{
	const char *text;
	Size		length;
	Size		offset;			/* in bytes */
	int			line;			/* from 1 */
	int			column;			/* in characters, from 1 */
} Position;

/* Where a text begins: after a byte order mark, which no editor counts */
extern Position position_begin(const char *text, Size length);

/* The position of a later offset */
extern void position_advance(Position *position, Size offset);

/* The length of the byte order mark at a text's start; 0: it has none */
extern Size byte_order_mark(const char *text, Size length);

#endif							/* SVC_MIGRATION_POSITION_H */
