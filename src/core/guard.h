/*
 * guard.h: rows of the catalog that somebody else than our own functions brings.
 *
 * A restore by a user who is no superuser inserts rows one by one.  For each
 * table that such a user may restore, the module that it belongs to says what
 * he may bring.
 */
#ifndef SVC_GUARD_H
#define SVC_GUARD_H

#include "access/htup.h"
#include "utils/rel.h"

/*
 * A table whose rows users may restore.  Columns that must not be NULL are not
 * when these are asked.
 */
typedef struct GuardedTable
{
	const char *name;
	const char *const *key;		/* columns, up to a NULL: a row with the same ones is there already */

	/*
	 * May the user bring rows about what this one is about?  Raises an error
	 * if not; false: the row was put aside, and is not inserted now.
	 */
	bool		(*admit) (Relation rel, HeapTuple row);

	/*
	 * Refuse a row that would give a power that is not there without it.
	 * Returns the row as it is to be inserted.
	 */
	HeapTuple	(*check) (Relation rel, HeapTuple row);
} GuardedTable;

extern void svc_guard_register(const GuardedTable *table);
extern const GuardedTable *svc_guarded_table(const char *name);
extern bool svc_guard_trusts(void);
extern bool svc_guard_admit_relation(Relation rel, HeapTuple row);
extern bool svc_guard_has_row(const GuardedTable *table, Relation rel, HeapTuple row);
extern void svc_guard_insert(Relation rel, HeapTuple row);
extern void svc_guard_refuse(Relation rel, const char *detail);
extern void svc_guard_check_relation(Relation rel, Oid relation);

extern char *svc_row_name(Relation rel, HeapTuple row, const char *column);
extern char *svc_row_text(Relation rel, HeapTuple row, const char *column);
extern Oid	svc_row_oid(Relation rel, HeapTuple row, const char *column);
extern Datum svc_row_value(Relation rel, HeapTuple row, const char *column);
extern HeapTuple svc_row_with(Relation rel, HeapTuple row, const char *column, Datum value);

#endif							/* SVC_GUARD_H */
