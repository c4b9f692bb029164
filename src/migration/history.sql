-- history.sql: what was run, and what is to come.

CREATE FUNCTION svc.migrations(
    service name DEFAULT svc.current_service(),
    OUT version text, OUT description text, OUT kind text, OUT state text, OUT script text,
    OUT checksum text, OUT installed_by text, OUT installed_at timestamptz,
    OUT duration interval, OUT attempts int, OUT statement int, OUT statements int,
    OUT error text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE ROWS 100 AS 'MODULE_PATHNAME', 'svc_migrations';
COMMENT ON FUNCTION svc.migrations(name) IS
'The migrations of a service, applied and to come, each with its state: Pending, Success, Failed, Missing, Failed (Missing), Future, Failed (Future), Outdated, Superseded, Out of Order, Ignored, Ignored (Baseline), Baseline, Below Baseline, Above Target, Undone, Deleted, as Flyway means them. attempts: how often it was tried, as far as is known here; statement of statements: how many of the last attempt were done, where it ran in several transactions; error: why the last attempt failed. For members of the service''s owner role. Errors: 42704 no such service here, 42501 not its owner.';
REVOKE EXECUTE ON FUNCTION svc.migrations(name) FROM PUBLIC;

CREATE FUNCTION svc.validate_migrations(
    service name DEFAULT svc.current_service(),
    OUT version text, OUT description text, OUT script text, OUT problem text, OUT hint text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'svc_validate_migrations';
COMMENT ON FUNCTION svc.validate_migrations(name) IS
'What is wrong between a service''s migration files and its history, a row for each problem; none: all is applied, and as it was. A migration that is only pending counts, as for Flyway. Errors: 42704 no such service here, 42501 not its owner.';
REVOKE EXECUTE ON FUNCTION svc.validate_migrations(name) FROM PUBLIC;

CREATE FUNCTION svc.repair_migrations(
    service name DEFAULT svc.current_service(),
    OUT action text, OUT version text, OUT description text, OUT script text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'svc_repair_migrations';
COMMENT ON FUNCTION svc.repair_migrations(name) IS
'Puts a service''s history of migrations right, as Flyway''s repair does, and returns what it did: forgotten (it failed; nothing of what it did is undone), undo forgotten, deleted (its file is gone), aligned (its file counts as it is now). The adopted tool''s table is changed along. Errors: 42704 no such service here, 42501 not its owner, or a superuser on a table whose triggers or expressions would run as one, 55P03 migrations are being run.';
REVOKE EXECUTE ON FUNCTION svc.repair_migrations(name) FROM PUBLIC;

CREATE FUNCTION svc.baseline(service name DEFAULT svc.current_service(),
                             version text DEFAULT NULL, description text DEFAULT NULL)
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_baseline';
COMMENT ON FUNCTION svc.baseline(name, text, text) IS
'Begins a service''s history of migrations with what is there already: those up to the version are not run. version: that of flyway.conf, else 1; description: that of flyway.conf, else << Flyway Baseline >>. Where a history of Goose or Drizzle was adopted, the migrations up to the version count as applied; where one of golang-migrate was, its version is set, whatever it was. Errors: 22023 no version, 42704 no such service or version, 42501 not its owner, 55000 there is a history, 55P03 migrations are being run.';
REVOKE EXECUTE ON FUNCTION svc.baseline(name, text, text) FROM PUBLIC;

CREATE FUNCTION svc.adopt_history(service name DEFAULT svc.current_service(),
                                  format text DEFAULT 'auto', history regclass DEFAULT NULL)
    RETURNS int
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_adopt_history';
COMMENT ON FUNCTION svc.adopt_history(name, text, regclass) IS
'Adopts the history table of the tool that ran a service''s migrations before: svc.migrate goes on where it stopped, and writes the table as the tool does. format: flyway, goose, drizzle, golang-migrate, or auto. history: the table; NULL: looked for by its usual name in the service''s schema and in public. Grants the owner role the rights on the table that it lacks. Returns how many migrations it holds. Errors: 22023 no such format, 42P01 no such table, 42501 not the service''s owner, or no right to grant, 55000 a table or rows that tool and svc.migrate would read differently, or a history there already, 55P03 the tool is at work.';
REVOKE EXECUTE ON FUNCTION svc.adopt_history(name, text, regclass) FROM PUBLIC;
