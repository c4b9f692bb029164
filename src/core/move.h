/*
 * move.h: tables that an ALTER TABLE brings into others, and takes out of others.
 */
#ifndef SVC_MOVE_H
#define SVC_MOVE_H

#include "nodes/parsenodes.h"

typedef struct TableMove
{
	Oid			child;			/* InvalidOid: the command moves none */
	List	   *arrived;		/* parents */
	List	   *departed;		/* former parents */
} TableMove;

/* Outside of a scope: the command names tables as its search_path has them */
extern TableMove svc_move_of(AlterTableStmt *stmt, List *objects);

/*
 * What the child, or a part of it, is a part of from now on, and no more.  There
 * may be other ways to the same whole: then nothing changes.  Inside a scope, in
 * its memory.
 */
extern void svc_move_ways(const TableMove *move, Oid part, List **gained, List **lost);

#endif							/* SVC_MOVE_H */
