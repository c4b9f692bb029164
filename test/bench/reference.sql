-- 100,000 parents in random order; children that differ in what checks their keys
SELECT svc.create_service('bench_product', schema => 'bench_product'), svc.create_service('bench_cart', schema => 'bench_cart');
CREATE TABLE bench_product.product (id uuid PRIMARY KEY, name text);
ALTER TABLE bench_product.product OWNER TO bench_product_owner;
INSERT INTO bench_product.product SELECT lpad(to_hex(i), 32, '0')::uuid, 'product ' || i FROM generate_series(1, 100000) i ORDER BY md5(i::text);
SELECT svc.publish('bench_product', 'product', 'bench_product.product'), svc.grant_contract('bench_product', 'bench_cart');
VACUUM ANALYZE bench_product.product;

-- What is inserted: 100,000 keys at random, each of them there
CREATE TABLE bench.chosen AS
SELECT i AS id, lpad(to_hex(1 + (abs(hashint4(i)::bigint) % 100000)), 32, '0')::uuid AS product_id FROM generate_series(1, 100000) i;
ANALYZE bench.chosen;

CREATE TABLE bench_cart.item_none (id bigint, product_id uuid);
CREATE TABLE bench_cart.item_fk (id bigint, product_id uuid REFERENCES bench_product.product);
CREATE TABLE bench_cart.item_late_fk (id bigint, product_id uuid REFERENCES bench_product.product DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE bench_cart.item_statement (id bigint, product_id uuid);
CREATE TABLE bench_cart.item_commit (id bigint, product_id uuid);
CREATE TABLE bench_cart.item_async (id bigint, product_id uuid);
SELECT svc.create_reference('bench_cart.item_statement', 'product_id', 'bench_product', 'product', mode => 'statement'),
       svc.create_reference('bench_cart.item_commit', 'product_id', 'bench_product', 'product', mode => 'commit'),
       svc.create_reference('bench_cart.item_async', 'product_id', 'bench_product', 'product', mode => 'async');

-- Single rows, 100 a transaction, without a client's round trips
SELECT format($$
CREATE PROCEDURE bench.add_to_%s(number int) LANGUAGE plpgsql AS $body$
BEGIN
	FOR i IN 1 .. number LOOP
		INSERT INTO bench_cart.item_%1$s VALUES (i, lpad(to_hex(1 + i * 7919 %% 100000), 32, '0')::uuid);
		IF i %% 100 = 0 THEN COMMIT; END IF;
	END LOOP;
END $body$ $$, name)
  FROM unnest(ARRAY['none', 'fk', 'late_fk', 'statement', 'commit', 'async']) name
\gexec
