-- Migrations run: every kind of statement, every way to fail, and what is seen
-- of it afterwards.  Files come with the call.  Kills and several sessions:
-- test/tap/migrate*.pl.
\set VERBOSITY default
SET client_min_messages = notice;
CREATE FUNCTION state(service name) RETURNS TABLE (version text, kind text, state text, script text)
    LANGUAGE sql AS $$ SELECT version, kind, state, script FROM svc.migrations($1) $$;

SELECT svc.create_service('mig', schema => 'mig', login => 'mig_user', password => 'x', login_level => 'owner');

-- One transaction a file: tables, functions, COPY data, whatever a dump holds
CALL svc.migrate('mig', files => jsonb_build_object(
'001_first.sql', E'\\restrict abc\nSET client_encoding = ''UTF8'';\nSELECT pg_catalog.set_config(''search_path'', '''', false);\n'
  'CREATE TABLE mig.users (id int PRIMARY KEY, name text);\n'
  'COPY mig.users (id, name) FROM stdin;\n1\tann; -- no comment\n2\t\\N\n\\.\n\n'
  'CREATE FUNCTION mig.one() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;\n\\unrestrict abc\n',
'002_second.sql', E'\uFEFFCREATE TABLE orders (id int);\r\nINSERT INTO orders VALUES (1);\r\nDO $a$ BEGIN EXECUTE $b$ SELECT 1; $b$; END $a$',
'003_empty.sql', '',
'004_comment.sql', E'-- nothing; at all\n/* and /* here */ ; */\n',
'005_copy_csv.sql', E'COPY users FROM STDIN WITH (FORMAT csv, ENCODING ''LATIN1'') WHERE id > 3;\n3,no\n4,"a;b"\n\\.\nSELECT count(*) FROM users;\n'));
SELECT * FROM mig.users ORDER BY id;
SELECT mig.one(), (SELECT count(*) FROM mig.orders) AS orders;
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'mig'::regnamespace AND relkind = 'r' ORDER BY 1;
SELECT * FROM state('mig');
-- Nothing more to do
CALL svc.migrate('mig');

-- Settings, prepared statements, temporary objects of a file end with it
CREATE FUNCTION files(more jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_object_agg(script, substr(content::text, strpos(content::text, E'\n') + 1)) || more FROM svc.migration_content WHERE service = 'mig' $$;
SELECT files('{
"010_settings.sql": "SET work_mem = ''7MB''; SET ROLE mig_writer; RESET ROLE; SET search_path = public; CREATE TEMP TABLE t (id int); PREPARE p AS SELECT 1; SELECT pg_advisory_lock(1); SELECT pg_advisory_unlock_all();",
"011_settings.sql": "CREATE TABLE settings AS SELECT current_setting(''work_mem'') <> ''7MB'' AS work_mem, current_setting(''search_path'') AS path, session_user::text AS session_role, current_user::text AS role, to_regclass(''t'') IS NULL AS no_temporary, (SELECT count(*) FROM pg_prepared_statements) AS prepared"
}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT * FROM mig.settings;

-- Without a transaction: known from the statements, step by step
SELECT files('{"020_index.sql": "CREATE TABLE big (id int); INSERT INTO big SELECT 1 FROM generate_series(1, 3); CREATE UNIQUE INDEX CONCURRENTLY big_id ON big (id); CREATE TABLE after_index (id int);"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT * FROM state('mig') WHERE state <> 'Success';
SELECT outcome, statement, statements, sqlstate FROM svc.migration_history WHERE script = '020_index.sql' ORDER BY attempt;
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'mig.big'::regclass;
-- It goes on where it failed
DELETE FROM mig.big WHERE ctid <> (SELECT min(ctid) FROM mig.big);
CALL svc.migrate('mig');
SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'mig.big'::regclass;
SELECT outcome, statement, statements, sqlstate FROM svc.migration_history WHERE script = '020_index.sql' ORDER BY attempt;
-- BEGIN and COMMIT in a file, VACUUM, a procedure that commits, DISCARD ALL
SELECT files('{"021_own.sql": "BEGIN; CREATE TABLE own (id int); COMMIT; VACUUM own; BEGIN; INSERT INTO own VALUES (1); ROLLBACK; CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO own VALUES (2); COMMIT; END $$; CALL commits(); DISCARD ALL; INSERT INTO own VALUES (3)"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT * FROM mig.own;

-- Failures: rolled back, with the place
SELECT files('{"030_bad.sql": "CREATE TABLE rolled_back (id int);\n-- a comment\nINSERT INTO rolled_back\n  VALUES (''x'');"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT to_regclass('mig.rolled_back');
SELECT * FROM state('mig') WHERE state <> 'Success';
SELECT files('{"030_bad.sql": "CREATE TABLE rolled_back (id int);\n\n  SELEC 1;"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "SELECT 1;\n\\i other.sql\n"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
-- what is found in the first reading, too: how many statements there are is not known then
SELECT state, attempts, statement, statements, error FROM svc.migrations('mig') WHERE script = '030_bad.sql';
SELECT outcome, statement, statements, sqlstate, error FROM svc.migration_history WHERE script = '030_bad.sql' ORDER BY attempt;
SELECT files('{"030_bad.sql": "BEGIN; CREATE TABLE left_open (id int);"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "SET SESSION AUTHORIZATION postgres"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "SELECT pg_catalog.pg_read_file(''PG_VERSION'')"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "DELETE FROM svc.migration_history"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "SELECT svc.drop_service(''mig'')"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "VACUUM users; CALL svc.migrate(''mig'')"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
-- what it did stays, until it is given up
SELECT * FROM svc.repair_migrations('mig');
SELECT files('{"030_bad.sql": "SET statement_timeout = ''50ms''; SELECT pg_sleep(10)"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "COPY users TO STDOUT"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT files('{"030_bad.sql": "SELECT 1"}') AS files \gset
CALL svc.migrate('mig', files => :'files');

-- Functions of the extension in a migration
SELECT files('{"040_upkeep.sql": "ALTER TABLE users ADD COLUMN updated_at timestamptz; SELECT svc.keep_updated_at(''users'');"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'mig.users'::regclass;

-- Undo: nothing to undo with, then with the lines of comments
CALL svc.undo_migrations('mig');
SELECT files('{"050_comment.sql": "-- Rollback: DROP TABLE with_comment;\nCREATE TABLE with_comment (id int);"}') AS files \gset
CALL svc.migrate('mig', files => :'files');
CALL svc.undo_migrations('mig');
CALL svc.undo_migrations('mig', rollback_comments => true);
SELECT to_regclass('mig.with_comment');
SELECT * FROM state('mig') WHERE state <> 'Success';
CALL svc.migrate('mig', target => '040');
CALL svc.undo_migrations('mig', rollback_comments => true);
CALL svc.migrate('mig');

-- One migration in the caller's transaction, for tests
SELECT files('{"060_try.sql": "CREATE TABLE tried (id int); COPY tried FROM STDIN;\n1\n\\.\n", "061_try.sql": "CREATE INDEX CONCURRENTLY ON tried (id)"}') AS files \gset
SELECT svc.load_migrations('mig', :'files'::jsonb);
SELECT svc.apply_migration('mig', '060');
SET SESSION AUTHORIZATION mig_user;
BEGIN;
SELECT svc.apply_migration('mig', '060');
SELECT * FROM mig.tried;
SELECT version, state FROM svc.migrations('mig') WHERE version >= '060';
SELECT svc.apply_migration('mig', '061');
ROLLBACK;
SELECT svc.apply_migration('mig', '999');
SELECT svc.apply_migration('mig', '001');
SELECT version, state FROM svc.migrations('mig') WHERE version >= '060';
CALL svc.migrate('mig');
RESET SESSION AUTHORIZATION;

-- Known, but without its text: it cannot be run, in whichever way
SELECT files('{"070_no_text.sql": "CREATE TABLE no_text (id int)"}') AS files \gset
SET svc_ownership.migration_text = off;
SELECT svc.load_migrations('mig', :'files'::jsonb);
RESET svc_ownership.migration_text;
CALL svc.migrate('mig');
SET SESSION AUTHORIZATION mig_user;
SELECT svc.apply_migration('mig', '070');
RESET SESSION AUTHORIZATION;
CALL svc.migrate('mig', files => :'files');

-- Where it cannot be called, by whom, and with what
BEGIN;
CALL svc.migrate('mig');
ROLLBACK;
SELECT 1 \; CALL svc.migrate('mig');
DO $$ BEGIN CALL svc.migrate('mig'); END $$;
CALL svc.migrate('nobody');
CALL svc.migrate(NULL);
CALL svc.migrate('mig', directory => 'x', files => '{}');
CALL svc.migrate('mig', files => '{}');
CALL svc.migrate('mig', files => '[]');
CALL svc.migrate('mig', variables => '{"a": []}');
CALL svc.migrate('mig', variables => '[]');
CALL svc.migrate('mig', target => 'nonsense');
CREATE ROLE mig_stranger LOGIN;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA svc TO mig_stranger;
SET SESSION AUTHORIZATION mig_stranger;
CALL svc.migrate('mig');
CALL svc.undo_migrations('mig');
SELECT svc.apply_migration('mig', '060');
RESET SESSION AUTHORIZATION;

-- Never as a superuser by accident, be it one service or all of them
SELECT svc.create_service('snapshots', schema => 'snapshots');
ALTER ROLE mig_owner SUPERUSER;
ALTER ROLE snapshots_owner SUPERUSER;
CALL svc.migrate('mig');
CALL svc.undo_migrations('mig');
SET client_min_messages = warning;
SELECT current_setting('data_directory') AS directory \gset
-- an empty folder; the others have none
CALL svc.migrate_all(:'directory', 'pg_%s');
SELECT count(*) FROM svc.migration_source WHERE service = 'snapshots';
SET client_min_messages = notice;
SET svc_ownership.migrate_as_superuser = on;
CALL svc.migrate('mig');
RESET svc_ownership.migrate_as_superuser;
ALTER ROLE mig_owner NOSUPERUSER;
ALTER ROLE snapshots_owner NOSUPERUSER;
CALL svc.migrate('mig');
SELECT svc.drop_service('snapshots', drop_objects => true);

DROP FUNCTION files(jsonb);
DROP FUNCTION state(name);
DROP OWNED BY mig_stranger;
DROP ROLE mig_stranger;
SELECT svc.drop_service('mig', drop_objects => true);
SELECT count(*) FROM svc.migration_history;
