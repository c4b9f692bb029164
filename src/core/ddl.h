/*
 * ddl.h: what modules do when objects are created, altered or dropped.
 */
#ifndef SVC_DDL_H
#define SVC_DDL_H

#include "nodes/pg_list.h"
#include "nodes/parsenodes.h"

/* One object that a command created or altered, or that a DROP took away */
typedef struct DdlObject
{
	Oid			class_id;
	Oid			object_id;
	int32		sub_id;
	const char *tag;			/* "CREATE TABLE"; NULL for a dropped object */
	const char *type;			/* "table column" */
	const char *schema;			/* NULL where objects of the type have none */
	const char *name;			/* of a dropped object, else NULL */
	bool		named;			/* of a dropped object: the DROP named it */
} DdlObject;

/*
 * Handlers.  "check" may refuse the command with an error; "follow" keeps our
 * catalog in step and runs protected: what goes wrong in it becomes a warning,
 * since nobody's DDL may fail because of our bookkeeping.  A module leaves out
 * what it has no use for.
 */
typedef struct DdlHandler
{
	void		(*check_altered) (Node *command, List *objects);
	void		(*follow_altered) (Node *command, List *objects);
	void		(*check_dropped) (List *objects);
	void		(*follow_dropped) (List *objects);
	void		(*before_drop_table) (DropStmt *command);
} DdlHandler;

extern void DdlInit(void);
extern void svc_register_ddl_handler(const DdlHandler *handler);

extern List *svc_ddl_relations(List *objects);
extern RenameStmt *svc_ddl_column_rename(Node *command);
extern List *svc_ddl_renamed_in(List *objects);
extern Oid	svc_ddl_altered_table(AlterTableStmt *stmt, List *objects);
extern Oid	svc_ddl_named_table(AlterTableCmd *cmd);
extern Oid	svc_ddl_table_to_drop(List *name);
extern void svc_ddl_lock_to_drop(Oid relation);

#endif							/* SVC_DDL_H */
