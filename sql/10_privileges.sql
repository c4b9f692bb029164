-- Every object of the extension against ten kinds of roles, by trying: what
-- each may read, write and call.  A new object appears here and must be looked at.
--   n nobody   l login (writer)   r reader   w writer   o owner   x owner of another service
--   c CREATEROLE and CREATEDB   m pg_monitor   d pg_read_all_data with pg_write_all_data   s superuser
SET jit = off;
SELECT svc.create_service('regress_p', schema => 'regress_p', login => 'regress_p_login');
SELECT svc.create_service('regress_q', schema => 'regress_q');
CREATE ROLE regress_nobody;
CREATE ROLE regress_creator CREATEROLE CREATEDB;
CREATE ROLE regress_monitor;
CREATE ROLE regress_data;
CREATE ROLE regress_root SUPERUSER;
GRANT pg_monitor TO regress_monitor;
GRANT pg_read_all_data, pg_write_all_data TO regress_data;
CREATE TEMPORARY TABLE who (letter text, role name, n serial);
INSERT INTO who VALUES ('n', 'regress_nobody'), ('l', 'regress_p_login'), ('r', 'regress_p_reader'), ('w', 'regress_p_writer'), ('o', 'regress_p_owner'),
                       ('x', 'regress_q_owner'), ('c', 'regress_creator'), ('m', 'regress_monitor'), ('d', 'regress_data'), ('s', 'regress_root');

