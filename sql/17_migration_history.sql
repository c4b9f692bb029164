-- What was run and what is to come: the states of Flyway's info for every case, its verdicts, repair and baseline,
-- and the history tables of the tools, adopted, followed and written as they write them.
SET client_min_messages = warning;
SELECT svc.create_service('regress_h', schema => 'regress_h', login => 'regress_h_user', login_level => 'owner');
SELECT svc.create_service('regress_o', schema => 'regress_o', login => 'regress_o_user', login_level => 'owner');
CREATE ROLE regress_nobody;

-- the table that Flyway makes
CREATE FUNCTION pg_temp.make_flyway() RETURNS void LANGUAGE sql AS $$
CREATE TABLE regress_h.flyway_schema_history (
    installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL, checksum INTEGER, installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT pg_catalog.now(), execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL);
ALTER TABLE regress_h.flyway_schema_history ADD CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank);
CREATE INDEX flyway_schema_history_s_idx ON regress_h.flyway_schema_history (success);
ALTER TABLE regress_h.flyway_schema_history OWNER TO regress_h_owner;
$$;
SELECT pg_temp.make_flyway();

-- A case: files (all empty, so that their checksum is 0) and rows of Flyway's table, each a word:
-- version or "R", type but for SQL after a colon, "!" failed, "~" another checksum, "=name" another description.
-- The result: what svc.migrations and svc.validate_migrations say.
CREATE FUNCTION pg_temp.look(files text, history text, OUT states text, OUT problems text) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM svc.migration_history WHERE service = 'regress_h';
    DELETE FROM svc.migration_content WHERE service = 'regress_h';
    DELETE FROM svc.migration_file WHERE service = 'regress_h';
    DELETE FROM svc.migration_source WHERE service = 'regress_h';
    TRUNCATE regress_h.flyway_schema_history;
    PERFORM svc.load_migrations('regress_h', (SELECT jsonb_object_agg(f || '__m.sql', '') FROM unnest(string_to_array(files, ' ')) f), 'flyway')
      WHERE files <> '';
    INSERT INTO regress_h.flyway_schema_history
    SELECT n, CASE WHEN w[1] <> 'R' THEN w[1] END, COALESCE(w[5], 'm'), COALESCE(w[2], 'SQL'), 'x', CASE WHEN w[4] IS NULL THEN 0 ELSE 1 END,
           'tool', '2026-01-01', 7, w[3] IS NULL
      FROM regexp_split_to_table(NULLIF(history, ''), ' ') WITH ORDINALITY AS r(word, n),
           regexp_match(word, '^([0-9.R]*)(?::(\w+))?(!)?(~)?(?:=(\w+))?$') AS w;
    PERFORM svc.adopt_history('regress_h', 'flyway');
    states := (SELECT string_agg(COALESCE(m.version, 'R') || ' ' || m.state, ', ' ORDER BY m.n)
                 FROM svc.migrations('regress_h') WITH ORDINALITY AS m(version, description, kind, state, script, checksum, installed_by,
                      installed_at, duration, attempts, statement, statements, error, n));
    problems := (SELECT string_agg(COALESCE(v.version, 'R') || ' ' || v.problem, ', ') FROM svc.validate_migrations('regress_h') v);
END $$;

