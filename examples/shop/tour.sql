-- A walk through the shop: psql -X -d shop -f tour.sql, as a superuser.
-- It prints its queries and their answers, always the same.  What it changes
-- is rolled back at the end, so it can be taken again.  README.md shows it; a
-- test compares the two.

\set QUIET on
\set ON_ERROR_STOP off
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
\pset pager off
\pset footer off
\pset null -
\if :{?prefix}
\else
  \set prefix ''
\endif
\ir names.sql
\set review_roles :prefix review
\set review_owner :prefix review_owner
\set review_user :prefix review_user
BEGIN;
\set ECHO queries

\echo '--- Four services in one database, each with a schema, roles and a team of its own.'
SELECT service, schema, owner, team FROM svc.services WHERE database = current_database() ORDER BY service;

\echo
\echo '--- Every table belongs to one of them.'
SELECT service, count(*) AS tables FROM svc.tables GROUP BY service ORDER BY service;
SELECT svc.owner_of('cart.carts');

\echo
\echo '--- A service shows others only what it publishes: users without their password hash.'
SELECT service, entity, key, columns FROM svc.entities WHERE service IN ('auth', 'cart') ORDER BY entity;

\echo
\echo '--- It is recorded who reads what (no entity: all of them).'
SELECT service, entity, consumer FROM svc.consumers ORDER BY service, consumer, entity;

\echo
\echo '--- Logged in as the cart service: products come through the contract,'
SET SESSION AUTHORIZATION :"cart_user";
SELECT sku, name, price FROM product_api.products WHERE category_id = 7 ORDER BY sku;
\echo
\echo '--- but not the product service''s table with its costs, nor its rights, nor anybody''s password.'
SELECT sku, cost_price FROM product.products;
UPDATE product_api.products SET price = 1;
SET ROLE :"product_owner";
SELECT password_hash FROM auth.users;
RESET SESSION AUTHORIZATION;

\echo
\echo '--- A counter keeps itself: two more things on a wishlist.'
SELECT name, item_count FROM cart.wishlists ORDER BY name;
INSERT INTO cart.wishlist_items (wishlist_id, product_id)
SELECT w.id, p.id FROM cart.wishlists w, product_api.products p WHERE w.name = 'Wishlist' AND p.sku IN ('BOO-001', 'BOO-003');
SELECT name, item_count FROM cart.wishlists ORDER BY name;

\echo
\echo '--- Under a CHECK it keeps a limit: the first three customers, and no fourth.'
INSERT INTO promotion.promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount)
SELECT c.id, k.user_id, k.id, 1219, 50 FROM promotion.promo_codes c, cart_api.carts k
 WHERE c.code = 'LASTTHREE' AND k.status = 'active' AND k.user_id IS NOT NULL;

\echo
\echo '--- So does updated_at, whatever the client writes there.'
UPDATE auth.users SET is_verified = true, updated_at = '2001-01-01' WHERE username = 'kenji'
RETURNING username, updated_at = now() AS is_now;

\echo
\echo '--- What has expired goes: sessions, saved carts, suggestions, old log lines.'
SELECT relation, age_column, keep FROM svc.retentions ORDER BY relation::text;
SELECT * FROM svc.expire_now() ORDER BY relation::text;
SELECT count(*) AS sessions, min(expires_at) > now() AS all_valid FROM auth.user_sessions;

\echo
\echo '--- Nobody has a right too many or too few, and all is well.'
\pset footer on
SELECT object, role, privilege, problem FROM svc.check_grants();
\pset footer off
SELECT item, state, detail FROM svc.status() WHERE item ~ '^(service|counter|retention) ';

\echo
\echo '--- A fifth service: one call makes its roles, its login and its schema.'
SELECT svc.create_service('review', schema => 'review', role_prefix => :'review_roles',
                          login => :'review_user', team => 'community');
\echo
\echo '--- Its owner makes a table, as a migration would, and publishes it.'
SET ROLE :"review_owner";
CREATE TABLE review.reviews (id bigint PRIMARY KEY, product_id bigint NOT NULL, stars int NOT NULL, note text);
INSERT INTO review.reviews VALUES (1, 1, 5, 'for internal use');
SELECT svc.publish('review', 'reviews', 'review.reviews', columns => '{id,product_id,stars}');
SELECT svc.grant_contract('review', 'cart');
RESET ROLE;
\echo
\echo '--- The cart service reads it from now on.'
SET SESSION AUTHORIZATION :"cart_user";
SELECT id, stars FROM review_api.reviews;
RESET SESSION AUTHORIZATION;
\echo
\echo '--- A service that others read is not dropped.'
\set VERBOSITY default
SELECT svc.drop_service('review', drop_objects => true);

\set ECHO none
ROLLBACK;
