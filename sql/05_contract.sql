-- What a service shows to others: published, granted, protected, checked.
SELECT svc.create_service('regress_product', schema => 'regress_product', login => 'regress_product_user', login_level => 'owner');
SELECT svc.create_service('regress_cart', schema => 'regress_cart', login => 'regress_cart_user');
SELECT svc.create_service('regress_other', schema => 'regress_other', login => 'regress_other_user');
SET ROLE regress_product_owner;
SET search_path = regress_product, public, svc_triggers;
CREATE TYPE mood AS ENUM ('fresh', 'stale');
CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0);
CREATE TABLE products (id uuid PRIMARY KEY, sku text UNIQUE, name text NOT NULL, price price, secret text, mood mood, tags text[],
                       active boolean DEFAULT true, code int, UNIQUE (code, name));
CREATE UNIQUE INDEX ON products (name) WHERE active;
CREATE UNIQUE INDEX ON products (lower(name));
INSERT INTO products VALUES ('00000000-0000-0000-0000-000000000001', 'a', 'apple', 1, 'x', 'fresh', '{red}', true, 1),
                            ('00000000-0000-0000-0000-000000000002', 'b', 'banana', 2, 'y', 'stale', '{yellow}', false, 2);
CREATE MATERIALIZED VIEW best AS SELECT id, name FROM products;
CREATE UNIQUE INDEX ON best (id);
CREATE VIEW cheap AS SELECT id, name FROM products;

-- publishing, as the owner does it in a migration
SELECT svc.publish('regress_product', 'products', 'products', columns => '{id,name,price,mood}', filter => 'active AND price > 0');
SELECT svc.publish('regress_product', 'best', 'best');
SELECT * FROM svc.entities ORDER BY entity;
-- the catalog, and so a dump, holds names of types
SELECT entity, types::text FROM svc.entity ORDER BY entity;
-- (before 16 columns come out with their table's name)
SELECT viewname, viewowner, regexp_replace(definition, '\mt\.', '', 'g') AS definition
  FROM pg_views WHERE schemaname = 'regress_product_api' ORDER BY 1;
SELECT reloptions FROM pg_class WHERE oid = 'regress_product_api.products'::regclass;
SELECT * FROM regress_product_api.products;
-- a key whose equality cannot be trusted, below a filter: it says so
SELECT svc.publish('regress_product', 'by_mood', 'products', key => 'sku', columns => '{sku,mood}', filter => 'active');
CREATE TABLE numbered (n numeric PRIMARY KEY, x int);
SELECT svc.publish('regress_product', 'numbered', 'numbered', key => 'n', filter => 'x > 0');
SELECT svc.unpublish('regress_product', 'numbered');
SELECT svc.unpublish('regress_product', 'by_mood');

-- what cannot be published
SELECT svc.publish('no_such', 'x', 'products');
SELECT svc.publish(NULL, 'x', 'products');
SELECT svc.publish('regress_product', '', 'products');
SELECT svc.publish('regress_product', 'x', NULL);
SELECT svc.publish('regress_product', 'x', 4294967295);
SELECT svc.publish('regress_product', 'products', 'products');
SELECT svc.publish('regress_product', 'x', 'products', key => 'code');
SELECT svc.publish('regress_product', 'x', 'products', key => 'name');
SELECT svc.publish('regress_product', 'x', 'products', key => 'no_such');
SELECT svc.publish('regress_product', 'x', 'products', key => 'ctid');
SELECT svc.publish('regress_product', 'x', 'cheap');
SELECT svc.publish('regress_product', 'x', 'products', columns => '{id,no_such}');
SELECT svc.publish('regress_product', 'x', 'products', columns => '{id,id}');
SELECT svc.publish('regress_product', 'x', 'products', columns => '{name}');
SELECT svc.publish('regress_product', 'x', 'products', columns => '{}');
SELECT svc.publish('regress_product', 'x', 'products', columns => ARRAY['id', NULL]::name[]);
SELECT svc.publish('regress_product', 'x', 'products', filter => '');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'price');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'no_such > 1');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'true) UNION SELECT (true');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'true FROM pg_authid');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'true; DROP TABLE products');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'true -- and more');
SELECT svc.unpublish('regress_product', 'x');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'EXISTS (SELECT 1)');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'count(*) > 1');
SELECT svc.publish('regress_product', 'x', 'products', filter => '$1');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'id = ''x''');
SELECT svc.publish('regress_product', 'x', 'products', replace => NULL);
SELECT svc.publish('regress_cart', 'x', 'products');
RESET ROLE;
SELECT svc.publish('regress_cart', 'x', 'products');
SELECT svc.publish('regress_product', 'x', 'pg_class', key => 'oid');
-- a function in a contract runs with the rights of whoever reads it, a superuser's too
CREATE FUNCTION regress_product.grab(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
ALTER FUNCTION regress_product.grab(text) OWNER TO regress_product_owner;
SELECT svc.publish('regress_product', 'x', 'products', filter => 'grab(name)');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'random() > 2');
SELECT svc.publish('regress_product', 'x', 'products', filter => 'lower(name) = ''apple'' AND now() > ''2000-01-01''');
SELECT svc.unpublish('regress_product', 'x');
-- a schema in the way
CREATE SCHEMA regress_cart_api;
CREATE TABLE regress_cart.carts (id int PRIMARY KEY);
SELECT svc.publish('regress_cart', 'carts', 'regress_cart.carts');
DROP SCHEMA regress_cart_api;

