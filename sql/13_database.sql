-- Services in databases of their own, and the runner that makes them: what one
-- server can show without being killed (test/tap/provision.pl kills it).

SET client_min_messages = notice;

-- not in a transaction block, nor in a function, nor in what a client sends as one
BEGIN;
SELECT svc.create_service('regress_auth', database => 'regress_auth_db');
ROLLBACK;
DO $$ BEGIN PERFORM svc.create_service('regress_auth', database => 'regress_auth_db'); END $$;
CREATE FUNCTION regress_make() RETURNS text LANGUAGE sql AS $$ SELECT 1; SELECT svc.create_service('regress_auth', database => 'regress_auth_db') $$;
SELECT regress_make();
DROP FUNCTION regress_make();
SELECT 1\; SELECT svc.create_service('regress_auth', database => 'regress_auth_db');

-- what can be known before is refused before: nothing is left
SELECT svc.create_service('regress_auth', database => current_database());
SELECT svc.create_service('regress_auth', database => 'template1', adopt => true);
SELECT svc.create_service('regress_auth', database => 'template0', adopt => true);
SELECT svc.create_service('regress_auth', database => 'regress_auth_db', extensions => '{regress_none}');
CREATE ROLE regress_taken;
SELECT svc.create_service('regress_auth', database => 'regress_auth_db', login => 'regress_taken');
SELECT svc.create_service('regress_auth', database => 'regress_auth_db', owner => 'pg_regress');
SELECT svc.create_service('regress_auth', database => 'regress_auth_db', schema => 'svc');
SELECT svc.create_service('regress_auth', database => '');
SET ROLE regress_taken;
SELECT svc.create_service('regress_auth', database => 'regress_auth_db');
RESET ROLE;
GRANT EXECUTE ON FUNCTION svc.create_service TO regress_taken;
SET ROLE regress_taken;
SELECT svc.create_service('regress_auth', database => 'regress_auth_db');
RESET ROLE;
ALTER ROLE regress_taken CREATEDB;
SET ROLE regress_taken;
SELECT svc.create_service('regress_auth', database => 'regress_auth_db');
RESET ROLE;
SELECT datname FROM pg_database WHERE datname LIKE 'regress\_auth%';
SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\_auth%';
SELECT service, database, step FROM svc.provisioning;

-- made
SELECT svc.create_service('regress_auth', database => 'regress_auth_db', login => 'regress_auth_user', password => 'secret',
                          login_level => 'owner', migrator => 'regress_auth_migrator', extensions => '{pgcrypto}', team => 'identity');
SELECT svc.create_service('regress_auth', database => 'regress_auth_db');
SELECT svc.create_service('regress_auth', schema => 'regress_auth');
SELECT svc.create_service('regress_auth', database => 'regress_auth_db', if_not_exists => true);
SELECT * FROM svc.services;
SELECT service, database, step FROM svc.provisioning;
SELECT datallowconn, pg_get_userbyid(datdba) AS owner, datacl FROM pg_database WHERE datname = 'regress_auth_db';
SELECT rolname, rolcanlogin, rolconnlimit FROM pg_roles WHERE rolname LIKE 'regress\_auth%' AND rolname <> 'regress_auth_owner' ORDER BY 1;

-- here it is not: others say where
SELECT svc.grant_role('regress_auth', 'regress_taken', 'writer');
SELECT svc.add_store('regress_none', 's', 'redis');

-- statements as its owner role, each by itself
CALL svc.run(ARRAY['CREATE TABLE users (id int PRIMARY KEY, name text)', 'CREATE INDEX CONCURRENTLY ON users (name)', 'VACUUM users',
                   'INSERT INTO users SELECT g, ''user '' || g FROM generate_series(1, 3) g', 'SELECT current_user, session_user, count(*) FROM users',
                   'SELECT NULL AS "a ""b""", ''x"y\z'''], 'regress_auth');
