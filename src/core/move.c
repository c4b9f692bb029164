/*
 * move.c: tables that an ALTER TABLE brings into others, and takes out of others.
 *
 * What is kept by triggers (references, counters, deleted keys) is kept on all
 * that is part of a table, and so changes when a part comes or goes.
 */
#include "core/svc.h"

#include "core/ddl.h"
#include "core/move.h"
#include "core/relation.h"

/* Add what one part of an ALTER TABLE moves. */
static void
add_command(TableMove *move, Oid relation, AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AttachPartition:
			move->child = svc_ddl_named_table(cmd);
			move->arrived = list_make1_oid(relation);
			break;
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			move->child = svc_ddl_named_table(cmd);
			move->departed = list_make1_oid(relation);
			break;
		case AT_AddInherit:
			move->child = relation;
			move->arrived = lappend_oid(move->arrived, svc_ddl_named_table(cmd));
			break;
		case AT_DropInherit:
			move->child = relation;
			move->departed = lappend_oid(move->departed, svc_ddl_named_table(cmd));
			break;
		default:
			break;
	}
}

/* What an ALTER TABLE moves. */
TableMove
svc_move_of(AlterTableStmt *stmt, List *objects)
{
	TableMove	move = {InvalidOid, NIL, NIL};
	Oid			relation = svc_ddl_altered_table(stmt, objects);
	ListCell   *cell;

	if (OidIsValid(relation))
		foreach(cell, stmt->cmds)
			add_command(&move, relation, lfirst_node(AlterTableCmd, cell));
	return move;
}

/* What the child, or a part of it, is a part of from now on, and no more. */
void
svc_move_ways(const TableMove *move, Oid part, List **gained, List **lost)
{
	List	   *after = svc_ancestry(part, InvalidOid, NIL);
	List	   *before = svc_ancestry(part, move->child, move->arrived);
	ListCell   *cell;

	foreach(cell, move->departed)
		before = list_concat_unique_oid(before, svc_ancestry(lfirst_oid(cell), InvalidOid, NIL));
	*gained = list_difference_oid(after, before);
	*lost = list_difference_oid(before, after);
}