-- every state, and the order of the lines
CREATE TEMP TABLE cases (n serial, what text, files text, history text);
INSERT INTO cases (what, files, history) VALUES
    ('nothing run', 'V1 V2 R', ''),
    ('all run', 'V1 V2 R', '1 2 R'),
    ('versions are numbers', 'V001 V2.0 V10', '1 2 10.0'),
    ('below what is run', 'V1 V2 V3', '1 3'),
    ('run late', 'V1 V2 V3', '1 3 2'),
    ('twice', 'V1 V2', '1 2 2'),
    ('changed', 'V1 V2', '1~ 2'),
    ('renamed', 'V1 V2', '1=other 2'),
    ('changed and renamed, at the baseline', 'V1 V2 V3', '2:BASELINE 3'),
    ('file gone', 'V1 V3', '1 2 3'),
    ('later than all files', 'V1', '1 2'),
    ('no files', '', '1 2 R'),
    ('failed', 'V1 V2', '1 2!'),
    ('failed, file gone', 'V1 V3', '1 2!'),
    ('failed, later than all files', 'V1', '1 2!'),
    ('baseline', 'V1 V2 V3', '2:BASELINE'),
    ('baseline and one more', 'V1 V2 V3', '2:BASELINE 3'),
    ('a schema that Flyway made', 'V1', 'R:SCHEMA 1'),
    ('repeatable changed', 'V1 R', '1 R~'),
    ('repeatable run again', 'V1 R', '1 R~ R'),
    ('repeatable run again, and changed', 'V1 R', '1 R R~'),
    ('repeatable gone', 'V1', '1 R'),
    ('repeatable gone, run twice', 'V1', '1 R~ R'),
    ('repeatable failed', 'V1 R', '1 R!'),
    ('deleted', 'V1 V2', '1 2 2:DELETE'),
    ('deleted and run again', 'V1 V2', '1 2 2:DELETE 2'),
    ('deleted below a later one', 'V1 V2 V3', '1 2 3 2:DELETE'),
    ('deleted, file gone', 'V1', '1 2 2:DELETE'),
    ('a deletion of nothing', 'V1', '1 5:DELETE'),
    ('a deletion that failed', 'V1 V2', '1 2 2:DELETE!'),
    ('repeatable deleted', 'V1 R', '1 R R:DELETE'),
    ('repeatable deleted, and run again', 'V1 R', '1 R R:DELETE R'),
    ('undone by the paid edition', 'V1 V2', '1 2 2:UNDO_SQL'),
    ('Java', 'V1 V2', '1 2:JDBC'),
    ('B file, nothing run', 'V1 B2 V2 V3', ''),
    ('B file, something run', 'V1 B2 V2 V3', '1'),
    ('B files, nothing run', 'V1 B1 B2 V3', ''),
    ('B file, run', 'V1 B2 V2 V3', '2:SQL_BASELINE'),
    ('B file, run, and another', 'B2 V3 B4', '2:SQL_BASELINE 3'),
    ('undo scripts and callbacks', 'V1 U1 V2 U2', '1');
\pset format unaligned
SELECT what || ': ' || files || ' / ' || history AS "case", l.* FROM cases, pg_temp.look(files, history) l ORDER BY n;

-- repair, as Flyway's: what failed is forgotten, what lost its file deleted, what was changed or renamed as it is
CREATE VIEW pg_temp.ours AS SELECT attempt, action, outcome, kind, version, description, script, checksum, installed_by, duration, tool_key
  FROM svc.migration_history WHERE service = 'regress_h' ORDER BY 1;
SELECT states FROM pg_temp.look('V1 V3 V4 V6', '1~ 2 3=other 4 5! R');
SET SESSION AUTHORIZATION regress_h_user;
SELECT * FROM svc.repair_migrations('regress_h');
SELECT * FROM svc.repair_migrations('regress_h');
SELECT version, description, state, installed_by, duration, attempts FROM svc.migrations('regress_h');
SELECT version, problem, hint FROM svc.validate_migrations('regress_h');
RESET SESSION AUTHORIZATION;
SELECT installed_rank AS rank, version, description, type, script, checksum, installed_by, execution_time AS ms, success
  FROM regress_h.flyway_schema_history ORDER BY 1;
TABLE pg_temp.ours;

-- while migrations are run, nobody changes the history: our runs, and Flyway's own lock
SELECT classid, objid, objsubid FROM pg_locks WHERE locktype = 'advisory' AND database <> 0;
BEGIN;
SELECT * FROM svc.repair_migrations('regress_h');
SELECT (classid::bigint << 32) + objid::bigint AS key, objsubid, mode FROM pg_locks
 WHERE locktype = 'advisory' AND database <> 0 AND pid = pg_backend_pid();
