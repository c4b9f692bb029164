/*
 * declare.h: the functions that declare, change and end references.
 */
#ifndef SVC_DECLARE_H
#define SVC_DECLARE_H

#include "reference/reference_row.h"

/* What is to be declared: a row, and what was found out about it */
typedef struct Declaration
{
	ReferenceRow row;
	Relation	rel;
	AttrNumber	column;
	Oid			run_as;
	Oid			contract;
	Oid			published;		/* the table behind a local contract */
	bool		is_foreign;
} Declaration;


/* declare_check.c */
extern void declare_check(Declaration *d);
extern void declare_check_mode(const Declaration *d);
extern void declare_check_on_delete(const Declaration *d);
extern void declare_check_validator(Declaration *d);
extern Relation declare_open_own_table(FunctionCallInfo fcinfo, int i, const char *what);

/* declare.c again */
extern int	declare_mode_arg(FunctionCallInfo fcinfo, int i, int none);
extern int	declare_on_delete_arg(FunctionCallInfo fcinfo, int i, int none);
extern char *declare_name_arg(FunctionCallInfo fcinfo, int i, const char *what);
extern bool declare_is_taken(const char *name);
extern char *declare_free_name(Relation rel, const char *column);
extern bool declare_has_blocks(Oid relation);
extern void declare_lock_names(void);
extern void declare_make(Declaration *d);

#endif							/* SVC_DECLARE_H */
