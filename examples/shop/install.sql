-- The shop, in one database: four services, each in a schema of its own with a
-- limited user.  Run by a superuser, in an empty database:
--
--   createdb shop && psql -d shop -f install.sql
--
-- Variables (psql -v name=value):
--   prefix   put before the names of all roles; none by default.  Roles belong
--            to the whole cluster, so a second shop in it needs one.
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

-- The services: their roles, logins and schemas
SELECT svc.create_service('auth', schema => 'auth', role_prefix => :'prefix' || 'auth',
    login => :'auth_user', login_level => 'owner',
    team => 'identity', description => 'Accounts, sessions and profiles of customers');
SELECT svc.create_service('product', schema => 'product', role_prefix => :'prefix' || 'product',
    login => :'product_user', login_level => 'owner',
    team => 'catalogue', description => 'What the shop sells, with stock and pictures');
SELECT svc.create_service('cart', schema => 'cart', role_prefix => :'prefix' || 'cart',
    login => :'cart_user', login_level => 'owner',
    team => 'checkout', description => 'Carts, wishlists and carts put aside');
SELECT svc.create_service('promotion', schema => 'promotion', role_prefix => :'prefix' || 'promotion',
    login => :'promotion_user', login_level => 'owner',
    team => 'marketing', description => 'Promo codes, campaigns and what came of them');

-- Their init scripts and what they show to each other, each as its own service.
-- A login has these settings from its first moment; here they are made by hand.
SET ROLE :"auth_owner";
SET search_path = auth, public, svc_triggers;
\ir init/auth_db_init.sql
\ir contracts/auth_contracts.sql
RESET ROLE;

SET ROLE :"product_owner";
SET search_path = product, public, svc_triggers;
\ir init/product_db_init.sql
\ir contracts/product_contracts.sql
RESET ROLE;

SET ROLE :"cart_owner";
SET search_path = cart, public, svc_triggers;
\ir init/cart_db_init.sql
\ir contracts/cart_contracts.sql
RESET ROLE;

SET ROLE :"promotion_owner";
SET search_path = promotion, public, svc_triggers;
\ir init/promotion_db_init.sql
\ir contracts/promotion_contracts.sql
RESET ROLE;

-- The data come after all contracts: cart and promotion look ids up in them, and
-- their references are there first, so that every id is checked.
-- Counters are counted once when they are declared, so upkeep may come last.
SET ROLE :"auth_owner";
SET search_path = auth, public, svc_triggers;
\ir data/auth_data.sql
\ir upkeep/auth_upkeep.sql
RESET ROLE;

SET ROLE :"product_owner";
SET search_path = product, public, svc_triggers;
\ir data/product_data.sql
\ir upkeep/product_upkeep.sql
RESET ROLE;

SET ROLE :"cart_owner";
SET search_path = cart, public, svc_triggers;
\ir references/cart_references.sql
\ir data/cart_data.sql
\ir upkeep/cart_upkeep.sql
RESET ROLE;

SET ROLE :"promotion_owner";
SET search_path = promotion, public, svc_triggers;
\ir references/promotion_references.sql
\ir data/promotion_data.sql
\ir upkeep/promotion_upkeep.sql
RESET ROLE;
RESET search_path;

COMMIT;

\o
RESET client_min_messages;
ANALYZE;
\unset QUIET