COMMIT;

-- baseline: only where nothing was run, and the same one again is nothing
DELETE FROM svc.migration_history WHERE service = 'regress_h';
UPDATE svc.migration_source SET history = NULL WHERE service = 'regress_h';
SET SESSION AUTHORIZATION regress_h_user;
SELECT svc.baseline('regress_h', 'x');
SELECT svc.baseline('regress_h', '3', 'as it was');
RESET client_min_messages;
SELECT svc.baseline('regress_h', '3.0', 'as it was');
SET client_min_messages = warning;
SELECT svc.baseline('regress_h', '4', 'as it was');
SELECT svc.baseline('regress_h');
SELECT version, description, kind, state, script FROM svc.migrations('regress_h');
RESET SESSION AUTHORIZATION;

-- what an attempt came to: half done, rolled back, abandoned
DELETE FROM svc.migration_history WHERE service = 'regress_h';
CREATE FUNCTION pg_temp.attempt(n int, action text, outcome text, version text, done int, error text) RETURNS void LANGUAGE sql AS $$
INSERT INTO svc.migration_history VALUES ('regress_h', n, action, outcome, 'versioned', version, 'm', 'V' || version || '__m.sql', '0', done, 5, 'h',
   '42P01', (E'regress_h\n' || error)::svc.private_text, 'somebody', '2026-01-01', '2 s') $$;
SELECT pg_temp.attempt(1, 'apply', 'rolled back', '1', 0, 'first'), pg_temp.attempt(2, 'apply', 'success', '1', 5, NULL),
       pg_temp.attempt(3, 'apply', 'rolled back', '3', 0, 'second'), pg_temp.attempt(4, 'apply', 'rolled back', '3', 0, 'third');
SELECT version, state, attempts, statement, statements, error FROM svc.migrations('regress_h');
SELECT pg_temp.attempt(5, 'apply', 'failed', '3', 2, 'fourth');
SELECT version, state, attempts, statement, statements, error FROM svc.migrations('regress_h');
SELECT * FROM svc.repair_migrations('regress_h');
SELECT version, state, attempts, statement, statements, error FROM svc.migrations('regress_h');
SELECT pg_temp.attempt(6, 'undo', 'running', '1', 1, NULL);
SELECT version, problem, hint FROM svc.validate_migrations('regress_h');
SELECT * FROM svc.repair_migrations('regress_h');
SELECT pg_temp.attempt(7, 'undo', 'success', '1', 5, NULL);
SELECT version, state FROM svc.migrations('regress_h');
-- only owners see it
SET SESSION AUTHORIZATION regress_o_user;
SELECT * FROM svc.migrations('regress_h');
SELECT * FROM svc.validate_migrations('regress_h');
SELECT * FROM svc.repair_migrations('regress_h');
SELECT svc.baseline('regress_h');
SELECT svc.adopt_history('regress_h');
SET SESSION AUTHORIZATION regress_nobody;
SELECT * FROM svc.migrations('regress_h');
RESET SESSION AUTHORIZATION;