CALL svc.run(ARRAY['DO $$ BEGIN RAISE NOTICE ''a notice of %'', current_user; END $$'], 'regress_auth');
CALL svc.run(ARRAY['SET work_mem = ''77MB''', 'SHOW work_mem; SHOW search_path'], 'regress_auth');
SHOW work_mem;
-- the session's own time limits hold
CALL svc.run(ARRAY['SET statement_timeout = ''1s''', 'SELECT pg_sleep(0.01)', 'SELECT pg_sleep(100)'], 'regress_auth');
CALL svc.run(ARRAY['SET statement_timeout = ''1s''', 'SET statement_timeout = 0', 'SELECT 1 FROM pg_sleep(1.1)'], 'regress_auth');
-- a transaction of its own statements
CALL svc.run(ARRAY['BEGIN', 'INSERT INTO users VALUES (4)', 'ROLLBACK', 'BEGIN', 'INSERT INTO users VALUES (5)', 'COMMIT', 'SELECT id FROM users WHERE id > 3'], 'regress_auth');
-- errors come with their fields, and end the run; what was done before stays
CALL svc.run(ARRAY['INSERT INTO users VALUES (6)', 'INSERT INTO users VALUES (6, ''again'')', 'INSERT INTO users VALUES (7)'], 'regress_auth');
\echo :SQLSTATE
CALL svc.run(ARRAY['SELECT id FROM users WHERE id > 5'], 'regress_auth');
CALL svc.run(ARRAY['SELECT 1', 'SELEC 2'], 'regress_auth');
CALL svc.run(ARRAY['BEGIN', 'INSERT INTO users VALUES (8)'], 'regress_auth');
CALL svc.run(ARRAY['COPY users FROM STDIN'], 'regress_auth');
CALL svc.run(ARRAY['COPY users TO STDOUT'], 'regress_auth');
CALL svc.run(ARRAY['LISTEN regress'], 'regress_auth');
CALL svc.run(ARRAY['SELECT generate_series(1, 10001)'], 'regress_auth');
CALL svc.run(ARRAY['SELECT id FROM users WHERE id > 6'], 'regress_auth');
SELECT format('SELECT %s FROM generate_series(1, 4000)', string_agg('NULL', ', ')) AS wide FROM generate_series(1, 1600) \gset
CALL svc.run(ARRAY[:'wide'], 'regress_auth');
CALL svc.run(ARRAY['', ';', '-- nothing'], 'regress_auth');

-- no way to more rights than the role's: one by one
CALL svc.run(ARRAY['RESET ROLE', 'SELECT current_user'], 'regress_auth');
CALL svc.run(ARRAY['SET ROLE NONE', 'SELECT current_user, session_user'], 'regress_auth');
CALL svc.run(ARRAY['RESET SESSION AUTHORIZATION', 'SELECT current_user, session_user'], 'regress_auth');
CALL svc.run(ARRAY['SET SESSION AUTHORIZATION DEFAULT', 'SELECT current_user, session_user'], 'regress_auth');
CALL svc.run(ARRAY['RESET ALL', 'DISCARD ALL', 'SELECT current_user, session_user'], 'regress_auth');
\set VERBOSITY sqlstate
SELECT current_user AS superuser \gset
CALL svc.run(ARRAY[format('SET ROLE %I', :'superuser')], 'regress_auth');
CALL svc.run(ARRAY[format('SET SESSION AUTHORIZATION %I', :'superuser')], 'regress_auth');
CALL svc.run(ARRAY['ALTER ROLE regress_auth_owner SUPERUSER'], 'regress_auth');
CALL svc.run(ARRAY['SELECT * FROM pg_authid'], 'regress_auth');
\set VERBOSITY default
CALL svc.run(ARRAY[
    'CREATE TABLE who (at text, is_current name, is_session name, super text)',
    'CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO who VALUES (''trigger'', current_user, session_user, current_setting(''is_superuser'')); RETURN NULL; END $$',
    'CREATE CONSTRAINT TRIGGER note AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()',
    'INSERT INTO users VALUES (10)',
    'CREATE FUNCTION seen(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE ''index % % %'', current_user, session_user, current_setting(''is_superuser''); RETURN $1; END $$',
    'CREATE INDEX ON users (seen(id)) WHERE id = 10',
    'CREATE FUNCTION held() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO who VALUES (''cursor'', current_user, session_user, current_setting(''is_superuser'')); RETURN 1; END $$',
    'BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT held()', 'COMMIT',
    'SELECT DISTINCT * FROM who ORDER BY 1'], 'regress_auth');