-- granting
SELECT svc.grant_contract('regress_product', 'regress_cart', 'products');
SELECT svc.grant_contract('regress_product', 'regress_cart', 'products');
SELECT svc.grant_contract('regress_product', 'regress_later');
SELECT svc.grant_contract('regress_product', 'regress_product');
SELECT svc.grant_contract('regress_product', 'regress_cart', 'no_such');
SELECT svc.grant_contract('no_such', 'regress_cart');
SELECT svc.grant_contract('regress_product', NULL);
SELECT service, entity, consumer, database = current_database() AS here FROM svc.consumers ORDER BY consumer;
SET ROLE regress_cart_user;
SELECT id, name FROM regress_product_api.products;
SELECT * FROM regress_product_api.best;
SELECT * FROM regress_product.products;
UPDATE regress_product_api.products SET name = 'x';
SELECT service, entity, consumer FROM svc.consumers;
SELECT entity, filter FROM svc.entities ORDER BY entity;
SET ROLE regress_other_user;
SELECT * FROM regress_product_api.products;
SELECT * FROM svc.consumers;
-- the service itself reads its own
SET ROLE regress_product_reader;
SELECT count(*) FROM regress_product_api.products;
SET ROLE regress_cart_owner;
SELECT svc.grant_contract('regress_product', 'regress_other');
SELECT svc.unpublish('regress_product', 'products');
RESET ROLE;
-- whoever was promised something gets it when he comes; also what comes later
SELECT svc.create_service('regress_later');
SELECT svc.publish('regress_product', 'later', 'products', columns => '{id}');
SELECT has_table_privilege('regress_later_reader', 'regress_product_api.best', 'SELECT') AS best,
       has_table_privilege('regress_later_owner', 'regress_product_api.later', 'SELECT') AS later,
       has_table_privilege('regress_cart_reader', 'regress_product_api.later', 'SELECT') AS cart;
SELECT * FROM svc.check_grants();
GRANT SELECT ON regress_product_api.best TO regress_other_user;
SELECT object, role, privilege, problem, fix FROM svc.check_grants();
REVOKE SELECT ON regress_product_api.best FROM regress_other_user;

-- taking back
SELECT svc.revoke_contract('regress_product', 'regress_later', 'best');
SELECT svc.revoke_contract('regress_product', 'regress_other');
SELECT svc.revoke_contract('regress_product', 'regress_cart', 'best');
SELECT svc.revoke_contract('regress_product', 'regress_later');
SELECT has_table_privilege('regress_later_reader', 'regress_product_api.best', 'SELECT') AS best,
       has_schema_privilege('regress_later_reader', 'regress_product_api', 'USAGE') AS schema;
SELECT * FROM svc.check_grants();
SELECT svc.drop_service('regress_later', drop_objects => true);

