/*
 * version.c: versions of migrations, and which comes first.
 */
#include "core/svc.h"

#include "migration/version.h"

#define is_digit(c) ((c) >= '0' && (c) <= '9')
#define is_separator(c) ((c) == '.' || (c) == '_')

/* Whole numbers with dots or underscores between them? */
bool
version_is_valid(const char *version)
{
	const char *at = version;

	for (;;)
	{
		if (!is_digit(*at))
			return false;
		while (is_digit(*at))
			at++;
		if (*at == '\0')
			return true;
		if (!is_separator(*at))
			return false;
		at++;
	}
}

/*
 * Take the next number of a valid version, without leading zeros; of length 0 is
 * zero, and what comes after the end.
 */
static const char *
next_number(const char **at, Size *length)
{
	const char *start;

	while (**at == '0')
		(*at)++;
	start = *at;
	while (is_digit(**at))
		(*at)++;
	*length = *at - start;
	if (is_separator(**at))
		(*at)++;
	return start;
}

/* Compare two valid versions number by number; numbers are of any size, so by length first. */
static int
compare_numbers(const char *a, const char *b)
{
	while (*a || *b)
	{
		Size		length_a,
					length_b;
		const char *number_a = next_number(&a, &length_a);
		const char *number_b = next_number(&b, &length_b);
		int			order;

		if (length_a != length_b)
			return length_a < length_b ? -1 : 1;
		order = memcmp(number_a, number_b, length_a);
		if (order != 0)
			return order;
	}
	return 0;
}

/* Flyway's order; what is no version comes first, by its bytes. */
int
version_compare(const char *a, const char *b)
{
	bool		valid_a = version_is_valid(a);
	bool		valid_b = version_is_valid(b);

	if (valid_a && valid_b)
		return compare_numbers(a, b);
	if (valid_a != valid_b)
		return valid_a ? 1 : -1;
	return strcmp(a, b);
}

/*
 * The order in which a format runs two migrations.  Drizzle's is that of the
 * times in its journal or its folders' names; names decide among equal ones,
 * roughly as JavaScript's localeCompare does.
 */
int
migration_compare(MigrationFormat format, const char *version_a, int64 created_a,
				  const char *version_b, int64 created_b)
{
	int			order;

	if (format != FORMAT_DRIZZLE)
		return version_compare(version_a, version_b);
	if (created_a != created_b)
		return created_a < created_b ? -1 : 1;
	order = pg_strcasecmp(version_a, version_b);
	return order != 0 ? order : strcmp(version_a, version_b);
}

/* The decimal number without leading zeros; NULL if it does not fit a bigint. */
char *
version_of_digits(const char *digits, Size length)
{
	static const char largest[] = "9223372036854775807";

	while (length > 1 && *digits == '0')
	{
		digits++;
		length--;
	}
	if (length > strlen(largest) ||
		(length == strlen(largest) && memcmp(digits, largest, length) > 0))
		return NULL;
	return pnstrdup(digits, length);
}
