/*
 * position.c: lines and columns of a text in the database's encoding.
 *
 * Counted, never searched back: who asks for many places of a large text asks in
 * their order, from a position that is not after any of them.
 */
#include "core/svc.h"

#include "mb/pg_wchar.h"
#include "migration/position.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* The length of the byte order mark; other encodings than UTF-8 have none. */
Size
byte_order_mark(const char *text, Size length)
{
	Size		mark = strlen(BYTE_ORDER_MARK);

	return GetDatabaseEncoding() == PG_UTF8 && length >= mark &&
		memcmp(text, BYTE_ORDER_MARK, mark) == 0 ? mark : 0;
}

/* Where a text begins. */
Position
position_begin(const char *text, Size length)
{
	return (Position) {text, length, byte_order_mark(text, length), 1, 1};
}

/* Count up to an offset.  A line ends with LF, CR or both, as the lexer sees it. */
void
position_advance(Position *position, Size offset)
{
	while (position->offset < offset)
	{
		const char *p = position->text + position->offset;
		bool		last = position->offset + 1 == position->length;

		position->column++;
		if (*p == '\n' || (*p == '\r' && (last || p[1] != '\n')))
		{
			position->line++;
			position->column = 1;
		}
		position->offset += IS_HIGHBIT_SET(*p) ? pg_encoding_mblen(GetDatabaseEncoding(), p) : 1;
	}
}
