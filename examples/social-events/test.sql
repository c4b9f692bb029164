-- Checks what schemas.sql or monolith.sql made, as a superuser:
--
--   psql -X -d anigmaa          -v deployment=schemas  -f test.sql
--   psql -X -d anigmaa_monolith -v deployment=monolith -f test.sql
--
-- It prints a plan and one line a check, "ok - ..." or "not ok - ...", and
-- changes nothing: everything it tries is rolled back.  Give prefix if the
-- deployment was given one.  It can be run before and after references.sql.

\set QUIET on
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
\if :{?deployment}
\else
  \warn 'test.sql: give -v deployment=schemas or -v deployment=monolith'
  \quit
\endif
SELECT :'deployment' = 'schemas' AS in_schemas \gset
\if :{?prefix}
\elif :in_schemas
  \set prefix ''
\else
  \set prefix monolith_
\endif
\ir names.sql
SELECT EXISTS (SELECT FROM svc.references_declared) AS converted \gset
SET client_min_messages = warning;
SET search_path = user_service, event_service, post_service, ticket_service, public;
BEGIN;

-- What each service should have.  worker: who works for it, its login, or
-- where services are only declared its writer role.
CREATE TEMPORARY TABLE expected (service, worker, tables) AS
SELECT v.service, (:'prefix' || v.service || CASE WHEN :'in_schemas' THEN '_service' ELSE '_writer' END)::name, v.tables::name[]
  FROM (VALUES
        ('event',  '{event_attendees,event_images,event_qna,events,reviews}'),
        ('post',   '{bookmarks,comments,likes,post_images,posts,reposts,shares}'),
        ('ticket', '{ticket_transactions,tickets}'),
        ('user',   '{follows,invitations,user_privacy,user_settings,user_stats,users}')
       ) v (service, tables);

CREATE TEMPORARY TABLE place (service, relation, name) AS
SELECT e.service, c.oid::regclass, format('%I.%I', c.relnamespace::regnamespace, c.relname)
  FROM expected e
 CROSS JOIN LATERAL unnest(e.tables) t (name)
  JOIN pg_class c ON c.oid = t.name::text::regclass;

\ir test_functions.sql

-- The services of this database: the cluster may have others of these names
CREATE TEMPORARY VIEW services AS SELECT * FROM svc.services WHERE database = current_database();

\echo 1..149

-- Services and tables

SELECT pg_temp.ok(array_agg(service ORDER BY service) = '{event,post,ticket,user}'
                  AND bool_and(form = CASE WHEN :'in_schemas' THEN 'schema' ELSE 'logical' END),
                  format('there are four %s services', CASE WHEN :'in_schemas' THEN 'schema' ELSE 'logical' END))
  FROM services;
SELECT pg_temp.ok((SELECT array_agg(c.relname ORDER BY c.relname)
                     FROM svc.tables t JOIN pg_class c ON c.oid = t.relation
                    WHERE t.service = e.service AND t.how = CASE WHEN :'in_schemas' THEN 'schema' ELSE 'assigned' END) = e.tables,
                  format('%s has the tables %s', e.service, array_to_string(e.tables, ', ')))
  FROM expected e ORDER BY e.service;
SELECT pg_temp.ok(bool_and(c.relowner = to_regrole(CASE WHEN :'in_schemas' THEN :'prefix' || e.service || '_owner' ELSE :'app' END)),
                  format('they belong to role %s', CASE WHEN :'in_schemas' THEN :'prefix' || e.service || '_owner' ELSE :'app' END))
  FROM expected e
  JOIN place p USING (service)
  JOIN pg_class c ON c.oid = p.relation
 GROUP BY e.service ORDER BY e.service;
