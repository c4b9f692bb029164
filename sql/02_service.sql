-- Services come, change and go; every mistake has an error that helps, and
-- leaves nothing behind.
\set VERBOSITY default

-- a schema service: roles, schema, login
SELECT svc.create_service('regress_auth', schema => 'regress_auth', login => 'regress_auth_user',
                          password => 'secret', team => 'identity', description => 'who is who');
SELECT service, form, database = current_database() AS here, schema, owner, writer, reader, team, description FROM svc.services;
SELECT r.rolname, r.rolcanlogin, r.rolconnlimit, r.rolsuper, a.rolpassword LIKE 'SCRAM-SHA-256$%' AS password
  FROM pg_roles r JOIN pg_authid a ON a.oid = r.oid
 WHERE r.rolname LIKE 'regress\_auth\_%' AND r.rolname <> 'regress_auth_owner' ORDER BY 1;
-- no client logs in as the owner: 17 and later say so by NOLOGIN, before by a limit of no connections
SELECT NOT rolcanlogin OR rolconnlimit = 0 AS closed FROM pg_roles WHERE rolname = 'regress_auth_owner';
SELECT g.rolname AS role, m.rolname AS member
  FROM pg_auth_members x JOIN pg_roles g ON g.oid = x.roleid JOIN pg_roles m ON m.oid = x.member
 WHERE g.rolname LIKE 'regress\_auth\_%' ORDER BY 1, 2;
SELECT r.rolname, s.setconfig
  FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
 WHERE r.rolname LIKE 'regress\_auth\_%' ORDER BY 1;
SELECT nspname, nspowner::regrole FROM pg_namespace WHERE nspname = 'regress_auth';

-- repeated: an error, or nothing
SELECT svc.create_service('regress_auth', schema => 'elsewhere');
SELECT svc.create_service('regress_auth', schema => 'elsewhere', if_not_exists => true);

-- owner-level login, migrator, a role prefix, an owner of another name
SELECT svc.create_service('regress_cart', schema => 'regress_cart', role_prefix => 'regress_c', owner => 'regress_cart_boss',
                          login => 'regress_cart_user', login_level => 'owner', migrator => 'regress_cart_mig',
                          migrator_password => 'SCRAM-SHA-256$4096:qwe$asd:zxc');
SELECT svc.create_service('regress_cart', schema => 'regress_cart', role_prefix => 'regress_c', owner => 'regress_cart_boss',
                          login => 'regress_cart_user', login_level => 'owner', migrator => 'regress_cart_mig');
SELECT owner, writer, reader FROM svc.services WHERE service = 'regress_cart';
SELECT r.rolname, s.setconfig
  FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
 WHERE r.rolname LIKE 'regress\_cart\_%' ORDER BY 1;
SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'regress\_cart\_%' AND rolname <> 'regress_cart_boss' ORDER BY 1;

-- a logical service
SELECT svc.create_service('regress_mono');
SELECT service, form, schema FROM svc.services WHERE service = 'regress_mono';
SELECT r.rolname, s.setconfig
  FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
 WHERE r.rolname LIKE 'regress\_mono\_%' ORDER BY 1;

