-- Parents that differ in what notices that one goes: nothing, a foreign key, a reference.  Each has children
-- with an index, of its first half.
SELECT svc.create_service('parents_product', schema => 'parents_product'), svc.create_service('parents_cart', schema => 'parents_cart');
SELECT format($$
CREATE TABLE parents_product.product_%1$s (id uuid PRIMARY KEY, number int);
ALTER TABLE parents_product.product_%1$s OWNER TO parents_product_owner;
INSERT INTO parents_product.product_%1$s SELECT lpad(to_hex(i), 32, '0')::uuid, i FROM generate_series(1, 100000) i ORDER BY md5(i::text);
CREATE INDEX ON parents_product.product_%1$s (number);
CREATE TABLE parents_cart.item_%1$s (id bigint, product_id uuid);
ALTER TABLE parents_cart.item_%1$s OWNER TO parents_cart_owner;
INSERT INTO parents_cart.item_%1$s SELECT i, lpad(to_hex(1 + (abs(hashint4(i)::bigint) %% 50000)), 32, '0')::uuid FROM generate_series(1, 100000) i;
CREATE INDEX ON parents_cart.item_%1$s (product_id);
CREATE PROCEDURE bench.remove_from_%1$s(first int, number int) LANGUAGE plpgsql AS $body$
BEGIN
	FOR i IN first + 1 .. first + number LOOP
		DELETE FROM parents_product.product_%1$s WHERE id = lpad(to_hex(i), 32, '0')::uuid;
		IF i %% 100 = 0 THEN COMMIT; END IF;
	END LOOP;
END $body$ $$, name)
  FROM unnest(ARRAY['none', 'fk', 'watched']) name
\gexec
ALTER TABLE parents_cart.item_fk ADD FOREIGN KEY (product_id) REFERENCES parents_product.product_fk;
SELECT svc.publish('parents_product', 'product', 'parents_product.product_watched'), svc.grant_contract('parents_product', 'parents_cart');
SELECT svc.create_reference('parents_cart.item_watched', 'product_id', 'parents_product', 'product');
CALL svc.check_references();
VACUUM ANALYZE;
