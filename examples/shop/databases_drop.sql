-- Removes what databases.sql made, the legacy database too: databases, roles and
-- logins.  Run by a superuser in the database that it was made from:
--
--   psql -d postgres -f databases_drop.sql

\set ON_ERROR_STOP on
\set QUIET on
\if :{?prefix}
\else
  \set prefix ''
\endif
\ir names.sql
\set admin :USER
\set admin_db :DBNAME
\o /dev/null

-- A service that others read is not dropped, nor one that was granted to others
\connect :cart_db :admin
SELECT svc.disconnect('auth');
SELECT svc.disconnect('product');
SELECT svc.disconnect('promotion');
\connect :promotion_db :admin
SELECT svc.disconnect('auth');
SELECT svc.disconnect('product');
SELECT svc.disconnect('cart');
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'promotion';
\connect :cart_db :admin
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'cart';
\connect :product_db :admin
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'product';
\connect :auth_db :admin
SELECT svc.revoke_contract(service, consumer, entity) FROM svc.consumers WHERE service = 'auth';

\connect :admin_db :admin
SELECT svc.drop_service('auth', drop_objects => true);
SELECT svc.drop_service('product', drop_objects => true);
SELECT svc.drop_service('cart', drop_objects => true);
SELECT svc.drop_service('promotion', drop_objects => true);
DROP DATABASE IF EXISTS :"poc";
DROP ROLE IF EXISTS :"poc_user";
\o
\unset QUIET
