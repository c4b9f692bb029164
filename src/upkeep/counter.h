/*
 * counter.h: counters in one table of rows in another.
 */
#ifndef SVC_COUNTER_H
#define SVC_COUNTER_H

#include "executor/spi.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
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

/* A counter as it is kept, for rows of one relation (the source, or a part of it) */
typedef struct Counter
{
	AttrNumber	key;			/* column of the rows that are counted */
	Oid			key_type;
	Oid			key_collation;
	Node	   *filter;			/* which rows count, or NULL */
	Bitmapset  *columns;		/* key and filter, as in tg_updatedcols */
	Oid			target;
	AttrNumber	target_key;
	Oid			run_as;			/* who updates the target; InvalidOid: the caller */
	char	   *update;			/* the statement, and its plan when it has one */
	SPIPlanPtr	plan;
} Counter;

/* counter.c */
extern Counter *counter_resolve(Relation rel, const CounterNames *names);
extern Oid	counter_run_as(Relation rel, Oid target, const CounterNames *names);

/* delta.c: differences, collected by key and then applied in one order */
typedef struct Deltas Deltas;

extern Deltas *delta_begin(void);
extern void delta_use(Deltas *deltas, Counter **counters, int n);
extern void delta_add_rows(Deltas *deltas, Relation rel, Tuplestorestate *rows, int sign);
extern void delta_add_relation(Deltas *deltas, Relation rel, int sign);
extern void delta_subtract_values(Deltas *deltas, Relation target, AttrNumber key,
								  AttrNumber counter);
extern uint64 delta_apply(Deltas *deltas);

#endif							/* SVC_COUNTER_H */
