-- The deploy platform: three services, each on a server of its own, or all on
-- one.  Run by a superuser of all of them, from anywhere:
--
--   psql -X -h 127.0.0.1 -p 5432 -d postgres -v project_port=5433 -v deploy_port=5434 -f install.sql
--
-- Variables (psql -v name=value):
--   auth_port, project_port, deploy_port
--              the servers' ports; each by default the one that psql is
--              connected to, so without any of them all is on one server
--   host       where they listen; 127.0.0.1 by default
--   prefix     put before the names of databases and roles; none by default
--   password   the logins' passwords are this, "-" and the service: demo-auth,
--              demo-project, demo-deploy.  For machines that others reach, give one.
--   sslmode    of the connections between the servers; disable by default.  Off
--              loopback: verify-full.
-- The superuser's password, where one is asked for, comes from PGPASSWORD or
-- ~/.pgpass.  The connections need none: a service's own login is enough to make
-- the login that another service reads its contract with.

\set ON_ERROR_STOP on
\set QUIET on
\ir names.sql
\if :{?sslmode}
\else
  \set sslmode disable
\endif
\o /dev/null

-- auth: database, roles and login by a superuser; its migrations, as they are,
-- and what it shows by its own login, which is also what Flyway connects as
\connect postgres :super :host :auth_port
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SELECT svc.create_service('auth', database => :'auth', role_prefix => :'prefix' || 'auth',
    login => :'auth', password => :'auth_password', login_level => 'owner',
    team => 'identity', description => 'Users, their roles and tokens');

\connect -reuse-previous=on :as_auth
SET client_min_messages = warning;
BEGIN;
\ir services/auth/migrations/V001__create_users_table.sql
\ir services/auth/migrations/V002__add_user_roles.sql
\ir services/auth/migrations/V003__create_user_preferences_table.sql
\ir services/auth/migrations/V004__create_api_tokens_table.sql
\ir services/auth/migrations/V005__upkeep.sql
COMMIT;
\ir contracts/auth.sql
\ir data/auth_data.sql

-- project reads auth
\connect postgres :super :host :project_port
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SELECT svc.create_service('project', database => :'project', role_prefix => :'prefix' || 'project',
    login => :'project', password => :'project_password', login_level => 'owner',
    team => 'projects', description => 'Projects, their environments and members');
\connect :project :super :host :project_port
SET client_min_messages = warning;
SELECT svc.connect('auth', database => :'auth', host => :'host', port => :auth_port, sslmode => :'sslmode',
                   username => :'auth', password => :'auth_password');

\connect -reuse-previous=on :as_project
SET client_min_messages = warning;
BEGIN;
\ir services/project/migrations/V001__create_projects_table.sql
\ir services/project/migrations/V002__create_environments_table.sql
\ir services/project/migrations/V003__create_environment_variables_table.sql
\ir services/project/migrations/V004__create_project_members_table.sql
\ir services/project/migrations/V005__upkeep.sql
COMMIT;
\ir contracts/project.sql
\ir data/project_data.sql

-- deploy reads both
\connect postgres :super :host :deploy_port
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SELECT svc.create_service('deploy', database => :'deploy', role_prefix => :'prefix' || 'deploy',
    login => :'deploy', password => :'deploy_password', login_level => 'owner',
    team => 'runtime', description => 'Deployments, their logs and domains');
\connect :deploy :super :host :deploy_port
SET client_min_messages = warning;
SELECT svc.connect('auth', database => :'auth', host => :'host', port => :auth_port, sslmode => :'sslmode',
                   username => :'auth', password => :'auth_password');
SELECT svc.connect('project', database => :'project', host => :'host', port => :project_port, sslmode => :'sslmode',
                   username => :'project', password => :'project_password');

\connect -reuse-previous=on :as_deploy
SET client_min_messages = warning;
BEGIN;
\ir services/deploy/migrations/V001__create_deployments_table.sql
\ir services/deploy/migrations/V002__create_deployment_logs_table.sql
\ir services/deploy/migrations/V003__create_domains_table.sql
\ir services/deploy/migrations/V004__upkeep.sql
COMMIT;
\ir data/deploy_data.sql

\connect postgres :super :host :auth_port
\o
\unset QUIET