-- what is not adopted, and why
DELETE FROM svc.migration_history WHERE service = 'regress_h';
CREATE FUNCTION pg_temp.refused(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    reason text;
BEGIN
    EXECUTE change;
    PERFORM svc.adopt_history('regress_h', 'flyway', 'regress_h.flyway_schema_history');
    RETURN 'adopted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || ': ' || reason;
END $$;
SELECT change, pg_temp.refused(replace(change, 'HISTORY', 'regress_h.flyway_schema_history')) FROM unnest(ARRAY[
    'ALTER TABLE HISTORY ADD tenant text',
    'ALTER TABLE HISTORY ALTER version TYPE text',
    'ALTER TABLE HISTORY DROP checksum',
    'ALTER TABLE HISTORY DROP CONSTRAINT flyway_schema_history_pk',
    'ALTER TABLE HISTORY ENABLE ROW LEVEL SECURITY',
    'CREATE RULE r AS ON INSERT TO HISTORY DO INSTEAD NOTHING',
    'CREATE TABLE regress_h.child () INHERITS (HISTORY)',
    'INSERT INTO HISTORY VALUES (50, 1, 1, 1, 1, 1, 1, now(), 1, true)',
    'INSERT INTO HISTORY VALUES (51, 6, 1, ''SQL'', 1, 1, 1, now(), 1, true), (52, 6, 1, ''DELETE'', 1, 1, 1, now(), 1, true), (53, 6, 1, ''DELETE'', 1, 1, 1, now(), 1, true)']) change;
SELECT svc.adopt_history('regress_h', 'plain');
SELECT svc.adopt_history('regress_h', 'nothing');
SELECT svc.adopt_history('regress_h', 'goose');
SELECT svc.adopt_history('regress_h', 'flyway', 0);
CREATE VIEW regress_h.v AS TABLE regress_h.flyway_schema_history;
SELECT svc.adopt_history('regress_h', 'flyway', 'regress_h.v');
DROP VIEW regress_h.v;
-- somebody else's table is adopted by who can give the rights on it
ALTER TABLE regress_h.flyway_schema_history OWNER TO regress_nobody;
REVOKE ALL ON regress_h.flyway_schema_history FROM regress_h_owner, regress_h_writer, regress_h_reader;
SET SESSION AUTHORIZATION regress_h_user;
SELECT svc.adopt_history('regress_h');
RESET SESSION AUTHORIZATION;
-- a column with a default and a trigger do not matter to Flyway, and a superuser does not run the trigger
ALTER TABLE regress_h.flyway_schema_history ADD extra text DEFAULT 'x', ALTER installed_by SET DEFAULT 'y';
CREATE FUNCTION regress_h.who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'trigger runs as %', current_user; RETURN NEW; END $$;
ALTER FUNCTION regress_h.who() OWNER TO regress_nobody;
CREATE TRIGGER who AFTER INSERT OR UPDATE ON regress_h.flyway_schema_history FOR EACH ROW EXECUTE FUNCTION regress_h.who();
SELECT svc.adopt_history('regress_h');
SELECT has_table_privilege('regress_h_owner', 'regress_h.flyway_schema_history', 'SELECT, INSERT, UPDATE, DELETE');
SELECT svc.load_migrations('regress_h', files => '{"V1__m.sql": "SELECT 1", "V3__m.sql": "", "V4__m.sql": "", "V6__m.sql": ""}');
SELECT * FROM svc.repair_migrations('regress_h');
SET SESSION AUTHORIZATION regress_h_user;
SELECT * FROM svc.repair_migrations('regress_h');
RESET SESSION AUTHORIZATION;
SELECT svc.adopt_history('regress_h');
-- the table is gone
DROP TABLE regress_h.flyway_schema_history;
SELECT version, state FROM svc.migrations('regress_h');
SELECT svc.adopt_history('regress_h');

-- Goose: a row for what is applied; row 0; old rows that say no
DELETE FROM svc.migration_history WHERE service = 'regress_h';
CREATE FUNCTION pg_temp.load(files jsonb) RETURNS void LANGUAGE sql AS $$
DELETE FROM svc.migration_content WHERE service = 'regress_h';
DELETE FROM svc.migration_file WHERE service = 'regress_h';
DELETE FROM svc.migration_source WHERE service = 'regress_h';
DELETE FROM svc.migration_history WHERE service = 'regress_h';
SELECT svc.load_migrations('regress_h', files);
$$;
SELECT pg_temp.load(jsonb_object_agg(format('%s_g.sql', lpad(i::text, 5, '0')), E'-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n')) FROM generate_series(1, 6) i;
CREATE TABLE regress_h.goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT pg_catalog.now());
ALTER TABLE regress_h.goose_db_version OWNER TO regress_h_owner;
SELECT svc.adopt_history('regress_h');
INSERT INTO regress_h.goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (2, false), (4, true);
SELECT svc.adopt_history('regress_h');
SELECT version, description, state, script, attempts FROM svc.migrations('regress_h');
SELECT version, problem FROM svc.validate_migrations('regress_h');
-- the tool goes on, and back
INSERT INTO regress_h.goose_db_version (version_id, is_applied) VALUES (5, true);
DELETE FROM regress_h.goose_db_version WHERE version_id = 4;
SELECT version, state FROM svc.migrations('regress_h');
SELECT svc.adopt_history('regress_h');
SELECT svc.adopt_history('regress_h');
TABLE pg_temp.ours;
-- the files up to a version count as applied
DELETE FROM svc.migration_history WHERE service = 'regress_h';
DELETE FROM regress_h.goose_db_version WHERE version_id > 0;
SELECT svc.baseline('regress_h', '3');
SELECT version_id, is_applied FROM regress_h.goose_db_version ORDER BY id;
SELECT version, state FROM svc.migrations('regress_h');
SELECT svc.baseline('regress_h', '4');
DROP TABLE regress_h.goose_db_version;