-- arguments that cannot be right
SELECT svc.create_service(NULL);
SELECT svc.create_service('');
SELECT svc.create_service('x', schema => '');
SELECT svc.create_service('x', adopt => NULL);
SELECT svc.create_service('x', login_level => 'boss');
SELECT svc.create_service('x', login_level => NULL);
SELECT svc.create_service('x', password => 'secret');
SELECT svc.create_service('x', login => 'regress_l', password => '');
SELECT svc.create_service('x', login => 'regress_l', migrator => 'regress_l');
SELECT svc.create_service('x', login => 'regress_l', owner => 'regress_l');
SELECT svc.create_service('x', owner => 'x_writer');
SELECT svc.create_service('x', team => repeat('x', 10001));
SELECT svc.create_service('x', extensions => ARRAY['plpgsql', NULL]::name[]);
\set VERBOSITY terse
SELECT svc.create_service('x', extensions => '{no_such_extension}');
\set VERBOSITY default
SELECT svc.create_service(repeat('x', 57));
SELECT svc.create_service('x', role_prefix => repeat('x', 57));
SELECT svc.create_service(repeat('ä', 29)) WHERE octet_length('ä') = 2;
-- (the owner role is made with other options before 17)
\set SHOW_CONTEXT never
SELECT svc.create_service('pg_x');
\set SHOW_CONTEXT errors
SELECT svc.create_service('x', schema => 'pg_x');
SELECT svc.create_service('x', schema => 'svc');
SELECT svc.create_service('x', schema => 'svc_triggers', adopt => true);
SELECT svc.create_service('x', schema => 'information_schema', adopt => true);
SELECT svc.create_service('x', schema => 'x_api');

-- names that are taken
CREATE SCHEMA regress_taken;
CREATE ROLE regress_taken_writer;
SELECT svc.create_service('x', schema => 'regress_taken');
SELECT svc.create_service('x', schema => 'regress_auth', adopt => true);
SELECT svc.create_service('regress_taken');
SELECT svc.create_service('x', login => 'regress_taken_writer');
SELECT svc.create_service('x', owner => 'regress_auth_owner', adopt => true);
SELECT svc.create_service('x', owner => 'regress_auth_writer', adopt => true);
SELECT svc.create_service('x', owner => 'regress_auth_user', adopt => true);
SELECT svc.create_service('x', owner => 'x_boss', role_prefix => 'regress_auth', adopt => true);
CREATE ROLE regress_super SUPERUSER;
SELECT svc.create_service('x', owner => 'regress_super', adopt => true);
SELECT svc.create_service('x', login => 'pg_monitor', adopt => true);
-- nothing was left behind by any of these
SELECT service FROM svc.services ORDER BY 1;
SELECT rolname FROM pg_roles WHERE rolname IN ('x_owner', 'x_writer', 'x_reader', 'regress_l') OR rolname LIKE 'ä%' OR rolname LIKE 'xx%';

-- names of 56 bytes, with quotes, blanks, capitals, multibyte characters
SELECT svc.create_service(rpad('regress_', 56, 'y'), schema => 'Regress "quoted" schema', login => 'Regress User''s');
SELECT svc.create_service('Regress "Größe"', schema => 'regress größe');
SELECT service, schema, owner, writer FROM svc.services WHERE schema LIKE '% %' ORDER BY service COLLATE "C";
SELECT r.rolname, s.setconfig
  FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
 WHERE r.rolname LIKE 'Regress%' ORDER BY r.rolname COLLATE "C";
SELECT count(*) FROM svc.check_grants();
SELECT svc.drop_service(rpad('regress_', 56, 'y'), drop_objects => true);
SELECT svc.drop_service('Regress "Größe"', drop_objects => true);

-- adopting: everything stays as it was, and what the levels need is added
CREATE ROLE regress_old LOGIN;
CREATE SCHEMA regress_old AUTHORIZATION regress_old;
CREATE TABLE regress_old.t (id serial PRIMARY KEY, x int);
ALTER TABLE regress_old.t OWNER TO regress_old;
CREATE TABLE regress_old.dba (id int PRIMARY KEY);
SELECT svc.create_service('regress_old', schema => 'regress_old', owner => 'regress_old', adopt => true, login => 'regress_old_app', password => 'x');
-- the catalog, and so a dump, holds their names
SELECT adopted_roles::text FROM svc.service WHERE service = 'regress_old';
SELECT nspowner::regrole, rolcanlogin, rolconnlimit FROM pg_namespace, pg_roles WHERE nspname = 'regress_old' AND rolname = 'regress_old';
SELECT relname, relowner::regrole <> 'regress_old'::regrole AS somebody_else FROM pg_class WHERE relnamespace = 'regress_old'::regnamespace AND relkind = 'r' ORDER BY 1;
SELECT item, state, replace(detail, CURRENT_USER, 'dba') AS detail, hint FROM svc.status() WHERE item = 'service regress_old';
SELECT count(*) FROM svc.check_grants();
SELECT has_table_privilege('regress_old_writer', 'regress_old.dba', 'INSERT') AS writer_writes,
       has_table_privilege('regress_old_reader', 'regress_old.dba', 'SELECT') AS reader_reads,
       has_table_privilege('regress_old_reader', 'regress_old.dba', 'INSERT') AS reader_writes,
       has_sequence_privilege('regress_old_writer', 'regress_old.t_id_seq', 'USAGE') AS writer_counts;