-- run a statement as a role, and undo it: the SQLSTATE, or ok
CREATE FUNCTION pg_temp.try(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
    RAISE SQLSTATE 'UNDO1';
EXCEPTION
    WHEN SQLSTATE 'UNDO1' THEN RETURN 'ok';
    WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
-- the letters of the roles that may: 42501 is a refusal, any other error comes after the right was granted
CREATE FUNCTION pg_temp.may(statement text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(CASE WHEN pg_temp.try(role, statement) = '42501' THEN '-' ELSE letter END, '' ORDER BY n), '') FROM who
$$;

-- a row in every table, so that there is something to change
CREATE TABLE regress_p.t (id int PRIMARY KEY, n int DEFAULT 0, updated_at timestamptz);
CREATE INDEX ON regress_p.t (updated_at);
CREATE FUNCTION regress_p.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at = now(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON regress_p.t FOR EACH ROW EXECUTE FUNCTION regress_p.touch();
SET client_min_messages = warning;
SELECT count(*) FROM svc.adopt_updated_at();
SELECT svc.publish('regress_p', 't', 'regress_p.t', columns => '{id}'), svc.grant_contract('regress_p', 'regress_q'),
       svc.keep_count('regress_p.t', 'n', 'regress_p.t', 'id', 'n'), svc.keep_rows('regress_p.t', 'updated_at', '1 day'),
       svc.add_store('regress_p', 's', 'redis'), svc.assign('regress_q', 'regress_p.t');
INSERT INTO svc.provisioning VALUES ('regress_x', 'regress_x', 1, 'create database');
INSERT INTO svc.link_request (action, service, consumer, database, verifier)
VALUES ('make', 'regress_p', 'regress_q', 'far_db', 'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$c3RvcmVka2V5c3RvcmVka2V5c3RvcmVka2V5c3RvcmU=:c2VydmVya2V5c2VydmVya2V5c2VydmVya2V5c2VydmU=');
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE SCHEMA regress_api_import;
CREATE FOREIGN TABLE regress_api_import.users (id int) SERVER regress_server;
SELECT svc.connect('regress_api', server => 'regress_server', consumer => 'regress_q');
SELECT svc.load_migrations('regress_p', '{"001_x.sql": "SELECT 1"}'::jsonb, 'plain');
INSERT INTO svc.migration_history (service, attempt, action, outcome, kind, version, description, script, installed_by)
VALUES ('regress_p', 1, 'apply', 'success', 'versioned', '001', 'x', '001_x.sql', 'regress_p_owner');
CREATE TABLE regress_q.r (t_id int);
ALTER TABLE regress_q.r OWNER TO regress_q_owner;
INSERT INTO regress_q.r VALUES (7);
SELECT svc.create_reference('regress_q.r', 't_id', 'regress_p', 't');
CALL svc.check_references('r_t_id_ref');
INSERT INTO svc.tombstone (reference, key_count) VALUES ('r_t_id_ref', 0);
INSERT INTO svc.pending VALUES ('regress_p_owner', 'regress_r', 'store', '{}');
INSERT INTO svc.journal_0 VALUES (1, '3', 'c', 'regress_p.t'::regclass, 'regress_r', now(), NULL);
INSERT INTO svc.journal_1 SELECT * FROM svc.journal_0;
INSERT INTO svc.journal_2 SELECT * FROM svc.journal_0;
INSERT INTO svc.reference_parked VALUES ('r_t_id_ref', '{1}', now(), 1, now() + interval '1 day');
INSERT INTO svc.journal_cursor VALUES ('regress_c', 1, pg_current_snapshot(), NULL, 0, now());
CREATE FUNCTION pg_temp.rows(tab regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', tab) INTO n;
    RETURN n;
END $$;
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'svc'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition AND pg_temp.rows(c.oid) = 0;

-- tables: read, insert, update, delete, truncate
SELECT c.relname AS table,
       pg_temp.may(format('SELECT * FROM svc.%I', c.relname)) AS read,
       pg_temp.may(format('INSERT INTO svc.%I SELECT (NULL::svc.%I).*', c.relname, c.relname)) AS insert,
       pg_temp.may(format('UPDATE svc.%I SET %I = %I', c.relname, a.attname, a.attname)) AS update,
       pg_temp.may(format('DELETE FROM svc.%I', c.relname)) AS delete,
       pg_temp.may(format('TRUNCATE svc.%I CASCADE', c.relname)) AS truncate
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
 WHERE c.relnamespace IN ('svc'::regnamespace, 'svc_triggers'::regnamespace) AND c.relkind IN ('r', 'p')
   -- partitions of the log have the rights that it has, and names by the day
   AND NOT c.relispartition
 ORDER BY c.relname COLLATE "C";
SELECT DISTINCT pg_temp.may(format('SELECT * FROM svc.%I', c.relname)) AS read,
       pg_temp.may(format('INSERT INTO svc.%I SELECT (NULL::svc.%I).*', c.relname, c.relname)) AS insert,
       pg_temp.may(format('DELETE FROM svc.%I', c.relname)) AS delete,
       pg_temp.may(format('TRUNCATE svc.%I', c.relname)) AS truncate
  FROM pg_class c
 WHERE c.relnamespace = 'svc'::regnamespace AND c.relkind = 'r' AND c.relispartition;

-- views: read (01_install sees to it that nothing can be written through them)
SELECT c.relname AS view, pg_temp.may(format('SELECT * FROM svc.%I', c.relname)) AS read
  FROM pg_class c
 WHERE c.relnamespace IN ('svc'::regnamespace, 'svc_triggers'::regnamespace) AND c.relkind = 'v'
 ORDER BY c.relname COLLATE "C";

-- functions: called with NULLs
SELECT p.oid::regprocedure::text COLLATE "C" AS function,
       pg_temp.may(format('%s %s(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.oid::regproc,
                   (SELECT string_agg(CASE WHEN p.provariadic <> 0 AND i = p.pronargs THEN 'VARIADIC ' ELSE '' END || 'NULL::' || t::regtype, ', ' ORDER BY i)
                      FROM unnest(p.proargtypes) WITH ORDINALITY u (t, i)))) AS call
  FROM pg_proc p
 WHERE p.pronamespace IN ('svc'::regnamespace, 'svc_triggers'::regnamespace)
 ORDER BY 1;

-- schemas: to look into and to create in
SELECT n.nspname, pg_temp.may(format('CREATE TABLE %I.mine ()', n.nspname)) AS create,
       (SELECT string_agg(CASE WHEN has_schema_privilege(role, n.oid, 'USAGE') THEN letter ELSE '-' END, '' ORDER BY who.n) FROM who) AS usage
  FROM pg_namespace n WHERE n.nspname IN ('svc', 'svc_triggers') ORDER BY 1;

-- objects of other kinds: none that would need a line here
SELECT DISTINCT d.classid::regclass
  FROM pg_depend d
 WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'svc_ownership')
   AND d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_type'::regclass);

SELECT svc.disconnect('regress_api', 'regress_q');
DROP SCHEMA regress_api_import CASCADE;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
SELECT svc.drop_link('regress_p', 'regress_q');
DELETE FROM svc.pending;
DELETE FROM svc.journal_0;
DELETE FROM svc.journal_1;
DELETE FROM svc.journal_2;
DELETE FROM svc.journal_cursor;
DELETE FROM svc.reference_parked;
SELECT svc.release('regress_p.t');
SELECT svc.drop_service('regress_q', drop_objects => true);
SELECT svc.drop_service('regress_p', drop_objects => true);
DELETE FROM svc.provisioning;
DROP ROLE regress_nobody, regress_creator, regress_monitor, regress_data, regress_root;