-- as somebody without a superuser's rights: who acts for the owner role may run
GRANT EXECUTE ON PROCEDURE svc.run TO regress_taken;
SET ROLE regress_taken;
CALL svc.run(ARRAY['SELECT 1'], 'regress_auth');
RESET ROLE;
GRANT regress_auth_owner TO regress_taken;
SET ROLE regress_taken;
CALL svc.run(ARRAY['SELECT current_user'], 'regress_auth');
RESET ROLE;
REVOKE regress_auth_owner FROM regress_taken;
REVOKE EXECUTE ON PROCEDURE svc.run FROM regress_taken;
-- not in a transaction, nor in a function
BEGIN;
CALL svc.run(ARRAY['SELECT 1'], 'regress_auth');
ROLLBACK;
DO $$ DECLARE r jsonb; BEGIN CALL svc.run(ARRAY['SELECT 1'], 'regress_auth', r); END $$;
CALL svc.run(ARRAY['SELECT 1']);

-- inside: everything as declared
\set here :DBNAME
\connect regress_auth_db
SELECT service, form, database, schema, owner, team FROM svc.services;
SELECT * FROM svc.check_grants();
SELECT item, state, detail FROM svc.status() WHERE item LIKE 'service%';
SELECT nspname, pg_get_userbyid(nspowner) AS owner, nspacl FROM pg_namespace WHERE nspname = 'public';
SELECT svc.owner_of('public.users'), svc.current_service();
SELECT extname, pg_get_userbyid(extowner) = :'superuser' AS superuser FROM pg_extension WHERE extname IN ('pgcrypto', 'svc_ownership') ORDER BY 1;
SELECT setrole::regrole::text COLLATE "C" AS role, setconfig FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1;
-- a runner as superuser does not take over what the database's owner sets
ALTER DATABASE regress_auth_db SET session_authorization = 'regress_auth_user';
ALTER DATABASE regress_auth_db SET standard_conforming_strings = off;
\connect :here
SET client_min_messages = notice;
CALL svc.run(ARRAY['SELECT current_user, session_user'], 'regress_auth');
\connect regress_auth_db
SET client_min_messages = notice;
ALTER DATABASE regress_auth_db RESET session_authorization;
ALTER DATABASE regress_auth_db RESET standard_conforming_strings;
-- what differs is seen, and mended
GRANT CONNECT ON DATABASE regress_auth_db TO PUBLIC;
REVOKE CONNECT ON DATABASE regress_auth_db FROM regress_auth_reader;
ALTER DATABASE regress_auth_db RESET svc_ownership.service;
ALTER ROLE regress_auth_user IN DATABASE regress_auth_db RESET ALL;
SELECT * FROM svc.check_grants();
SELECT svc.repair_settings();
SELECT * FROM svc.check_grants();
SELECT svc.repair_settings();
-- not from inside
SELECT svc.drop_service('regress_auth', drop_objects => true);
-- another name, another owner
CREATE ROLE regress_auth_new;
SELECT svc.alter_service('regress_auth', new_name => 'regress_users', owner => 'regress_auth_new');
SELECT service, owner FROM svc.services;
SELECT pg_get_userbyid(datdba) AS owner, datacl FROM pg_database WHERE datname = 'regress_auth_db';
SELECT * FROM svc.check_grants();
SELECT svc.alter_service('regress_users', new_name => 'regress_auth', owner => 'regress_auth_owner');
DROP ROLE regress_auth_new;

\connect :here
SET client_min_messages = notice;
SELECT service, form, database FROM svc.services;