-- an adopted login keeps its password and its settings
CREATE ROLE regress_app LOGIN;
SELECT svc.create_service('regress_app', login => 'regress_app', password => 'new', adopt => true);
SELECT count(*) FROM pg_db_role_setting WHERE setrole = 'regress_app'::regrole;
SELECT rolpassword IS NULL AS no_password FROM pg_authid WHERE rolname = 'regress_app';

-- changing
SELECT svc.alter_service('regress_auth');
SELECT svc.alter_service('no_such', team => 'x');
SELECT svc.alter_service('regress_auth', team => '', description => 'people');
SELECT team, description FROM svc.services WHERE service = 'regress_auth';
SELECT svc.alter_service('regress_auth', new_name => 'regress_cart');
SELECT svc.alter_service('regress_auth', new_name => repeat('x', 57));
SELECT svc.alter_service('regress_auth', new_name => 'regress_identity');
SELECT service, schema, owner FROM svc.services WHERE service = 'regress_identity';
SELECT svc.alter_service('regress_identity', owner => 'no_such_role');
SELECT svc.alter_service('regress_identity', owner => 'regress_auth_reader');
SELECT svc.alter_service('regress_identity', owner => 'regress_cart_boss');
SELECT svc.alter_service('regress_identity', owner => 'regress_c_reader');
SELECT svc.alter_service('regress_identity', owner => 'regress_cart_mig');
SELECT svc.alter_service('regress_identity', owner => 'regress_super');
CREATE ROLE regress_new_owner;
CREATE TABLE regress_auth.users (id int PRIMARY KEY);
ALTER TABLE regress_auth.users OWNER TO regress_auth_owner;
CREATE FUNCTION regress_auth.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION regress_auth.f() OWNER TO regress_auth_owner;
-- (a DBA's table: the owner role was granted rights on it, which go to the new one)
CREATE TABLE regress_auth.dba (id int);
CREATE TABLE public.regress_dba (id int);
GRANT SELECT ON public.regress_dba TO regress_auth_owner;
SELECT svc.alter_service('regress_identity', owner => 'regress_new_owner');
SELECT nspowner::regrole, (SELECT relowner::regrole FROM pg_class WHERE oid = 'regress_auth.users'::regclass),
       (SELECT proowner::regrole FROM pg_proc WHERE oid = 'regress_auth.f()'::regprocedure)
  FROM pg_namespace WHERE nspname = 'regress_auth';
SELECT count(*) FROM svc.check_grants();
SELECT pg_has_role('regress_auth_owner', 'regress_auth_writer', 'MEMBER') AS old_owner_is_out;
SELECT has_table_privilege('regress_auth_owner', 'regress_auth.dba', 'SELECT, TRUNCATE, TRIGGER') AS old_owner_works,
       has_table_privilege('regress_new_owner', 'regress_auth.dba', 'TRUNCATE') AS new_owner_works,
       has_table_privilege('regress_auth_owner', 'public.regress_dba', 'SELECT') AS elsewhere_it_stays;
DROP TABLE public.regress_dba;

-- a name to which contracts were granted in advance is not taken by an owner, but by a superuser
SELECT svc.create_service('regress_p', schema => 'regress_p');
SELECT svc.create_service('regress_q', schema => 'regress_q');
CREATE TABLE regress_p.t (id int PRIMARY KEY);
SELECT svc.publish('regress_p', 't', 'regress_p.t');
SELECT svc.grant_contract('regress_p', 'regress_promised'), svc.grant_contract('regress_p', 'regress_promised', 't');
SELECT svc.grant_contract('regress_p', 'regress_q', 't');
SELECT svc.grant_contract('regress_q', 'regress_promised');
SET ROLE regress_q_owner;
SELECT svc.alter_service('regress_q', new_name => 'regress_promised');
RESET ROLE;
-- nor by whoever makes services
CREATE ROLE regress_maker CREATEROLE;
GRANT EXECUTE ON FUNCTION svc.create_service TO regress_maker;
SET ROLE regress_maker;
SELECT svc.create_service('regress_promised');
RESET ROLE;
DROP OWNED BY regress_maker;
DROP ROLE regress_maker;
SELECT svc.alter_service('regress_q', new_name => 'regress_promised');
SELECT service, entity, consumer FROM svc.consumers WHERE service IN ('regress_p', 'regress_promised') ORDER BY 1, 2;
SELECT has_table_privilege('regress_q_reader', 'regress_p_api.t', 'SELECT') AS reads;
SELECT * FROM svc.check_grants() WHERE service IN ('regress_p', 'regress_promised');
SELECT svc.drop_service('regress_promised', drop_objects => true);
SELECT svc.drop_service('regress_p', drop_objects => true);

-- everything that can have an owner goes along, and what goes with something else is left to it
SELECT svc.create_service('regress_all', schema => 'regress "all"', login => 'regress_all_user', login_level => 'owner');
SET ROLE regress_all_owner;
SET search_path = 'regress "all"';
CREATE TABLE t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, x text);
CREATE TABLE p (id serial, n int) PARTITION BY LIST (n);
CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1);
CREATE STATISTICS st ON id, n FROM t;
CREATE SEQUENCE s;
CREATE VIEW v AS SELECT id FROM t;
CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
CREATE TYPE mood AS ENUM ('ok');
CREATE TYPE pair AS (a int, b int);
CREATE TYPE floats AS RANGE (subtype = float8);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE pr(a int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION plus(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE AGGREGATE counted(*) (SFUNC = plus, STYPE = int);
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE COLLATION c (LOCALE = 'C');
CREATE TEXT SEARCH CONFIGURATION conf (COPY = pg_catalog.simple);
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = pg_catalog.simple);
CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
RESET search_path;
RESET ROLE;
CREATE ROLE regress_all_boss;
SELECT svc.alter_service('regress_all', owner => 'regress_all_boss');
SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
 WHERE refobjid = 'regress_all_owner'::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT DISTINCT c.relowner::regrole FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'regress "all"';
SELECT * FROM svc.check_grants();
SELECT item, state, detail FROM svc.status() WHERE item = 'service regress_all';
SET client_min_messages = warning;
SELECT svc.drop_service('regress_all', drop_objects => true);
RESET client_min_messages;
DROP ROLE regress_all_boss, regress_all_owner;

-- what the name of a role or schema is does not matter
ALTER ROLE regress_new_owner RENAME TO regress_newer_owner;
ALTER SCHEMA regress_auth RENAME TO regress_people;
SELECT service, schema, owner FROM svc.services WHERE service = 'regress_identity';
SELECT svc.owner_of('regress_people.users');
SELECT * FROM svc.check_grants();
SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'regress_auth_user'::regrole;

-- stores
SELECT svc.add_store('regress_cart', 'sessions', 'redis', 'redis://cache.internal:6379/0', 'revocable tokens');
SELECT svc.add_store('regress_cart', 'sessions', 'redis');
SELECT svc.add_store('regress_cart', 'x', '');
SELECT svc.add_store('regress_cart', 'x', NULL);
SELECT svc.add_store('regress_cart', 'x', 'mongodb', 'mongodb://me:secret@db.internal/x');
SELECT svc.add_store('regress_cart', 'x', 'mongodb', 'mongodb://me@db.internal/x');
SELECT * FROM svc.stores ORDER BY store;
SELECT svc.drop_store('regress_cart', 'x');
SELECT svc.drop_store('regress_cart', 'x');
SELECT svc.drop_store('no_such', 'x');

-- going: the objects stay, or go where they were made for the service
SELECT svc.drop_service('no_such');
SELECT svc.drop_service('no_such', if_exists => true);
SELECT svc.drop_service('regress_identity');
SELECT nspname FROM pg_namespace WHERE nspname = 'regress_people';
SELECT svc.create_service('regress_identity', schema => 'regress_people', owner => 'regress_newer_owner', role_prefix => 'regress_auth', adopt => true);
SELECT svc.drop_service('regress_cart', drop_objects => true);
SELECT count(*) FROM pg_namespace WHERE nspname = 'regress_cart';
SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\_c%' AND rolname <> 'regress_cart_taken';
-- not while something of others depends on it
SELECT svc.create_service('regress_gone', schema => 'regress_gone');
CREATE TABLE regress_gone.t (id int PRIMARY KEY);
CREATE TABLE regress_taken.refers (id int REFERENCES regress_gone.t);
CREATE VIEW regress_taken.looks AS SELECT id FROM regress_gone.t;
SELECT svc.drop_service('regress_gone', drop_objects => true);
DROP VIEW regress_taken.looks;
DROP TABLE regress_taken.refers;
-- nor what is another service's
CREATE TABLE regress_gone.lent (id int, n int) PARTITION BY LIST (n);
CREATE TABLE regress_gone.lent_1 PARTITION OF regress_gone.lent FOR VALUES IN (1);
SELECT svc.assign('regress_mono', 'regress_gone.lent');
SELECT svc.drop_service('regress_gone', drop_objects => true);
SELECT svc.release('regress_gone.lent');
-- nor while a role of it owns something elsewhere
CREATE TABLE regress_taken.stray (id int);
ALTER TABLE regress_taken.stray OWNER TO regress_gone_writer;
SELECT svc.drop_service('regress_gone', drop_objects => true);
DROP TABLE regress_taken.stray;
SET client_min_messages = warning;
SELECT svc.drop_service('regress_gone', drop_objects => true);
RESET client_min_messages;
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'regress_gone%';
-- what was adopted stays
SELECT svc.drop_service('regress_old', drop_objects => true);
SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\_old%';
SELECT nspname FROM pg_namespace WHERE nspname = 'regress_old';

-- schemas of others that have the name of a contract's: not the service's, whatever is called
CREATE SCHEMA regress_bill_api;
SELECT svc.create_service('regress_bill');
SELECT svc.create_service('regress_shop', schema => 'regress_shop');
SELECT svc.alter_service('regress_shop', new_name => 'regress_bill');
CREATE SCHEMA regress_shop_api;
CREATE TABLE regress_shop_api.t (id int PRIMARY KEY);
SELECT svc.owner_of('regress_shop_api.t');
CREATE ROLE regress_reader;
SELECT svc.grant_role('regress_shop', 'regress_reader', 'reader');
SELECT has_schema_privilege('regress_shop_owner', 'regress_shop_api', 'CREATE') AS creates,
       has_schema_privilege('regress_shop_reader', 'regress_shop_api', 'USAGE') AS looks;
SELECT item, state, replace(detail, quote_ident(CURRENT_USER), 'dba') AS detail, hint FROM svc.status() WHERE item = 'service regress_shop';
SELECT svc.alter_service('regress_shop', new_name => 'regress_store');
SELECT svc.alter_service('regress_store', new_name => 'regress_shop');
ALTER SCHEMA regress_shop_api RENAME TO regress_other_api;
SELECT svc.alter_service('regress_store', new_name => 'regress_shop');
ALTER SCHEMA regress_other_api RENAME TO regress_shop_api;
SELECT svc.drop_service('regress_shop', drop_objects => true);
SELECT nspname FROM pg_namespace WHERE nspname IN ('regress_bill_api', 'regress_shop', 'regress_shop_api', 'regress_store_api') ORDER BY 1;
-- one that is the owner role's is the service's
ALTER SCHEMA regress_bill_api OWNER TO regress_reader;
SELECT svc.create_service('regress_bill', owner => 'regress_reader', adopt => true);
SELECT svc.alter_service('regress_bill', new_name => 'regress_bills');
SELECT svc.drop_service('regress_bills', drop_objects => true);
DROP SCHEMA regress_shop_api CASCADE;

-- a schema that was dropped, and made again by somebody else, is not the service's
SELECT svc.create_service('regress_shop', schema => 'regress_shop');
CREATE SCHEMA regress_adopted;
SELECT svc.create_service('regress_adopted', schema => 'regress_adopted', adopt => true);
DROP SCHEMA regress_shop, regress_adopted;
CREATE SCHEMA regress_shop;
CREATE TABLE regress_shop.t (id int PRIMARY KEY);
CREATE SCHEMA regress_adopted;
CREATE TABLE regress_adopted.t (id int PRIMARY KEY);
SELECT svc.owner_of('regress_shop.t'), svc.owner_of('regress_adopted.t');
SELECT svc.grant_role('regress_shop', 'regress_reader', 'reader'), svc.grant_role('regress_adopted', 'regress_reader', 'reader');
SELECT has_table_privilege('regress_reader', 'regress_shop.t', 'SELECT') AS reads, has_table_privilege('regress_reader', 'regress_adopted.t', 'SELECT') AS reads_adopted;
SELECT item, state, replace(detail, quote_ident(CURRENT_USER), 'dba') AS detail, hint FROM svc.status() WHERE item IN ('service regress_shop', 'service regress_adopted');
SELECT svc.create_service('x', schema => 'regress_shop', adopt => true);
-- it comes, and goes, with its owner
ALTER SCHEMA regress_shop OWNER TO regress_shop_owner;
SELECT svc.owner_of('regress_shop.t');
SELECT has_table_privilege('regress_reader', 'regress_shop.t', 'SELECT') AS reads;
SELECT * FROM svc.check_grants() WHERE service = 'regress_shop';
ALTER SCHEMA regress_shop OWNER TO CURRENT_USER;
SELECT svc.owner_of('regress_shop.t');
ALTER SCHEMA regress_shop RENAME TO regress_somewhere;
SELECT service, schema FROM svc.services WHERE service = 'regress_shop';
ALTER SCHEMA regress_somewhere RENAME TO regress_shop;
SELECT svc.drop_service('regress_shop', drop_objects => true);
SELECT svc.drop_service('regress_adopted', drop_objects => true);
SELECT svc.owner_of('regress_shop.t');
DROP SCHEMA regress_shop, regress_adopted CASCADE;
DROP ROLE regress_reader;

-- in a transaction that is rolled back nothing happened
BEGIN;
SELECT svc.create_service('regress_gone', schema => 'regress_gone');
ROLLBACK;
SELECT count(*) FROM pg_roles WHERE rolname LIKE 'regress_gone%';
SELECT count(*) FROM svc.services WHERE service = 'regress_gone';
BEGIN TRANSACTION READ ONLY;
SELECT svc.create_service('regress_gone');
ROLLBACK;

SELECT svc.drop_service('regress_identity', drop_objects => true);
SELECT svc.drop_service('regress_mono', drop_objects => true);
SELECT svc.drop_service('regress_app', drop_objects => true);
DROP SCHEMA regress_people, regress_old, regress_taken CASCADE;
DROP ROLE regress_super, regress_old, regress_app, regress_newer_owner, regress_taken_writer, regress_auth_owner, regress_auth_writer, regress_auth_reader, regress_auth_user;
SELECT count(*) FROM svc.services;
