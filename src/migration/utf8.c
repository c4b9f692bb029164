/*
 * utf8.c: what the readers of files need to know of UTF-8.
 */
#include "core/svc.h"

#include "mb/pg_wchar.h"

#include "migration/utf8.h"

/* White space beyond ASCII: U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000 */
static const char *const wide_spaces[] = {
	"\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80",
	"\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85",
	"\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
	"\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"
};

/* Is this white space of ASCII? */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* How many bytes of white space does the text begin with, one character at most? */
Size
utf8_space_at(const char *text, const char *end)
{
	if (text >= end)
		return 0;
	if (!IS_HIGHBIT_SET(*text))
		return is_space(*text) ? 1 : 0;
	for (int i = 0; i < lengthof(wide_spaces); i++)
	{
		Size		length = strlen(wide_spaces[i]);

		if (end - text >= length && memcmp(text, wide_spaces[i], length) == 0)
			return length;
	}
	return 0;
}

/* How many bytes of white space does the text end with, one character at most? */
Size
utf8_space_before(const char *text, const char *end)
{
	if (text >= end)
		return 0;
	if (!IS_HIGHBIT_SET(end[-1]))
		return is_space(end[-1]) ? 1 : 0;
	for (Size length = 2; length <= 3 && length <= end - text; length++)
	{
		if (utf8_space_at(end - length, end) == length)
			return length;
	}
	return 0;
}

/* Move both ends of a text past white space. */
void
utf8_trim(const char **text, Size *length)
{
	const char *start = *text;
	const char *end = start + *length;
	Size		n;

	while ((n = utf8_space_at(start, end)) > 0)
		start += n;
	while ((n = utf8_space_before(start, end)) > 0)
		end -= n;
	*text = start;
	*length = end - start;
}

/*
 * Order of UTF-16 code units: that of bytes, but for characters of four bytes,
 * whose surrogates (U+D800) come before U+E000, which begins with the byte 0xEE.
 */
int
utf8_compare_as_utf16(const char *a, const char *b)
{
	while (*a && *a == *b)
	{
		a++;
		b++;
	}
	if (((uint8) *a >= 0xF0) != ((uint8) *b >= 0xF0))
	{
		if ((uint8) *a >= 0xF0 && (uint8) *b >= 0xEE)
			return -1;
		if ((uint8) *b >= 0xF0 && (uint8) *a >= 0xEE)
			return 1;
	}
	return (int) (uint8) *a - (int) (uint8) *b;
}

/* A text of ours for a message, in the database's encoding. */
char *
utf8_shown(const char *text)
{
	return pg_any_to_server(text, strlen(text), PG_UTF8);
}