-- adopted: a database with its own tables, whose rights and owner stay as they are
CREATE DATABASE regress_poc;
\connect regress_poc
CREATE TABLE legacy (id int PRIMARY KEY);
\connect :here
SET client_min_messages = notice;
SELECT svc.create_service('regress_poc', database => 'regress_poc');
SELECT svc.create_service('regress_poc', database => 'regress_poc', adopt => true);
SELECT svc.create_service('regress_poc', database => 'regress_poc', adopt => true, if_not_exists => true);
SELECT pg_get_userbyid(datdba) = current_user AS same_owner, datacl FROM pg_database WHERE datname = 'regress_poc';
CALL svc.run(ARRAY['SELECT 1'], 'regress_poc');
-- it is one service's, not another one's as well; nor is a part of it all of it
SELECT svc.create_service('regress_other', database => 'regress_poc', schema => 'other', adopt => true);
\connect regress_poc
SELECT svc.create_service('regress_part', schema => 'part');
\connect :here
SET client_min_messages = notice;
SELECT svc.create_service('regress_part', database => 'regress_poc', adopt => true);
SELECT service, database FROM svc.services ORDER BY 1;
\connect regress_poc
SET client_min_messages = warning;
SELECT svc.drop_service('regress_part', drop_objects => true);
SELECT service, form, schema, owner FROM svc.services WHERE database = current_database();
SELECT * FROM svc.check_grants();
SELECT nspacl IS NOT NULL AS has_acl, pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = 'public';
\connect :here
SET client_min_messages = notice;
-- the setting lost, as by a dump: adopting it again sets it
ALTER DATABASE regress_poc RESET svc_ownership.service;
SELECT count(*) FROM svc.services WHERE service = 'regress_poc';
SELECT svc.create_service('regress_poc', database => 'regress_poc', adopt => true);
SELECT count(*) FROM svc.services WHERE service = 'regress_poc';

-- the same system twice: other roles
SELECT svc.create_service('regress_auth2', database => 'regress_auth2_db', role_prefix => 'regress_auth');
SELECT svc.create_service('regress_auth2', database => 'regress_auth2_db', role_prefix => 'regress_staging', schema => 'auth');
\connect regress_auth2_db
SELECT service, form, schema, owner, writer, reader FROM svc.services WHERE database = current_database();
SELECT * FROM svc.check_grants();
\connect :here
SET client_min_messages = notice;

-- what was begun and did not end shows, and is taken back or finished
INSERT INTO svc.provisioning VALUES ('regress_half', 'regress_half_db', 4294967295, 'create database');
SELECT item, state, detail, hint FROM svc.status() WHERE item = 'service regress_half';
SELECT svc.create_service('regress_half', database => 'regress_other_db');
SELECT svc.drop_service('regress_half');
SELECT svc.create_service('regress_half', database => 'regress_half_db');
SELECT svc.drop_service('regress_half', drop_objects => true);
INSERT INTO svc.provisioning VALUES ('regress_half', 'regress_half_db', 4294967295, 'drop');
SELECT svc.create_service('regress_half', database => 'regress_half_db');
SELECT svc.drop_service('regress_half', drop_objects => true);
SELECT svc.drop_service('regress_half', drop_objects => true);
SELECT svc.drop_service('regress_half', drop_objects => true, if_exists => true);

-- all was done but for forgetting the record: that goes with the next call
INSERT INTO svc.provisioning SELECT 'regress_auth2', datname, oid, 'fill database' FROM pg_database WHERE datname = 'regress_auth2_db';
SELECT svc.create_service('regress_auth2', database => 'regress_auth2_db');
INSERT INTO svc.provisioning SELECT 'regress_half', datname, oid, 'fill database' FROM pg_database WHERE datname = 'regress_auth2_db';
SELECT svc.drop_service('regress_half', drop_objects => true);
-- a number that somebody else gave to a database of his own
CREATE DATABASE regress_half_db OWNER regress_taken;
INSERT INTO svc.provisioning SELECT 'regress_half', datname, oid, 'create database' FROM pg_database WHERE datname = 'regress_half_db';
SELECT svc.create_service('regress_half', database => 'regress_half_db');
DROP DATABASE regress_half_db;
SELECT svc.drop_service('regress_half', drop_objects => true);
-- one that was not dropped to the end is dropped, and made again
CREATE DATABASE regress_half_db ALLOW_CONNECTIONS false;
INSERT INTO svc.provisioning SELECT 'regress_half', datname, oid, 'fill database' FROM pg_database WHERE datname = 'regress_half_db';
UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'regress_half_db';
SELECT svc.create_service('regress_half', database => 'regress_half_db');
-- half dropped, it is still its owner's
INSERT INTO svc.provisioning SELECT 'regress_half', datname, oid, 'drop' FROM pg_database WHERE datname = 'regress_half_db';
ALTER ROLE regress_taken CREATEROLE;
GRANT EXECUTE ON FUNCTION svc.drop_service TO regress_taken;
SET ROLE regress_taken;
SELECT svc.drop_service('regress_half', drop_objects => true);
RESET ROLE;
DELETE FROM svc.provisioning;
SELECT svc.drop_service('regress_half', drop_objects => true);
-- this extension is an extension like others
SET svc_ownership.provision_extensions = 'pgcrypto';
SET ROLE regress_taken;
SELECT svc.create_service('regress_half', database => 'regress_half_db');
RESET ROLE;
RESET svc_ownership.provision_extensions;

