-- Checks what databases.sql made: psql -X -d postgres -f databases_test.sql, as a
-- superuser.  It prints a plan and one line a check, "ok - ..." or
-- "not ok - ...", and changes nothing: everything it tries is rolled back.  Give
-- prefix if databases.sql was given one.

\set QUIET on
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
\if :{?prefix}
\else
  \set prefix anigmaa_
\endif
\ir names.sql
\set admin_db :DBNAME

\echo 1..77

\set service user
\set db :user_db
\set tables '{follows,invitations,user_privacy,user_settings,user_stats,users}'
\set reads '{}'
\ir databases_test_service.sql
SELECT pg_temp.ok(array_agg(format('%s for %s', coalesce(entity, '*'), consumer) ORDER BY entity NULLS FIRST, consumer)
                  = '{* for post,users for event,users for ticket}', 'user knows who reads what of it')
  FROM svc.consumers WHERE service = 'user';
SELECT pg_temp.ok(ARRAY[s.followers_count, s.following_count, s.invitations_sent, s.successful_invites] = '{5,2,3,2}',
                  'followers and invitations are counted')
  FROM user_stats s WHERE s.user_id = pg_temp.id('a', 1);
SELECT pg_temp.ok(sum(posts_count + events_created + events_attended + reviews_given) = 0,
                  'what other services have is not: a counter counts in one database')
  FROM user_stats;
ROLLBACK;

\set service event
\set db :event_db
\set tables '{event_attendees,event_images,event_qna,events,reviews}'
\set reads '{user_api.users,post_api.posts,ticket_api.tickets}'
\ir databases_test_service.sql
SELECT pg_temp.ok(pg_temp.unknown(v.relation::regclass, v.column_name, 'user_api.users') = 0,
                  format('every %s.%s is known to the user service', v.relation, v.column_name))
  FROM (VALUES ('events', 'host_id'), ('event_attendees', 'user_id'), ('event_qna', 'user_id'), ('event_qna', 'answered_by'),
               ('reviews', 'reviewer_id')) v (relation, column_name);
SELECT pg_temp.ok(count(*) = 5 AND bool_and(mode = 'async' AND format('%s.%s', service, entity) ~ '^(user.users|event.events)$')
                  AND (SELECT bool_and(trigger = 'enabled') FROM svc.reference_status), 'and each is a reference, checked by a worker')
  FROM svc.references_declared;
SELECT pg_temp.ok(array_agg(attendees_count ORDER BY id) = '{3,3,1,3,1,0,0}', 'attendees are counted') FROM events;
SELECT pg_temp.ok(pg_temp.outcome(:'login', format('INSERT INTO public.event_attendees (event_id, user_id, status) VALUES (%L, %L, ''confirmed'')',
                                                   pg_temp.id('e', 4), pg_temp.id('a', 9 - 1))) = '23514', 'a full event takes nobody more');
SELECT pg_temp.ok(count(*) = 1 AND min(ST_Distance(location, ST_SetSRID(ST_MakePoint(107.6191, -6.9175), 4326)::geography)) < 5000,
                  'PostGIS finds what is near')
  FROM events WHERE ST_DWithin(location, ST_SetSRID(ST_MakePoint(107.6191, -6.9175), 4326)::geography, 10000);
SELECT pg_temp.ok(string_agg(format('%s by %s: %s', e.title, u.name, t.n), '; ' ORDER BY e.id)
                  = 'Jazz in the back room by Budi Santoso: 3; Tasting: seven sambals by Citra Dewi: 3; Sketching the old town by Eka Putri: 1',
                  'an event''s page: events, their hosts'' names, and how many tickets are out')
  FROM events e
  JOIN user_api.users u ON u.id = e.host_id
  JOIN (SELECT event_id, count(*) FROM ticket_api.tickets WHERE status IN ('active', 'used') GROUP BY event_id) t (event_id, n) ON t.event_id = e.id;
SELECT pg_temp.ok(count(*) = 7, 'and the public posts, no other') FROM post_api.posts;
ROLLBACK;

\set service post
\set db :post_db
\set tables '{bookmarks,comments,likes,post_images,posts,reposts,shares}'
\set reads '{user_api.users,user_api.follows,event_api.events}'
\ir databases_test_service.sql
SELECT pg_temp.ok(pg_temp.unknown(v.relation::regclass, v.column_name, 'user_api.users') = 0,
                  format('every %s.%s is known to the user service', v.relation, v.column_name))
  FROM (VALUES ('posts', 'author_id'), ('comments', 'author_id'), ('likes', 'user_id'), ('reposts', 'user_id'), ('bookmarks', 'user_id'),
               ('shares', 'user_id')) v (relation, column_name);
SELECT pg_temp.ok(pg_temp.unknown('posts', c, 'event_api.events') = 0, format('every posts.%s is known to the event service', c))
  FROM unnest('{event_id,attached_event_id}'::name[]) c;
SELECT pg_temp.ok(count(*) = 8 AND bool_and(mode = 'async' AND format('%s.%s', service, entity) ~ '^(user.users|event.events)$')
                  AND (SELECT bool_and(trigger = 'enabled') FROM svc.reference_status), 'and each is a reference, checked by a worker')
  FROM svc.references_declared;
SELECT pg_temp.ok(array_agg(p.id ORDER BY p.id) = ARRAY[pg_temp.id('b', 5)],
                  'a post for followers is seen by those who follow its author, in the user service')
  FROM posts p
  JOIN user_api.follows f ON f.following_id = p.author_id AND f.follower_id = pg_temp.id('a', 2)
 WHERE p.visibility = 'followers';
SELECT pg_temp.ok(bool_and(e.title IS NOT NULL AND e.location IS NOT NULL) AND count(*) = 3, 'an event that a post shows has a title and a place')
  FROM posts p
  LEFT JOIN event_api.events e ON e.id = p.attached_event_id
 WHERE p.type = 'text_with_event';
ROLLBACK;

\set service ticket
\set db :ticket_db
\set tables '{ticket_transactions,tickets}'
\set reads '{user_api.users,event_api.events,event_api.event_attendees}'
\ir databases_test_service.sql
SELECT pg_temp.ok(pg_temp.unknown('tickets', 'user_id', 'user_api.users') = 0, 'every tickets.user_id is known to the user service');
SELECT pg_temp.ok(pg_temp.unknown('tickets', 'event_id', 'event_api.events') = 0, 'every tickets.event_id is known to the event service');
SELECT pg_temp.ok(count(*) = 2 AND bool_and(mode = 'async' AND format('%s.%s', service, entity) ~ '^(user.users|event.events)$')
                  AND (SELECT bool_and(trigger = 'enabled') FROM svc.reference_status), 'and each is a reference, checked by a worker')
  FROM svc.references_declared;
SELECT pg_temp.ok(count(*) = 3, 'tickets of events that the event service still plans')
  FROM tickets t
  JOIN event_api.events e ON e.id = t.event_id
 WHERE e.status::text = 'upcoming' AND e.title LIKE 'Tasting%';
ROLLBACK;
\connect :admin_db
