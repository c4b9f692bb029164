-- plan.sql: what migrations will do, before they run.

CREATE FUNCTION svc.plan_migrations(
    service name = svc.current_service(), execute boolean = false, variables jsonb = '{}',
    OUT version text, OUT script text, OUT number int, OUT statement text, OUT tried boolean,
    OUT duration interval, OUT rows bigint, OUT locks jsonb, OUT rewrites jsonb, OUT findings jsonb,
    OUT transactional boolean, OUT note text
) RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_plan_migrations';
COMMENT ON FUNCTION svc.plan_migrations(name, boolean, jsonb) IS
'What the pending migrations of a service will do: a row for each statement, in the order in which svc.migrate runs them. Nothing is run or locked; it comes from the statements and the catalog. service: of this database. execute: also try them, in one transaction of a background worker that is rolled back; their locks are taken until then, and sequences keep what they advanced, so do it on a copy. variables: values for placeholders, {"name": "value"}.
version, script: of the file. number, statement: from 1 in each file. tried: with execute, did it run; duration, rows: then. locks: [{"relation", "mode"}], the strongest mode of each as in pg_locks, at most; with execute those that were taken. rewrites: [{"relation", "what", "size", "rows"}], tables that are read as a whole (scan) or written anew (rewrite), bytes and estimated rows. findings: NULL for now. transactional: can it run in a transaction block. note: what is not known, and why a statement was not tried.
Errors: 42501 not the owner, or with execute its owner role is a superuser; 42704 no such service here; 55000 the history does not fit the files; 42601 a file that cannot be read; 42P02 a placeholder without a value; 25001 with execute in a transaction that has changed something; 25006 with execute on a standby; 40001 the migrations changed meanwhile; 53000 no background worker got free within svc_ownership.worker_wait; 57000 the worker ended; 22004, 22023 an argument is wrong.';

REVOKE EXECUTE ON FUNCTION svc.plan_migrations FROM PUBLIC;
