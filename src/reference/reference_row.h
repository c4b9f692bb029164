/*
 * reference_row.h: references as they are declared: rows of svc.reference, and
 * the triggers that say the same.
 */
#ifndef SVC_REFERENCE_ROW_H
#define SVC_REFERENCE_ROW_H

#include "core/sql.h"
#include "nodes/pg_list.h"
#include "reference/reference.h"

/* Columns of svc.reference, in the order of its definition */
enum
{
	COL_REFERENCE = 1,
	COL_RELATION,
	COL_COLUMN_NAME,
	COL_SERVICE,
	COL_ENTITY,
	COL_MODE,
	COL_ON_MISSING,
	COL_ON_UNAVAILABLE,
	COL_ON_DELETE,
	COL_CACHE_TTL,
	COL_VALIDATOR,
	COL_VALIDATED,
	COL_CONFIRMED
};

/* How long a key of a foreign contract is valid once it was found, milliseconds */
#define REFERENCE_CACHE_TTL 60000

/* A row of svc.reference */
typedef struct ReferenceRow
{
	char	   *name;
	Oid			relation;
	char	   *column;
	char	   *service;
	char	   *entity;
	ReferenceMode mode;
	ReferenceOnMissing on_missing;
	ReferenceOnUnavailable on_unavailable;
	ReferenceOnDelete on_delete;
	int64		cache_ttl;		/* milliseconds */
	char	   *validator;		/* NULL: the contract says */
	bool		validated;
	bool		confirmed;		/* false: a user restored it */
} ReferenceRow;

/* Rows that a condition on $1, ... selects, in the memory of a scope's caller */
extern List *reference_select(SqlScope *scope, const char *condition, const SqlArg *args,
							  int nargs);
extern ReferenceRow *reference_row(SqlScope *scope, const char *name);
pg_noreturn extern void reference_raise_taken(const char *name);
extern void reference_insert(const ReferenceRow *row);
extern void reference_update(const char *name, const ReferenceRow *row);
extern ReferenceNames reference_row_names(const ReferenceRow *row);

extern void reference_make_triggers(const ReferenceRow *row);
extern void reference_make_part_triggers(const ReferenceRow *row, Oid part);
extern void reference_drop_triggers(const char *name, Oid relation);
extern void reference_forget(const ReferenceRow *row);

#endif							/* SVC_REFERENCE_ROW_H */
