/*
 * tool_table.h: is a table one that a tool keeps its history in?
 */
#ifndef SVC_MIGRATION_TOOL_TABLE_H
#define SVC_MIGRATION_TOOL_TABLE_H

#include "migration/tool.h"
#include "utils/rel.h"

/* The reason why a table, which is locked, is none of the tool's, as a sentence; or NULL */
extern const char *tool_table_misfit(Relation rel, const Tool *tool);

/* The same of its columns alone */
extern const char *tool_table_columns_misfit(Relation rel, const Tool *tool);

#endif							/* SVC_MIGRATION_TOOL_TABLE_H */
