-- Checks what install.sql made, as a superuser, with the same variables:
--
--   psql -X -h 127.0.0.1 -p 5432 -d postgres -v project_port=5433 -v deploy_port=5434 -f test.sql
--
-- It prints a plan and one line a check, "ok - ..." or "not ok - ...", and
-- changes nothing: everything it tries is rolled back.

\set QUIET on
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
\ir names.sql

\echo 1..93

-- auth

\connect :auth :super :host :auth_port
\set service auth
\set database :auth
\set schema public
\set owner :prefix auth_owner
\set login :auth
\set tables '{api_tokens,user_preferences,user_roles,users}'
\set others '{' :project ',' :deploy '}'
\ir ../checks.sql

SELECT pg_temp.ok(array_agg(entity || ': ' || array_to_string(columns, ',')) = '{"users: id,email,name,role,is_active"}', 'auth shows users, without passwords')
  FROM svc.entities WHERE place = 'local';
SELECT pg_temp.ok(array_agg(consumer || coalesce(' ' || entity, '') || ' in ' || database ORDER BY consumer)
                  = ARRAY['deploy in ' || :'deploy', 'project in ' || :'project'],
                  'svc.consumers: project and deploy read all of it')
  FROM svc.consumers;
SELECT pg_temp.ok(count(*) = 6 AND count(*) FILTER (WHERE role = 'admin') = 1, 'the administrator of the first migration and five more') FROM users;
SELECT pg_temp.ok(bool_and(g.tgfoid = to_regprocedure('public.update_updated_at_column()')) AND count(*) = 2,
                  'its triggers call the function that its own migration made')
  FROM pg_trigger g WHERE g.tgname LIKE 'update\_%\_updated_at';
SET SESSION AUTHORIZATION :"login";
SELECT count(*) AS adopted FROM svc.adopt_updated_at() \gset
UPDATE users SET updated_at = '2001-01-01' WHERE email = 'ezra@example.com';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(:adopted = 2, 'svc.adopt_updated_at() would take both over');
SELECT pg_temp.ok(array_agg(email::text) = '{ezra@example.com}', 'and they would do the same') FROM users WHERE updated_at = now();
SELECT pg_temp.ok(array_agg(u.token_count ORDER BY u.id) = '{0,1,3,0,0,1}', 'users.token_count counts tokens') FROM users u;
CREATE TEMPORARY TABLE expired AS SELECT x.relation::text AS relation, x.deleted FROM svc.expire_now() x;
SELECT pg_temp.ok(array_agg(relation || ' ' || deleted) = '{"api_tokens 2"}', 'two tokens had expired') FROM expired;
SELECT pg_temp.ok(sum(token_count) = 3, 'and are not counted any more') FROM users;
DELETE FROM users WHERE email = 'anouk@example.com';
SELECT pg_temp.ok(count(*) = 2, 'preferences go with their user') FROM user_preferences;
ROLLBACK;

-- project

\connect :project :super :host :project_port
\set service project
\set database :project
\set owner :prefix project_owner
\set login :project
\set tables '{environment_variables,environments,project_members,projects}'
\set others '{' :auth ',' :deploy '}'
\ir ../checks.sql

SELECT pg_temp.ok(count(*) = 1 AND bool_and(ok), 'its connection to auth works' || coalesce(', but ' || string_agg(detail, '; ') FILTER (WHERE NOT ok), ''))
  FROM svc.check_connections();
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'SELECT * FROM auth_api.users') = 'done', 'project reads auth_api.users');
SELECT pg_temp.ok(pg_temp.outcome(:'login', c.command) = '42501', 'project cannot: ' || c.command)
  FROM (VALUES ('UPDATE auth_api.users SET role = ''admin'''), ('SELECT * FROM auth_import.users')) c (command);
