-- References: what can be declared and what cannot, the triggers that say it,
-- and how both follow what is renamed, attached, detached and dropped.  What
-- triggers do with keys is tested in 26_reference_check.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SET client_min_messages = warning;
SELECT svc.create_service('regress_product', schema => 'regress_product'),
       svc.create_service('regress_cart', schema => 'regress_cart');
CREATE TABLE regress_product.products (id uuid PRIMARY KEY, name text);
CREATE TABLE regress_product.numbers (id bigint PRIMARY KEY, code varchar(10) UNIQUE);
CREATE TYPE regress_product.pair AS (a int, b int);
CREATE TABLE regress_product.pairs (id regress_product.pair PRIMARY KEY);
CREATE TABLE regress_product.lists (id int[] PRIMARY KEY);
CREATE TABLE regress_product.bits (id bit(8) PRIMARY KEY);
CREATE TABLE regress_cart.items (id int PRIMARY KEY, product_id uuid, products uuid[], number int, code text, note json,
    required uuid NOT NULL DEFAULT gen_random_uuid(), doubled bigint GENERATED ALWAYS AS (number * 2) STORED,
    pair regress_product.pair, pairs int[], bits bit(8));
DO $$
DECLARE
    t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'regress_product'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO regress_product_owner', t);
    END LOOP;
END $$;
ALTER TYPE regress_product.pair OWNER TO regress_product_owner;
ALTER TABLE regress_cart.items OWNER TO regress_cart_owner;
SELECT svc.publish('regress_product', 'products', 'regress_product.products'),
       svc.publish('regress_product', 'numbers', 'regress_product.numbers'),
       svc.publish('regress_product', 'codes', 'regress_product.numbers', key => 'code'),
       svc.publish('regress_product', 'pairs', 'regress_product.pairs'),
       svc.publish('regress_product', 'lists', 'regress_product.lists'),
       svc.publish('regress_product', 'bits', 'regress_product.bits');
SET client_min_messages = notice;

-- only what the service was granted
SELECT svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products');
SELECT svc.grant_contract('regress_product', 'regress_cart');

CREATE FUNCTION pg_temp.triggers(source regclass) RETURNS TABLE (name name, definition text) LANGUAGE sql AS $$
SELECT t.tgname, regexp_replace(pg_get_triggerdef(t.oid), '^CREATE (CONSTRAINT )?TRIGGER ("[^"]*"|\S+) ', '\1')
  FROM pg_trigger t WHERE t.tgrelid = source AND NOT t.tgisinternal ORDER BY 1 $$;

-- a declaration is its triggers
SELECT svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products');
SELECT * FROM pg_temp.triggers('regress_cart.items');
SELECT reference, relation, column_name, service, entity, mode, on_missing, on_unavailable, on_delete, cache_ttl, validator, validated, declared_mode
  FROM svc.references_declared;
SELECT reference, trigger, needs_sweep, last_error FROM svc.reference_status;
-- commit mode has a constraint trigger besides
SELECT svc.create_reference('regress_cart.items', 'products', 'regress_product', 'products', mode => 'commit', name => 'all of them', on_missing => 'report',
                            on_unavailable => 'reject', on_delete => 'keep', cache_ttl => '5 minutes');
SELECT * FROM pg_temp.triggers('regress_cart.items') WHERE name LIKE 'all%';
-- types that an index on the key can be searched by
SELECT svc.create_reference('regress_cart.items', 'number', 'regress_product', 'numbers');
SELECT svc.create_reference('regress_cart.items', 'code', 'regress_product', 'codes');
SELECT svc.create_reference('regress_cart.items', 'doubled', 'regress_product', 'numbers', mode => 'off');

