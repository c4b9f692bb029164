-- The checks that are the same in each service's database, which :db names; the
-- service is :service.  Begins the transaction that databases_test.sql rolls back.

\connect :db :admin
SET client_min_messages = warning;
BEGIN;
\ir test_common.sql
SELECT login, :'prefix' || service || '_owner' AS owner FROM expected WHERE service = :'service' \gset

-- The service and what it has

SELECT pg_temp.ok(s.form = 'database' AND s.database = :'db' AND s.schema = 'public' AND s.owner = :'owner'
                  AND s.team IS NOT NULL AND s.description IS NOT NULL,
                  format('%s has database %s, an owner role, a team and a description', :'service', :'db'))
  FROM svc.services s WHERE s.service = :'service' AND s.database = current_database();
SELECT pg_temp.ok(array_agg(s.service ORDER BY s.service) = '{auth,cart,product,promotion}', format('%s: all services are seen from here', :'db'))
  FROM svc.services s WHERE s.database IN (:'auth_db', :'product_db', :'cart_db', :'promotion_db');
SELECT pg_temp.ok(svc.current_service() = :'service', format('%s: the one at home here is %s', :'db', :'service'));
SELECT pg_temp.ok((SELECT array_agg(c.relname ORDER BY c.relname)
                     FROM svc.tables t JOIN pg_class c ON c.oid = t.relation
                    WHERE t.service = e.service) = e.tables,
                  format('%s has the tables %s', e.service, array_to_string(e.tables, ', ')))
  FROM expected e WHERE e.service = :'service';
SELECT pg_temp.ok(bool_and(c.relowner = to_regrole(:'owner')), format('%s: everything in schema public belongs to %s', :'db', :'owner'))
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace;
SELECT pg_temp.ok(bool_and(pg_temp.has_rows('public', t.name)), format('%s: every table has rows', :'db'))
  FROM expected e
 CROSS JOIN LATERAL unnest(e.tables) t (name)
 WHERE e.service = :'service';
SELECT pg_temp.ok(count(*) = 0, format('%s: no table of another service is here', :'db'))
  FROM expected e
 CROSS JOIN LATERAL unnest(e.tables) t (name)
 WHERE e.service <> :'service' AND to_regclass('public.' || t.name) IS NOT NULL;
SELECT pg_temp.ok(bool_and(EXISTS (SELECT 1 FROM pg_trigger g
                                    WHERE g.tgrelid = a.attrelid AND g.tgenabled = 'O'
                                      AND g.tgfoid = 'svc_triggers.update_updated_at_column()'::regprocedure
                                      AND g.tgtype & 19 = 19)),
                  format('%s: all %s updated_at columns have a trigger of svc_triggers', :'db', count(*)))
  FROM pg_attribute a
  JOIN svc.tables t ON t.relation = a.attrelid
 WHERE t.service = :'service' AND a.attname = 'updated_at';

-- Who may come in

SELECT pg_temp.ok(bool_and(has_database_privilege(e.login, :'db', 'CONNECT') = (e.service = :'service')),
                  format('%s: of the services'' logins only %s may connect', :'db', :'login'))
  FROM expected e;
SELECT pg_temp.ok(NOT EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                               WHERE a.grantee = 0 AND a.privilege_type = 'CONNECT')
                  AND d.datdba = to_regrole(:'owner'),
                  format('%s belongs to %s and is not open to PUBLIC', :'db', :'owner'))
  FROM pg_database d WHERE d.datname = :'db';
SELECT pg_temp.ok(r.rolcanlogin AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls),
                  format('%s may log in and nothing else', :'login'))
  FROM pg_roles r WHERE r.rolname = :'login';
SELECT pg_temp.ok(count(*) = 1, format('%s works as its owner role, in schema public', :'login'))
  FROM pg_db_role_setting d
  JOIN pg_database b ON b.oid = d.setdatabase AND b.datname = :'db'
 WHERE d.setrole = to_regrole(:'login')
   AND d.setconfig @> ARRAY['role=' || :'owner', 'search_path=public, svc_triggers'];
SELECT pg_temp.ok(bool_and(NOT pg_has_role(:'login', r.rolname, 'MEMBER')), format('%s is a member of no other service''s roles', :'login'))
  FROM expected e
  JOIN pg_roles r ON r.rolname LIKE :'prefix' || e.service || '\_%' AND r.rolname <> :'prefix' || e.service || '_user'
 WHERE e.service <> :'service';

-- What its login can do

SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'login', format(c.command, t.name)) = 'done'),
                  format('%s reads, writes and truncates its tables', :'login'))
  FROM expected e
 CROSS JOIN LATERAL unnest(e.tables) t (name)
 CROSS JOIN (VALUES ('SELECT * FROM public.%I'), ('DELETE FROM public.%I WHERE false'),
                    ('TRUNCATE public.%I CASCADE'), ('ALTER TABLE public.%I ADD COLUMN more int')) c (command)
 WHERE e.service = :'service';
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'CREATE TABLE public.more (id int)') = 'done', format('%s makes tables', :'login'));
SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'login', c.command) = '42501'),
                  format('%s makes nothing in the catalog, and no service', :'login'))
  FROM (VALUES ('CREATE TABLE svc.more (id int)'), ('CREATE TABLE svc_triggers.more (id int)'),
               ('DELETE FROM svc.service'), ('SELECT svc.create_service(''more'')')) c (command);

-- Contracts: what is shown to others, and what is seen of others

SELECT pg_temp.ok(array_agg(p.view ORDER BY p.view)
                  = (SELECT array_agg(format('%s_api.%s', n.service, n.entity) ORDER BY n.service || '_api.' || n.entity)
                       FROM svc.entities n WHERE n.service = :'service' AND n.place = 'local'),
                  format('%s publishes %s', :'service', string_agg(p.view, ', ' ORDER BY p.view)))
  FROM published p WHERE p.service = :'service';
SELECT pg_temp.ok((SELECT string_agg(a.attname, ',' ORDER BY a.attnum)
                     FROM pg_attribute a
                    WHERE a.attrelid = to_regclass(p.view) AND a.attnum > 0) = p.columns,
                  format('%s: %s has the columns that it has at home', :'db', p.view))
  FROM published p
 WHERE p.service = :'service' OR :'service' = ANY (p.readers)
 ORDER BY p.view;
SELECT pg_temp.ok(to_regclass(p.view) IS NULL, format('%s: %s is not there', :'db', p.view))
  FROM published p
 WHERE p.service <> :'service' AND :'service' <> ALL (p.readers)
 ORDER BY p.view;
SELECT pg_temp.ok(pg_temp.rows_of(p.view) = :'shown'::jsonb ->> p.view, format('%s: and the rows', :'db'))
  FROM published p
 WHERE :'service' = ANY (p.readers)
 ORDER BY p.view;
SELECT EXISTS (SELECT FROM published WHERE :'service' = ANY (readers)) AS reads_others \gset
\if :reads_others
SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'login', 'SELECT * FROM ' || p.view) = 'done'
                           AND pg_temp.outcome(:'login', 'DELETE FROM ' || p.view) = '42501'),
                  format('%s reads what others show it, and does not write it', :'login'))
  FROM published p WHERE :'service' = ANY (p.readers);
SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'login', 'SELECT * FROM ' || c.oid::regclass) = '42501')
                  AND NOT bool_or(has_server_privilege(:'login', f.ftserver, 'USAGE')),
                  format('%s comes to it by no other way', :'login'))
  FROM pg_foreign_table f
  JOIN pg_class c ON c.oid = f.ftrelid;
SELECT pg_temp.ok(bool_and(NOT r.rolcanlogin AND NOT pg_has_role(:'login', r.oid, 'MEMBER')),
                  format('%s: who has the passwords of the links cannot log in', :'db'))
  FROM pg_user_mappings m
  LEFT JOIN pg_roles r ON r.oid = m.umuser;
SELECT pg_temp.ok(bool_and(k.ok) AND count(DISTINCT k.service) = (SELECT count(DISTINCT p.service) FROM published p WHERE :'service' = ANY (p.readers)),
                  format('%s: svc.check_connections() reaches all', :'db') || coalesce(string_agg(k.detail, '; ') FILTER (WHERE NOT k.ok), ''))
  FROM svc.check_connections() k;
\endif

-- All together

SELECT pg_temp.ok(count(*) = 0, format('%s: svc.check_grants() has nothing to say', :'db')) FROM svc.check_grants();
SELECT pg_temp.ok(count(*) = 0, format('%s: svc.check_contracts() has nothing to say', :'db')) FROM svc.check_contracts();
SELECT pg_temp.ok(count(*) = 0, format('%s: svc.status() has no warning and no error', :'db')
                                || coalesce(': ' || string_agg(item || ': ' || detail, '; '), ''))
  FROM svc.status() WHERE state <> 'ok';
