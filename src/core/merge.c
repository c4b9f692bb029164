/*
 * merge.c: MERGE into partitioned tables, seen by our statement triggers.
 *
 * A row that MERGE moves to another partition is put into the transition tables
 * of INSERT and DELETE, and not into those of UPDATE.  But the triggers of these
 * events fire only if the MERGE has such actions, so a key that came with a move
 * would be seen by nobody.  We fire ours for the events that the server leaves
 * out, and nobody else's: what others expect of MERGE stays as it is.
 *
 * And some releases of the server put the row that a MERGE inserted last in the
 * place of one that it updated afterwards (seen in 18.6, not in 15.20).  What it
 * remembers of the insert is taken from it before each row.
 *
 * Both are done for statements that have a MERGE, into partitioned tables with
 * triggers of ours; all others pay for one comparison.
 */
#include "core/svc.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "core/merge.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* The rows that a MERGE is fed with, watched as they come */
typedef struct Feed
{
	dlist_node	node;
	MemoryContextCallback forget;
	PlanState  *rows;
	ModifyTableState *merge;
	ExecProcNodeMtd next;		/* how they are got */
} Feed;

/* of the statements that run, which own them */
static dlist_head feeds = DLIST_STATIC_INIT(feeds);

static ExecutorStart_hook_type next_start = NULL;
static ExecutorFinish_hook_type next_finish = NULL;

/* Is it one of our triggers that look at a statement's rows?  Nobody else can make functions in our schema. */
static bool
is_ours(const Trigger *trigger)
{
	return (trigger->tgoldtable || trigger->tgnewtable) &&
		get_func_namespace(trigger->tgfoid) == get_namespace_oid(SVC_SCHEMA, true);
}

