-- Takes away what install.sql made, databases, data, roles and logins, with the
-- same variables: psql -X -d postgres -f remove.sql, as a superuser.  It goes on
-- after errors, so that it also takes away what an install.sql that stopped has
-- left.

\set ON_ERROR_STOP off
\set QUIET on
\ir names.sql
\o /dev/null

-- Nobody drops a service that others read, nor a database with other services
-- in it
\connect :user_db :super :super_host :super_port
SELECT svc.disconnect('auth', consumer => 'user');
SELECT svc.revoke_contract('user', 'chat');
SELECT svc.revoke_contract('user', 'notification', 'profiles');
SELECT svc.drop_service('chat', drop_objects => true);
SELECT svc.drop_service('notification', drop_objects => true);
\connect :auth_db :super :super_host :super_port
SELECT svc.revoke_contract('auth', 'user');

\connect postgres :super :super_host :super_port
SELECT svc.drop_service('user', drop_objects => true, database => :'user_db');
SELECT svc.drop_service('auth', drop_objects => true, database => :'auth_db');
\o
\unset QUIET
