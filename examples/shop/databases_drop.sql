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

-- A service that others read is not dropped
\connect :cart_db :admin
SELECT svc.disconnect(service) FROM svc.check_connections();
\connect :promotion_db :admin
SELECT svc.disconnect(service) FROM svc.check_connections();

\connect :admin_db :admin
SET client_min_messages = warning;
SELECT svc.drop_service('auth', drop_objects => true);
SELECT svc.drop_service('product', drop_objects => true);
SELECT svc.drop_service('cart', drop_objects => true);
SELECT svc.drop_service('promotion', drop_objects => true);
DROP DATABASE IF EXISTS :"poc";
DROP ROLE IF EXISTS :"poc_user";
\o
\unset QUIET