-- Drizzle: by time, and by name
SELECT pg_temp.load(jsonb_build_object('meta/_journal.json', '{"version": "7", "dialect": "postgresql", "entries": [
  {"idx": 0, "version": "7", "when": 1000, "tag": "0000_a", "breakpoints": true}, {"idx": 1, "version": "7", "when": 3000, "tag": "0001_b", "breakpoints": true},
  {"idx": 2, "version": "7", "when": 2000, "tag": "0002_c", "breakpoints": true}, {"idx": 3, "version": "7", "when": 4000, "tag": "0003_d", "breakpoints": true}]}',
  '0000_a.sql', 'SELECT 1', '0001_b.sql', 'SELECT 2', '0002_c.sql', 'SELECT 3', '0003_d.sql', 'SELECT 4'));
CREATE SCHEMA drizzle AUTHORIZATION regress_h_owner;
CREATE TABLE drizzle.__drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint);
ALTER TABLE drizzle.__drizzle_migrations OWNER TO regress_h_owner;
INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('x', NULL);
SELECT svc.adopt_history('regress_h');
DELETE FROM drizzle.__drizzle_migrations;
INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES (encode(sha256('SELECT 1'), 'hex'), 1000), ('wrong', 3000);
SELECT svc.adopt_history('regress_h');
SELECT version, state, script FROM svc.migrations('regress_h');
SELECT version, problem FROM svc.validate_migrations('regress_h');
SELECT * FROM svc.repair_migrations('regress_h');
SELECT hash = encode(sha256('SELECT 2'), 'hex') AS repaired, created_at FROM drizzle.__drizzle_migrations ORDER BY id;
SELECT pg_temp.load('{"20260101000000_a/migration.sql": "SELECT 1", "20260102000000_b/migration.sql": "SELECT 2", "20260103000000_c/migration.sql": "SELECT 3"}');
ALTER TABLE drizzle.__drizzle_migrations ADD name text, ADD applied_at timestamptz DEFAULT pg_catalog.now();
TRUNCATE drizzle.__drizzle_migrations;
INSERT INTO drizzle.__drizzle_migrations (hash, created_at, name) VALUES ('x', 1767225600000, '20260101000000_a'), ('x', 1, '20260103000000_c');
SELECT svc.adopt_history('regress_h');
SELECT version, state FROM svc.migrations('regress_h');
DROP SCHEMA drizzle CASCADE;

