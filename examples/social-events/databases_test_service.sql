-- The checks that are the same in each service's database, which :db names; the
-- service is :service.  Begins the transaction that databases_test.sql rolls back.

\connect :db
SET client_min_messages = warning;
BEGIN;
\ir test_functions.sql
SELECT :'prefix' || :'service' || '_owner' AS owner, :'prefix' || :'service' || '_service' AS login \gset

SELECT pg_temp.ok(s.form = 'database' AND s.database = :'db' AND s.schema = 'public' AND s.owner = :'owner',
                  format('%s has database %s', :'service', :'db'))
  FROM svc.services s WHERE s.service = :'service' AND s.database = current_database();
SELECT pg_temp.ok(array_agg(c.relname::text ORDER BY c.relname) = :'tables',
                  format('%s has the tables %s', :'service', array_to_string(:'tables'::text[], ', ')))
  FROM svc.tables t
  JOIN pg_class c ON c.oid = t.relation
 WHERE t.service = :'service';
SELECT pg_temp.ok(bool_and(c.relowner = to_regrole(:'owner') AND pg_temp.has_rows(t.relation)), 'they belong to its owner role, and have rows')
  FROM svc.tables t
  JOIN pg_class c ON c.oid = t.relation
 WHERE t.service = :'service';
SELECT pg_temp.ok(count(*) = 0, 'nothing else is there but what its extensions brought')
  FROM pg_class c
 WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> ALL (:'tables'::text[])
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
SELECT pg_temp.ok(has_database_privilege(:'login', :'db', 'CONNECT')
                  AND NOT bool_or(has_database_privilege(r.rolname, :'db', 'CONNECT') AND r.rolname <> :'login'),
                  'of all services'' logins only its own may connect')
  FROM pg_roles r WHERE r.rolname ~ '_service$' AND r.rolcanlogin;
SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'login', format(c.command, t.relation)) = 'done'), 'which reads, writes and alters its tables')
  FROM svc.tables t
 CROSS JOIN (VALUES ('SELECT * FROM %s'), ('DELETE FROM %s WHERE false'), ('ALTER TABLE %s ADD COLUMN more int')) c (command)
 WHERE t.service = :'service';
SELECT pg_temp.ok(coalesce(bool_and(pg_temp.outcome(:'login', 'SELECT * FROM ' || v) = 'done'
                                    AND pg_temp.outcome(:'login', 'DELETE FROM ' || v) = '42501'), true),
                  'of others it reads, and does not write, ' || coalesce(nullif(array_to_string(:'reads'::text[], ', '), ''), 'nothing'))
  FROM unnest(:'reads'::text[]) v;
SELECT pg_temp.ok(count(*) = 0, 'what was not granted to it is not there')
  FROM unnest('{user_api.users,user_api.follows,event_api.events,event_api.event_attendees,post_api.posts,ticket_api.tickets}'::text[]) v
 WHERE split_part(v, '_', 1) <> :'service' AND v <> ALL (:'reads'::text[]) AND to_regclass(v) IS NOT NULL;
SELECT pg_temp.ok(count(*) = 0, 'no foreign key is missed: svc.check_contracts() and svc.check_grants() have nothing to say')
  FROM (SELECT service FROM svc.check_contracts() UNION ALL SELECT service FROM svc.check_grants()) c;
SELECT pg_temp.ok(count(*) = 0, 'and svc.status() neither' || coalesce(': ' || string_agg(item || ': ' || detail, '; '), ''))
  FROM svc.status() WHERE state <> 'ok';
SELECT pg_temp.ok(bool_and(ok) IS NOT FALSE, 'every link answers') FROM svc.check_connections();
SELECT pg_temp.ok(coalesce(sum(svc.recount(source)), 0) = 0, 'every number is right')
  FROM (SELECT DISTINCT source FROM svc.counters) c (source);
