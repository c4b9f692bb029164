-- The monolith with logical services: all tables in public, made by its own
-- migrations and owned by its one user; which service each belongs to is only
-- declared.  Run by a superuser, in an empty database, on a server that has
-- postgis:
--
--   createdb anigmaa_monolith && psql -d anigmaa_monolith -f monolith.sql
--
-- Variables (psql -v name=value):
--   prefix   put before the names of all roles; monolith_ by default, so that
--            it can stand beside schemas.sql in one cluster.
--
-- All or nothing: an error leaves the database and the cluster as they were.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?prefix}
\else
  \set prefix monolith_
\endif
\ir names.sql
SET client_min_messages = warning;
\o /dev/null

BEGIN;

-- The monolith as it was before it heard of services: its user, and its
-- migrations in the order of their numbers
CREATE ROLE :"app" LOGIN;
GRANT CREATE ON SCHEMA public TO :"app";
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE EXTENSION IF NOT EXISTS postgis;

SET ROLE :"app";
SET search_path = public;
\ir migrations/0001_extensions_and_functions.sql
\ir migrations/0002_users.sql
\ir migrations/0003_follows.sql
\ir migrations/0004_events.sql
\ir migrations/0005_posts.sql
\ir migrations/0006_tickets.sql
\ir migrations/0007_questions_and_reviews.sql
\ir migrations/0008_invitations.sql
\ir migrations/0009_reposts_bookmarks_shares_and_polls.sql
RESET ROLE;

-- Who owns what, from here on written down.  Nothing moves and nothing is
-- taken away: the monolith's user keeps its tables and runs as before.
CREATE EXTENSION IF NOT EXISTS svc_ownership;

SELECT svc.create_service('user', role_prefix => :'prefix' || 'user',
    team => 'people', description => 'Accounts, settings, follows, invitations');
SELECT svc.create_service('event', role_prefix => :'prefix' || 'event',
    team => 'events', description => 'Events, attendees, questions, reviews');
SELECT svc.create_service('post', role_prefix => :'prefix' || 'post',
    team => 'feed', description => 'Posts, comments, likes');
SELECT svc.create_service('ticket', role_prefix => :'prefix' || 'ticket',
    team => 'payments', description => 'Tickets, check-in, payments');

SELECT svc.assign('user', 'users', 'user_settings', 'user_stats', 'user_privacy', 'follows', 'invitations');
SELECT svc.assign('event', 'events', 'event_attendees', 'event_images', 'event_qna', 'reviews');
SELECT svc.assign('post', 'posts', 'post_images', 'comments', 'likes', 'reposts', 'bookmarks', 'shares');
SELECT svc.assign('ticket', 'tickets', 'ticket_transactions');

-- As in schemas.sql; the foreign keys are there already
\ir contracts/user_contracts.sql
\ir contracts/event_contracts.sql
\ir contracts/post_contracts.sql
\ir contracts/ticket_contracts.sql
\ir upkeep/user_upkeep.sql
\ir upkeep/event_upkeep.sql
\ir upkeep/post_upkeep.sql
\ir upkeep/across_services.sql
\ir data/user_data.sql
\ir data/event_data.sql
\ir data/post_data.sql
\ir data/ticket_data.sql
RESET search_path;

COMMIT;

\o
RESET client_min_messages;
ANALYZE;
\unset QUIET
