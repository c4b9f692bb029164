/*
 * utf8.h: what the readers of files need to know of UTF-8.
 */
#ifndef SVC_MIGRATION_UTF8_H
#define SVC_MIGRATION_UTF8_H

/* Of the byte order mark at the beginning of a text: 3, or 0 if there is none */
static inline Size
utf8_bom_length(const char *text, Size length)
{
	return length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

/* Of the white space, as Unicode and Go know it, that a text begins or ends with */
extern Size utf8_space_at(const char *text, const char *end);
extern Size utf8_space_before(const char *text, const char *end);

/* Move both ends of a text past white space */
extern void utf8_trim(const char **text, Size *length);

/* Order of UTF-16 code units, which is Java's of strings */
extern int	utf8_compare_as_utf16(const char *a, const char *b);

/* A text of ours for a message, in the database's encoding */
extern char *utf8_shown(const char *text);

#endif							/* SVC_MIGRATION_UTF8_H */
