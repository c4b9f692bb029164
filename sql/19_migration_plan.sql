-- What migrations will do, before they run: a plan, and a trial that leaves
-- nothing.  Whether the locks are the right ones: test/tap/plan.pl.
SET client_min_messages = warning;
SELECT svc.create_service('regress_plan', schema => 'regress_plan', login => 'regress_plan_user', login_level => 'owner');
SELECT svc.create_service('regress_peer', schema => 'regress_peer', login => 'regress_peer_user', login_level => 'owner');
CREATE ROLE regress_nobody;
-- who plans it as current_service() is
SET SESSION AUTHORIZATION regress_plan_user;
SET ROLE regress_plan_owner;
SET search_path = regress_plan, public, svc_triggers;
CREATE TABLE users (id serial PRIMARY KEY, name text, age int CONSTRAINT old CHECK (age IS NOT NULL));
INSERT INTO users (name, age) SELECT 'n', 1 FROM generate_series(1, 1000);
ANALYZE users;
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id int REFERENCES users);
CREATE VIEW grown AS SELECT id FROM users WHERE age > 17;
RESET ROLE;
RESET client_min_messages;

-- nothing is loaded, nothing is pending
SELECT * FROM svc.plan_migrations();
SELECT svc.load_migrations('regress_plan', files => '{"1_a.sql": "-- nothing\n"}');
SELECT * FROM svc.plan_migrations();

-- a row a statement: what it locks, reads and writes anew; later ones know what earlier ones made, renamed and dropped
SELECT svc.load_migrations('regress_plan', files => jsonb_build_object('1_a.sql',
$$ALTER TABLE users ADD COLUMN email text;
ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid();
ALTER TABLE users ALTER COLUMN age SET NOT NULL;
ALTER TABLE users ALTER COLUMN name SET NOT NULL;
CREATE TABLE items (id int PRIMARY KEY, order_id bigint REFERENCES orders);
CREATE INDEX ON items (order_id);
$$, '2_b.sql',
$$CREATE INDEX CONCURRENTLY orders_user ON orders (user_id);
ALTER TABLE orders RENAME TO purchases;
INSERT INTO purchases (user_id) SELECT id FROM grown;
UPDATE nowhere SET x = 1;
DO $x$ BEGIN NULL; END $x$;
DROP TABLE items;
SELECT count(*) FROM items;
$$));
SELECT script, number, statement, tried, locks FROM svc.plan_migrations();
SELECT script, number, rewrites #- '{0,size}' AS rewrites, transactional, note FROM svc.plan_migrations() WHERE rewrites <> '[]' OR note IS NOT NULL OR NOT transactional;
SELECT DISTINCT duration, rows, findings FROM svc.plan_migrations();

-- tried and taken back
SELECT script, number, tried, duration IS NOT NULL AS measured, rows, note FROM svc.plan_migrations(execute => true);
SELECT number, locks FROM svc.plan_migrations(execute => true) WHERE script = '1_a.sql';
SELECT count(*), max(id) FROM users;
\d users
-- what cannot be, or cannot be undone; one that fails does not stop the others
SELECT svc.load_migrations('regress_plan', files => jsonb_build_object('1_a.sql',
E'VACUUM users; NOTIFY news; SELECT nextval(''users_id_seq''); SELECT 1 / 0;\nCOPY users (name, age) FROM STDIN;\na\t1\nb\t2\n\\.\nSELECT count(*) FROM users',
'2_b.sql', 'BEGIN; DROP TABLE users CASCADE; COMMIT', '3_c.sql', 'CREATE ROLE regress_more'));
SELECT version, number, tried, rows, note FROM svc.plan_migrations(execute => true);
-- values for placeholders
SELECT svc.load_migrations('regress_plan', files => '{"V1__a.sql": "CREATE TABLE ${name} (id int)"}');
SELECT version, statement FROM svc.plan_migrations(variables => '{"name": "t1"}');
SELECT tried, rows FROM svc.plan_migrations(execute => true, variables => '{"name": "t1"}');
SELECT * FROM svc.plan_migrations();
-- what is applied is not planned
CALL svc.migrate('regress_plan', variables => '{"name": "t1"}');
SELECT * FROM svc.plan_migrations(variables => '{"name": "t1"}');
SELECT svc.load_migrations('regress_plan', files => '{"V1__a.sql": "CREATE TABLE ${name} (id int)", "V2__b.sql": "DROP TABLE t1"}');
SELECT version, script, number, locks FROM svc.plan_migrations(variables => '{"name": "t1"}');

-- errors
SELECT svc.load_migrations('regress_plan', files => '{"V1__a.sql": "CREATE TABLE ${name} (id int)", "V2__b.sql": "SELECT 1;\nDROP TABEL t1"}');
SELECT * FROM svc.plan_migrations(variables => '{"name": "t1"}');
SELECT * FROM svc.plan_migrations(NULL);
SELECT * FROM svc.plan_migrations(execute => NULL);
SELECT * FROM svc.plan_migrations(variables => NULL);
SELECT * FROM svc.plan_migrations(variables => '[1]');
SELECT * FROM svc.plan_migrations('regress_none');
SELECT * FROM svc.plan_migrations('regress_peer');
BEGIN;
CREATE TEMPORARY TABLE t2 (id int);
SELECT * FROM svc.plan_migrations(execute => true);
ROLLBACK;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_nobody;
SELECT * FROM svc.plan_migrations('regress_plan');
RESET SESSION AUTHORIZATION;
-- texts that are not kept cannot be planned
SET svc_ownership.migration_text = off;
SELECT svc.load_migrations('regress_peer', files => '{"1_a.sql": "SELECT 1"}');
SELECT * FROM svc.plan_migrations('regress_peer');
SELECT script, tried, note FROM svc.plan_migrations('regress_peer', execute => true);
RESET svc_ownership.migration_text;

SET client_min_messages = warning;
SELECT svc.drop_service('regress_plan', drop_objects => true);
SELECT svc.drop_service('regress_peer', drop_objects => true);
DROP ROLE regress_nobody;
