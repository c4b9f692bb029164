-- What the roles of services may do: declared, granted, tried as each of them,
-- and told apart from what was granted by hand.
SELECT svc.create_service('regress_a', schema => 'regress_a', login => 'regress_a_user', migrator => 'regress_a_mig');
SELECT svc.create_service('regress_b', schema => 'regress_b', login => 'regress_b_user', login_level => 'owner');
SELECT svc.create_service('regress_r', schema => 'regress_r', login => 'regress_r_user', login_level => 'reader');
CREATE ROLE regress_bob LOGIN;

-- tables of the owner, and of a DBA, who is told what happens
SET ROLE regress_a_owner;
CREATE TABLE regress_a.t (id serial PRIMARY KEY, x int);
INSERT INTO regress_a.t (x) VALUES (1);
RESET ROLE;
CREATE TABLE regress_a.dba (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE VIEW regress_a.v AS SELECT x FROM regress_a.t;
CREATE SEQUENCE regress_a.s;
CREATE TABLE regress_a.made AS SELECT 1 AS one;
CREATE TABLE regress_r.t (id int);
CREATE TABLE public.regress_moved (id int);
ALTER TABLE public.regress_moved SET SCHEMA regress_a;
SELECT * FROM svc.check_grants();

-- the writer of a service
SET ROLE regress_a_user;
SELECT count(*) FROM regress_a.t;
INSERT INTO regress_a.t (x) VALUES (2);
UPDATE regress_a.t SET x = 3 WHERE x = 2;
DELETE FROM regress_a.t WHERE x = 3;
INSERT INTO regress_a.dba DEFAULT VALUES;
SELECT nextval('regress_a.s');
SELECT count(*) FROM regress_a.regress_moved;
TRUNCATE regress_a.t;
CREATE TABLE regress_a.mine (id int);
ALTER TABLE regress_a.t ADD COLUMN y int;
SELECT count(*) FROM regress_r.t;
INSERT INTO regress_b.t VALUES (1);
CREATE TABLE regress_b.mine (id int);
RESET ROLE;
-- becoming somebody else is tried by real logins, in the TAP tests
SELECT pg_has_role('regress_a_user', 'regress_b_owner', 'MEMBER') AS b_owner,
       pg_has_role('regress_a_user', 'regress_b_reader', 'MEMBER') AS b_reader,
       pg_has_role('regress_a_user', 'regress_a_owner', 'MEMBER') AS a_owner;

-- the owner of another service
SET ROLE regress_b_owner;
SELECT count(*) FROM regress_a.t;
INSERT INTO regress_a.t (x) VALUES (1);
CREATE TABLE regress_a.mine (id int);
RESET ROLE;

-- the reader
SET ROLE regress_r_user;
SELECT count(*) FROM regress_r.t;
INSERT INTO regress_r.t VALUES (1);
RESET ROLE;

-- the migrator works as the owner
SET SESSION AUTHORIZATION regress_a_mig;
SET ROLE regress_a_owner;
CREATE TABLE regress_a.migrated (id int PRIMARY KEY, updated_at timestamptz);
RESET SESSION AUTHORIZATION;
SELECT relowner::regrole FROM pg_class WHERE oid = 'regress_a.migrated'::regclass;
SET ROLE regress_a_user;
SELECT count(*) FROM regress_a.migrated;
RESET ROLE;

-- members
SELECT svc.grant_role('regress_a', 'regress_bob', 'boss');
SELECT svc.grant_role('regress_a', 'no_such_role', 'reader');
SELECT svc.grant_role('regress_a', 'regress_a_writer', 'reader');
SELECT svc.grant_role('regress_a', NULL, 'reader');
SELECT svc.grant_role('regress_a', 'regress_bob', NULL);
SELECT svc.grant_role('regress_a', 'regress_bob', 'reader');
SET ROLE regress_bob;
SELECT count(*) FROM regress_a.t;
DELETE FROM regress_a.t;
RESET ROLE;
SELECT svc.grant_role('regress_a', 'regress_bob', 'writer');
SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = 'regress_bob'::regrole;
-- the owner of a service may make readers and writers, but no owners
SET ROLE regress_a_owner;
SELECT svc.grant_role('regress_a', 'regress_bob', 'owner');
SELECT svc.grant_role('regress_a', 'regress_bob', 'reader');
SELECT svc.grant_role('regress_b', 'regress_bob', 'reader');
RESET ROLE;
SELECT svc.grant_role('regress_a', 'regress_a_user', 'owner');
SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'regress_a_user'::regrole;
SELECT svc.grant_role('regress_a', 'regress_a_user', 'writer');
SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'regress_a_user'::regrole;
SELECT * FROM svc.check_grants();
-- the roles of another service are that service's to give, and so are its logins
SET ROLE regress_a_owner;
SELECT svc.grant_role('regress_a', 'regress_b_owner', 'reader');
SELECT svc.grant_role('regress_a', 'regress_b_reader', 'reader');
SELECT svc.grant_role('regress_a', 'regress_b_user', 'reader');
RESET ROLE;
-- a superuser may: then all who are in it come along, and are no strangers
SELECT svc.grant_role('regress_a', 'regress_b_owner', 'reader');
SELECT * FROM svc.check_grants();
SELECT svc.revoke_role('regress_a', 'regress_b_owner');
-- without that, the grant into the circle is what is wrong
GRANT regress_a_reader TO regress_b_owner;
SELECT role, via, fix FROM svc.check_grants();
REVOKE regress_a_reader FROM regress_b_owner;
SELECT svc.revoke_role('regress_a', 'regress_bob');
SELECT svc.revoke_role('regress_a', 'regress_bob');
SELECT svc.revoke_role('regress_a', 'no_such_role');

-- a membership ends whoever granted it
CREATE ROLE regress_granter;
GRANT regress_a_writer TO regress_granter WITH ADMIN OPTION;
SET ROLE regress_granter;
GRANT regress_a_writer TO regress_bob;
RESET ROLE;
SELECT svc.grant_role('regress_a', 'regress_bob', 'writer');
SELECT svc.grant_role('regress_a', 'regress_bob', 'reader');
SELECT pg_has_role('regress_bob', 'regress_a_writer', 'MEMBER') AS writes;
SET ROLE regress_granter;
GRANT regress_a_writer TO regress_bob;
RESET ROLE;
-- (up to 15 two grants of the same are one, of which a NOTICE tells)
SET client_min_messages = warning;
GRANT regress_a_writer TO regress_bob;
RESET client_min_messages;
SELECT DISTINCT role, privilege, problem, replace(fix, ' GRANTED BY regress_granter', '') AS fix FROM svc.check_grants();
DO $$
DECLARE
    fix text;
BEGIN
    FOR fix IN SELECT DISTINCT g.fix FROM svc.check_grants() g ORDER BY g.fix LOOP
        EXECUTE fix;
    END LOOP;
END $$;
SELECT pg_has_role('regress_bob', 'regress_a_writer', 'MEMBER') AS writes;
SELECT * FROM svc.check_grants();
-- what a member granted further goes with him, but what is declared stays
SELECT svc.grant_role('regress_a', 'regress_granter', 'writer');
GRANT regress_a_writer TO regress_granter WITH ADMIN OPTION;
SELECT svc.grant_role('regress_a', 'regress_granter', 'writer');
SET ROLE regress_granter;
GRANT regress_a_writer TO regress_bob;
RESET ROLE;
SELECT svc.grant_role('regress_a', 'regress_bob', 'writer');
SELECT svc.revoke_role('regress_a', 'regress_granter');
SELECT pg_has_role('regress_granter', 'regress_a_writer', 'MEMBER') AS granter_writes, pg_has_role('regress_bob', 'regress_a_writer', 'MEMBER') AS bob_writes;
SELECT svc.revoke_role('regress_a', 'regress_bob');
DROP ROLE regress_granter;

-- rights that nobody declared, and declared ones that are gone
CREATE ROLE regress_ops;
GRANT regress_ops TO regress_bob;
GRANT SELECT ON regress_a.t TO regress_ops;
GRANT UPDATE (x) ON regress_a.t TO regress_ops WITH GRANT OPTION;
GRANT SELECT ON regress_a.v TO PUBLIC;
GRANT USAGE ON SCHEMA regress_a TO regress_ops;
GRANT regress_b_owner TO regress_ops;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_bob IN SCHEMA regress_a GRANT SELECT ON TABLES TO regress_ops;
GRANT INSERT ON regress_a.t TO regress_a_reader;
CREATE FUNCTION regress_a.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT EXECUTE ON FUNCTION regress_a.f() TO regress_ops;
REVOKE SELECT ON regress_a.t FROM regress_a_reader;
REVOKE USAGE ON SEQUENCE regress_a.s FROM regress_a_writer;
REVOKE regress_a_writer FROM regress_a_user;
GRANT regress_a_owner TO regress_a_user;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_a_owner IN SCHEMA regress_a REVOKE DELETE ON TABLES FROM regress_a_writer;
ALTER ROLE regress_a_mig IN DATABASE :DBNAME RESET role;
CREATE TABLE regress_a.stray (id serial PRIMARY KEY, n int);
ALTER TABLE regress_a.stray OWNER TO regress_a_mig;
CREATE STATISTICS regress_a.stray_st ON id, n FROM regress_a.stray;
ALTER STATISTICS regress_a.stray_st OWNER TO regress_a_mig;
SELECT service, object, role, privilege, problem, via, replace(fix, :'DBNAME', 'db') AS fix FROM svc.check_grants();
SELECT item, state, detail, hint FROM svc.status() WHERE item LIKE 'service%' AND detail LIKE '%rights%';
-- each fix is a statement that mends it
SELECT fix FROM (SELECT DISTINCT fix FROM svc.check_grants()) f ORDER BY fix COLLATE "C"
\gexec
SELECT * FROM svc.check_grants();

-- a member of a service sees its own, others see nothing
GRANT SELECT ON regress_a.t TO regress_ops;
SET ROLE regress_b_owner;
SELECT count(*) FROM svc.check_grants();
SET ROLE regress_a_owner;
SELECT object, role, privilege FROM svc.check_grants();
RESET ROLE;
REVOKE SELECT ON regress_a.t FROM regress_ops;

-- since 16 a membership may give nothing: then it counts as none; before, there is none here
CREATE ROLE regress_far;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT regress_a_writer TO regress_a_user WITH INHERIT FALSE, SET FALSE';
        EXECUTE 'GRANT regress_a_owner TO regress_b_owner WITH INHERIT FALSE, SET FALSE';
        EXECUTE 'GRANT regress_far TO regress_a_owner WITH INHERIT FALSE, SET FALSE';
    ELSE
        REVOKE regress_a_writer FROM regress_a_user;
    END IF;
END
$$;
SELECT object, role, privilege, problem FROM svc.check_grants() WHERE problem = 'missing';
SET ROLE regress_b_owner;
SELECT svc.alter_service('regress_a', team => 'b');
SET ROLE regress_a_owner;
SELECT svc.alter_service('regress_a', owner => 'regress_far');
RESET ROLE;
-- and it has a grantor, whom a REVOKE must name
GRANT regress_b_owner TO regress_bob WITH ADMIN OPTION;
SET ROLE regress_bob;
GRANT regress_b_owner TO regress_ops;
RESET ROLE;
SELECT object, role, privilege, problem, via FROM svc.check_grants() WHERE service = 'regress_b';
DO $$
DECLARE
    fix text;
BEGIN
    FOR fix IN SELECT DISTINCT g.fix FROM svc.check_grants() g ORDER BY 1 DESC
    LOOP
        EXECUTE fix;
    END LOOP;
END
$$;
SELECT * FROM svc.check_grants();
SET SESSION AUTHORIZATION regress_a_user;
SELECT count(*) FROM regress_a.t;
SET ROLE regress_a_writer;
RESET SESSION AUTHORIZATION;

-- whoever may create roles and is no superuser, if a superuser lets him
CREATE ROLE regress_dba CREATEROLE;
SET ROLE regress_dba;
SELECT svc.create_service('regress_d', schema => 'regress_d');
RESET ROLE;
GRANT EXECUTE ON FUNCTION svc.create_service TO regress_dba;
SET ROLE regress_dba;
SELECT svc.create_service('regress_d', schema => 'regress_d');
RESET ROLE;
GRANT CREATE ON DATABASE :DBNAME TO regress_dba;
SET ROLE regress_dba;
SELECT svc.create_service('regress_d', schema => 'regress_d', login => 'regress_d_user', login_level => 'owner');
SELECT svc.create_service('regress_e', owner => 'regress_a_owner', adopt => true);
SELECT svc.create_service('regress_e', owner => 'regress_bob', schema => 'regress_a', adopt => true);
CREATE ROLE regress_plain;
SELECT svc.create_service('regress_e', schema => 'public', adopt => true);
SELECT svc.add_store('regress_d', 'x', 'redis');
SELECT svc.alter_service('regress_d', team => 'x');
SELECT svc.alter_service('regress_a', team => 'x');
RESET ROLE;
SELECT * FROM svc.check_grants();
SELECT role, kind, level FROM svc.member WHERE service = 'regress_d' ORDER BY 1;
-- an owner drops only roles that DROP ROLE would let him drop (since 16 that needs ADMIN OPTION)
CREATE FUNCTION pg_temp.refused(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE SQLSTATE 'UNDO1';
EXCEPTION
    WHEN insufficient_privilege THEN RETURN true;
    WHEN OTHERS THEN RETURN false;
END $$;
CREATE ROLE regress_maker CREATEROLE;
CREATE ROLE regress_admin;
SELECT svc.grant_role('regress_d', 'regress_maker', 'owner'), svc.grant_role('regress_d', 'regress_admin', 'owner');
GRANT regress_d_owner, regress_d_writer, regress_d_reader, regress_d_user TO regress_admin WITH ADMIN OPTION;
SET ROLE regress_maker;
SELECT pg_temp.refused('DROP ROLE regress_d_reader') = pg_temp.refused('SELECT svc.drop_service(''regress_d'', drop_objects => true)') AS as_drop_role,
       pg_temp.refused('SELECT svc.drop_service(''regress_d'')') AS keeping_them;
RESET ROLE;
SET ROLE regress_admin;
SELECT svc.drop_service('regress_d', drop_objects => true);
RESET ROLE;
SELECT svc.revoke_role('regress_d', 'regress_maker'), svc.revoke_role('regress_d', 'regress_admin');
REVOKE regress_d_user FROM regress_admin;
DROP ROLE regress_maker, regress_admin;

-- extensions that the caller may not create: only those that a superuser lists
SET svc_ownership.provision_extensions = '';
SET ROLE regress_dba;
SELECT svc.create_service('regress_e', extensions => '{moddatetime}');
RESET ROLE;
SET svc_ownership.provision_extensions = 'moddatetime';
SET ROLE regress_dba;
SELECT svc.create_service('regress_e', extensions => '{moddatetime}');
SELECT svc.drop_service('regress_e', drop_objects => true);
SELECT svc.drop_service('regress_a', drop_objects => true);
-- a login that somebody made a superuser is not his to drop
RESET ROLE;
ALTER ROLE regress_d_user SUPERUSER;
SET ROLE regress_dba;
SELECT svc.drop_service('regress_d', drop_objects => true);
RESET ROLE;
ALTER ROLE regress_d_user NOSUPERUSER;
SET ROLE regress_dba;
-- what was made for him is his to change, and to adopt again
ALTER ROLE regress_d_user PASSWORD 'secret';
SELECT svc.drop_service('regress_d');
SELECT svc.create_service('regress_d', schema => 'regress_d', login => 'regress_d_user', login_level => 'owner', adopt => true);
SELECT * FROM svc.check_grants();
SELECT svc.drop_service('regress_d', drop_objects => true);
RESET ROLE;
DROP OWNED BY regress_d_owner;
DROP OWNED BY regress_d_writer, regress_d_reader, regress_d_user;
DROP ROLE regress_d_owner, regress_d_writer, regress_d_reader, regress_d_user;
-- roles that he makes by himself: since 16 he is a member of them, but without their rights
SET ROLE regress_dba;
CREATE ROLE regress_d_owner;
CREATE ROLE regress_d_user LOGIN;
SELECT svc.create_service('regress_d', schema => 'regress_d', login => 'regress_d_user', adopt => true);
SELECT pg_has_role('regress_d_owner', 'USAGE') AS has_rights;
SELECT svc.alter_service('regress_d', team => 'x');
SELECT * FROM svc.check_grants();
SELECT svc.drop_service('regress_d', drop_objects => true);
DROP ROLE regress_d_owner, regress_d_user;
RESET ROLE;
DROP EXTENSION moddatetime;

-- without rights: nothing
SET ROLE regress_bob;
SELECT svc.create_service('x');
SELECT svc.drop_service('regress_a');
SELECT svc.grant_role('regress_a', 'regress_bob', 'owner');
SELECT count(*) FROM svc.service;
INSERT INTO svc.service (service) VALUES ('x');
RESET ROLE;
-- not even with all of the data's
GRANT pg_write_all_data, pg_read_all_data TO regress_bob;
SET ROLE regress_bob;
SELECT count(*) > 0 AS reads FROM svc.service;
INSERT INTO svc.member (service, role, kind, level) VALUES ('regress_a', 'regress_bob', 'login', 'owner');
UPDATE svc.service SET owner = 'regress_bob';
DELETE FROM svc.service;
TRUNCATE svc.service CASCADE;
COPY svc.store FROM STDIN;
regress_a	x	redis	\N	\N
\.
RESET ROLE;
SELECT service FROM svc.services ORDER BY 1;

-- what concerns a few relations does not look at all there are
SET ROLE regress_b_owner;
DO $$
BEGIN
    FOR i IN 1..200 LOOP
        EXECUTE format('CREATE TABLE regress_b.many_%s (id int)', i);
    END LOOP;
END $$;
RESET ROLE;
SELECT svc.create_service('regress_few');
CREATE SCHEMA regress_few;
CREATE TABLE regress_few.t1 (id int);
CREATE TABLE regress_few.t2 (id int);
SET track_functions = 'all';
BEGIN;
CREATE TABLE regress_b.one_more (id int);
SELECT svc.assign('regress_few', 'regress_few.t1', 'regress_few.t2');
SELECT svc.release('regress_few.t1');
SELECT svc.create_service('regress_new', schema => 'regress_new');
SELECT pg_stat_get_xact_function_calls('svc.owner_of'::regproc) < 100 AS few;
ROLLBACK;
RESET track_functions;
SELECT svc.drop_service('regress_few', drop_objects => true);
SET client_min_messages = warning;
DROP SCHEMA regress_few CASCADE;
DO $$
BEGIN
    FOR i IN 1..200 LOOP
        EXECUTE format('DROP TABLE regress_b.many_%s', i);
    END LOOP;
END $$;
RESET client_min_messages;

-- a role dropped behind our back
SELECT svc.create_service('regress_x', schema => 'regress_x');
SET ROLE regress_a_owner;
\set VERBOSITY terse
DROP OWNED BY regress_b_user;
\set VERBOSITY default
RESET ROLE;
DROP SCHEMA regress_x;
DROP OWNED BY regress_x_owner, regress_x_writer, regress_x_reader;
DROP ROLE regress_x_owner, regress_x_reader;
SELECT service, schema, owner, writer FROM svc.services WHERE service = 'regress_x';
SELECT item, state, detail FROM svc.status() WHERE item = 'service regress_x';
SELECT count(*) FROM svc.check_grants();
SELECT svc.grant_role('regress_x', 'regress_bob', 'reader');
SELECT role FROM svc.member WHERE service = 'regress_x';
SELECT svc.drop_service('regress_x', drop_objects => true);

SELECT svc.drop_service('regress_a', drop_objects => true);
SELECT svc.drop_service('regress_b', drop_objects => true);
SELECT svc.drop_service('regress_r', drop_objects => true);
REVOKE EXECUTE ON FUNCTION svc.create_service FROM regress_dba;
REVOKE CREATE ON DATABASE :DBNAME FROM regress_dba;
DROP OWNED BY regress_ops, regress_bob;
DROP ROLE regress_bob, regress_ops, regress_far, regress_dba, regress_plain;
SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\_%';
