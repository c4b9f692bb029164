-- Rows that refer to 100,000 parents in random order, all of them there
SELECT svc.create_service('sweep_product', schema => 'sweep_product'), svc.create_service('sweep_cart', schema => 'sweep_cart');
CREATE TABLE sweep_product.product (id uuid PRIMARY KEY);
ALTER TABLE sweep_product.product OWNER TO sweep_product_owner;
INSERT INTO sweep_product.product SELECT lpad(to_hex(i), 32, '0')::uuid FROM generate_series(1, 100000) i ORDER BY md5(i::text);
SELECT svc.publish('sweep_product', 'product', 'sweep_product.product'), svc.grant_contract('sweep_product', 'sweep_cart');
CREATE TABLE sweep_cart.item (id bigint, product_id uuid);
ALTER TABLE sweep_cart.item OWNER TO sweep_cart_owner;
INSERT INTO sweep_cart.item SELECT i, lpad(to_hex(1 + (abs(hashint4(i)::bigint) % 100000)), 32, '0')::uuid FROM generate_series(1, :sweep_rows) i;
VACUUM ANALYZE sweep_product.product, sweep_cart.item;
BEGIN;
SELECT svc.create_reference('sweep_cart.item', 'product_id', 'sweep_product', 'product', name => 'sweep_ref');
-- nobody sweeps but the measure
UPDATE svc.reference_state SET needs_sweep = false WHERE reference = 'sweep_ref';
COMMIT;
