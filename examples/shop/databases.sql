-- The shop, in four databases with a limited user each, and beside them the
-- legacy database poc, which is kept until the move is over.  Run by a superuser
-- in any database that is none of these:
--
--   psql -d postgres -f databases.sql
--
-- The services read each other's contracts through links inside the server: it
-- must ask for a password on its Unix socket or on 127.0.0.1, for everybody but
-- the administrator (pg_hba.conf: local all all scram-sha-256).
--
-- Passwords come from the environment (AUTH_DB_PASSWORD, PRODUCT_DB_PASSWORD,
-- CART_DB_PASSWORD, PROMOTION_DB_PASSWORD, POC_PASSWORD); those that are not there
-- are made and shown at the end.
--
-- Variables (psql -v name=value):
--   prefix   put before the names of all roles and databases; none by default.
--            Beside a shop in schemas (install.sql) it needs one.
--
-- It can be run again, with the same passwords: what is there stays as it is,
-- and what is not is made.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?prefix}
\else
  \set prefix ''
\endif
\ir names.sql
\ir passwords.sql
\set admin :USER
\set admin_db :DBNAME
\getenv admin_password PGPASSWORD
\if :{?admin_password}
\else
  \set admin_password ''
\endif
\o /dev/null
SET client_min_messages = warning;

-- The services: databases, roles, logins.  CREATE DATABASE is no part of a
-- transaction, so each call is one by itself, and finishes what it finds unfinished.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SELECT svc.create_service('auth', database => :'auth_db', role_prefix => :'prefix' || 'auth',
    login => :'auth_user', password => :'auth_password', login_level => 'owner', if_not_exists => true,
    team => 'identity', description => 'Accounts, sessions and profiles of customers');
SELECT svc.create_service('product', database => :'product_db', role_prefix => :'prefix' || 'product',
    login => :'product_user', password => :'product_password', login_level => 'owner', if_not_exists => true,
    team => 'catalogue', description => 'What the shop sells, with stock and pictures');
SELECT svc.create_service('cart', database => :'cart_db', role_prefix => :'prefix' || 'cart',
    login => :'cart_user', password => :'cart_password', login_level => 'owner', if_not_exists => true,
    team => 'checkout', description => 'Carts, wishlists and carts put aside');
SELECT svc.create_service('promotion', database => :'promotion_db', role_prefix => :'prefix' || 'promotion',
    login => :'promotion_user', password => :'promotion_password', login_level => 'owner', if_not_exists => true,
    team => 'marketing', description => 'Promo codes, campaigns and what came of them');

-- The legacy database is nobody's service: it is what the services can be
-- rolled back to, so nothing in it changes, and it goes with one DROP DATABASE.
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'poc_user') AS is_new \gset
\if :is_new
CREATE ROLE :"poc_user" LOGIN PASSWORD :'poc_password';
\endif
SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = :'poc') AS is_new \gset
\if :is_new
CREATE DATABASE :"poc" OWNER :"poc_user";
REVOKE CONNECT, TEMPORARY ON DATABASE :"poc" FROM PUBLIC;
\endif

\setenv PGPASSWORD :poc_password
\connect :poc :poc_user
SET client_min_messages = warning;
SELECT to_regclass('users') IS NULL AS is_new \gset
\if :is_new
BEGIN;
\ir legacy/poc_init.sql
\ir legacy/poc_data.sql
COMMIT;
\endif

-- auth and product read nobody else: their own login runs their init script, as
-- it always did, says what others may read, and brings the data
\setenv PGPASSWORD :auth_password
\connect :auth_db :auth_user
SET client_min_messages = warning;
SELECT to_regclass('users') IS NULL AS is_new \gset
\if :is_new
BEGIN;
\ir init/auth_db_init.sql
\ir contracts/auth_contracts.sql
\ir data/auth_data.sql
\ir upkeep/auth_upkeep.sql
COMMIT;
\endif