SELECT pg_temp.ok(bool_and(pg_temp.has_rows(relation)), 'every table has rows') FROM place;
SELECT pg_temp.ok(bool_and(coalesce(a.atttypid = 'uuid'::regtype, false)), 'every table has a primary key, of type uuid')
  FROM place p
  LEFT JOIN pg_index i ON i.indrelid = p.relation AND i.indisprimary AND i.indnatts = 1
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0];
SELECT pg_temp.ok(bool_and(coalesce(pg_get_expr(d.adbin, d.adrelid) = 'uuid_generate_v4()', false)) AND count(*) = 17,
                  'every column id is made by uuid_generate_v4()')
  FROM place p
  JOIN pg_attribute a ON a.attrelid = p.relation AND a.attname = 'id'
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum;
SELECT pg_temp.ok(bool_and(a.atttypid = 'timestamptz'::regtype), 'every time is a TIMESTAMP WITH TIME ZONE')
  FROM place p
  JOIN pg_attribute a ON a.attrelid = p.relation
 WHERE a.attname LIKE '%\_at' OR a.attname LIKE '%\_time';
SELECT pg_temp.ok(array_agg(extname::text ORDER BY extname) @> '{postgis,svc_ownership,uuid-ossp}', 'uuid-ossp and postgis are there')
  FROM pg_extension;
SELECT pg_temp.ok(count(*) = 1, 'events.location is a geography with a GIST index')
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am m ON m.oid = c.relam AND m.amname = 'gist'
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
 WHERE i.indrelid = 'events'::regclass AND a.attname = 'location' AND a.atttypid = 'geography'::regtype;
SELECT pg_temp.ok(array_agg(title::text ORDER BY start_time) = '{"Databases and coffee","Sketching the old town"}',
                  'upcoming events within ten kilometres are found')
  FROM events
 WHERE status = 'upcoming' AND ST_DWithin(location, ST_SetSRID(ST_MakePoint(106.82, -6.19), 4326)::geography, 10000);

-- Foreign keys across services, or references

CREATE TEMPORARY TABLE crossing AS
SELECT k.conrelid::regclass AS relation, a.attname AS column_name, svc.owner_of(k.confrelid) AS service
  FROM pg_constraint k
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
 WHERE k.contype = 'f' AND NOT :'converted' AND svc.owner_of(k.conrelid) IS DISTINCT FROM svc.owner_of(k.confrelid)
 UNION ALL
SELECT relation, column_name, service FROM svc.references_declared WHERE :'converted' AND mode = 'statement';

SELECT pg_temp.ok(array_agg(format('%s.%s', r.relname, x.column_name) ORDER BY r.relname, x.column_name)
                  = '{bookmarks.user_id,comments.author_id,event_attendees.user_id,event_qna.answered_by,event_qna.user_id,events.host_id,likes.user_id,posts.attached_event_id,posts.author_id,posts.event_id,reposts.user_id,reviews.reviewer_id,shares.user_id,tickets.event_id,tickets.user_id}',
                  format('fifteen %s cross services', CASE WHEN :'converted' THEN 'references' ELSE 'foreign keys' END))
  FROM crossing x
  JOIN pg_class r ON r.oid = x.relation;
SELECT pg_temp.ok(array_agg(DISTINCT format('%s -> %s', svc.owner_of(relation), service))
                  = '{"event -> user","post -> event","post -> user","ticket -> event","ticket -> user"}',
                  'they lead to user and event; user depends on nobody')
  FROM crossing;
SELECT pg_temp.ok(bool_and(r.validated AND s.trigger = 'enabled' AND NOT s.needs_sweep) IS NOT FALSE, 'of references every row is checked')
  FROM svc.references_declared r
  LEFT JOIN svc.reference_status s USING (reference);
SELECT pg_temp.ok(pg_temp.outcome(current_user, format('UPDATE %s SET %I = uuid_generate_v4() WHERE %2$I IS NOT NULL', relation, column_name)) = '23503',
                  format('no %s of nowhere as %s.%s', service, (SELECT relname FROM pg_class WHERE oid = relation), column_name))
  FROM crossing ORDER BY relation::text, column_name;
SELECT pg_temp.ok(count(*) > 0 AND bool_and(EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1])),
                  'every foreign key has an index')
  FROM pg_constraint k
  JOIN place p ON p.relation = k.conrelid
 WHERE k.contype = 'f';
