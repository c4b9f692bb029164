-- run.sql: statements as a service's owner role.

CREATE PROCEDURE svc.run(statements text[], service name = svc.current_service(), INOUT results jsonb = NULL)
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_run';
COMMENT ON PROCEDURE svc.run(text[], name, jsonb) IS
'Runs statements one by one, each as a top-level statement of its own, in a background worker whose session user is the service''s owner role, in the service''s database; so CREATE INDEX CONCURRENTLY and VACUUM work, and nothing they set stays behind. They are not undone with the caller''s transaction, of which there must be none; the first error ends the run. statements: at most 10000. service: here or in another database of the cluster. results: given by the procedure, an array with command, and where there are rows columns and rows (text, at most 10000 and 100 MB), for each statement.
Errors: those of the statements; 25001 inside a transaction block or a function; 42704 no such service; 42501 not the service''s owner, or its owner role is a superuser; 53000 no background worker got free within svc_ownership.worker_wait; 0A000 COPY from or to the client; 2D000 a transaction was left open; 54000 too many rows, or too large ones; 57000 the worker ended; 22004, 22023 an argument is wrong; 25006 on a standby.';

REVOKE EXECUTE ON PROCEDURE svc.run FROM PUBLIC;
