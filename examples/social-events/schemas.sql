-- Deployment with a schema per service: one database, four services.  Run by a
-- superuser, in an empty database, on a server that has postgis:
--
--   createdb anigmaa && psql -d anigmaa -f schemas.sql
--
-- Variables (psql -v name=value):
--   prefix   put before the names of all roles; none by default.  Roles belong
--            to the whole cluster, so a second deployment in it needs one.
--
-- All or nothing: an error leaves the database and the cluster as they were.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?prefix}
\else
  \set prefix ''
\endif
\ir names.sql
SET client_min_messages = warning;
\o /dev/null

BEGIN;

CREATE EXTENSION IF NOT EXISTS svc_ownership;

-- Types and functions of uuid-ossp and postgis are in public, where all four
-- services find them
SELECT svc.create_service('user', schema => 'user_service', role_prefix => :'prefix' || 'user',
    login => :'user_login', login_level => 'owner', extensions => '{uuid-ossp}',
    team => 'people', description => 'Accounts, settings, follows, invitations');
SELECT svc.create_service('event', schema => 'event_service', role_prefix => :'prefix' || 'event',
    login => :'event_login', login_level => 'owner', extensions => '{uuid-ossp,postgis}',
    team => 'events', description => 'Events, attendees, questions, reviews');
SELECT svc.create_service('post', schema => 'post_service', role_prefix => :'prefix' || 'post',
    login => :'post_login', login_level => 'owner', extensions => '{uuid-ossp}',
    team => 'feed', description => 'Posts, comments, likes');
SELECT svc.create_service('ticket', schema => 'ticket_service', role_prefix => :'prefix' || 'ticket',
    login => :'ticket_login', login_level => 'owner', extensions => '{uuid-ossp}',
    team => 'payments', description => 'Tickets, check-in, payments');

-- The services' own files, each as its own service.  A login has these
-- settings from its first moment; here they are made by hand.
SET ROLE :"user_owner";
SET search_path = user_service, public, svc_triggers;
\ir db/services/user_service_db.sql
RESET ROLE;

SET ROLE :"event_owner";
SET search_path = event_service, public, svc_triggers;
\ir db/services/event_service_db.sql
RESET ROLE;

SET ROLE :"post_owner";
SET search_path = post_service, public, svc_triggers;
\ir db/services/post_service_db.sql
RESET ROLE;

SET ROLE :"ticket_owner";
SET search_path = ticket_service, public, svc_triggers;
\ir db/services/ticket_service_db.sql
RESET ROLE;

-- What all deployments of one database have, whatever schema a table lies in
SET search_path = user_service, event_service, post_service, ticket_service, public;
\ir foreign_keys.sql
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