SELECT pg_temp.ok(pg_temp.outcome(current_user, v.command) ~ ('^(' || v.outcome || ')$'), v.description)
  FROM (VALUES
        ('a post of nobody is refused', '23503',
         $$INSERT INTO posts (author_id, content) VALUES (uuid_generate_v4(), 'x')$$),
        ('a ticket for no event is refused', '23503',
         $$INSERT INTO tickets (user_id, event_id, attendance_code) VALUES (pg_temp.id('a', 1), uuid_generate_v4(), 'NOWHERE0')$$),
        -- since PostgreSQL 18 RESTRICT has a SQLSTATE of its own
        (CASE WHEN :'converted' THEN 'a user with tickets is deleted: a reference keeps nobody' ELSE 'a user with tickets is not deleted' END,
         CASE WHEN :'converted' THEN 'done' ELSE '23503|23001' END, $$DELETE FROM users WHERE username = 'intan'$$),
        ('one without is', 'done', $$DELETE FROM users WHERE username = 'joko99'$$)
       ) v (description, outcome, command);

-- What the tables hold and refuse

SELECT pg_temp.ok(count(*) = 0, 'every user has settings, stats and privacy')
  FROM users u
 WHERE NOT (EXISTS (SELECT 1 FROM user_settings s WHERE s.user_id = u.id)
            AND EXISTS (SELECT 1 FROM user_stats s WHERE s.user_id = u.id)
            AND EXISTS (SELECT 1 FROM user_privacy s WHERE s.user_id = u.id));
SELECT pg_temp.ok(count(DISTINCT type) = 4 AND count(DISTINCT visibility) = 3, 'there are posts of all four types and all three visibilities')
  FROM posts;
WITH RECURSIVE thread (id, depth) AS (
    SELECT id, 1 FROM comments WHERE parent_comment_id IS NULL
    UNION ALL
    SELECT c.id, t.depth + 1 FROM thread t JOIN comments c ON c.parent_comment_id = t.id)
SELECT pg_temp.ok(max(depth) = 3 AND count(*) = 9, 'comments are nested three deep') FROM thread;
SELECT pg_temp.ok(pg_temp.outcome(current_user, v.command) = v.outcome, v.description)
  FROM (VALUES
        ('a user name with capitals is refused', '23514',
         $$INSERT INTO users (email, username, password_hash, name) VALUES ('x@example.org', 'Ayu', 'x', 'x')$$),
        ('a user name that is taken is refused', '23505',
         $$INSERT INTO users (email, username, password_hash, name) VALUES ('x@example.org', 'citra', 'x', 'x')$$),
        ('an address that is taken is refused, however it is typed', '23505',
         $$INSERT INTO users (email, username, password_hash, name) VALUES ('Citra@Example.Org', 'citra2', 'x', 'x')$$),
        ('nobody follows himself', '23514',
         $$INSERT INTO follows (follower_id, following_id) VALUES (pg_temp.id('a', 1), pg_temp.id('a', 1))$$),
        ('nor anybody twice', '23505',
         $$INSERT INTO follows (follower_id, following_id) VALUES (pg_temp.id('a', 2), pg_temp.id('a', 1))$$),
        ('an invitation is accepted at some time', '23514',
         $$UPDATE invitations SET status = 'accepted' WHERE invitation_code = 'AYU-0003'$$),
        ('no stars are refused', '23514',
         $$INSERT INTO reviews (event_id, reviewer_id, rating) VALUES (pg_temp.id('e', 2), pg_temp.id('a', 7), 0)$$),
        ('six stars too', '23514',
         $$INSERT INTO reviews (event_id, reviewer_id, rating) VALUES (pg_temp.id('e', 2), pg_temp.id('a', 7), 6)$$),
        ('five are not', 'done',
         $$INSERT INTO reviews (event_id, reviewer_id, rating) VALUES (pg_temp.id('e', 2), pg_temp.id('a', 7), 5)$$),
        ('nobody attends twice', '23505',
         $$INSERT INTO event_attendees (event_id, user_id) VALUES (pg_temp.id('e', 1), pg_temp.id('a', 2))$$),
        ('a full event takes nobody more: the counter stands under a CHECK', '23514',
         $$UPDATE event_attendees SET status = 'confirmed' WHERE event_id = pg_temp.id('e', 4) AND status = 'waitlisted'$$),
        ('it does when somebody leaves', 'done',
         $$UPDATE event_attendees SET status = 'cancelled' WHERE event_id = pg_temp.id('e', 4) AND user_id = pg_temp.id('a', 2);
           UPDATE event_attendees SET status = 'confirmed' WHERE event_id = pg_temp.id('e', 4) AND status = 'waitlisted'$$),
        ('a poll without options is refused', '23514',
         $$INSERT INTO posts (author_id, content, type) VALUES (pg_temp.id('a', 1), 'x', 'poll')$$),
        ('a text with an event attached is another type', '23514',
         $$UPDATE posts SET attached_event_id = pg_temp.id('e', 1) WHERE id = pg_temp.id('b', 7)$$),
        ('an answer stands under the post of what it answers', '23503',
         $$INSERT INTO comments (post_id, author_id, parent_comment_id, content)
           VALUES (pg_temp.id('b', 2), pg_temp.id('a', 1), pg_temp.id('c', 1), 'x')$$),
        ('nobody likes a post twice', '23505',
         $$INSERT INTO likes (user_id, likeable_type, likeable_id) VALUES (pg_temp.id('a', 2), 'post', pg_temp.id('b', 1))$$),
        ('an attendance code opens one door', '23505',
         $$INSERT INTO tickets (user_id, event_id, attendance_code) VALUES (pg_temp.id('a', 1), pg_temp.id('e', 3), 'JAZZ0001')$$),
        ('and is eight letters and digits', '23514',
         $$INSERT INTO tickets (user_id, event_id, attendance_code) VALUES (pg_temp.id('a', 1), pg_temp.id('e', 3), 'jazz-1')$$),
        ('a ticket that was given back is not checked in', '23514',
         $$UPDATE tickets SET checked_in_at = now() WHERE status = 'refunded'$$),
        ('a payment is refunded once', '23505',
         $$INSERT INTO ticket_transactions (ticket_id, transaction_id, kind, refund_of, amount, payment_method)
           SELECT ticket_id, 'REF-again', 'refund', refund_of, amount, payment_method FROM ticket_transactions WHERE kind = 'refund'$$),
        ('with a method that exists', '23514',
         $$UPDATE ticket_transactions SET payment_method = 'barter'$$)
       ) v (description, outcome, command);

