-- Takes away what install.sql made, databases, data, roles and logins, as a
-- superuser, with the same variables.  It goes on after errors, so that it also
-- takes away what an install.sql that stopped has left.

\set ON_ERROR_STOP off
\set QUIET on
\ir names.sql
\o /dev/null

-- Nobody drops a service that others read: the readers go first
\connect :deploy :super :host :deploy_port
SELECT svc.disconnect('project');
SELECT svc.disconnect('auth');
\connect :project :super :host :project_port
SELECT svc.disconnect('auth');
SELECT svc.revoke_contract('project', 'deploy');
\connect :auth :super :host :auth_port
SELECT svc.revoke_contract('auth', 'deploy');
SELECT svc.revoke_contract('auth', 'project');

\connect postgres :super :host :deploy_port
SELECT svc.drop_service('deploy', drop_objects => true, database => :'deploy');
\connect postgres :super :host :project_port
SELECT svc.drop_service('project', drop_objects => true, database => :'project');
\connect postgres :super :host :auth_port
SELECT svc.drop_service('auth', drop_objects => true, database => :'auth');
\o
\unset QUIET
