-- Which service owns a relation: the rule, assignments, and the map that
-- follows what happens to relations.
SELECT svc.create_service('regress_a', schema => 'regress_a');
SELECT svc.create_service('regress_l');
SELECT svc.create_service('regress_m');
CREATE SCHEMA regress_mono;
SET search_path = regress_mono, public;
CREATE TABLE users (id serial PRIMARY KEY, name text);
CREATE TABLE posts (id int PRIMARY KEY);
CREATE VIEW people AS SELECT name FROM users;
CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
CREATE TABLE regress_a.own (id serial PRIMARY KEY);

-- own assignment, else the schema's, else nobody's
SELECT svc.owner_of('users'), svc.how_owned('users');
SELECT svc.owner_of('regress_a.own'), svc.how_owned('regress_a.own'),
       svc.owner_of('regress_a.own_pkey') AS index, svc.owner_of('regress_a.own_id_seq') AS sequence;
SELECT svc.assign('regress_l', 'users', 'people', 'm');
SELECT svc.owner_of('users'), svc.how_owned('users'), svc.owner_of('people') AS view, svc.owner_of('m') AS matview,
       svc.owner_of('users_pkey') AS index, svc.owner_of('users_id_seq') AS sequence, svc.owner_of('posts') AS other;
SELECT svc.assign('regress_l', 'regress_a.own');
SELECT svc.owner_of('regress_a.own'), svc.how_owned('regress_a.own');
SELECT * FROM svc.tables WHERE service LIKE 'regress%' ORDER BY relation::text;
SELECT svc.owner_of(NULL), svc.owner_of(0), svc.owner_of(4294967295), svc.owner_of('pg_class'), svc.owner_of('svc.service');
-- the service's roles have their rights on it, whatever else others have
SELECT has_table_privilege('regress_l_writer', 'users', 'INSERT') AS writes, has_table_privilege('regress_l_reader', 'users', 'SELECT') AS reads,
       has_schema_privilege('regress_l_reader', 'regress_mono', 'USAGE') AS gets_there,
       has_sequence_privilege('regress_l_writer', 'users_id_seq', 'USAGE') AS counts;
SELECT count(*) FROM svc.check_grants();
REVOKE INSERT ON users FROM regress_l_writer;
GRANT SELECT ON users TO PUBLIC;
SELECT object, role, privilege, problem FROM svc.check_grants();
GRANT INSERT ON users TO regress_l_writer;

-- what cannot be assigned
SELECT svc.assign('no_such', 'posts');
SELECT svc.assign(NULL, 'posts');
SELECT svc.assign('regress_l', 'no_such');
SELECT svc.assign('regress_l', 4294967295);
SELECT svc.assign('regress_l', VARIADIC NULL);
SELECT svc.assign('regress_l', VARIADIC '{}');
SELECT svc.assign('regress_l', 'posts', NULL);
SELECT svc.assign('regress_l', VARIADIC ARRAY[['posts'::regclass]]);
SELECT svc.assign('regress_l', 'posts', 'posts');
SELECT svc.assign('regress_l', 0::oid::regclass, 0::oid::regclass);
SELECT svc.assign('regress_l', 0::oid::regclass);
SELECT svc.assign('regress_l', 'users');
SELECT svc.assign('regress_m', 'users');
SELECT svc.assign('regress_l', 'pg_class');
SELECT svc.assign('regress_l', 'information_schema.tables');
SELECT svc.assign('regress_l', 'svc.service');
CREATE EXTENSION pg_stat_statements;
SELECT svc.assign('regress_l', 'pg_stat_statements');
DROP EXTENSION pg_stat_statements;
SELECT svc.assign('regress_l', 'users_pkey');
SELECT svc.assign('regress_l', 'users_id_seq');
CREATE TEMPORARY TABLE temporary (id int);
SELECT svc.assign('regress_l', 'temporary');
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
CREATE FOREIGN TABLE elsewhere (id int) SERVER regress_server;
SELECT svc.assign('regress_l', 'elsewhere');
DROP FOREIGN DATA WRAPPER regress_fdw CASCADE;
SET ROLE regress_l_owner;
SELECT svc.assign('regress_l', 'regress_mono.posts');
SELECT svc.assign('regress_m', 'regress_mono.posts');
RESET ROLE;
SET ROLE regress_m_owner;
SELECT svc.release('regress_a.own');
RESET ROLE;
SELECT * FROM svc.tables WHERE service LIKE 'regress%' ORDER BY relation::text;

