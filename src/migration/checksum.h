/*
 * checksum.h: what tells that a file was changed.
 */
#ifndef SVC_MIGRATION_CHECKSUM_H
#define SVC_MIGRATION_CHECKSUM_H

/* Of a text in UTF-8: Flyway's, a signed decimal number */
extern char *flyway_checksum(const char *text, Size length);

/* Of any bytes, in hexadecimal digits; what Drizzle stores */
extern char *sha256_checksum(const char *text, Size length);

#endif							/* SVC_MIGRATION_CHECKSUM_H */
