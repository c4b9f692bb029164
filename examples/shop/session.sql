-- A customer's visit, as the four services' processes live it: each in its own
-- database, with its own limited login, by short transactions.  What others know
-- is read through their contracts.  It leaves nothing behind, so it can be run
-- again, also many times at once (each for another customer):
--
--   PGPASSFILE=... psql -X -d auth_db -U auth_user -f session.sql -v customer=kenji
--
-- It prints the same whether it talks to the server or to a pooler in transaction
-- mode: nothing in it hangs on a session.  Variables: customer, who must have no
-- active cart (kenji); prefix, as in databases.sql.

\set QUIET on
\set ON_ERROR_STOP on
\set VERBOSITY terse
\pset pager off
\pset footer off
\if :{?prefix}
\else
  \set prefix ''
\endif
\if :{?customer}
\else
  \set customer kenji
\endif
\ir names.sql

\echo '--- auth: the customer logs in'
\connect :auth_db :auth_user
SELECT current_user = :'auth_owner' AS works_as_owner, current_setting('search_path') AS search_path;
BEGIN;
SELECT id AS user_id FROM users WHERE username = :'customer' AND is_active \gset
INSERT INTO user_sessions (user_id, session_token, user_agent, expires_at)
VALUES (:'user_id', 'visit-' || :'customer', 'session.sql', now() + interval '1 hour');
UPDATE users SET last_login_at = now(), failed_login_attempts = 0
 WHERE id = :'user_id' RETURNING updated_at = now() AS kept;
COMMIT;

\echo '--- cart: what there is, as the product service shows it'
\connect :cart_db :cart_user
SELECT c.name AS category, p.sku, p.name, p.price, i.available_quantity > 0 AS available
  FROM product_api.products p
  JOIN product_api.categories c ON c.id = p.category_id
  LEFT JOIN product_api.product_inventory i ON i.product_id = p.id
 WHERE c.slug IN ('computing', 'laptops') AND p.status = 'active'
 ORDER BY p.sku;

\echo '--- cart: two books and a laptop'
BEGIN;
INSERT INTO carts (user_id)
SELECT id FROM auth_api.users WHERE id = :'user_id' AND is_active
RETURNING id AS cart_id \gset
INSERT INTO cart_items (cart_id, product_id, variant_id, quantity, unit_price)
SELECT :'cart_id', p.id, v.id, w.quantity, p.price + coalesce(v.price_adjustment, 0)
  FROM (VALUES ('BOO-001', NULL, 2), ('LAP-001', 'LAP-001-1TB', 1)) w (sku, variant, quantity)
  JOIN product_api.products p USING (sku)
  LEFT JOIN product_api.product_variants v ON v.sku = w.variant;
INSERT INTO reference_validation_log (reference_type, reference_id, referencing, status)
SELECT 'product', i.product_id, 'visit of ' || :'customer', CASE WHEN p.id IS NULL THEN 'missing' ELSE 'valid' END
  FROM cart_items i
  LEFT JOIN product_api.products p ON p.id = i.product_id
 WHERE i.cart_id = :'cart_id';
INSERT INTO cart_view (cart_item_id, cart_id, user_id, product_id, variant_id, product_sku, product_name,
                       variant_name, image_url, unit_price, quantity, stock_quantity)
SELECT i.id, i.cart_id, :'user_id', i.product_id, i.variant_id, p.sku, p.name, v.name, m.url,
       i.unit_price, i.quantity, coalesce(v.stock_quantity, s.available_quantity)
  FROM cart_items i
  JOIN product_api.products p ON p.id = i.product_id
  LEFT JOIN product_api.product_variants v ON v.id = i.variant_id
  LEFT JOIN product_api.product_inventory s ON s.product_id = p.id
  LEFT JOIN product_api.product_images m ON m.product_id = p.id
 WHERE i.cart_id = :'cart_id';
COMMIT;
SELECT product_sku, variant_name, unit_price, quantity, line_total FROM cart_view WHERE cart_id = :'cart_id' ORDER BY product_sku;
SELECT status, item_count FROM carts WHERE id = :'cart_id';
SELECT status, count(*) FROM reference_validation_log WHERE referencing = 'visit of ' || :'customer' GROUP BY status;

\echo '--- cart: the table itself, and a second active cart, are refused'
\set ON_ERROR_STOP off
SELECT cost_price FROM product_import.products;
\echo :SQLSTATE
UPDATE product_api.products SET price = 1;
\echo :SQLSTATE
INSERT INTO carts (user_id) VALUES (:'user_id');
\echo :SQLSTATE
\set ON_ERROR_STOP on

\echo '--- cart: codes that fit'
SELECT sum(line_total) AS total FROM cart_view WHERE cart_id = :'cart_id' \gset
SELECT code, discount_type, discount_value FROM promotion_api.promo_codes
 WHERE min_order_amount <= :total AND code IN ('BOOKS5', 'FREESHIP', 'COMEBACK') ORDER BY code;

\echo '--- promotion: a code is used, once'
\connect :promotion_db :promotion_user
BEGIN;
INSERT INTO promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount)
SELECT c.id, k.user_id, k.id, :total, least(c.discount_value, :total)
  FROM promo_codes c
  JOIN cart_api.carts k ON k.id = :'cart_id' AND k.status = 'active'
 WHERE c.code = 'BOOKS5'
RETURNING order_total, discount_amount;
COMMIT;
\set ON_ERROR_STOP off
INSERT INTO promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount)
SELECT c.id, k.user_id, k.id, :total, least(c.discount_value, :total)
  FROM promo_codes c
  JOIN cart_api.carts k ON k.id = :'cart_id'
 WHERE c.code = 'BOOKS5';
\echo :SQLSTATE
\set ON_ERROR_STOP on

\echo '--- product: the goods are put aside'
\connect :product_db :product_user
UPDATE product_inventory i SET reserved_quantity = reserved_quantity + 1
  FROM products p
 WHERE p.id = i.product_id AND p.sku = 'LAP-001'
RETURNING i.updated_at = now() AS kept;

\echo '--- cart: ordered'
\connect :cart_db :cart_user
UPDATE carts SET status = 'converted', promo_code = 'BOOKS5' WHERE id = :'cart_id' RETURNING status, promo_code, item_count;

\echo '--- and all of it is taken back'
DELETE FROM carts WHERE id = :'cart_id';
DELETE FROM reference_validation_log WHERE referencing = 'visit of ' || :'customer';
\connect :product_db :product_user
UPDATE product_inventory i SET reserved_quantity = reserved_quantity - 1
  FROM products p
 WHERE p.id = i.product_id AND p.sku = 'LAP-001';
\connect :promotion_db :promotion_user
DELETE FROM promo_usage WHERE cart_id = :'cart_id';
\connect :auth_db :auth_user
DELETE FROM user_sessions WHERE session_token = 'visit-' || :'customer';
SELECT count(*) AS sessions FROM user_sessions WHERE session_token = 'visit-' || :'customer';
