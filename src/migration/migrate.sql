-- migrate.sql: migrations run, undone, watched.

CREATE PROCEDURE svc.migrate(service name = svc.current_service(), directory text = NULL, files jsonb = NULL,
        target text = NULL, out_of_order boolean = false, baseline_on_migrate boolean = false,
        variables jsonb = '{}')
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_migrate';
COMMENT ON PROCEDURE svc.migrate(name, text, jsonb, text, boolean, boolean, jsonb) IS
'Applies a service''s pending migrations in order, in a background worker whose session user is the service''s owner role; each is one transaction with its row of the history, or, where a statement of it cannot run in one, goes statement by statement and is resumed after a failure. Whoever finds another at work waits until he has ended. service: here or in another database of the cluster. directory: on the server, read first (svc_ownership.migration_directory). files: name → content, kept first; with neither, the migrations that were loaded last. target: a version, latest (default), current or next. out_of_order: also versions below one that is applied. baseline_on_migrate: a schema that has objects but no history is taken as it is. variables: name → value, for Flyway''s placeholders and Goose''s ENVSUB; not kept.
Errors: those of the statements, with file, line and column in the context; 25001 inside a transaction block or a function; 42704 no such service; 42501 not the service''s owner, or its owner role is a superuser (svc_ownership.migrate_as_superuser), or no right to read the directory; 55000 the history contradicts the files, or a file was changed in what has run; 55P03 a lock was not to be had (svc_ownership.migration_lock_timeout, migration_lock_retries); 42601 a file is malformed; 22023 files, directory or variables are wrong; 22021 a file is not UTF-8; 2D000 a file leaves a transaction open; 53000 no background worker got free; 57000 the worker ended; 25006 on a standby.';

CREATE PROCEDURE svc.migrate_all(directory text, path text = '%s', variables jsonb = '{}')
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_migrate_all';
COMMENT ON PROCEDURE svc.migrate_all(text, text, jsonb) IS
'svc.migrate for every service of the cluster that the caller owns, each in its database. directory: on the server. path: of each service''s folder in it, %s for its name; a service without a folder is passed over with a NOTICE. One that fails is a WARNING and does not stop the others; then the call ends with an error.
Errors: SV003 some services failed; 25001 inside a transaction block or a function; 22004, 22023 an argument is wrong; 25006 on a standby.';

CREATE PROCEDURE svc.undo_migrations(service name, target text = NULL, rollback_comments boolean = false,
        variables jsonb = '{}')
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_undo_migrations';
COMMENT ON PROCEDURE svc.undo_migrations(name, text, boolean, jsonb) IS
'Undoes applied migrations, the newest first, as svc.migrate runs them: with U files (Flyway), Down parts (Goose), .down.sql files (golang-migrate, plain). target: the version down to which, itself not undone; NULL (default): the newest one only. rollback_comments: a migration without undo script is undone by its lines "-- Rollback: <statement>". variables: as for svc.migrate.
Errors: those of svc.migrate; 55000 a migration has no way back.';

CREATE FUNCTION svc.apply_migration(service name, version text) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_apply_migration';
COMMENT ON FUNCTION svc.apply_migration(name, text) IS
'Applies one pending migration inside the caller''s transaction, as the service''s owner role, and writes its row of the history: for tests, which roll back. version: of a transactional migration that was loaded.
Errors: those of its statements; 42501 not the service''s owner, or a superuser; 42704 no such service or migration; 55000 it is not pending; 0A000 it cannot run in one transaction; 55P03 migrations of the service are being run.';

REVOKE EXECUTE ON PROCEDURE svc.migrate, svc.migrate_all, svc.undo_migrations FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION svc.apply_migration FROM PUBLIC;

CREATE VIEW svc.migration_progress AS
SELECT a.pid, pg_catalog.split_part(a.query, E'\t', 2)::name AS service,
       nullif(pg_catalog.split_part(a.query, E'\t', 3), '') AS version,
       pg_catalog.split_part(a.query, E'\t', 4) AS script,
       pg_catalog.substring(pg_catalog.split_part(a.query, E'\t', 5), '^[0-9]{1,9}$')::int AS statement,
       pg_catalog.substring(pg_catalog.split_part(a.query, E'\t', 6), '^[0-9]{1,9}$')::int AS statements,
       t.started, pg_catalog.clock_timestamp() - t.started AS elapsed,
       pg_catalog.pg_blocking_pids(a.pid) AS blocked_by
  FROM pg_catalog.pg_stat_activity a
 CROSS JOIN LATERAL (SELECT '2000-01-01 00:00:00+00'::timestamptz
            + pg_catalog.substring(pg_catalog.split_part(a.query, E'\t', 7), '^[0-9]{1,18}$')::bigint
              * '1 microsecond'::interval) AS t (started)
 WHERE a.backend_type = 'svc_ownership migration' AND a.query LIKE E'/* svc.migrate\t%';
COMMENT ON VIEW svc.migration_progress IS
'Migrations at work in the whole cluster: the statement, how many the file has, since when the file runs, and the processes that block it. As pg_stat_activity, it shows what its reader may see: members of the service''s owner role, pg_read_all_stats, superusers. Empty with track_activities off.';
GRANT SELECT ON svc.migration_progress TO PUBLIC;