-- golang-migrate: one number; our rows follow it
SELECT pg_temp.load(jsonb_object_agg(format('%s_g.up.sql', i), 'SELECT 1;')) FROM generate_series(1, 6) i;
CREATE TABLE regress_h.schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
ALTER TABLE regress_h.schema_migrations OWNER TO regress_h_owner;
INSERT INTO regress_h.schema_migrations VALUES (3, true);
SELECT svc.adopt_history('regress_h');
UPDATE regress_h.schema_migrations SET dirty = false;
SELECT svc.adopt_history('regress_h');
SELECT version, state, script FROM svc.migrations('regress_h');
UPDATE regress_h.schema_migrations SET version = 4;
SELECT version, state FROM svc.migrations('regress_h');
UPDATE regress_h.schema_migrations SET version = 2;
SELECT version, state FROM svc.migrations('regress_h');
UPDATE regress_h.schema_migrations SET version = 3, dirty = true;
SELECT version, state FROM svc.migrations('regress_h');
SELECT * FROM svc.repair_migrations('regress_h');
TABLE regress_h.schema_migrations;
SELECT svc.baseline('regress_h', '5');
TABLE regress_h.schema_migrations;
SELECT version, state FROM svc.migrations('regress_h');
TABLE pg_temp.ours;
BEGIN;
SELECT * FROM svc.repair_migrations('regress_h');
SELECT count(*) AS keys FROM pg_locks WHERE locktype = 'advisory' AND database <> 0 AND pid = pg_backend_pid();
COMMIT;

-- what svc.migrate and svc.undo_migrations write into each tool's table, along with our rows
DROP TABLE regress_h.schema_migrations;
CREATE VIEW pg_temp.told AS SELECT version, state, attempts, statement, statements, split_part(error, E'\n', 1) AS error FROM svc.migrations('regress_h');
-- Flyway: a file of several transactions has a row before it is done; an undone version is deleted
SELECT pg_temp.load('{"V1__a.sql": "CREATE TABLE a (i int)", "U2__b.sql": "DROP TABLE b", "V2__b.sql": "CREATE TABLE b (i int); CREATE INDEX CONCURRENTLY ON b (no)", "R__r.sql": "SELECT ''${x}''"}');
SELECT pg_temp.make_flyway();
SELECT svc.adopt_history('regress_h');
CREATE VIEW pg_temp.rows AS SELECT installed_rank AS rank, version, description, type, script, checksum, installed_by = session_user AS mine, success FROM regress_h.flyway_schema_history;
CALL svc.migrate('regress_h', variables => '{"x": "1"}');
TABLE pg_temp.told;
TABLE pg_temp.rows ORDER BY rank;
CALL svc.migrate('regress_h', variables => '{"x": "1"}', files => '{"V1__a.sql": "CREATE TABLE a (i int)", "U2__b.sql": "DROP TABLE b", "V2__b.sql": "CREATE TABLE b (i int); CREATE INDEX CONCURRENTLY ON b (i)", "R__r.sql": "SELECT ''${x}''"}');
CALL svc.migrate('regress_h', variables => '{"x": "2"}');
TABLE pg_temp.told;
CALL svc.undo_migrations('regress_h');
TABLE pg_temp.rows ORDER BY rank;
-- a row that somebody's trigger turns away stops the migration
CREATE FUNCTION regress_h.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER no BEFORE INSERT ON regress_h.flyway_schema_history FOR EACH ROW EXECUTE FUNCTION regress_h.no();
CALL svc.migrate('regress_h', variables => '{"x": "3"}');
DROP VIEW pg_temp.rows;
DROP TABLE regress_h.flyway_schema_history, regress_h.a;
-- Goose
SELECT pg_temp.load(jsonb_build_object('1_a.sql', E'-- +goose Up\nCREATE TABLE a (i int);\n-- +goose Down\nDROP TABLE a;\n',
  '2_b.sql', E'-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY ON a (i);\n-- +goose Down\nDROP INDEX CONCURRENTLY a_i_idx;\n'));