-- what is refused: arguments
SELECT svc.create_reference(NULL, 'product_id', 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.items', NULL, 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', mode => 'later');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', on_missing => 'accept');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', on_unavailable => 'wait');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', on_delete => 'cascade');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', cache_ttl => '-1 s');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', cache_ttl => '2 days');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', name => '');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', name => repeat('x', 56)::name);
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', name => 'all of them');
SELECT svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products', name => 'again');
-- columns and keys
SELECT svc.create_reference('regress_cart.items', 'no_such', 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.items', 'ctid', 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.items', 'id', 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.items', 'note', 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.items', 'pair', 'regress_product', 'pairs');
SELECT svc.create_reference('regress_cart.items', 'pairs', 'regress_product', 'lists');
SELECT svc.create_reference('regress_cart.items', 'bits', 'regress_product', 'bits');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', on_delete => 'set_null');
SELECT svc.create_reference('regress_cart.items', 'products', 'regress_product', 'products', on_delete => 'delete', name => 'x');
-- services and contracts
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_nobody', 'products');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'no_such');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_cart', 'items');
CREATE TABLE pg_temp.mine (id uuid);
SELECT svc.create_reference('pg_temp.mine', 'id', 'regress_product', 'products');
CREATE TABLE public.regress_free (id uuid);
SELECT svc.create_reference('public.regress_free', 'id', 'regress_product', 'products');
SELECT svc.create_reference('regress_product_api.products', 'id', 'regress_product', 'products');
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
CREATE FOREIGN TABLE regress_cart.far (id uuid) SERVER regress_server;
SELECT svc.create_reference('regress_cart.far', 'id', 'regress_product', 'products');
-- a plain table is a contract, too: by its primary key
CREATE SCHEMA regress_away_api;
CREATE TABLE regress_away_api.things (id uuid PRIMARY KEY, name text);
CREATE TABLE regress_away_api.keyless (id uuid);
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_away', 'keyless');
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_away', 'things');
GRANT USAGE ON SCHEMA regress_away_api TO regress_cart_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA regress_away_api TO regress_cart_owner;
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_away', 'things', name => 'away');
-- a foreign table, or a view of one, is read by a worker
CREATE FOREIGN TABLE regress_away_api.far (id uuid NOT NULL) SERVER regress_server;
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_away', 'far');
-- people
CREATE ROLE regress_stranger;
SET ROLE regress_stranger;
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products');
SELECT count(*) FROM svc.references_declared;
SELECT count(*) FROM svc.reference_status;
RESET ROLE;
SET ROLE regress_cart_writer;
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products');
RESET ROLE;
SET ROLE regress_cart_owner;
SELECT svc.create_reference('regress_cart.items', 'required', 'regress_product', 'products', name => 'own');
SELECT count(*) FROM svc.references_declared;
RESET ROLE;
SET ROLE regress_product_reader;
SELECT count(*) FROM svc.references_declared;
SELECT count(*) FROM svc.reference_status;
RESET ROLE;
SET ROLE regress_stranger;
SELECT svc.drop_reference('own');
SELECT svc.alter_reference('own', mode => 'off');
RESET ROLE;
-- the owner of the table who is not the service's
ALTER TABLE regress_free OWNER TO regress_stranger;
SELECT svc.assign('regress_cart', 'regress_free');
GRANT EXECUTE ON FUNCTION svc.create_reference TO regress_stranger;
SET ROLE regress_stranger;
SELECT svc.create_reference('regress_free', 'id', 'regress_product', 'products');
RESET ROLE;
SELECT svc.create_reference('regress_free', 'id', 'regress_product', 'products');
-- nothing runs as a superuser
ALTER ROLE regress_cart_owner SUPERUSER;
SELECT svc.create_reference('regress_cart.items', 'id', 'regress_product', 'numbers');
ALTER ROLE regress_cart_owner NOSUPERUSER;

