-- A walk through the shop in four databases:
--
--   PGPASSFILE=... psql -X -d postgres -f databases_tour.sql
--
-- as a superuser; the services' passwords are found in a password file.  It prints
-- its queries and their answers, always the same.  What it changes is rolled back,
-- and the fifth service is dropped again, so it can be taken again.  README.md of
-- the project shows it; a test compares the two.

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
\set review_user :prefix review_user
\set review_db :prefix review_db
\set admin :USER
\set admin_db :DBNAME

-- What a tour that was interrupted may have left
SET client_min_messages = error;
\o /dev/null
\connect :cart_db :admin
SELECT count(*) > 0 AS is_left FROM svc.check_connections() WHERE service = 'review' \gset
\if :is_left
SELECT svc.disconnect('review');
\endif
\connect :admin_db :admin
SELECT count(*) > 0 AS is_left FROM svc.services WHERE database = :'review_db' \gset
\if :is_left
SELECT svc.drop_service('review', drop_objects => true, force => true);
\endif
\o
RESET client_min_messages;
\set ECHO queries

\echo '--- Four services, each in a database of its own.'
SELECT service, form, database FROM svc.services ORDER BY service;

\echo
\echo '--- Logged in as the cart service, with its own password: what it makes belongs to its owner role.'
\echo '\\connect' :cart_db :cart_user
\connect :cart_db :cart_user
SELECT session_user, current_user, current_setting('search_path') AS search_path, svc.current_service();
SELECT relation FROM svc.tables WHERE service = 'cart' ORDER BY relation::text;

\echo
\echo '--- Of the databases, the legacy one too, its login gets into its own only.'
SELECT datname, has_database_privilege(session_user, oid, 'CONNECT') AS may_connect FROM pg_database
 WHERE datname IN (:'auth_db', :'product_db', :'cart_db', :'promotion_db', :'poc') ORDER BY datname;

\echo
\echo '--- Products come through the contract, out of the product service''s database,'
SELECT sku, name, price FROM product_api.products WHERE category_id = 7 ORDER BY sku;
\echo
\echo '--- and can be joined with what is here,'
SELECT i.quantity, p.name, i.unit_price, p.price AS price_now FROM carts c JOIN cart_items i ON i.cart_id = c.id
  JOIN auth_api.users u ON u.id = c.user_id JOIN product_api.products p ON p.id = i.product_id
 WHERE u.username = 'elif' ORDER BY p.sku;
\echo
\echo '--- but they are not written, costs and password hashes are not shown, and there is no other way to them.'
\set ECHO none
BEGIN;
\set ECHO queries
UPDATE product_api.products SET price = 1;
SELECT sku, cost_price FROM product_api.products;
SELECT * FROM product_import.products;
SELECT password_hash FROM auth_api.users;

\echo
\echo '--- A counter keeps itself: two more things on a wishlist.'
INSERT INTO wishlist_items (wishlist_id, product_id)
SELECT w.id, p.id FROM wishlists w, product_api.products p WHERE w.name = 'Wishlist' AND p.sku IN ('BOO-001', 'BOO-003');
SELECT name, item_count FROM wishlists ORDER BY name;

\echo
\echo '--- What has expired goes: saved carts, and lines of the log after 90 days.'
SELECT relation, age_column, keep FROM svc.retentions ORDER BY relation::text;
SELECT * FROM svc.expire_now() ORDER BY relation::text;
\set ECHO none
ROLLBACK;
SET client_min_messages = warning;
\set ECHO queries

\echo
\echo '--- Ids of others are checked: by a worker, a moment after they were committed, and by a sweep, like this one.'
INSERT INTO wishlist_items (wishlist_id, product_id) SELECT id, 999 FROM wishlists WHERE name = 'Kitchen';
CALL svc.check_references('wishlist_items_product_id_ref');
SELECT reference, key, state FROM svc.reference_violations;
DELETE FROM wishlist_items WHERE product_id = 999;
CALL svc.check_references('wishlist_items_product_id_ref');
SELECT reference, key, state FROM svc.reference_violations;

