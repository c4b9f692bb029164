-- Checks what install.sql made: psql -X -d postgres -f test.sql, as a superuser,
-- with the same variables.  It prints a plan and one line a check, "ok - ..." or
-- "not ok - ...", and changes nothing: everything it tries is rolled back.

\set QUIET on
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
\ir names.sql

\echo 1..67

-- auth

\connect :auth_db :super :super_host :super_port
\set service auth
\set database :auth_db
\set schema auth
\set owner :prefix auth_owner
\set login :auth_login
\set tables '{refresh_tokens,users}'
\set others '{' :user_db '}'
\ir ../checks.sql

SELECT pg_temp.ok(array_agg(entity || ': ' || array_to_string(columns, ',')) = '{"users: id,username,is_active,is_verified"}',
                  'auth shows users, without e-mail and password')
  FROM svc.entities WHERE place = 'local';
SELECT pg_temp.ok(array_agg(consumer || coalesce(' ' || entity, '') || ' in ' || database) = ARRAY['user in ' || :'user_db'],
                  'svc.consumers: user reads all of it, in ' || :'user_db')
  FROM svc.consumers;
SELECT pg_temp.ok(count(*) = 0, 'nothing is in public')
  FROM pg_class WHERE relnamespace = to_regnamespace('public') AND relkind IN ('r', 'v', 'S');
SELECT pg_temp.ok(sum(u.token_count) = 7 AND bool_and(u.token_count = (SELECT count(*) FROM auth.refresh_tokens t
                                                                        WHERE t.user_id = u.id AND t.revoked_at IS NULL)),
                  'users.token_count counts tokens that are not revoked')
  FROM auth.users u;
SET SESSION AUTHORIZATION :"login";
UPDATE auth.refresh_tokens SET revoked_at = now() WHERE device = 'App on Android';
UPDATE auth.users SET is_verified = true, updated_at = '2001-01-01' WHERE username = 'gwen';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(sum(u.token_count) = 5, 'a token that is revoked is not counted any more') FROM auth.users u;
SELECT pg_temp.ok(array_agg(username::text ORDER BY username) = '{aiko,eero,gwen}',
                  'users.updated_at is now where a row was updated, whatever the client wrote')
  FROM auth.users WHERE updated_at = now();
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'INSERT INTO auth.users (email, username, password_hash) VALUES (''AIKO@example.com'', ''aiko2'', ''x'')') = '23505',
                  'an e-mail address is one account, however it is typed');
CREATE TEMPORARY TABLE expired AS SELECT x.relation::text AS relation, x.deleted FROM svc.expire_now() x;
SELECT pg_temp.ok(array_agg(relation || ' ' || deleted) = '{"auth.refresh_tokens 3"}', 'three tokens had expired') FROM expired;
SELECT pg_temp.ok(count(*) = 6 AND bool_and(expires_at > now()), 'the others are there') FROM auth.refresh_tokens;
ROLLBACK;

-- user

\connect :user_db :super :super_host :super_port
\set service user
\set database :user_db
\set schema users
\set owner :prefix user_owner
\set login :user_login
\set tables '{profiles,relationships,settings}'
\set others '{' :auth_db '}'
\ir ../checks.sql

SELECT pg_temp.ok(count(*) = 1 AND bool_and(ok), 'its connection to auth works' || coalesce(', but ' || string_agg(detail, '; ') FILTER (WHERE NOT ok), ''))
  FROM svc.check_connections();
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'SELECT * FROM auth_api.users') = 'done', 'user reads auth_api.users');
SELECT pg_temp.ok(pg_temp.outcome(:'login', c.command) = '42501', 'user cannot: ' || c.command)
  FROM (VALUES ('UPDATE auth_api.users SET is_verified = true'), ('SELECT * FROM auth_import.users')) c (command);
SELECT pg_temp.ok(count(*) = 7 AND bool_and(a.username = p.username), 'every profile is of an account of auth, under its name')
  FROM users.profiles p LEFT JOIN auth_api.users a ON a.id = p.user_id;
SELECT pg_temp.ok(count(*) = 1 AND min(a.username) = 'gwen', 'who is not verified has none')
  FROM auth_api.users a WHERE NOT EXISTS (SELECT 1 FROM users.profiles p WHERE p.user_id = a.id);
SELECT pg_temp.ok(array_agg(p.username || ' ' || p.friends_count ORDER BY p.username)
                  = '{"aiko 2","bilal 1","carmen 2","dana 0","eero 1","femi 0","hasan 0"}', 'profiles.friends_count counts friends')
  FROM users.profiles p;
SET SESSION AUTHORIZATION :"login";
UPDATE users.relationships r SET kind = 'friends' FROM users.profiles p WHERE p.user_id = r.user_id AND p.username = 'dana';
INSERT INTO users.relationships (user_id, other_user_id, kind)
SELECT r.other_user_id, r.user_id, 'friends' FROM users.relationships r JOIN users.profiles p USING (user_id) WHERE p.username = 'dana';
UPDATE users.settings SET theme = 'light' WHERE language = 'fi';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(p.friends_count ORDER BY p.username) = '{3,1,2,1,1,0,0}', 'an invitation that is answered makes two friends more')
  FROM users.profiles p;
SELECT pg_temp.ok(count(*) = 1, 'settings.updated_at keeps itself') FROM users.settings WHERE updated_at = now() AND created_at < now();
SELECT pg_temp.ok(pg_temp.outcome(:'login', c.command) = '23514', c.description)
  FROM (VALUES ('INSERT INTO users.relationships (user_id, other_user_id) SELECT user_id, user_id FROM users.profiles', 'nobody is his own friend'),
               ('UPDATE users.relationships SET conversation_id = ''no ObjectId''', 'a conversation''s id is one of MongoDB')) c (command, description);

-- chat and notification

SELECT pg_temp.ok(array_agg(service || ' ' || form ORDER BY service) = '{"chat logical","notification logical","user database"}',
                  'chat and notification are known here')
  FROM svc.services WHERE database = :'user_db';
SELECT pg_temp.ok(array_agg(service || '.' || store || ' ' || engine ORDER BY store) = '{"chat.chat_db mongodb","notification.notification_db mongodb"}',
                  'as services whose data are in MongoDB')
  FROM svc.stores;
SELECT pg_temp.ok(count(*) = 0, 'they have no table') FROM svc.tables WHERE service IN ('chat', 'notification');
SELECT pg_temp.ok(count(*) = 0, 'and nobody logs in as one of them')
  FROM pg_roles r
  JOIN svc.services s ON s.service IN ('chat', 'notification')
 WHERE r.rolcanlogin AND pg_has_role(r.oid, s.reader, 'MEMBER') AND NOT r.rolsuper AND r.rolname <> s.owner;
SELECT pg_temp.ok(array_agg(consumer || coalesce(' ' || entity, '') ORDER BY consumer) = '{chat,"notification profiles"}',
                  'svc.consumers: chat reads all that user shows, notification the profiles')
  FROM svc.consumers WHERE service = 'user';
SELECT pg_temp.ok(array_agg(entity || ': ' || array_to_string(columns, ',') ORDER BY entity)
                  = '{"blocks: id,user_id,other_user_id","profiles: user_id,username,display_name,avatar_url,presence"}',
                  'user shows profiles and blocks')
  FROM svc.entities WHERE service = 'user';
SELECT pg_temp.ok(count(*) = 2, 'user_api.blocks shows blocks only') FROM user_api.blocks;
ROLLBACK;