-- Rights: a service reads and writes its own tables and no others

SELECT pg_temp.ok(bool_and(pg_temp.outcome(e.worker, format(c.command, p.name)) = 'done'),
                  format('%s reads and writes its tables', e.worker))
  FROM expected e
  JOIN place p USING (service)
 CROSS JOIN (VALUES ('SELECT * FROM %s'), ('DELETE FROM %s WHERE false')) c (command)
 GROUP BY e.service, e.worker ORDER BY e.service;
SELECT pg_temp.ok(bool_and(pg_temp.outcome(e.worker, format(c.command, p.name)) = '42501'),
                  format('%s does no %s on a table of another service', e.worker, split_part(c.command, ' ', 1)))
  FROM expected e
  JOIN place p ON p.service <> e.service
 CROSS JOIN (VALUES ('SELECT * FROM %s'), ('INSERT INTO %s DEFAULT VALUES'), ('DELETE FROM %s')) c (command)
 GROUP BY e.service, e.worker, c.command ORDER BY e.service, c.command;
SELECT pg_temp.ok(bool_and(pg_temp.outcome(e.worker, format('SET ROLE %I', r.role)) = '42501'),
                  format('%s cannot become a role of another service', e.worker))
  FROM expected e
  JOIN services s ON s.service <> e.service
 CROSS JOIN LATERAL (VALUES (s.owner), (s.writer), (s.reader)) r (role)
 GROUP BY e.service, e.worker ORDER BY e.service;
SELECT pg_temp.ok(bool_and(pg_temp.outcome(e.worker, format('CREATE TABLE %s.more (id int)', n.nspname))
                           = CASE WHEN n.nspname = e.service || '_service' THEN 'done' ELSE '42501' END),
                  format('%s makes tables in its own schema, if it has one, and in no other', e.worker))
  FROM expected e
  JOIN pg_namespace n ON n.nspname IN ('user_service', 'event_service', 'post_service', 'ticket_service', 'public', 'svc')
                      OR (n.nspname LIKE '%\_api' AND n.nspname <> e.service || '_api')
 GROUP BY e.service, e.worker ORDER BY e.service;
