-- Chat: two services in databases of their own, two whose data are in MongoDB.
-- Run by a superuser, from anywhere:
--
--   psql -X -d postgres -f install.sql
--
-- Variables (psql -v name=value):
--   prefix     put before the names of all databases and roles; none by default.
--              Both belong to the whole cluster, so a second copy needs one.
--   host       where the services' logins connect; 127.0.0.1 by default.  They
--              come with a password, so pg_hba.conf must ask for one there.
--   password   the logins' passwords are this, "-" and the service: demo-auth,
--              demo-user.  For a machine that others reach, give one.

\set ON_ERROR_STOP on
\set QUIET on
\ir names.sql
SET client_min_messages = warning;
\o /dev/null

-- The services in PostgreSQL.  Drizzle migrates with DATABASE_URL, the login
-- that also serves requests: its level is owner.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SELECT svc.create_service('auth', database => :'auth_db', schema => 'auth', role_prefix => :'prefix' || 'auth',
    login => :'auth_login', password => :'auth_password', login_level => 'owner',
    team => 'identity', description => 'Accounts and logins');
SELECT svc.create_service('user', database => :'user_db', schema => 'users', role_prefix => :'prefix' || 'user',
    login => :'user_login', password => :'user_password', login_level => 'owner',
    team => 'people', description => 'Profiles, friends and settings');

-- The services in MongoDB.  They are known where their ids are kept, and read
-- what user shows; they have no table, no login, and a store each.
\connect :user_db :super :super_host :super_port
SET client_min_messages = warning;
SELECT svc.create_service('chat', role_prefix => :'prefix' || 'chat',
    team => 'messaging', description => 'Conversations and messages');
SELECT svc.create_service('notification', role_prefix => :'prefix' || 'notification',
    team => 'messaging', description => 'What somebody should see, and how');
\ir stores.sql

-- auth, as its own login: the migrations of meta/_journal.json, in its order
\connect -reuse-previous=on :as_auth
SET client_min_messages = warning;
\ir services/auth/drizzle/0000_users.sql
\ir services/auth/drizzle/0001_refresh_tokens.sql
\ir services/auth/drizzle/0002_counters.sql
\ir services/auth/drizzle/0003_upkeep.sql
\ir contracts/auth.sql
\ir data/auth_data.sql

-- user reads auth
\connect :user_db :super :super_host :super_port
SET client_min_messages = warning;
SELECT svc.connect('auth', database => :'auth_db', consumer => 'user');

\connect -reuse-previous=on :as_user
SET client_min_messages = warning;
\ir services/user/drizzle/0000_profiles.sql
\ir services/user/drizzle/0001_relationships.sql
\ir services/user/drizzle/0002_settings.sql
\ir services/user/drizzle/0003_counters.sql
\ir services/user/drizzle/0004_upkeep.sql
\ir contracts/user.sql
\ir data/user_data.sql

\connect postgres :super :super_host :super_port
\o
\unset QUIET
