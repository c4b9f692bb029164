-- Migrations of several transactions go on where they stopped: neither twice,
-- nor past what was not done.  Each of these once did one or the other, or could
-- never be gone on with.  Kills: test/tap/migrate_kill.pl.
\set VERBOSITY default
SET client_min_messages = notice;
SELECT svc.create_service('res', schema => 'res');
CREATE TABLE files (name text PRIMARY KEY, content text);
CREATE PROCEDURE run(file text, text text) LANGUAGE sql AS
$$ INSERT INTO files VALUES (file, text) ON CONFLICT (name) DO UPDATE SET content = text $$;
CREATE FUNCTION files() RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_object_agg(name, content) FROM files $$;
CREATE FUNCTION history(file text) RETURNS TABLE (action text, outcome text, statement int, statements int, sqlstate text) LANGUAGE sql AS
$$ SELECT action, outcome, statement, statements, sqlstate FROM svc.migration_history WHERE service = 'res' AND script = file ORDER BY attempt $$;
CREATE FUNCTION indexes(relation regclass) RETURNS TABLE (index text, valid boolean) LANGUAGE sql AS
$$ SELECT relname::text, indisvalid FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = relation ORDER BY 1 $$;
CALL run('001.sql', 'CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, ''a''), (1, ''A'');
CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS ''SELECT 1''; CREATE SEQUENCE tries; CREATE SEQUENCE tries_of_index; CREATE SEQUENCE tries_of_loop;');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');

