-- Takes away what databases.sql made, the legacy database too: databases, data, roles
-- and logins.  Run by a superuser in the database that it was made from, with the
-- same prefix:
--
--   psql -d postgres -f databases_remove.sql
--
-- It goes on after errors, so that it also takes away what a databases.sql that
-- stopped has left.

\set ON_ERROR_STOP off
\set QUIET on
\if :{?prefix}
\else
  \set prefix ''
\endif
\ir names.sql
\set admin :USER
\set admin_db :DBNAME
\set admin_host :HOST
\set admin_port :PORT
\o /dev/null

-- Nobody drops a service that others read, may read, or refer to
\connect :cart_db :admin :admin_host :admin_port
SELECT svc.drop_reference(reference) FROM svc.references_declared;
SELECT format('SELECT svc.disconnect(%L)', service) FROM svc.check_connections() \gexec
\connect :promotion_db :admin :admin_host :admin_port
SELECT svc.drop_reference(reference) FROM svc.references_declared;
SELECT format('SELECT svc.disconnect(%L)', service) FROM svc.check_connections() \gexec
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'promotion';
\connect :cart_db :admin :admin_host :admin_port
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'cart';
\connect :product_db :admin :admin_host :admin_port
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'product';
\connect :auth_db :admin :admin_host :admin_port
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'auth';

\connect :admin_db :admin :admin_host :admin_port
SELECT svc.drop_service('auth', database => :'auth_db', drop_objects => true);
SELECT svc.drop_service('product', database => :'product_db', drop_objects => true);
SELECT svc.drop_service('cart', database => :'cart_db', drop_objects => true);
SELECT svc.drop_service('promotion', database => :'promotion_db', drop_objects => true);
DROP DATABASE :"poc";
DROP ROLE :"poc_user";
\o
\unset QUIET