CREATE TABLE regress_h.goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT pg_catalog.now());
INSERT INTO regress_h.goose_db_version (version_id, is_applied) VALUES (0, true);
SELECT svc.adopt_history('regress_h');
CALL svc.migrate('regress_h');
SELECT id, version_id, is_applied FROM regress_h.goose_db_version ORDER BY id;
CALL svc.undo_migrations('regress_h', target => '0');
SELECT id, version_id, is_applied FROM regress_h.goose_db_version ORDER BY id;
DROP TABLE regress_h.goose_db_version;
-- golang-migrate
SELECT pg_temp.load('{"1_a.up.sql": "CREATE TABLE a (i int)", "1_a.down.sql": "DROP TABLE a", "2_b.up.sql": "CREATE INDEX CONCURRENTLY ON a (i)", "2_b.down.sql": "DROP INDEX a_i_idx", "3_c.up.sql": "CREATE TABLE c (i int); CREATE INDEX CONCURRENTLY ON c (no)"}');
CREATE TABLE regress_h.schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
SELECT svc.adopt_history('regress_h');
CALL svc.migrate('regress_h', target => '2');
TABLE regress_h.schema_migrations;
CALL svc.migrate('regress_h');
TABLE regress_h.schema_migrations;
TABLE pg_temp.told;
CALL svc.undo_migrations('regress_h');
SELECT * FROM svc.repair_migrations('regress_h');
TABLE regress_h.schema_migrations;
CALL svc.undo_migrations('regress_h', target => '0');
TABLE regress_h.schema_migrations;
TABLE pg_temp.told;
DROP TABLE regress_h.schema_migrations, regress_h.c;
-- Drizzle, older and newer
SELECT pg_temp.load(jsonb_build_object('meta/_journal.json', '{"version": "7", "dialect": "postgresql", "entries": [
  {"idx": 0, "version": "7", "when": 1000, "tag": "0000_a", "breakpoints": true}, {"idx": 1, "version": "7", "when": 3000, "tag": "0001_b", "breakpoints": true}]}',
  '0000_a.sql', 'CREATE TABLE a (i int)', '0001_b.sql', E'CREATE TABLE b (i int);--> statement-breakpoint\n-- Rollback: DROP TABLE b\nSELECT 1;'));
CREATE SCHEMA drizzle AUTHORIZATION regress_h_owner;
CREATE TABLE drizzle.__drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint);
SELECT svc.adopt_history('regress_h');
CALL svc.migrate('regress_h');
SELECT id, left(hash, 8) AS hash, created_at FROM drizzle.__drizzle_migrations ORDER BY id;
CALL svc.undo_migrations('regress_h', rollback_comments => true);
SELECT id, left(hash, 8) AS hash, created_at FROM drizzle.__drizzle_migrations ORDER BY id;
SELECT pg_temp.load('{"20260101000000_a/migration.sql": "CREATE TABLE d (i int)", "20260102000000_b/migration.sql": "SELECT 2"}');
ALTER TABLE drizzle.__drizzle_migrations ADD name text, ADD applied_at timestamptz DEFAULT pg_catalog.now();
TRUNCATE drizzle.__drizzle_migrations;
SELECT svc.adopt_history('regress_h');
CALL svc.migrate('regress_h');
SELECT left(hash, 8) AS hash, created_at, name, applied_at IS NOT NULL AS timed FROM drizzle.__drizzle_migrations ORDER BY id;
DROP SCHEMA drizzle CASCADE;
-- a schema that is not empty, without history
SELECT pg_temp.load('{"V1__a.sql": "SELECT 1", "V2__a.sql": "SELECT 2"}');
CALL svc.migrate('regress_h');
CALL svc.migrate('regress_h', baseline_on_migrate => true);
TABLE pg_temp.told;

\set VERBOSITY terse
SELECT svc.drop_service('regress_h', drop_objects => true);
SELECT svc.drop_service('regress_o', drop_objects => true);
DROP ROLE regress_nobody;