-- dropped: by who may, not with consumers, not by half
BEGIN;
SELECT svc.drop_service('regress_auth2', drop_objects => true);
ROLLBACK;
GRANT EXECUTE ON FUNCTION svc.drop_service TO regress_taken;
SET ROLE regress_taken;
SELECT svc.drop_service('regress_auth2', drop_objects => true);
RESET ROLE;
GRANT SELECT ON svc.services TO regress_staging_writer;
-- nor while its roles own what would stay, or somebody else its database
CREATE TABLE regress_mine ();
ALTER TABLE regress_mine OWNER TO regress_staging_owner;
SELECT svc.drop_service('regress_auth2', drop_objects => true);
DROP TABLE regress_mine;
CREATE DATABASE regress_second_db OWNER regress_staging_owner;
SELECT svc.drop_service('regress_auth2', drop_objects => true);
DROP DATABASE regress_second_db;
ALTER DATABASE regress_auth2_db OWNER TO CURRENT_USER;
GRANT regress_staging_owner TO regress_taken;
SET ROLE regress_taken;
SELECT svc.drop_service('regress_auth2', drop_objects => true);
RESET ROLE;
REVOKE regress_staging_owner FROM regress_taken;
ALTER DATABASE regress_auth2_db OWNER TO regress_staging_owner;
SELECT service, database FROM svc.services ORDER BY 1;
SELECT svc.drop_service('regress_auth2', drop_objects => true);
SELECT svc.drop_service('regress_auth', drop_objects => true);
SELECT svc.drop_service('regress_poc', drop_objects => true);
SELECT * FROM svc.services;
SELECT service, database, step FROM svc.provisioning;
SELECT datname FROM pg_database WHERE datname LIKE 'regress\_%db' OR datname = 'regress_poc' ORDER BY 1;
-- (once given away and back, the owner role counts as adopted)
SELECT rolname FROM pg_roles WHERE rolname ~ '^regress_(auth|staging|poc|half|taken)' ORDER BY 1;
DROP DATABASE regress_poc;
REVOKE EXECUTE ON FUNCTION svc.create_service, svc.drop_service FROM regress_taken;
DROP ROLE regress_taken, regress_auth_owner;

-- the same service in two databases of the cluster
SELECT svc.create_service('regress_auth', database => 'regress_auth_db');
SELECT svc.create_service('regress_auth', database => 'regress_auth2_db', role_prefix => 'regress_staging');
SELECT svc.create_service('regress_auth', database => 'regress_auth2_db', role_prefix => 'regress_staging');
SELECT service, form, database FROM svc.services ORDER BY database;
CALL svc.run(ARRAY['SELECT current_database()'], 'regress_auth');
SELECT svc.drop_service('regress_auth', drop_objects => true);
SELECT svc.drop_service('regress_auth', drop_objects => true, database => 'regress_none');
SELECT svc.drop_service('regress_auth', drop_objects => true, database => 'regress_auth2_db');
SELECT svc.drop_service('regress_auth', drop_objects => true);
SELECT service, form, database FROM svc.services ORDER BY database;

-- all roles were there before: they stay, and the database goes
CREATE ROLE regress_pre_owner;
CREATE ROLE regress_pre_writer;
CREATE ROLE regress_pre_reader;
SELECT svc.create_service('regress_pre', database => 'regress_pre_db', adopt => true);
SELECT svc.drop_service('regress_pre', drop_objects => true);
SELECT (SELECT count(*) FROM svc.services) AS services, (SELECT count(*) FROM pg_database WHERE datname = 'regress_pre_db') AS databases,
       (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'regress\_pre\_%') AS roles;
DROP ROLE regress_pre_owner, regress_pre_writer, regress_pre_reader;