-- validators
CREATE FUNCTION regress_cart.none_missing(keys uuid[]) RETURNS SETOF uuid LANGUAGE sql AS 'SELECT NULL::uuid WHERE false';
CREATE FUNCTION regress_cart.any_missing(keys anyarray) RETURNS SETOF anyelement LANGUAGE sql AS 'SELECT keys[1] WHERE false';
CREATE FUNCTION regress_cart.one(keys uuid[]) RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
CREATE FUNCTION regress_cart.ints(keys int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT NULL::int WHERE false';
CREATE FUNCTION regress_cart.secret(keys uuid[]) RETURNS SETOF uuid LANGUAGE sql AS 'SELECT NULL::uuid WHERE false';
REVOKE EXECUTE ON FUNCTION regress_cart.secret FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION regress_cart.secret FROM regress_cart_owner;
SELECT svc.alter_reference('own', validator => 'regress_cart.no_such(uuid[])');
SELECT svc.alter_reference('own', validator => 'regress_cart.one(uuid[])');
SELECT svc.alter_reference('own', validator => 'regress_cart.ints(int[])');
SELECT svc.alter_reference('own', validator => 'pg_catalog.array_to_string(anyarray, text)');
SELECT svc.alter_reference('own', validator => 'regress_cart.secret(uuid[])');
SELECT svc.alter_reference('own', validator => 'regress_cart.any_missing(anyarray)');
SELECT svc.alter_reference('own', validator => 'regress_cart.none_missing(uuid[])');
SELECT validator FROM svc.references_declared WHERE reference = 'own';
-- or by their names alone: the one for such keys, the one for any, or the only one
CREATE FUNCTION regress_cart.any_missing(keys uuid[]) RETURNS SETOF uuid LANGUAGE sql AS 'SELECT keys[1] WHERE false';
SELECT svc.alter_reference('own', validator => 'regress_cart.any_missing');
SELECT validator FROM svc.references_declared WHERE reference = 'own';
DROP FUNCTION regress_cart.any_missing(uuid[]);
SELECT svc.alter_reference('own', validator => 'regress_cart.any_missing');
SELECT validator FROM svc.references_declared WHERE reference = 'own';
SELECT svc.alter_reference('own', validator => 'regress_cart.no_such');
CREATE FUNCTION regress_cart.several(keys int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT keys[1] WHERE false';
CREATE FUNCTION regress_cart.several(keys text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT keys[1] WHERE false';
SELECT svc.alter_reference('own', validator => 'regress_cart.several');
DROP FUNCTION regress_cart.several(int[]), regress_cart.several(text[]);
SELECT svc.alter_reference('own', validator => 'regress_cart.ints');
SELECT svc.alter_reference('own', validator => 'regress_cart.');
SELECT svc.alter_reference('own', validator => 'regress_cart.none_missing');
-- they are followed under other names
ALTER FUNCTION regress_cart.none_missing RENAME TO "None missing";
ALTER FUNCTION regress_cart."None missing" SET SCHEMA public;
SELECT r.validator, s.trigger FROM svc.references_declared r JOIN svc.reference_status s USING (reference) WHERE reference = 'own';
SELECT definition FROM pg_temp.triggers('regress_cart.items') WHERE name = 'own_insert';

-- changing
SELECT svc.alter_reference('no such', mode => 'off');
SELECT svc.alter_reference('own', on_delete => 'set_null');
SELECT svc.alter_reference('own', new_name => 'away');
SELECT svc.alter_reference('own', validator => '', mode => 'commit', on_missing => 'report', cache_ttl => '0');
SELECT mode, on_missing, on_unavailable, on_delete, cache_ttl, validator FROM svc.references_declared WHERE reference = 'own';
SELECT name, definition FROM pg_temp.triggers('regress_cart.items') WHERE name LIKE 'own%';
SELECT svc.alter_reference('own', mode => 'off', new_name => 'owned');
SELECT name FROM pg_temp.triggers('regress_cart.items') WHERE name LIKE 'own%';
SELECT reference, trigger, needs_sweep FROM svc.reference_status WHERE reference LIKE 'own%';
SELECT svc.alter_reference('owned', mode => 'default');
SELECT mode, declared_mode FROM svc.references_declared WHERE reference LIKE 'own%';

-- the state of triggers
ALTER TABLE regress_cart.items DISABLE TRIGGER owned_insert;
DROP TRIGGER away_update ON regress_cart.items;
CREATE OR REPLACE TRIGGER cart_items AFTER INSERT ON regress_cart.items FOR EACH STATEMENT EXECUTE FUNCTION svc.check_reference('x');
SELECT reference, trigger FROM svc.reference_status ORDER BY 1;
SELECT item, state, detail, hint FROM svc.status() WHERE item LIKE 'reference%' ORDER BY 1;
DROP TRIGGER cart_items ON regress_cart.items;
-- they can be made again; a worker may look at the rows that came before
SELECT svc.alter_reference('away');
SELECT reference, trigger FROM svc.reference_status WHERE reference = 'away';
-- a trigger is known by its name
ALTER TRIGGER owned_insert ON regress_cart.items RENAME TO mine;

-- names follow
ALTER TABLE regress_cart.items RENAME COLUMN product_id TO "Product; id";
ALTER TABLE regress_cart.items RENAME COLUMN products TO many;
ALTER TABLE regress_cart.items RENAME TO "Items";
ALTER TABLE regress_away_api.things RENAME COLUMN id TO "the id";
ALTER TABLE regress_away_api.things RENAME TO "Things";
SELECT r.reference, r.relation, r.column_name, r.service, r.entity, s.trigger
  FROM svc.references_declared r JOIN svc.reference_status s USING (reference) ORDER BY 1;
SELECT name, definition FROM pg_temp.triggers('regress_cart."Items"') WHERE name ~ 'away|all';
SELECT svc.alter_service('regress_product', new_name => 'regress_catalogue');
SELECT r.reference, r.service, r.entity, s.trigger
  FROM svc.references_declared r JOIN svc.reference_status s USING (reference) ORDER BY 1;
SELECT name, definition FROM pg_temp.triggers('regress_cart."Items"') WHERE name ~ 'insert';
SELECT svc.alter_service('regress_cart', new_name => 'regress_basket');
SELECT count(*) FROM svc.references_declared;
SELECT svc.alter_service('regress_catalogue', new_name => 'regress_product'), svc.alter_service('regress_basket', new_name => 'regress_cart');
ALTER TABLE regress_cart."Items" RENAME TO items;

-- types: what cannot be compared any more is refused
ALTER TABLE regress_cart.items DROP COLUMN doubled;
ALTER TABLE regress_cart.items ALTER COLUMN number TYPE text;
ALTER TABLE regress_cart.items ALTER COLUMN number TYPE bigint;
SELECT reference, trigger FROM svc.reference_status WHERE reference LIKE '%number%' OR reference LIKE '%doubled%';

-- what is needed stays
SELECT svc.unpublish('regress_product', 'products');
SELECT svc.revoke_contract('regress_product', 'regress_cart');
SELECT svc.unpublish('regress_product', 'products');
SELECT svc.publish('regress_product', 'codes', 'regress_product.numbers', replace => true);
SELECT svc.drop_service('regress_product');
DROP VIEW regress_product_api.products;
SELECT svc.unpublish('regress_product', 'products', force => true);
SELECT reference, mode FROM svc.references_declared WHERE entity = 'products' ORDER BY 1;
SELECT reference, trigger FROM svc.reference_status ORDER BY 1;
SELECT item, state, detail, hint FROM svc.status() WHERE item LIKE 'reference%' AND state <> 'ok' AND item <> 'reference away' ORDER BY 1;
SELECT svc.publish('regress_product', 'products', 'regress_product.products'), svc.grant_contract('regress_product', 'regress_cart');
SELECT reference, trigger FROM svc.reference_status ORDER BY 1;
DROP TABLE regress_away_api."Things";

-- ends
SELECT svc.drop_reference('all of them');
SELECT svc.drop_reference('all of them');
SELECT svc.drop_reference('all of them', if_exists => true);
ALTER TABLE regress_cart.items DROP COLUMN required;
-- a column with a constraint trigger goes with CASCADE only
SELECT svc.create_reference('regress_cart.items', 'many', 'regress_product', 'products', mode => 'commit');
ALTER TABLE regress_cart.items DROP COLUMN many;
ALTER TABLE regress_cart.items DROP COLUMN many CASCADE;
DROP TABLE regress_free;
SELECT reference, trigger FROM svc.reference_status ORDER BY 1;
SELECT name FROM pg_temp.triggers('regress_cart.items');
SELECT count(*) FROM svc.reference_state x WHERE NOT EXISTS (SELECT FROM svc.reference r WHERE r.reference = x.reference);

-- partitions and children: each has the statement triggers
CREATE TABLE regress_cart.orders (id int, at date, product_id uuid) PARTITION BY RANGE (at);
ALTER TABLE regress_cart.orders OWNER TO regress_cart_owner;
SET ROLE regress_cart_owner;
SET search_path = regress_cart;
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT svc.create_reference('orders_1', 'product_id', 'regress_product', 'products');
SELECT svc.create_reference('orders', 'product_id', 'regress_product', 'products', mode => 'commit', name => 'ordered');
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (id);
CREATE TABLE orders_2_1 PARTITION OF orders_2 FOR VALUES IN (1);
CREATE TABLE orders_3 (id int, at date, product_id uuid);
INSERT INTO orders_3 VALUES (3, '2026-03-03', gen_random_uuid());
ALTER TABLE orders ATTACH PARTITION orders_3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
CREATE VIEW pg_temp.made AS
SELECT t.tgrelid::regclass AS relation, array_agg(t.tgname ORDER BY t.tgname) AS triggers
  FROM pg_trigger t WHERE t.tgrelid::regclass::text ~ 'orders|logs' AND NOT (t.tgisinternal AND t.tgparentid = 0) GROUP BY 1 ORDER BY 1;
SELECT * FROM pg_temp.made;
SELECT reference, trigger, needs_sweep FROM svc.reference_status WHERE reference LIKE 'order%';
-- one that leaves keeps what was checked, as it keeps foreign keys
ALTER TABLE orders DETACH PARTITION orders_1;
ALTER TABLE orders DETACH PARTITION orders_2;
SELECT * FROM pg_temp.made;
SELECT reference, relation, declared_mode FROM svc.references_declared WHERE reference LIKE 'order%' ORDER BY 1;
SELECT reference, trigger FROM svc.reference_status WHERE reference LIKE 'order%' ORDER BY 1;
-- and gives it up when it comes back
ALTER TABLE orders ATTACH PARTITION orders_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT * FROM pg_temp.made;
SELECT reference, relation, declared_mode FROM svc.references_declared WHERE reference LIKE 'order%' ORDER BY 1;
-- a column renamed in all of them
ALTER TABLE orders RENAME COLUMN product_id TO product;
SELECT reference, trigger FROM svc.reference_status WHERE reference LIKE 'order%' ORDER BY 1;
SELECT definition FROM pg_temp.triggers('orders_2_1');
-- modes change in all of them
SELECT svc.alter_reference('ordered', mode => 'statement');
SELECT * FROM pg_temp.made;
SELECT svc.alter_reference('ordered', mode => 'commit', new_name => 'in order');
SELECT * FROM pg_temp.made;
-- a part with a reference that the whole has not
SELECT svc.drop_reference('in order');
ALTER TABLE orders_1 RENAME COLUMN product_id TO product;
ALTER TABLE orders ATTACH PARTITION orders_1 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
DROP TABLE orders;
-- children
CREATE TABLE logs (product_id uuid);
SELECT svc.create_reference('logs', 'product_id', 'regress_product', 'products', mode => 'commit');
CREATE TABLE logs_1 () INHERITS (logs);
CREATE TABLE logs_2 (product_id uuid);
ALTER TABLE logs_2 INHERIT logs;
SELECT * FROM pg_temp.made;
ALTER TABLE logs_1 NO INHERIT logs;
SELECT * FROM pg_temp.made;
SELECT svc.drop_reference('logs_product_id_ref');
SELECT * FROM pg_temp.made;
-- long names are cut, and leave room for triggers
CREATE TABLE a_table_with_a_name_that_goes_on_and_on_and_does_not_end_early (product_id uuid, another_column_with_a_long_name_that_does_not_end uuid);
SELECT svc.create_reference('a_table_with_a_name_that_goes_on_and_on_and_does_not_end_early', 'product_id', 'regress_product', 'products');
SELECT svc.create_reference('a_table_with_a_name_that_goes_on_and_on_and_does_not_end_early', 'another_column_with_a_long_name_that_does_not_end', 'regress_product', 'products');
SELECT octet_length(reference::text) FROM svc.references_declared WHERE relation = 'a_table_with_a_name_that_goes_on_and_on_and_does_not_end_early'::regclass;
-- rows that are there
CREATE TABLE full_one AS SELECT gen_random_uuid() AS product_id FROM generate_series(1, 1000);
SELECT svc.create_reference('full_one', 'product_id', 'regress_product', 'products');
ANALYZE full_one;
SELECT svc.drop_reference('full_one_product_id_ref');
SELECT svc.create_reference('full_one', 'product_id', 'regress_product', 'products');
SELECT reference, validated, needs_sweep FROM svc.references_declared JOIN svc.reference_status USING (reference) WHERE reference LIKE 'full%';
-- in a transaction
BEGIN;
SELECT svc.drop_reference('full_one_product_id_ref');
ROLLBACK;
SELECT reference, trigger FROM svc.reference_status WHERE reference LIKE 'full%';
RESET search_path;
RESET ROLE;

-- rows that came while triggers were not there, or disabled: whatever a sweep saw before, it may not have seen them
CREATE PROCEDURE pg_temp.unchecked_after(command text) LANGUAGE plpgsql AS $$
DECLARE
    unchecked text;
BEGIN
    UPDATE svc.reference_state SET needs_sweep = false;
    EXECUTE command;
    SELECT string_agg(reference, ', ' ORDER BY reference) INTO unchecked FROM svc.reference_state WHERE needs_sweep;
    RAISE INFO '%: %', command, coalesce(unchecked, '-');
END $$;
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE svc.reference_state SET needs_sweep = false;
ALTER TABLE regress_cart.full_one DISABLE TRIGGER USER;
CALL pg_temp.unchecked_after('ALTER TABLE regress_cart.full_one ENABLE TRIGGER USER');
CALL pg_temp.unchecked_after('ALTER TABLE regress_cart.full_one ENABLE TRIGGER ALL');
CALL pg_temp.unchecked_after('ALTER TABLE regress_cart.full_one ENABLE TRIGGER full_one_product_id_ref_update');
CALL pg_temp.unchecked_after('ALTER TABLE regress_cart.full_one ENABLE ALWAYS TRIGGER full_one_product_id_ref_update');
CALL pg_temp.unchecked_after('ALTER TABLE regress_cart.full_one DISABLE TRIGGER ALL');
SELECT pg_get_triggerdef(oid) AS made FROM pg_trigger WHERE tgname = 'full_one_product_id_ref_insert' \gset
CALL pg_temp.unchecked_after('DROP TRIGGER full_one_product_id_ref_insert ON regress_cart.full_one');
SAVEPOINT dropped;
CALL pg_temp.unchecked_after(:'made');
ROLLBACK TO dropped;
CALL pg_temp.unchecked_after($$SELECT svc.alter_reference('full_one_product_id_ref')$$);
CALL pg_temp.unchecked_after($$SELECT svc.alter_reference('full_one_product_id_ref', mode => 'async')$$);
CALL pg_temp.unchecked_after($$SELECT svc.alter_reference('full_one_product_id_ref', mode => 'commit')$$);
CALL pg_temp.unchecked_after($$SELECT svc.alter_reference('full_one_product_id_ref', validator => 'public."None missing"(uuid[])')$$);
CALL pg_temp.unchecked_after($$SELECT svc.alter_reference('full_one_product_id_ref', validator => 'public."None missing"(uuid[])')$$);
CALL pg_temp.unchecked_after($$SELECT svc.alter_reference('full_one_product_id_ref', validator => '')$$);
-- a part's, and the triggers that see keys go
SELECT svc.drop_reference('full_one_product_id_ref');
SELECT svc.create_reference('regress_cart.logs', 'product_id', 'regress_product', 'products');
CALL pg_temp.unchecked_after('ALTER TABLE regress_cart.logs_2 ENABLE TRIGGER logs_product_id_ref_insert');
CALL pg_temp.unchecked_after('ALTER TABLE regress_product.products ENABLE TRIGGER ALL');
CALL pg_temp.unchecked_after('CREATE TRIGGER another BEFORE INSERT ON regress_product.products FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()');
ROLLBACK;

-- services go: with their references, and not while they are referred to
SELECT svc.drop_service('regress_product', drop_objects => true);
DROP FOREIGN TABLE regress_cart.far;
SELECT svc.drop_service('regress_cart');
SELECT count(*) FROM svc.references_declared;
SELECT * FROM pg_temp.triggers('regress_cart.full_one');
SET client_min_messages = warning;
DROP SCHEMA regress_cart, regress_away_api CASCADE;
SELECT svc.drop_service('regress_product', drop_objects => true);
DROP FUNCTION public."None missing";
DROP FOREIGN DATA WRAPPER regress_fdw CASCADE;
REVOKE EXECUTE ON FUNCTION svc.create_reference FROM regress_stranger;
DROP OWNED BY regress_cart_owner, regress_cart_writer, regress_cart_reader, regress_stranger;
DROP ROLE regress_cart_owner, regress_cart_writer, regress_cart_reader, regress_stranger;