/* Is it a MERGE into a partitioned table that has triggers of ours? */
static bool
is_concerned(const ModifyTableState *node)
{
	const ResultRelInfo *target = node->rootResultRelInfo;

	if (node->operation != CMD_MERGE || !node->mt_transition_capture ||
		target->ri_RelationDesc->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;
	for (int i = 0; i < target->ri_TrigDesc->numtriggers; i++)
		if (is_ours(&target->ri_TrigDesc->triggers[i]))
			return true;
	return false;
}

/* Can a statement have a MERGE? */
static bool
may_merge(const QueryDesc *query)
{
	return query->plannedstmt->commandType == CMD_MERGE || query->plannedstmt->hasModifyingCTE;
}

/* What a statement changes tables with: itself, and what it has in WITH. */
static List *
modifying_nodes(const QueryDesc *query)
{
	List	   *nodes = list_copy(query->estate->es_auxmodifytables);

	if (query->planstate && IsA(query->planstate, ModifyTableState))
		nodes = list_append_unique_ptr(nodes, query->planstate);
	return nodes;
}

/* The next row for a MERGE, which is to remember nothing of the one before. */
static TupleTableSlot *
next_row(PlanState *rows)
{
	dlist_iter	iter;

	dlist_foreach(iter, &feeds)
	{
		Feed	   *feed = dlist_container(Feed, node, iter.cur);

		if (feed->rows != rows)
			continue;
		feed->merge->mt_transition_capture->tcs_original_insert_tuple = NULL;
		return feed->next(rows);
	}
	elog(ERROR, "rows of a MERGE are not watched");
}

/* A statement has ended, or failed. */
static void
forget_feed(void *arg)
{
	dlist_delete(&((Feed *) arg)->node);
}

/* Watch the rows that a MERGE is fed with. */
static void
watch_feed(ModifyTableState *merge)
{
	MemoryContext cxt = merge->ps.state->es_query_cxt;
	Feed	   *feed = MemoryContextAllocZero(cxt, sizeof(Feed));

	feed->rows = outerPlanState(merge);
	feed->merge = merge;
	feed->next = feed->rows->ExecProcNodeReal;
	feed->forget.func = forget_feed;
	feed->forget.arg = feed;
	dlist_push_head(&feeds, &feed->node);
	MemoryContextRegisterResetCallback(cxt, &feed->forget);
	ExecSetExecProcNode(feed->rows, next_row);
}

/* ExecutorStart_hook: watch those that insert and update. */
static void
start(QueryDesc *query, int eflags)
{
	ListCell   *cell;

	if (next_start)
		next_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (!may_merge(query))
		return;
	foreach(cell, modifying_nodes(query))
	{
		ModifyTableState *node = lfirst_node(ModifyTableState, cell);

		if (is_concerned(node) && (node->mt_merge_subcommands & MERGE_INSERT) &&
			(node->mt_merge_subcommands & MERGE_UPDATE))
			watch_feed(node);
	}
}

/* Does a node fire the triggers of a relation for INSERT or DELETE? */
static bool
fires(const ModifyTableState *node, Oid relation, CmdType event)
{
	if (RelationGetRelid(node->rootResultRelInfo->ri_RelationDesc) != relation)
		return false;
	if (node->operation == CMD_MERGE)
		return (node->mt_merge_subcommands & (event == CMD_INSERT ? MERGE_INSERT : MERGE_DELETE)) != 0;
	return node->operation == event;
}

/* Does any of a statement's nodes? */
static bool
is_fired(List *nodes, Oid relation, CmdType event)
{
	ListCell   *cell;

	foreach(cell, nodes)
		if (fires(lfirst_node(ModifyTableState, cell), relation, event))
			return true;
	return false;
}

/*
 * Run what a statement has in WITH and did not read to the end, as the server
 * would do a moment later: statement triggers are to come after those of rows.
 */
static void
run_to_end(EState *estate)
{
	ListCell   *cell;
	TupleTableSlot *row;

	estate->es_direction = ForwardScanDirection;
	foreach(cell, estate->es_auxmodifytables)
		do
		{
			ResetPerTupleExprContext(estate);
			row = ExecProcNode(lfirst(cell));
		} while (!TupIsNull(row));
}

/* Fire our triggers of a MERGE's table for an event that it has no action for. */
static void
fire(ModifyTableState *merge, CmdType event)
{
	ResultRelInfo target = *merge->rootResultRelInfo;

	target.ri_TrigDesc = CopyTriggerDesc(target.ri_TrigDesc);
	for (int i = 0; i < target.ri_TrigDesc->numtriggers; i++)
	{
		Trigger    *trigger = &target.ri_TrigDesc->triggers[i];

		if (!is_ours(trigger))
			trigger->tgenabled = TRIGGER_DISABLED;
	}
	if (event == CMD_INSERT)
		ExecASInsertTriggers(merge->ps.state, &target, merge->mt_transition_capture);
	else
		ExecASDeleteTriggers(merge->ps.state, &target, merge->mt_transition_capture);
}

/*
 * Fire what nobody fires.  Where another part of the statement does, its
 * triggers see these rows, too; to fire ours again would call off the others.
 */
static void
fire_missing(EState *estate, List *nodes)
{
	static const CmdType events[] = {CMD_DELETE, CMD_INSERT};
	ListCell   *cell;

	foreach(cell, nodes)
	{
		ModifyTableState *node = lfirst_node(ModifyTableState, cell);
		Oid			relation = RelationGetRelid(node->rootResultRelInfo->ri_RelationDesc);

		if (!(is_concerned(node) && (node->mt_merge_subcommands & MERGE_UPDATE)))
			continue;
		run_to_end(estate);
		for (int i = 0; i < lengthof(events); i++)
			if (!is_fired(nodes, relation, events[i]))
				fire(node, events[i]);
	}
}

/* ExecutorFinish_hook: fire what rows that were moved need, before the triggers run. */
static void
finish(QueryDesc *query)
{
	if (may_merge(query))
	{
		MemoryContext old = MemoryContextSwitchTo(query->estate->es_query_cxt);

		fire_missing(query->estate, modifying_nodes(query));
		MemoryContextSwitchTo(old);
	}
	if (next_finish)
		next_finish(query);
	else
		standard_ExecutorFinish(query);
}

/* Look at statements that have a MERGE; called once when the library is loaded. */
void
MergeInit(void)
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start;
	next_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
}