-- The first statement is the one that left an invalid index
CALL run('002.sql', 'CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM indexes('res.t');
UPDATE res.t SET id = 2 WHERE name = 'A';
CALL svc.migrate('res');
SELECT * FROM indexes('res.t');
SELECT * FROM history('002.sql');

-- The server names the index: by the function, and by columns that are only included
CALL run('003.sql', 'VACUUM t; CREATE UNIQUE INDEX CONCURRENTLY ON t (lower(name)) INCLUDE (id, name)');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
DELETE FROM res.t WHERE name = 'A';
CALL svc.migrate('res');
SELECT * FROM indexes('res.t');

-- What fails at its commit was not done, and is recorded
CALL run('004.sql', 'VACUUM t; INSERT INTO child VALUES (4)');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM history('004.sql');
INSERT INTO res.parent VALUES (4);
CALL svc.migrate('res');
SELECT * FROM res.child ORDER BY id;
CALL run('005.sql', 'INSERT INTO child VALUES (5)');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM history('005.sql');
INSERT INTO res.parent VALUES (5);
CALL svc.migrate('res');
SELECT * FROM history('005.sql');

-- What does run in a transaction leaves nothing to clear away
CREATE VIEW res.v AS SELECT res.f(1);
CALL run('006.sql', 'VACUUM t; DROP FUNCTION f(int)');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
DROP VIEW res.v;
CALL svc.migrate('res');

-- The file became shorter than what is done of it; then one that could be one transaction
CALL run('007.sql', 'INSERT INTO parent VALUES (7); VACUUM t; SELECT 1/0');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
CALL run('007.sql', 'INSERT INTO parent VALUES (7)');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
CALL run('007.sql', 'INSERT INTO parent VALUES (7); VACUUM t; SELECT 1/1');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM history('007.sql');
CALL run('008.sql', 'INSERT INTO child VALUES (7); CREATE UNIQUE INDEX CONCURRENTLY child_id ON child ((1))');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
CALL run('008.sql', 'INSERT INTO child VALUES (7); SELECT 1');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM res.child ORDER BY id;

-- The block that COMMIT AND CHAIN began
CALL run('009.sql', 'BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO parent VALUES (9); COMMIT AND CHAIN;
LOCK TABLE t; CREATE TABLE level AS SELECT current_setting(''transaction_isolation''); SELECT 1/count(*) FROM parent WHERE id = 10; COMMIT');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
INSERT INTO res.parent VALUES (10);
CALL svc.migrate('res');
SELECT * FROM res.level;

-- Transactions that nobody could go on with
CALL run('010.sql', 'BEGIN; CREATE TABLE prepared (); PREPARE TRANSACTION ''res''; COMMIT PREPARED ''res''');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');

-- Tried again in a session as it was; a statement that may wait does not let others wait
SET svc_ownership.migration_lock_timeout = '700ms';
CALL run('010.sql', 'PREPARE p AS SELECT 1; SELECT pg_advisory_lock(1);
DO $$ BEGIN IF nextval(''tries'') < 2 THEN RAISE EXCEPTION ''not yet'' USING ERRCODE = ''serialization_failure''; END IF; END $$');
CALL run('011.sql', 'CREATE FUNCTION slow() RETURNS int IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN IF nextval(''res.tries_of_index'') < 2 THEN RAISE EXCEPTION ''not yet'' USING ERRCODE = ''serialization_failure''; END IF; RETURN 1; END $$;
CREATE INDEX CONCURRENTLY t_slow ON t ((id + slow())); CREATE TABLE timeout AS SELECT current_setting(''lock_timeout'')');
-- and what a loop that commits keeps of its cursor does not stay
CALL run('012.sql', 'VACUUM t; DO $$ DECLARE r record; BEGIN FOR r IN SELECT generate_series(1, 2) LOOP COMMIT;
IF nextval(''tries_of_loop'') < 2 THEN RAISE EXCEPTION ''not yet'' USING ERRCODE = ''serialization_failure''; END IF; END LOOP; END $$');
CALL run('013.sql', 'SELECT 1');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM res.timeout;
SELECT * FROM indexes('res.t');
RESET svc_ownership.migration_lock_timeout;

-- An undo of several transactions, from comments
CALL run('014.sql', '-- Rollback: CREATE TABLE once ();
-- Rollback: DROP INDEX CONCURRENTLY t_slow;
-- Rollback: SELECT 1/count(*) FROM parent WHERE id = 14;
SELECT 1');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
CALL svc.undo_migrations('res', rollback_comments => true);
INSERT INTO res.parent VALUES (14);
CALL svc.undo_migrations('res', rollback_comments => true);
SELECT * FROM history('014.sql');
SELECT version, state, script FROM svc.migrations('res') WHERE state <> 'Success';

-- The rest cannot be read: that is a failure as any other, and what is done stays done
CALL run('015.sql', 'CREATE TABLE twice (); VACUUM t; SELECT 1/0; SELECT 2');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
CALL run('015.sql', 'CREATE TABLE twice (); VACUUM t; SELEC 1');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM history('015.sql');
CALL run('015.sql', 'CREATE TABLE twice (); VACUUM t; SELECT 1');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM history('015.sql');
-- nor is it forgotten then that nobody knows how the last statement of a killed runner ended: here, with an index
CALL run('016.sql', 'CREATE UNIQUE INDEX CONCURRENTLY parent_id ON parent (id); SELEC 1');
SELECT files() AS f \gset
CREATE UNIQUE INDEX parent_id ON res.parent (id);
INSERT INTO svc.migration_history VALUES ('res', 1000, 'apply', 'running', 'versioned', '016', '016', '016.sql', NULL, 0, 2, NULL, NULL, NULL, 'x');
CALL svc.migrate('res', files => :'f');
SELECT * FROM history('016.sql');
CALL run('016.sql', 'CREATE UNIQUE INDEX CONCURRENTLY parent_id ON parent (id); SELECT 1');
SELECT files() AS f \gset
CALL svc.migrate('res', files => :'f');
SELECT * FROM history('016.sql');
SELECT svc.drop_service('res', drop_objects => true);

-- Callbacks keep off the transaction in which they run
SELECT svc.create_service('fly', schema => 'fly');
CALL svc.migrate('fly', files => '{"V1__a.sql": "CREATE TABLE a ()", "beforeEachMigrate.sql": "SELECT 1;\nCOMMIT"}');
CALL svc.migrate('fly', files => '{"V1__a.sql": "CREATE TABLE a ()", "beforeMigrate.sql": "BEGIN"}');
SELECT to_regclass('fly.a');
-- A file of a tool that takes it for one transaction, and ends it
SELECT svc.create_service('goo', schema => 'goo');
CALL svc.migrate('goo', files => '{"1_a.sql": "-- +goose Up\nCREATE TABLE a (); COMMIT; CREATE TABLE b (); SELECT 1/0;"}');
SELECT outcome, statement FROM svc.migration_history WHERE service = 'goo';
SELECT svc.drop_service('fly', drop_objects => true), svc.drop_service('goo', drop_objects => true);
DROP TABLE files;
DROP PROCEDURE run(text, text);
DROP FUNCTION files();
DROP FUNCTION history(text);
DROP FUNCTION indexes(regclass);