SELECT pg_temp.ok(count(*) = 4 AND count(u.id) = 4, 'every project is a user''s') FROM projects p LEFT JOIN auth_api.users u ON u.id = p.owner_id;
SELECT pg_temp.ok(array_agg(entity || ': ' || array_to_string(columns, ',') ORDER BY entity)
                  = '{"environments: id,project_id,name,branch,is_production","projects: id,owner_id,name,slug,repository_url,is_archived"}',
                  'project shows projects and environments, without their variables')
  FROM svc.entities WHERE place = 'local';
SELECT pg_temp.ok(array_agg(consumer || coalesce(' ' || entity, '') || ' in ' || database) = ARRAY['deploy in ' || :'deploy'],
                  'svc.consumers: deploy reads all of it')
  FROM svc.consumers WHERE service = 'project';
SELECT pg_temp.ok(array_agg(p.member_count || ' ' || p.environment_count ORDER BY p.id) = '{"2 2","3 3","1 1","1 0"}', 'projects know how many members and environments they have')
  FROM projects p;
SELECT pg_temp.ok(pg_temp.outcome(:'login', format(
           'INSERT INTO environments (project_id, name, branch) SELECT p.id, ''preview-'' || n, ''b'' FROM projects p, generate_series(1, %s) n WHERE slug = ''old-blog''', v.n)) = v.outcome,
                  format('a project has %s environments: %s', v.n, v.outcome))
  FROM (VALUES (10, 'done'), (11, '23514')) v (n, outcome);
SELECT pg_temp.ok(count(*) = 2 AND bool_and(EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum)),
                  'every id that belongs to another service has an index')
  FROM pg_attribute a
 WHERE (a.attrelid, a.attname) IN (('projects'::regclass, 'owner_id'), ('project_members'::regclass, 'user_id'));
ROLLBACK;

-- deploy

\connect :deploy :super :host :deploy_port
\set service deploy
\set database :deploy
\set owner :prefix deploy_owner
\set login :deploy
\set tables '{deployment_logs,deployments,domains}'
\set others '{' :auth ',' :project '}'
\ir ../checks.sql

SELECT pg_temp.ok(count(*) = 2 AND bool_and(ok), 'both connections work' || coalesce(', but ' || string_agg(detail, '; ') FILTER (WHERE NOT ok), ''))
  FROM svc.check_connections();
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'SELECT * FROM ' || v.view) = 'done', 'deploy reads ' || v.view)
  FROM (VALUES ('auth_api.users'), ('project_api.projects'), ('project_api.environments')) v (view);
SELECT pg_temp.ok(pg_temp.outcome(:'login', c.command) = '42501', 'deploy cannot: ' || c.command)
  FROM (VALUES ('DELETE FROM project_api.environments'), ('SELECT * FROM project_import.projects')) c (command);
SELECT pg_temp.ok(count(*) = 8 AND count(e.id) = 8 AND count(u.id) = 8, 'every deployment is of an environment of its project, and somebody''s')
  FROM deployments d
  LEFT JOIN project_api.environments e ON e.id = d.environment_id AND e.project_id = d.project_id
  LEFT JOIN auth_api.users u ON u.id = d.triggered_by;
SELECT pg_temp.ok(count(*) = 3 AND count(e.id) = 3, 'every domain is of an environment')
  FROM domains d LEFT JOIN project_api.environments e ON e.id = d.environment_id;
SELECT pg_temp.ok(array_agg(d.error_count ORDER BY d.id) = '{0,0,2,0,0,0,1,0}', 'deployments.error_count counts errors in the log') FROM deployments d;
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'UPDATE deployments SET status = ''live'', error = NULL WHERE id = 43') = 'done'
                  AND pg_temp.outcome(:'login', 'UPDATE deployments SET status = ''live'' WHERE id = 41') = '23505',
                  'one deployment of an environment is live');
CREATE TEMPORARY TABLE expired AS SELECT x.relation::text AS relation, x.deleted FROM svc.expire_now() x;
SELECT pg_temp.ok(array_agg(relation || ' ' || deleted) = '{"deployment_logs 5"}', 'five log lines were older than 30 days') FROM expired;
SELECT pg_temp.ok(count(*) = 12, 'the others are there') FROM deployment_logs;
ROLLBACK;
