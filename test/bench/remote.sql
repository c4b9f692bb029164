-- 100,000 products in a database of their own, read through a connection and
-- through foreign tables that are made by hand; all over TCP, with passwords
SELECT svc.create_service('bench_product', database => 'bench_product_db');
\connect bench_product_db
SET ROLE bench_product_owner;
CREATE TABLE products (
	id    uuid PRIMARY KEY,
	name  text NOT NULL,
	price numeric(10,2) NOT NULL,
	cost  numeric(10,2) NOT NULL
);
INSERT INTO products SELECT gen_random_uuid(), 'product ' || i, i % 1000, i % 500 FROM generate_series(1, 100000) i;
RESET ROLE;
VACUUM ANALYZE products;
SELECT svc.publish('bench_product', 'products', 'products', columns => '{id,name,price}');
SELECT svc.grant_contract('bench_product', 'bench_cart');

-- Who reads by hand reads the table
CREATE ROLE bench_hand_link LOGIN PASSWORD 'correct horse';
GRANT bench_product_reader TO bench_hand_link;
SELECT array_agg(id) AS keys FROM (SELECT id FROM products ORDER BY random() LIMIT 10000) p \gset

\connect :database
SELECT svc.create_service('bench_cart', schema => 'bench_cart', login => 'bench_cart_user');
SELECT svc.connect('bench_product', database => 'bench_product_db', consumer => 'bench_cart');

CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SERVER bench_hand FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '127.0.0.1', port :'PORT', dbname 'bench_product_db', updatable 'false');
CREATE USER MAPPING FOR bench_cart_user SERVER bench_hand OPTIONS (user 'bench_hand_link', password 'correct horse');
CREATE FOREIGN TABLE bench.products_hand (id uuid NOT NULL, name text NOT NULL, price numeric(10,2) NOT NULL)
	SERVER bench_hand OPTIONS (schema_name 'public', table_name 'products', fetch_size '10000');
CREATE FOREIGN TABLE bench.products_default (id uuid NOT NULL, name text NOT NULL, price numeric(10,2) NOT NULL)
	SERVER bench_hand OPTIONS (schema_name 'public', table_name 'products');
GRANT USAGE ON SCHEMA bench TO bench_cart_user;
GRANT SELECT ON bench.products_hand, bench.products_default TO bench_cart_user;
GRANT INSERT ON bench.timing TO bench_cart_user;

-- From here on it is the consumer's login that reads
\connect :database bench_cart_user
SET plan_cache_mode = force_generic_plan;	-- what a prepared statement comes to after five uses
PREPARE ours (uuid[]) AS SELECT id, name, price FROM bench_product_api.products WHERE id = ANY ($1);
PREPARE hand (uuid[]) AS SELECT id, name, price FROM bench.products_hand WHERE id = ANY ($1);
PREPARE hand_default (uuid[]) AS SELECT id, name, price FROM bench.products_default WHERE id = ANY ($1);