\echo
\echo '--- The product service sees who depends on it, and cannot break them without being told.'
\echo '\\connect' :product_db :product_user
\connect :product_db :product_user
\set ECHO none
BEGIN;
\set ECHO queries
SELECT entity, consumer, database FROM svc.consumers WHERE service = 'product' ORDER BY consumer, entity;
ALTER TABLE products DROP COLUMN sku;
\set ECHO none
ROLLBACK;
\set ECHO queries

\echo
\echo '--- Under a CHECK a counter keeps a limit: the first three customers, and no fourth.'
\echo '\\connect' :promotion_db :promotion_user
\connect :promotion_db :promotion_user
\set ECHO none
BEGIN;
\set ECHO queries
INSERT INTO promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount)
SELECT c.id, k.user_id, k.id, 1219, 50 FROM promo_codes c, cart_api.carts k
 WHERE c.code = 'LASTTHREE' AND k.status = 'active' AND k.user_id IS NOT NULL;
\set ECHO none
ROLLBACK;
\set ECHO queries

\echo
\echo '--- updated_at keeps itself, whatever the client writes there.'
\echo '\\connect' :auth_db :auth_user
\connect :auth_db :auth_user
\set ECHO none
BEGIN;
\set ECHO queries
UPDATE users SET is_verified = true, updated_at = '2001-01-01' WHERE username = 'kenji'
RETURNING username, updated_at = now() AS is_now;
\set ECHO none
ROLLBACK;
\set ECHO queries

\echo
\echo '--- As the administrator: the links answer, and nobody has a right too many or too few.'
\echo '\\connect' :cart_db postgres
\connect :cart_db :admin
SELECT service, ok FROM svc.check_connections() ORDER BY service;
\pset footer on
SELECT object, role, privilege, problem FROM svc.check_grants();
\pset footer off

\echo
\echo '--- A fifth service: one call makes its database, its roles and its login.'
\echo '\\connect' postgres postgres
\connect :admin_db :admin
SELECT svc.create_service('review', database => :'review_db', role_prefix => :'review_roles', login => :'review_user',
                          password => 'stars', login_level => 'owner', team => 'community');
\echo
\echo '--- It makes a table, as its migrations would, and shows it to the cart service.'
\echo '\\connect' :review_db :review_user
\setenv PGPASSWORD stars
\connect :review_db :review_user
\setenv PGPASSWORD
CREATE TABLE reviews (id bigint PRIMARY KEY, product_id bigint NOT NULL, stars int NOT NULL, note text);
INSERT INTO reviews VALUES (1, 1, 5, 'for internal use');
SELECT svc.publish('review', 'reviews', 'reviews', columns => '{id,product_id,stars}');
SELECT svc.grant_contract('review', 'cart');
\echo
\echo '--- The administrator connects the two, and the cart service reads it from now on.'
\echo '\\connect' :cart_db postgres
\connect :cart_db :admin
SELECT svc.connect('review', database => :'review_db');
\echo '\\connect' :cart_db :cart_user
\connect :cart_db :cart_user
SELECT p.name, r.stars FROM review_api.reviews r JOIN product_api.products p ON p.id = r.product_id;
\echo
\echo '--- A service that others read is not dropped,'
\echo '\\connect' postgres postgres
\connect :admin_db :admin
\set VERBOSITY default
SELECT svc.drop_service('review', drop_objects => true);
\set VERBOSITY terse
\echo
\echo '--- but when nobody reads it any more it goes, with its database, roles and login.'
\echo '\\connect' :cart_db postgres
\connect :cart_db :admin
SELECT svc.disconnect('review');
\echo '\\connect' :review_db postgres
\connect :review_db :admin
SELECT svc.revoke_contract('review', 'cart');
\echo '\\connect' postgres postgres
\connect :admin_db :admin
SELECT svc.drop_service('review', drop_objects => true);
SELECT (SELECT count(*) FROM pg_database WHERE datname ~ 'review') AS databases,
       (SELECT count(*) FROM pg_roles WHERE rolname ~ 'review') AS roles;
\set ECHO none