-- what is published cannot be changed unnoticed
SET ROLE regress_product_owner;
DROP VIEW regress_product_api.products;
DROP VIEW regress_product_api.products CASCADE;
DROP SCHEMA regress_product_api CASCADE;
ALTER TABLE products DROP COLUMN name;
ALTER TABLE products ALTER COLUMN name TYPE varchar(10);
DROP TABLE products;
CREATE OR REPLACE VIEW regress_product_api.products AS SELECT id, 'x'::text AS name, price, mood FROM products;
ALTER VIEW regress_product_api.products RENAME TO goods;
ALTER VIEW regress_product_api.products RENAME COLUMN name TO title;
ALTER VIEW regress_product_api.products SET SCHEMA regress_product;
ALTER TABLE regress_product_api.products OWNER TO regress_product_owner;
ALTER SCHEMA regress_product_api RENAME TO api;
SELECT * FROM svc.check_contracts();
-- a column that is renamed below keeps its name in the contract
ALTER TABLE products RENAME COLUMN name TO title;
SELECT name FROM regress_product_api.products;
SELECT * FROM svc.check_contracts();
ALTER TABLE products RENAME COLUMN title TO name;
-- and is changed by publishing again, as long as nobody would break
SELECT svc.publish('regress_product', 'products', 'products', columns => '{sku,id,name,price,mood}', replace => true);
SELECT attname FROM pg_attribute WHERE attrelid = 'regress_product_api.products'::regclass AND attnum > 0 ORDER BY attnum;
SELECT svc.publish('regress_product', 'products', 'products', columns => '{id,name}', replace => true);
SELECT svc.publish('regress_product', 'products', 'products', key => 'sku', replace => true);
SELECT svc.unpublish('regress_product', 'products');
SELECT svc.publish('regress_product', 'later', 'products', columns => '{sku}', key => 'sku', replace => true);
SELECT svc.unpublish('regress_product', 'later');
SELECT svc.unpublish('regress_product', 'later');
RESET ROLE;
SET search_path = public;

-- gone with its table: a warning, and who would break
BEGIN;
DROP TABLE regress_product.products CASCADE;
SELECT service, entity, problem, detail, consumers FROM svc.check_contracts();
SELECT item, state, detail FROM svc.status() WHERE item = 'service regress_product';
SELECT svc.export_contract('regress_product');
ROLLBACK;
-- the key or the table goes another way: a warning
BEGIN;
ALTER TABLE regress_product.products DROP CONSTRAINT products_pkey;
ALTER TABLE regress_product.products SET SCHEMA regress_other;
ROLLBACK;
-- made to differ with the event triggers off
BEGIN;
ALTER EVENT TRIGGER svc_ownership_ddl DISABLE;
SELECT item, state, hint FROM svc.status() WHERE item LIKE 'event%';
ALTER VIEW regress_product_api.products RENAME COLUMN name TO title;
ALTER TYPE regress_product.mood RENAME TO temper;
CREATE OR REPLACE VIEW regress_product_api.best AS SELECT id, name FROM regress_product.best WHERE random() < 2;
ALTER TABLE regress_product.products DROP CONSTRAINT products_pkey;
ALTER TABLE regress_product.products SET SCHEMA regress_other;
SELECT entity, problem, detail, consumers FROM svc.check_contracts();
ROLLBACK;
SELECT * FROM svc.check_contracts();

-- a stand-in for tests
SELECT svc.export_contract('regress_product');
SELECT svc.export_contract('regress_cart');
SELECT svc.export_contract('no_such');
SELECT svc.export_contract(NULL);
SELECT svc.export_contract('regress_product') AS script
\gset
BEGIN;
ALTER SCHEMA regress_product RENAME TO regress_product_real;
SELECT svc.alter_service('regress_product', new_name => 'regress_product_real');
\set QUIET 1
:script
\unset QUIET
SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'regress_product_api' ORDER BY 1, ordinal_position;
INSERT INTO regress_product_api.products (id, price) VALUES ('00000000-0000-0000-0000-000000000001', -1);
ROLLBACK;

-- somebody else's schema of such a name may be renamed
SELECT svc.create_service('regress_later');
CREATE SCHEMA regress_later_api;
ALTER SCHEMA regress_later_api RENAME TO regress_elsewhere;
DROP SCHEMA regress_elsewhere;
SELECT svc.drop_service('regress_later', drop_objects => true);

-- a service that is read is not dropped
SELECT svc.drop_service('regress_product', drop_objects => true);
SELECT svc.grant_contract('regress_product', 'regress_far_away');
SELECT svc.revoke_contract('regress_product', 'regress_cart');
SELECT svc.drop_service('regress_product', drop_objects => true);
-- (the order of the list of what it drops is not the same everywhere)
\set VERBOSITY terse
SELECT svc.drop_service('regress_product', drop_objects => true, force => true);
\set VERBOSITY default
SELECT svc.drop_service('regress_cart', drop_objects => true);
SELECT svc.drop_service('regress_other', drop_objects => true);
SELECT rolname FROM pg_roles WHERE rolname LIKE 'regress\_%';
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'regress\_%';
