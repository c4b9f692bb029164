/*
 * counter.h: counters in one table of rows in another.
 */
#ifndef SVC_COUNTER_H
#define SVC_COUNTER_H

#include "core/sql.h"
#include "executor/spi.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/*
 * A counter as it is declared, by names: in a row of svc.counter, and as
 * arguments of the triggers, COUNTER_ARGS each.
 */
typedef struct CounterNames
{
	char	   *source_key;
	char	   *target;			/* qualified and quoted */
	char	   *target_key;
	char	   *counter;
	char	   *filter;			/* NULL: all rows count */
} CounterNames;

#define COUNTER_ARGS 5

/* Columns of svc.counter, in the order of its definition */
enum
{
	COL_TARGET = 1,
	COL_COUNTER,
	COL_TARGET_KEY,
	COL_SOURCE,
	COL_SOURCE_KEY,
	COL_FILTER,
	COL_FILTER_COLUMNS,
	COL_AS_SUPERUSER
};

/* In a query on svc.counter: its source or target, or one of the columns that it needs, is gone */
#define COUNTER_LOST \
	"(EXISTS (SELECT 1 FROM pg_catalog.unnest(filter_columns || source_key) k" \
	"          WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a" \
	"                             WHERE a.attrelid = source AND a.attname = k))" \
	" OR EXISTS (SELECT 1 FROM pg_catalog.unnest(ARRAY[target_key, counter]) k" \
	"             WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a" \
	"                                WHERE a.attrelid = target AND a.attname = k)))"

/* A row of svc.counter */
typedef struct CounterRow
{
	Oid			source;
	Oid			target;
	bool		as_superuser;	/* a superuser declared it */
	CounterNames names;
} CounterRow;

/* A counter as it is kept, for rows of one relation (the source, or a part of it) */
typedef struct Counter
{
	AttrNumber	key;			/* column of the rows that are counted */
	Oid			key_stored_type;	/* of that column */
	Oid			key_type;		/* what its values are compared as */
	Oid			key_collation;
	Node	   *filter;			/* which rows count, or NULL */
	Oid			source;			/* as it is declared; InvalidOid: nobody declared it */
	Oid			filter_owner;	/* the source's owner */
	Bitmapset  *columns;		/* key and filter, as in tg_updatedcols */
	Oid			target;
	AttrNumber	target_key;
	Oid			run_as;			/* who updates the target; InvalidOid: the caller */
	char	   *update;			/* the statement, and its plan when it has one */
	SPIPlanPtr	plan;
	bool		keep_plan;		/* for later transactions, too */
} Counter;

/* counter.c */
extern Counter *counter_resolve(Relation rel, const CounterNames *names);
extern List *counter_select(SqlScope *scope, const char *condition, List *oids);
extern void counter_make_triggers(SqlScope *scope, Oid relation);
extern uint64 counter_recount(CounterRow *row);

/* keep_count.c */
extern void KeepCountInit(void);

/* counter_follow.c; would also serve others in core/ddl.c */

/* delta.c: differences, collected by key and then applied in one order */
typedef struct Deltas Deltas;

extern Deltas *delta_begin(void);
extern void delta_use(Deltas *deltas, Counter **counters, int n);
extern void delta_add_rows(Deltas *deltas, Relation rel, Tuplestorestate *rows, int sign);
extern void delta_add_relation(Deltas *deltas, Relation rel, int sign);
extern void delta_subtract_values(Deltas *deltas, Relation target, AttrNumber key,
								  AttrNumber counter);
extern uint64 delta_apply(Deltas *deltas);

/* counter.c again, which brings the two together */
extern void counter_count_relation(Deltas *deltas, Oid relation, List *rows, int sign);

#endif							/* SVC_COUNTER_H */
