/*
 * names.c: three lines as versions, and as names of Flyway's; the whole as a text
 * with a checksum.
 *
 * The order of versions must be an order; a name that is taken apart must hold
 * its parts; a checksum must be the one that is computed the long way, whatever
 * ends the lines.
 */
#include "fuzz.h"

#include "migration/checksum.h"
#include "migration/flyway_name.h"
#include "migration/utf8.h"
#include "migration/version.h"

/* -1, 0 or 1 */
static int
sign(int order)
{
	return (order > 0) - (order < 0);
}

/* An order, for all formats. */
static void
check_order(MigrationFormat format, const char *const *line)
{
	int			order[3][3];

	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			order[a][b] = sign(migration_compare(format, line[a], 0, line[b], 0));
	for (int a = 0; a < 3; a++)
	{
		fuzz_check(order[a][a] == 0);
		for (int b = 0; b < 3; b++)
		{
			fuzz_check(order[a][b] == -order[b][a]);
			for (int c = 0; c < 3; c++)
				fuzz_check(!(order[a][b] <= 0 && order[b][c] <= 0) || order[a][c] <= 0);
		}
	}
}

/* Zeros at the end and at the beginning do not matter, and a further number does. */
static void
check_version(const char *version)
{
	if (!version_is_valid(version))
		return;
	fuzz_check(version_compare(version, psprintf("%s.0", version)) == 0);
	fuzz_check(version_compare(version, psprintf("0%s_00", version)) == 0);
	fuzz_check(version_compare(version, psprintf("%s.0.1", version)) < 0);
}

/* The parts of a name are in the name. */
static void
check_name(const char *name)
{
	FlywayName	parts;

	if (!flyway_parse_name(name, &parts))
		return;
	fuzz_check((parts.event != NULL) == (parts.kind == KIND_CALLBACK));
	fuzz_check((parts.version == NULL) ==
			   (parts.kind == KIND_CALLBACK || parts.kind == KIND_REPEATABLE));
	fuzz_check(!parts.version || version_is_valid(parts.version));
	fuzz_check(!parts.version || !strchr(parts.version, '_'));
	fuzz_check(!strchr(parts.description, '_'));
	fuzz_check(strlen(parts.description) + strlen(".sql") < strlen(name));
}

/* CRC-32 bit by bit. */
static int32
slow_checksum(const char *text, Size length)
{
	uint32		crc = 0xFFFFFFFF;

	for (Size i = utf8_bom_length(text, length); i < length; i++)
	{
		if (text[i] == '\n' || text[i] == '\r')
			continue;
		crc ^= (uint8) text[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320 : 0);
	}
	return (int32) ~crc;
}

/* Run the target. */
static void
run(const char *data, Size size)
{
	const char *line[3] = {"", "", ""};
	char	   *text = pnstrdup(data, size);
	int			n = 0;

	fuzz_check(strcmp(flyway_checksum(fuzz_copy(data, size), size),
					  psprintf("%d", slow_checksum(data, size))) == 0);
	for (char *next = strtok(text, "\n"); next && n < 3; next = strtok(NULL, "\n"))
		line[n++] = next;
	for (int format = FORMAT_PLAIN; format <= FORMAT_GOLANG_MIGRATE; format++)
		check_order(format, line);
	for (int i = 0; i < 3; i++)
	{
		check_version(line[i]);
		check_name(line[i]);
		fuzz_check(utf8_compare_as_utf16(line[0], line[i]) ==
				   -utf8_compare_as_utf16(line[i], line[0]));
	}
}

const FuzzTarget names_target = {"names", run};