-- a schema that is not the service's is opened by those who may; one that everybody looks into needs nothing
CREATE ROLE regress_tenant;
CREATE ROLE regress_guest;
CREATE SCHEMA regress_closed;
GRANT CREATE, USAGE ON SCHEMA regress_closed TO regress_tenant;
SELECT svc.grant_role('regress_m', 'regress_tenant', 'owner');
CREATE TABLE public.regress_open (id int);
ALTER TABLE public.regress_open OWNER TO regress_tenant;
SET ROLE regress_tenant;
CREATE TABLE regress_closed.t (id serial PRIMARY KEY);
SELECT svc.assign('regress_m', 'regress_closed.t', 'public.regress_open');
-- not by another call either
CREATE TABLE regress_closed.t_1 () INHERITS (regress_closed.t);
SELECT svc.grant_role('regress_m', 'regress_guest', 'reader');
RESET ROLE;
SELECT has_schema_privilege('regress_m_reader', 'regress_closed', 'USAGE') AS gets_there, has_schema_privilege('regress_m_reader', 'public', 'USAGE') AS public,
       EXISTS (SELECT 1 FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'public' AND a.grantee = 'regress_m_reader'::regrole) AS granted;
SELECT object, role, privilege, problem, fix FROM svc.check_grants();
GRANT USAGE ON SCHEMA regress_closed TO regress_tenant WITH GRANT OPTION;
SET ROLE regress_tenant;
SELECT svc.release('regress_closed.t');
SELECT svc.assign('regress_m', 'regress_closed.t');
RESET ROLE;
SELECT has_schema_privilege('regress_m_reader', 'regress_closed', 'USAGE') AS gets_there;
SELECT * FROM svc.check_grants();
SELECT svc.release('regress_closed.t', 'public.regress_open');
SELECT svc.revoke_role('regress_m', 'regress_tenant'), svc.revoke_role('regress_m', 'regress_guest');
DROP SCHEMA regress_closed CASCADE;
DROP TABLE public.regress_open;
DROP ROLE regress_tenant, regress_guest;

-- releasing
SELECT svc.release('posts');
SELECT svc.release(VARIADIC NULL);
SELECT svc.release('regress_a.own', 'm');
SELECT svc.owner_of('regress_a.own'), svc.owner_of('m');
SELECT has_table_privilege('regress_l_writer', 'm', 'SELECT') AS still_reads;

-- rename, move, drop, and all of it undone
ALTER TABLE users RENAME TO accounts;
SELECT svc.owner_of('accounts');
BEGIN;
ALTER TABLE posts SET SCHEMA regress_a;
SELECT svc.owner_of('regress_a.posts');
SAVEPOINT s;
SELECT svc.assign('regress_m', 'regress_a.posts');
SELECT svc.owner_of('regress_a.posts');
ROLLBACK TO s;
SELECT svc.owner_of('regress_a.posts');
ALTER TABLE regress_a.posts SET SCHEMA regress_mono;
SELECT svc.owner_of('posts');
ROLLBACK;
SELECT svc.owner_of('posts');
BEGIN;
DROP TABLE accounts CASCADE;
SELECT count(*) FROM svc.assignment;
ROLLBACK;
SELECT svc.owner_of('accounts');
BEGIN;
SELECT svc.drop_service('regress_l');
SELECT svc.owner_of('accounts');
ROLLBACK;
SELECT svc.owner_of('accounts');
DO $$
BEGIN
    PERFORM svc.release('accounts');
    ASSERT svc.owner_of('accounts') IS NULL;
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    ASSERT svc.owner_of('accounts') = 'regress_l';
END $$;
SELECT svc.alter_service('regress_l', new_name => 'regress_logical');
SELECT svc.owner_of('accounts');
SELECT svc.alter_service('regress_logical', new_name => 'regress_l');

-- an ordinary owner's DROP is never in the way, and leaves nothing behind
CREATE ROLE regress_somebody;
GRANT CREATE, USAGE ON SCHEMA regress_mono TO regress_somebody;
SET ROLE regress_somebody;
CREATE TABLE regress_mono.mine (id int PRIMARY KEY);
RESET ROLE;
SELECT svc.assign('regress_l', 'mine');
SET ROLE regress_somebody;
DROP TABLE regress_mono.mine;
RESET ROLE;
SELECT relation::oid FROM svc.assignment WHERE relation NOT IN (SELECT oid FROM pg_class);

