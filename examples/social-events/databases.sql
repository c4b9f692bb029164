-- Deployment with a database per service.  Run by a superuser, in any database but
-- these, on a server that has postgis:
--
--   psql -d postgres -f databases.sql
--
-- The services read each other's contracts through links inside the server: it
-- must ask for a password on its Unix socket or on 127.0.0.1, for everybody but
-- the administrator (pg_hba.conf: local all all scram-sha-256).  The logins get no
-- password here: \password anigmaa_user_service and so on give them one.
--
-- Variables (psql -v name=value):
--   prefix   put before the names of all roles and databases; anigmaa_ by default,
--            so that it can stand beside schemas.sql and monolith.sql in one cluster.
--
-- It can be run again: what is there stays as it is, and what is not is made.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?prefix}
\else
  \set prefix anigmaa_
\endif
\ir names.sql
\set admin_db :DBNAME
SET client_min_messages = warning;
\o /dev/null

-- Either all extensions can be had, or nothing is made
DO $$
DECLARE
    missing text;
BEGIN
    SELECT n INTO missing FROM unnest('{uuid-ossp,postgis}'::text[]) n
     WHERE NOT EXISTS (SELECT FROM pg_available_extensions e WHERE e.name = n);
    IF FOUND THEN
        RAISE 'extension "%" is not available', missing USING ERRCODE = 'feature_not_supported';
    END IF;
END$$;

CREATE EXTENSION IF NOT EXISTS svc_ownership;

-- A post and a ticket show of an event where it is: they need PostGIS' types
SELECT svc.create_service('user', database => :'user_db', role_prefix => :'prefix' || 'user',
    login => :'user_login', login_level => 'owner', extensions => '{uuid-ossp}', if_not_exists => true,
    team => 'people', description => 'Accounts, settings, follows, invitations');
SELECT svc.create_service('event', database => :'event_db', role_prefix => :'prefix' || 'event',
    login => :'event_login', login_level => 'owner', extensions => '{uuid-ossp,postgis}', if_not_exists => true,
    team => 'events', description => 'Events, attendees, questions, reviews');
SELECT svc.create_service('post', database => :'post_db', role_prefix => :'prefix' || 'post',
    login => :'post_login', login_level => 'owner', extensions => '{uuid-ossp,postgis}', if_not_exists => true,
    team => 'feed', description => 'Posts, comments, likes');
SELECT svc.create_service('ticket', database => :'ticket_db', role_prefix => :'prefix' || 'ticket',
    login => :'ticket_login', login_level => 'owner', extensions => '{uuid-ossp,postgis}', if_not_exists => true,
    team => 'payments', description => 'Tickets, check-in, payments');

-- The services' own files, each in its database, as its service.  A login has
-- these settings from its first moment; here they are made by hand.
\connect :user_db
SET client_min_messages = warning;
SELECT to_regclass('users') IS NULL AS is_new \gset
\if :is_new
BEGIN;
SET ROLE :"user_owner";
SET search_path = public, svc_triggers;
\ir db/services/user_service_db.sql
\ir contracts/user_contracts.sql
\ir upkeep/user_upkeep.sql
\ir data/user_data.sql
COMMIT;
\endif

\connect :event_db
SET client_min_messages = warning;
SELECT to_regclass('events') IS NULL AS is_new \gset
\if :is_new
BEGIN;
SET ROLE :"event_owner";
SET search_path = public, svc_triggers;
\ir db/services/event_service_db.sql
\ir contracts/event_contracts.sql
\ir contracts/post_types.sql
\ir upkeep/event_upkeep.sql
COMMIT;
\endif
RESET ROLE;
SELECT to_regclass('user_api.users') IS NULL AS connect_user \gset
\if :connect_user
SELECT svc.connect('user', database => :'user_db');
\endif
SELECT NOT EXISTS (SELECT FROM events) AS is_new \gset
\if :is_new
BEGIN;
SET ROLE :"event_owner";
SET search_path = public, svc_triggers;
\ir references/event_references.sql
\ir data/event_data.sql
COMMIT;
\endif

\connect :post_db
SET client_min_messages = warning;
SELECT to_regclass('posts') IS NULL AS is_new \gset
\if :is_new
BEGIN;
SET ROLE :"post_owner";
SET search_path = public, svc_triggers;
\ir db/services/post_service_db.sql
\ir contracts/post_contracts.sql
\ir contracts/event_types.sql
\ir upkeep/post_upkeep.sql
COMMIT;
\endif
RESET ROLE;
SELECT to_regclass('user_api.users') IS NULL AS connect_user, to_regclass('event_api.events') IS NULL AS connect_event \gset
\if :connect_user
SELECT svc.connect('user', database => :'user_db');
\endif
\if :connect_event
SELECT svc.connect('event', database => :'event_db');
\endif
SELECT NOT EXISTS (SELECT FROM posts) AS is_new \gset
\if :is_new
BEGIN;
SET ROLE :"post_owner";
SET search_path = public, svc_triggers;
\ir references/post_references.sql
\ir data/post_data.sql
COMMIT;
\endif

\connect :ticket_db
SET client_min_messages = warning;
SELECT to_regclass('tickets') IS NULL AS is_new \gset
\if :is_new
BEGIN;
SET ROLE :"ticket_owner";
SET search_path = public, svc_triggers;
\ir db/services/ticket_service_db.sql
\ir contracts/ticket_contracts.sql
\ir contracts/event_types.sql
COMMIT;
\endif
RESET ROLE;
SELECT to_regclass('user_api.users') IS NULL AS connect_user, to_regclass('event_api.events') IS NULL AS connect_event \gset
\if :connect_user
SELECT svc.connect('user', database => :'user_db');
\endif
\if :connect_event
SELECT svc.connect('event', database => :'event_db');
\endif
SELECT NOT EXISTS (SELECT FROM tickets) AS is_new \gset
\if :is_new
BEGIN;
SET ROLE :"ticket_owner";
SET search_path = public, svc_triggers;
\ir references/ticket_references.sql
\ir data/ticket_data.sql
COMMIT;
\endif

-- An event's page shows posts about it, and who has a ticket
\connect :event_db
SET client_min_messages = warning;
SELECT to_regclass('post_api.posts') IS NULL AS connect_post, to_regclass('ticket_api.tickets') IS NULL AS connect_ticket \gset
\if :connect_post
SELECT svc.connect('post', database => :'post_db');
\endif
\if :connect_ticket
SELECT svc.connect('ticket', database => :'ticket_db');
\endif

\connect :admin_db
\o
\unset QUIET
