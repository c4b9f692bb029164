/*
 * tool.h: the history tables and locks of other tools, kept as they keep them.
 */
#ifndef SVC_MIGRATION_TOOL_H
#define SVC_MIGRATION_TOOL_H

#include "core/sql.h"
#include "migration/history.h"

typedef struct Tool Tool;

/*
 * Keep the adopted tool away while a migration runs: its advisory locks, tried
 * and never waited for, or a lock on its table where it takes none.  session:
 * until tool_unlock, for what does not run in one transaction; else until the
 * transaction ends.  False: it is at work; try again later, without a snapshot.
 */
extern bool tool_try_lock(const History *history, bool session);
extern void tool_unlock(const History *history);

/* The adopted table's tool; NULL: there is none */
extern const Tool *tool_adopted(const History *history);

/* Was a tool's table adopted; and does it say what is applied? */
extern bool tool_is_adopted(const History *history);
extern bool tool_keeps_rows(const History *history);

/* What is applied, as the tool's table says, with what our rows add */
extern List *tool_applied(const History *history, List *past);

/* The key of the newest row of its table; -1: none */
extern int64 tool_newest(const History *history);

/*
 * What the tool would write: when a migration of several transactions begins,
 * when one is applied or undone, and when one ended as if it had not begun.
 */
extern void tool_write_begun(const History *history, Attempt *attempt);
extern void tool_write_applied(const History *history, Attempt *attempt);
extern void tool_write_undone(const History *history, Attempt *attempt);
extern void tool_write_withdrawn(const History *history, Attempt *attempt);

/* A column that a tool's table must have */
typedef struct ToolColumn
{
	const char *name;
	Oid			types[3];		/* one of these */
	bool		optional;
} ToolColumn;

/*
 * A tool.  Everything runs in a scope of tool_begin.  What a tool does not do is
 * NULL.
 */
struct Tool
{
	const char *table_name;		/* as long as nobody gives another */
	const char *schema_name;	/* NULL: the service's schema, and public */
	const ToolColumn *columns;	/* up to one without name */
	const char *key;			/* its primary key; NULL: it needs none */
	bool		keeps_rows;		/* one for each migration */
	int			table_lock;		/* on the table, where it takes no lock of its own; 0: none */
	List	   *(*lock_keys) (const History *history);	/* int64 *; of advisory locks */
	List	   *(*read) (const History *history, List *past);	/* AppliedMigration */
	const char *newest;			/* a query for the newest key; %s is the table */
	void		(*begun) (const History *history, Attempt *attempt);
	void		(*applied) (const History *history, Attempt *attempt);
	void		(*undone) (const History *history, Attempt *attempt);
	void		(*withdrawn) (const History *history, Attempt *attempt);
	void		(*forget) (const History *history, const AppliedMigration *applied);	/* it failed */
	int64		(*missing) (const History *history, const AppliedMigration *applied);	/* its file is gone */
	void		(*align) (const History *history, const AppliedMigration *applied,
						  const MigrationFile *file);	/* the file is right as it is */
	void		(*force) (const History *history, const char *version);	/* this version, whatever was */
	const char *(*check) (const char *table);	/* why its rows cannot be adopted; NULL: they can */
};

/* A description as Flyway's table holds it */
extern char *flyway_description(const char *text);

extern const Tool flyway_tool;
extern const Tool goose_tool;
extern const Tool drizzle_tool;
extern const Tool golang_migrate_tool;

/* The tool of a format; NULL: there is none */
extern const Tool *tool_of_format(MigrationFormat format);

/* The table, quoted for a statement; an error where it was dropped */
extern char *tool_table(const History *history);
extern bool tool_has_column(const History *history, const char *column);

/*
 * A scope as the service's owner role; see sql.h.  To write in one is refused to
 * superusers where that would run code of others.
 */
extern void tool_begin(const History *history, SqlScope *scope, bool write);

/* An advisory lock's key from a text, in UTF-8 */
extern char *tool_utf8(const char *text);
extern List *tool_add_key(List *keys, int64 key);

/* The last result: the key in the first row's first column; an error where no row was written */
extern int64 tool_key_written(const History *history, uint64 rows);

#endif							/* SVC_MIGRATION_TOOL_H */