-- partitions belong with their table
CREATE TABLE log (at date NOT NULL, id int, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY HASH (id);
CREATE TABLE log_2_1 PARTITION OF log_2 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT svc.owner_of('log_2_1');
SELECT svc.assign('regress_l', 'log_1');
SELECT svc.assign('regress_l', 'log');
SELECT svc.owner_of('log'), svc.owner_of('log_1'), svc.owner_of('log_2'), svc.owner_of('log_2_1');
SELECT * FROM svc.check_grants();
CREATE TABLE log_3 (at date NOT NULL, id int NOT NULL);
SELECT svc.assign('regress_m', 'log_3');
ALTER TABLE log ATTACH PARTITION log_3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
SELECT svc.owner_of('log_3');
CREATE TABLE log_4 PARTITION OF log FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
SELECT svc.owner_of('log_4');
SELECT count(*) FROM svc.check_grants();
-- a whole subtree changes hands
BEGIN;
ALTER TABLE log DETACH PARTITION log_2;
SELECT svc.owner_of('log_2'), svc.how_owned('log_2'), svc.owner_of('log_2_1');
SELECT svc.release('log_2');
SELECT svc.owner_of('log_2'), svc.owner_of('log_2_1');
ALTER TABLE log ATTACH PARTITION log_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT svc.owner_of('log_2'), svc.owner_of('log_2_1');
ROLLBACK;
ALTER TABLE log DETACH PARTITION log_3 CONCURRENTLY;
SELECT svc.owner_of('log_3'), svc.how_owned('log_3');
-- in a schema that is a service's a partition still belongs with its table
CREATE TABLE regress_a.log_5 PARTITION OF log FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
SELECT svc.owner_of('regress_a.log_5'), svc.how_owned('regress_a.log_5');

-- children belong with their parent, unless they have a place of their own
CREATE TABLE child () INHERITS (accounts);
CREATE TABLE regress_a.child () INHERITS (accounts);
SELECT svc.owner_of('child'), svc.owner_of('regress_a.child');
SELECT svc.assign('regress_m', 'child');
SELECT svc.owner_of('child');
SELECT svc.release('child');
ALTER TABLE child NO INHERIT accounts;
SELECT svc.owner_of('child');
ALTER TABLE child INHERIT accounts;
SELECT svc.owner_of('child');

-- a sequence follows its column
CREATE SEQUENCE s;
SELECT svc.owner_of('s');
ALTER SEQUENCE s OWNED BY accounts.id;
SELECT svc.owner_of('s');

-- whose a query's relations are
SELECT svc.alter_service('regress_l', team => 'monolith');
SELECT * FROM svc.owners_of_query('SELECT * FROM people p JOIN posts ON true WHERE EXISTS (SELECT 1 FROM regress_a.own)');
SELECT * FROM svc.owners_of_query('WITH x AS (DELETE FROM accounts RETURNING *) INSERT INTO posts SELECT id FROM x WHERE name = $1');
SELECT * FROM svc.owners_of_query('EXPLAIN SELECT * FROM log; TRUNCATE posts; COPY accounts TO STDOUT; COPY (TABLE posts) TO STDOUT; LOCK regress_a.own');
SELECT * FROM svc.owners_of_query('CREATE TABLE y AS SELECT * FROM posts');
SELECT * FROM svc.owners_of_query('BEGIN; SET LOCAL jit = off; COMMIT');
SELECT * FROM svc.owners_of_query('CREATE VIEW y AS SELECT * FROM posts');
SELECT * FROM svc.owners_of_query('DROP TABLE posts');
SELECT * FROM svc.owners_of_query('SELECT 1');
SELECT * FROM svc.owners_of_query('');
SELECT * FROM svc.owners_of_query(NULL);
SELECT * FROM svc.owners_of_query('SELEC 1');
SELECT * FROM svc.owners_of_query('SELECT * FROM no_such_table');
SELECT * FROM svc.owners_of_query(repeat('x', 1024 * 1024 + 1));

-- the service of whoever asks
CREATE ROLE regress_super SUPERUSER;
SET ROLE regress_super;
SELECT svc.current_service();
RESET ROLE;
SET ROLE regress_a_writer;
SELECT svc.current_service();
SET ROLE regress_somebody;
SELECT svc.current_service();
RESET ROLE;
GRANT regress_a_reader, regress_m_reader TO regress_somebody;
SET ROLE regress_somebody;
SELECT svc.current_service();
RESET ROLE;
SELECT svc.drop_service('regress_l', drop_objects => true);
SELECT svc.drop_service('regress_m', drop_objects => true);
SELECT svc.current_service();
RESET search_path;
DROP SCHEMA regress_mono CASCADE;
SELECT svc.drop_service('regress_a', drop_objects => true);
DROP ROLE regress_somebody, regress_super;
SELECT svc.current_service();