\setenv PGPASSWORD :product_password
\connect :product_db :product_user
SET client_min_messages = warning;
SELECT to_regclass('products') IS NULL AS is_new \gset
\if :is_new
BEGIN;
\ir init/product_db_init.sql
\ir contracts/product_contracts.sql
\ir data/product_data.sql
\ir upkeep/product_upkeep.sql
COMMIT;
\endif

-- cart looks customers and products up in the contracts of auth and product.  A
-- superuser connects it to them, once.
\setenv PGPASSWORD :cart_password
\connect :cart_db :cart_user
SET client_min_messages = warning;
SELECT to_regclass('carts') IS NULL AS is_new \gset
\if :is_new
BEGIN;
\ir init/cart_db_init.sql
\ir contracts/cart_contracts.sql
COMMIT;
\endif

\setenv PGPASSWORD :admin_password
\connect :cart_db :admin
SET client_min_messages = warning;
SELECT to_regclass('auth_api.users') IS NULL AS connect_auth,
       to_regclass('product_api.products') IS NULL AS connect_product \gset
\if :connect_auth
SELECT svc.connect('auth', database => :'auth_db');
\endif
\if :connect_product
SELECT svc.connect('product', database => :'product_db');
\endif

\setenv PGPASSWORD :cart_password
\connect :cart_db :cart_user
SET client_min_messages = warning;
SELECT NOT EXISTS (SELECT FROM carts) AS is_new \gset
\if :is_new
BEGIN;
\ir references/cart_references.sql
\ir data/cart_data.sql
\ir upkeep/cart_upkeep.sql
COMMIT;
\endif

-- promotion reads all three
\setenv PGPASSWORD :promotion_password
\connect :promotion_db :promotion_user
SET client_min_messages = warning;
SELECT to_regclass('promo_codes') IS NULL AS is_new \gset
\if :is_new
BEGIN;
\ir init/promotion_db_init.sql
\ir contracts/promotion_contracts.sql
COMMIT;
\endif

\setenv PGPASSWORD :admin_password
\connect :promotion_db :admin
SET client_min_messages = warning;
SELECT to_regclass('auth_api.users') IS NULL AS connect_auth,
       to_regclass('product_api.products') IS NULL AS connect_product,
       to_regclass('cart_api.carts') IS NULL AS connect_cart \gset
\if :connect_auth
SELECT svc.connect('auth', database => :'auth_db');
\endif
\if :connect_product
SELECT svc.connect('product', database => :'product_db');
\endif
\if :connect_cart
SELECT svc.connect('cart', database => :'cart_db');
\endif

\setenv PGPASSWORD :promotion_password
\connect :promotion_db :promotion_user
SET client_min_messages = warning;
SELECT NOT EXISTS (SELECT FROM promo_codes) AS is_new \gset
\if :is_new
BEGIN;
\ir references/promotion_references.sql
\ir data/promotion_data.sql
\ir upkeep/promotion_upkeep.sql
COMMIT;
\endif

-- and cart reads promotion: neither comes first, and neither needs to
\setenv PGPASSWORD :admin_password
\connect :cart_db :admin
SET client_min_messages = warning;
SELECT to_regclass('promotion_api.promo_codes') IS NULL AS connect_promotion \gset
\if :connect_promotion
SELECT svc.connect('promotion', database => :'promotion_db');
\endif

\connect :admin_db :admin
\o
\if :made_passwords
\echo 'Passwords, as lines of a password file (~/.pgpass):'
\pset format unaligned
\pset tuples_only on
SELECT format('*:*:%s:%s:%s', v.database, v.login, v.password)
  FROM (VALUES (1, :'auth_db', :'auth_user', :'auth_password'),
               (2, :'product_db', :'product_user', :'product_password'),
               (3, :'cart_db', :'cart_user', :'cart_password'),
               (4, :'promotion_db', :'promotion_user', :'promotion_password'),
               (5, :'poc', :'poc_user', :'poc_password')) v (n, database, login, password)
 ORDER BY v.n;
\endif
\unset QUIET