\if :in_schemas
SELECT pg_temp.ok(r.rolcanlogin AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
                  AND d.setconfig @> ARRAY[format('role=%s%s_owner', :'prefix', e.service), format('search_path=%s_service, public, svc_triggers', e.service)],
                  format('%s logs in as its owner role, in its schema', e.worker))
  FROM expected e
  LEFT JOIN pg_roles r ON r.rolname = e.worker
  LEFT JOIN pg_db_role_setting d ON d.setrole = r.oid
        AND d.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY e.service;
\else
SELECT pg_temp.ok(bool_and(pg_temp.outcome(:'app', format(c.command, p.name)) = 'done'),
                  format('the monolith''s user %s the tables of %s as before', split_part(c.command, ' ', 1), p.service))
  FROM place p
 CROSS JOIN (VALUES ('ALTER TABLE %s ADD COLUMN more int')) c (command)
 GROUP BY p.service, c.command ORDER BY p.service;
\endif

-- Contracts

SELECT pg_temp.ok((SELECT string_agg(a.attname, ',' ORDER BY a.attnum)
                     FROM pg_attribute a
                    WHERE a.attrelid = to_regclass(v.view) AND a.attnum > 0) = v.columns,
                  format('%s shows %s', v.view, v.columns))
  FROM (VALUES
        ('user_api.users', 'id,username,name,avatar_url,is_verified'),
        ('user_api.follows', 'id,follower_id,following_id'),
        ('event_api.events', 'id,host_id,title,category,status,start_time,end_time,location_name,location,price,currency,is_free,max_attendees,attendees_count'),
        ('event_api.event_attendees', 'id,event_id,user_id,status'),
        ('post_api.posts', 'id,author_id,content,type,event_id,attached_event_id,likes_count,comments_count,created_at'),
        ('ticket_api.tickets', 'id,user_id,event_id,status,is_checked_in')
       ) v (view, columns);
SELECT pg_temp.ok(count(*) = 6, 'these six are all that is published') FROM svc.entities;
SELECT pg_temp.ok(count(*) = 7, 'post_api.posts has the seven public posts and no other') FROM post_api.posts;
SELECT pg_temp.ok(bool_and((pg_temp.outcome(e.worker, 'SELECT count(*) FROM ' || v.view) = 'done') = (e.service = ANY (v.readers::text[]))),
                  format('%s is read by %s', v.view, array_to_string(v.readers::text[], ', ')))
  FROM (VALUES
        ('user_api.users', '{event,post,ticket,user}'), ('user_api.follows', '{post,user}'),
        ('event_api.events', '{event,post,ticket}'), ('event_api.event_attendees', '{event,ticket}'),
        ('post_api.posts', '{event,post}'), ('ticket_api.tickets', '{event,ticket}')
       ) v (view, readers)
 CROSS JOIN expected e
 GROUP BY v.view, v.readers;

-- Counters

CREATE FUNCTION pg_temp.miscounted(counter text) RETURNS bigint
    LANGUAGE plpgsql AS $$
DECLARE
    c record;
    n bigint;
BEGIN
    SELECT * INTO STRICT c FROM svc.counters k WHERE format('%s.%s', (SELECT relname FROM pg_class WHERE oid = k.target), k.counter) = $1;
    EXECUTE format('SELECT count(*) FROM %s t WHERE t.%I <> (SELECT count(*) FROM %s s WHERE s.%I = t.%I AND (%s))',
                   c.target, c.counter, c.source, c.source_key, c.target_key, coalesce(c.filter, 'true')) INTO n;
    RETURN n;
END$$;
CREATE FUNCTION pg_temp.miscounted() RETURNS numeric
    LANGUAGE sql AS $$
SELECT sum(pg_temp.miscounted(format('%s.%s', c.relname, k.counter))) FROM svc.counters k JOIN pg_class c ON c.oid = k.target$$;

