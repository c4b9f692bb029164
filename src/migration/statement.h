/*
 * statement.h: what a statement's parse tree says about how it must be run.
 */
#ifndef SVC_MIGRATION_STATEMENT_H
#define SVC_MIGRATION_STATEMENT_H

#include "nodes/parsenodes.h"

/* Can it run inside a transaction block?  Else "reason" is what PostgreSQL calls it. */
extern bool statement_is_transactional(Node *statement, const char **reason);

/* Does it begin or end a transaction itself (BEGIN, COMMIT, ROLLBACK, PREPARE TRANSACTION; no savepoints)? */
extern bool statement_controls_transaction(Node *statement);

/*
 * Does it leave something in the session that later statements of its file may
 * need: settings (not LOCAL), prepared statements, temporary objects and what
 * is written to them, open cursors WITH HOLD?  temporary: names of temporary
 * relations of the statements before it (char *), to which its own are added.
 */
extern bool statement_shapes_session(Node *statement, List **temporary);

/* CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY, DETACH ... CONCURRENTLY, VACUUM: they wait without being in anybody's way */
extern bool statement_waits_harmlessly(Node *statement);

extern bool statement_is_copy_in(Node *statement);

#endif							/* SVC_MIGRATION_STATEMENT_H */
