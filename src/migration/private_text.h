/*
 * private_text.h: text of a service that only its owners can read.
 */
#ifndef SVC_MIGRATION_PRIVATE_TEXT_H
#define SVC_MIGRATION_PRIVATE_TEXT_H

#include "core/sql.h"

/* The type, and the type of arrays of it */
extern Oid	private_text_type(void);
extern Oid	private_text_array_type(void);

/* A value in the current memory context */
extern Datum private_text_make(const char *service, const char *text, Size length);

/* The same as a parameter of a statement; NULL is SQL NULL */
extern SqlArg sql_private_text(const char *service, const char *text);

/* What is in a value, whoever asks: the text is not terminated, and lies in the current memory context or in the value */
extern const char *private_text_open(Datum value, Size *length);
extern char *private_text_service(Datum value);

/* What the value's text form begins with: the service's name and a newline */
extern char *private_text_prefix(const char *service);

#endif							/* SVC_MIGRATION_PRIVATE_TEXT_H */
