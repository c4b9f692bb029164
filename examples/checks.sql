-- Checks that hold for every service in a database of its own; the examples'
-- test.sql include it, connected to that database as a superuser.  A line a
-- check, 20 of them.  Begins a transaction, which the caller rolls back.
--
-- Variables: service, database, schema, owner, login: their names;
--            tables: all of the service's, in order, as an array, but for the
--            history of a migration tool;
--            others: databases that are not this login's business, as an array.

SET client_min_messages = warning;
BEGIN;

CREATE FUNCTION pg_temp.ok(passed boolean, description text) RETURNS text
    LANGUAGE sql AS $$SELECT CASE WHEN passed THEN 'ok' ELSE 'not ok' END || ' - ' || description$$;

-- What comes of a command in a session of a login: done, or the SQLSTATE.
-- Nothing of it stays, whatever comes of it.
CREATE FUNCTION pg_temp.outcome(login name, command text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', login);
    EXECUTE command;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'done' ELSE SQLSTATE END;
END$$;

CREATE FUNCTION pg_temp.has_rows(relation regclass) RETURNS boolean
    LANGUAGE plpgsql AS $$
DECLARE
    found_one boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO found_one;
    RETURN found_one;
END$$;

-- The service and its tables

SELECT pg_temp.ok(s.form = 'database' AND s.schema = :'schema' AND s.owner = :'owner'
                  AND s.team IS NOT NULL AND s.description IS NOT NULL,
                  format('%s is a service in a database of its own, with a team and a description', :'service'))
  FROM (SELECT 1) one LEFT JOIN svc.services s ON s.service = :'service' AND s.database = :'database';
SELECT pg_temp.ok(d.datdba = to_regrole(:'owner') AND NOT has_database_privilege('public', d.oid, 'CONNECT'),
                  'the database belongs to its owner role, and not everybody may connect')
  FROM pg_database d WHERE d.datname = :'database';
SELECT pg_temp.ok(array_agg(c.relname ORDER BY c.relname) = :'tables'::name[],
                  'it has the tables ' || array_to_string(:'tables'::name[], ', '))
  FROM svc.tables t JOIN pg_class c ON c.oid = t.relation
 WHERE t.service = :'service' AND c.relname NOT IN ('goose_db_version', 'flyway_schema_history');
SELECT pg_temp.ok(bool_and(c.relowner = to_regrole(:'owner')), 'everything in its schema belongs to its owner role')
  FROM pg_class c WHERE c.relnamespace = to_regnamespace(:'schema') AND c.relkind IN ('r', 'v', 'S');
SELECT pg_temp.ok(count(*) = 0, 'every table has a primary key' || coalesce(', but not ' || string_agg(t.relation::text, ', '), ''))
  FROM svc.tables t
 WHERE t.service = :'service'
   AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.relation AND i.indisprimary);
SELECT pg_temp.ok(count(*) = 0, 'every foreign key has an index' || coalesce(', but not ' || string_agg(k.conname, ', '), ''))
  FROM pg_constraint k
 WHERE k.contype = 'f' AND svc.owner_of(k.conrelid) = :'service'
   AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1]);
SELECT pg_temp.ok(bool_and(EXISTS (SELECT 1 FROM pg_trigger g
                                    WHERE g.tgrelid = a.attrelid AND g.tgenabled = 'O' AND g.tgtype & 19 = 19)),
                  format('all %s updated_at columns have a trigger', count(*)))
  FROM pg_attribute a
  JOIN svc.tables t ON t.relation = a.attrelid
 WHERE t.service = :'service' AND a.attname = 'updated_at';
SELECT pg_temp.ok(bool_and(pg_temp.has_rows(t.relation)), 'every table has rows')
  FROM svc.tables t WHERE t.service = :'service';

-- Its login: what it is

SELECT pg_temp.ok(r.rolcanlogin AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls),
                  format('%s may log in and nothing else', :'login'))
  FROM (SELECT 1) one LEFT JOIN pg_roles r ON r.rolname = :'login';
SELECT pg_temp.ok(d.setconfig @> ARRAY['role=' || :'owner'] AND array_to_string(d.setconfig, ' ') ~ 'search_path=.*svc_triggers',
                  'it works as its owner role, in its schema')
  FROM (SELECT 1) one
  LEFT JOIN pg_db_role_setting d ON d.setrole = to_regrole(:'login')
        AND d.setdatabase = (SELECT oid FROM pg_database WHERE datname = :'database');
SELECT pg_temp.ok(a.rolpassword LIKE 'SCRAM-SHA-256$%', 'its password is kept as a SCRAM verifier')
  FROM (SELECT 1) one LEFT JOIN pg_authid a ON a.rolname = :'login';
SELECT pg_temp.ok(has_database_privilege(:'login', :'database', 'CONNECT')
                  AND bool_and(NOT has_database_privilege(:'login', d.oid, 'CONNECT')) IS NOT FALSE,
                  'it connects to its own database, and to no other service''s')
  FROM pg_database d WHERE d.datname = ANY (:'others'::name[]);

-- Its login: what it can do

SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'login', format(c.command, t.relation)) = 'done'),
                  'it reads, writes and truncates its own tables')
  FROM svc.tables t
 CROSS JOIN (VALUES ('SELECT * FROM %s'), ('DELETE FROM %s WHERE false'), ('TRUNCATE %s CASCADE')) c (command)
 WHERE t.service = :'service';
SELECT pg_temp.ok(pg_temp.outcome(:'login', format('CREATE TABLE %I.more (id int)', :'schema')) = 'done',
                  'it makes tables in its own schema');
SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'login', c.command) = '42501'), 'it changes nothing of the extension')
  FROM (VALUES ('CREATE TABLE svc.more (id int)'), ('CREATE TABLE svc_triggers.more (id int)'), ('DELETE FROM svc.service'),
               ('SELECT svc.create_service(''more'', schema => ''more'')')) c (command);
SELECT pg_temp.ok(count(*) = 0, 'it cannot become another role' || coalesce(', but ' || string_agg(r.rolname, ', '), ''))
  FROM pg_roles r
 WHERE pg_has_role(:'login', r.oid, 'MEMBER') AND r.rolname <> :'login'
   AND NOT pg_has_role(:'owner', r.oid, 'MEMBER');

-- All together

SELECT pg_temp.ok(coalesce(sum(n), 0) = 0, 'a recount finds nothing to mend')
  FROM (SELECT DISTINCT source FROM svc.counters) c CROSS JOIN LATERAL svc.recount(c.source) n;
SELECT pg_temp.ok(count(*) = 0, 'svc.check_grants() has nothing to say' || coalesce(', but ' || string_agg(fix, '; '), ''))
  FROM svc.check_grants();
SELECT pg_temp.ok(count(*) = 0, 'svc.check_contracts() has nothing to say' || coalesce(', but ' || string_agg(detail, '; '), ''))
  FROM svc.check_contracts();
SELECT pg_temp.ok(bool_and(state = 'ok'), 'svc.status() is ok' || coalesce(', but ' || string_agg(item || ': ' || detail, '; ')
                                                                             FILTER (WHERE state <> 'ok'), ''))
  FROM svc.status() WHERE item !~ '^(preload|library)';
