/*
 * leftover.h: what a statement left behind that ended in its middle.
 */
#ifndef SVC_MIGRATION_LEFTOVER_H
#define SVC_MIGRATION_LEFTOVER_H

#include "nodes/parsenodes.h"

extern bool leftover_clear(Node *statement, bool may_be_done, List **statements);

#endif							/* SVC_MIGRATION_LEFTOVER_H */