SELECT pg_temp.ok(pg_temp.miscounted(v.counter) = 0, v.counter || ' is the number of rows')
  FROM (VALUES
        ('user_stats.followers_count'), ('user_stats.following_count'), ('user_stats.invitations_sent'),
        ('user_stats.successful_invites'), ('user_stats.posts_count'), ('user_stats.events_created'),
        ('user_stats.events_attended'), ('user_stats.reviews_given'), ('events.attendees_count'),
        ('events.tickets_sold'), ('events.questions_count'), ('events.reviews_count'), ('posts.likes_count'),
        ('posts.comments_count'), ('posts.reposts_count'), ('posts.bookmarks_count'), ('posts.shares_count'),
        ('comments.likes_count'), ('comments.replies_count')) v (counter);
SELECT pg_temp.ok(ARRAY[s.followers_count, s.following_count, s.posts_count, s.events_created, s.events_attended, s.reviews_given,
                        s.invitations_sent, s.successful_invites] = '{5,2,1,1,1,1,3,2}', 'ayu.lestari''s profile has the right numbers')
  FROM user_stats s WHERE s.user_id = pg_temp.id('a', 1);

SELECT worker AS post_worker FROM expected WHERE service = 'post' \gset
SELECT worker AS event_worker FROM expected WHERE service = 'event' \gset
SELECT worker AS user_worker FROM expected WHERE service = 'user' \gset
SELECT worker AS ticket_worker FROM expected WHERE service = 'ticket' \gset

SET SESSION AUTHORIZATION :"user_worker";
DELETE FROM follows WHERE following_id = pg_temp.id('a', 1);
UPDATE invitations SET status = 'accepted', accepted_at = now() WHERE status = 'pending';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(s.followers_count = 0 AND s.successful_invites = 3, 'followers lost and invitations accepted are counted')
  FROM user_stats s WHERE s.user_id = pg_temp.id('a', 1);
SET SESSION AUTHORIZATION :"post_worker";
INSERT INTO likes (user_id, likeable_type, likeable_id) VALUES (pg_temp.id('a', 9), 'post', pg_temp.id('b', 9)), (pg_temp.id('a', 9), 'comment', pg_temp.id('c', 9));
UPDATE likes SET likeable_id = pg_temp.id('b', 8) WHERE likeable_id = pg_temp.id('b', 1);
UPDATE comments SET parent_comment_id = NULL WHERE id = pg_temp.id('c', 3);
INSERT INTO posts (author_id, content) SELECT pg_temp.id('a', 9), 'Cake ' || n FROM generate_series(1, 3) n;
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(likes_count ORDER BY id) = '{0,5,1}', 'likes that move from post to post are counted where they are')
  FROM posts WHERE id IN (pg_temp.id('b', 1), pg_temp.id('b', 8), pg_temp.id('b', 9));
SELECT pg_temp.ok(array_agg(replies_count ORDER BY id) = '{2,0}' AND max(likes_count) = 2, 'answers that become comments are not answers any more')
  FROM comments WHERE id IN (pg_temp.id('c', 1), pg_temp.id('c', 2));
SELECT pg_temp.ok(posts_count = 3, 'posts are counted in user_stats, which the post service cannot write')
  FROM user_stats WHERE user_id = pg_temp.id('a', 9);
SET SESSION AUTHORIZATION :"event_worker";
UPDATE event_attendees SET status = 'confirmed' WHERE status = 'pending';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(attendees_count ORDER BY id) = '{3,3,3,3,2,0,0}', 'attendees that are confirmed are counted') FROM events;
SET SESSION AUTHORIZATION :"ticket_worker";
UPDATE tickets SET status = 'refunded' WHERE attendance_code = 'JAZZ0003';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(tickets_sold = 2, 'a ticket given back is not sold any more') FROM events WHERE id = pg_temp.id('e', 2);
DELETE FROM comments WHERE id = pg_temp.id('c', 1);
DELETE FROM users WHERE username IN ('hendra', 'dimas.p', 'joko99');
-- what refers to them goes after the commit, by a worker
SELECT pg_temp.ok(count(*) = CASE WHEN :'converted' THEN 13 ELSE 9 END AND pg_temp.miscounted() = 0,
                  'when users go, with all that hangs on them, every number is right') FROM posts;
