/*
 * checksum.c: what tells that a file was changed.
 */
#include "core/svc.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "utils/pg_crc.h"

#include "migration/checksum.h"
#include "migration/utf8.h"

/*
 * Flyway's checksum: CRC-32 over the lines without what ends them, so that it
 * does not matter how lines end, and as Java's int.  A byte order mark at the
 * beginning does not count.
 */
char *
flyway_checksum(const char *text, Size length)
{
	const char *at = text + utf8_bom_length(text, length);
	const char *end = text + length;
	pg_crc32	crc;

	INIT_TRADITIONAL_CRC32(crc);
	while (at < end)
	{
		const char *line = at;

		while (at < end && *at != '\n' && *at != '\r')
			at++;
		COMP_TRADITIONAL_CRC32(crc, line, at - line);
		while (at < end && (*at == '\n' || *at == '\r'))
			at++;
	}
	FIN_TRADITIONAL_CRC32(crc);
	return psprintf("%d", (int32) crc);
}

/* SHA-256 in hexadecimal digits. */
char *
sha256_checksum(const char *text, Size length)
{
	static const char digits[] = "0123456789abcdef";
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	char	   *result = palloc(2 * sizeof(hash) + 1);

	if (!context || pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) text, length) < 0 ||
		pg_cryptohash_final(context, hash, sizeof(hash)) < 0)
		elog(ERROR, "could not compute a SHA-256 checksum");
	pg_cryptohash_free(context);
	for (int i = 0; i < sizeof(hash); i++)
	{
		result[2 * i] = digits[hash[i] >> 4];
		result[2 * i + 1] = digits[hash[i] & 0xF];
	}
	result[2 * sizeof(hash)] = '\0';
	return result;
}