TRUNCATE likes;
SELECT pg_temp.ok(sum(likes_count) = 0 AND pg_temp.miscounted() = 0, 'and when all likes go') FROM posts;
SELECT pg_temp.ok(sum(svc.recount(relation)) = 0, 'a recount finds nothing to mend')
  FROM (SELECT DISTINCT source FROM svc.counters) c (relation);

-- Timestamps

SELECT pg_temp.ok(count(*) = 13 AND bool_and(coalesce(g.tgtype & 19 = 19 AND g.tgenabled = 'O', false)), 'every updated_at has a trigger')
  FROM place p
  JOIN pg_attribute a ON a.attrelid = p.relation AND a.attname = 'updated_at'
  LEFT JOIN pg_trigger g ON g.tgrelid = p.relation AND g.tgname = format('update_%s_updated_at', (SELECT relname FROM pg_class WHERE oid = p.relation));
SELECT pg_temp.ok(array_agg(DISTINCT f.pronamespace::regnamespace::text)
                  = CASE WHEN NOT :'in_schemas' THEN '{public}' WHEN e.service = 'ticket' THEN '{ticket_service}' ELSE '{svc_triggers}' END::text[],
                  format('those of %s call the function %s', e.service,
                         CASE WHEN NOT :'in_schemas' THEN 'of the monolith' WHEN e.service = 'ticket' THEN 'of its own file' ELSE 'in svc_triggers' END))
  FROM expected e
  JOIN place p USING (service)
  JOIN pg_trigger g ON g.tgrelid = p.relation AND g.tgname LIKE 'update\_%'
  JOIN pg_proc f ON f.oid = g.tgfoid AND f.proname = 'update_updated_at_column'
 GROUP BY e.service ORDER BY e.service;
UPDATE users SET bio = 'x', updated_at = '2001-01-01' WHERE username = 'citra';
UPDATE events SET title = 'x', updated_at = '2001-01-01' WHERE id = pg_temp.id('e', 4);
UPDATE posts SET content = 'x', updated_at = '2001-01-01' WHERE id = pg_temp.id('b', 4);
UPDATE tickets SET checked_in_at = now(), updated_at = '2001-01-01' WHERE attendance_code = 'SAMB0001';
SELECT pg_temp.ok(v.updated_at = now(), format('%s.updated_at is now, whatever the client wrote', v.name))
  FROM (SELECT 'users', updated_at FROM users WHERE username = 'citra'
        UNION ALL SELECT 'events', updated_at FROM events WHERE id = pg_temp.id('e', 4)
        UNION ALL SELECT 'posts', updated_at FROM posts WHERE id = pg_temp.id('b', 4)
        UNION ALL SELECT 'tickets', updated_at FROM tickets WHERE attendance_code = 'SAMB0001') v (name, updated_at);
SELECT pg_temp.ok(count(*) = CASE WHEN :'in_schemas' THEN 2 ELSE 13 END, 'svc.adopt_updated_at() takes over the triggers with functions of their own')
  FROM svc.adopt_updated_at();
SELECT pg_temp.ok(count(*) = 13, 'then all call the one in svc_triggers')
  FROM pg_trigger WHERE tgfoid = 'svc_triggers.update_updated_at_column()'::regprocedure;
SELECT pg_temp.ok(count(*) = CASE WHEN :'in_schemas' THEN 2 ELSE 13 END, 'svc.restore_updated_at() gives them back')
  FROM svc.restore_updated_at();

-- All together

SELECT pg_temp.ok(count(*) = 0, 'svc.check_grants() has nothing to say') FROM svc.check_grants();
SELECT pg_temp.ok(count(*) = 0, 'svc.check_contracts() has nothing to say') FROM svc.check_contracts();
SELECT pg_temp.ok(bool_and(state = 'ok') AND count(*) = 23, 'svc.status() is ok for each service and counter')
  FROM svc.status() WHERE item ~ '^(service|counter) ';

ROLLBACK;
