-- References where tables, types and circumstances are strange: what a foreign key
-- would refuse is refused, and what nobody checked is known to need a sweep.
SET client_min_messages = warning;
SELECT svc.create_service('goods', schema => 'goods', role_prefix => 'regress_goods'),
       svc.create_service('basket', schema => 'basket', role_prefix => 'regress_basket');
RESET client_min_messages;
SET ROLE regress_goods_owner;
CREATE TABLE goods.products (id int PRIMARY KEY);
INSERT INTO goods.products SELECT generate_series(1, 10);
SELECT svc.publish('goods', 'products', 'goods.products'), svc.grant_contract('goods', 'basket');
RESET ROLE;

-- A row that a trigger moves to another partition is still there
SET ROLE regress_basket_owner;
CREATE TABLE basket.shelves (id int, floor int, product_id int) PARTITION BY LIST (floor);
CREATE TABLE basket.shelves_1 PARTITION OF basket.shelves FOR VALUES IN (1);
CREATE TABLE basket.shelves_2 PARTITION OF basket.shelves FOR VALUES IN (2);
SELECT svc.create_reference('basket.shelves', 'product_id', 'goods', 'products');
CREATE FUNCTION basket.lift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE basket.shelves SET floor = 2 WHERE id = NEW.id AND floor = 1;
    RETURN NULL;
END $$;
CREATE TRIGGER lift AFTER INSERT ON basket.shelves_1 FOR EACH ROW EXECUTE FUNCTION basket.lift();
INSERT INTO basket.shelves_1 VALUES (1, 1, 99);
INSERT INTO basket.shelves_1 VALUES (1, 1, 1);
SELECT * FROM basket.shelves;
DROP TABLE basket.shelves;

-- Keys are the same if the contract says so, whatever the column's collation says
RESET ROLE;
CREATE COLLATION public.either_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SET ROLE regress_goods_owner;
CREATE TABLE goods.codes (code text COLLATE public.either_case PRIMARY KEY);
CREATE TABLE goods.exact (code text PRIMARY KEY);
INSERT INTO goods.codes VALUES ('A'), ('B');
INSERT INTO goods.exact VALUES ('A'), ('a');
SELECT svc.publish('goods', 'codes', 'goods.codes', 'code'), svc.publish('goods', 'exact', 'goods.exact', 'code'),
       svc.grant_contract('goods', 'basket');
SET ROLE regress_basket_owner;
CREATE TABLE basket.plain (id int, code text);
CREATE TABLE basket.lists (id int, codes text[]);
CREATE TABLE basket.loose (id int, code text COLLATE public.either_case);
SELECT svc.create_reference('basket.plain', 'code', 'goods', 'codes', on_delete => 'delete'),
       svc.create_reference('basket.lists', 'codes', 'goods', 'codes'),
       svc.create_reference('basket.loose', 'code', 'goods', 'exact', on_delete => 'delete');
INSERT INTO basket.plain VALUES (1, 'a'), (2, 'A'), (3, 'b');
INSERT INTO basket.lists VALUES (1, '{a,B}'), (2, '{A}'), (3, '{b}');
INSERT INTO basket.loose VALUES (1, 'a'), (2, 'A');
INSERT INTO basket.loose VALUES (1, 'b');
SET ROLE regress_goods_owner;
DELETE FROM goods.codes WHERE code = 'a';
DELETE FROM goods.exact WHERE code = 'A';
RESET ROLE;
CALL svc.run_pending();
SELECT * FROM basket.plain;
SELECT * FROM basket.loose;
CALL svc.check_references();
SELECT reference, upper(key) AS key, rows, state FROM svc.reference_violations;
SET ROLE regress_basket_owner;
DROP TABLE basket.plain, basket.lists, basket.loose;

-- Types whose values SQL would compare otherwise: character(n) with text, and a domain over an enum
SET ROLE regress_goods_owner;
CREATE TYPE goods.size AS ENUM ('S', 'M', 'L');
CREATE DOMAIN goods.fit AS goods.size;
GRANT USAGE ON SCHEMA goods TO regress_basket_owner;
CREATE TABLE goods.currencies (code character(3) PRIMARY KEY);
CREATE TABLE goods.sizes (size goods.fit PRIMARY KEY);
INSERT INTO goods.currencies VALUES ('EUR'), ('US');
INSERT INTO goods.sizes VALUES ('S'), ('M');
SELECT svc.publish('goods', 'currencies', 'goods.currencies', 'code'), svc.publish('goods', 'sizes', 'goods.sizes', 'size'),
       svc.grant_contract('goods', 'basket');
SET ROLE regress_basket_owner;
CREATE TABLE basket.prices (currency character(3), named text, fit goods.fit, sizes goods.size[]);
SELECT svc.create_reference('basket.prices', 'currency', 'goods', 'currencies', name => 'currency', on_delete => 'set_null'),
       svc.create_reference('basket.prices', 'named', 'goods', 'currencies', name => 'named', on_delete => 'set_null'),
       svc.create_reference('basket.prices', 'fit', 'goods', 'sizes', name => 'fit', on_delete => 'set_null'),
       svc.create_reference('basket.prices', 'sizes', 'goods', 'sizes', name => 'sizes');
INSERT INTO basket.prices VALUES ('EUR', 'US   ', 'S', '{M}'), ('US', 'EUR', 'M', '{S,M}');
INSERT INTO basket.prices (currency) VALUES ('EUR'), ('E');
INSERT INTO basket.prices (named) VALUES ('EUR'), ('E  ');
INSERT INTO basket.prices (fit) VALUES ('S'), ('L');
SELECT svc.alter_reference('named', mode => 'async'), svc.alter_reference('sizes', mode => 'async'), svc.alter_reference('currency', mode => 'async');
INSERT INTO basket.prices VALUES ('EUR', 'EUR  ', 'S', '{M}'), ('US', 'E  ', 'M', '{L,M}');
RESET ROLE;
CALL svc.run_pending();
SET client_min_messages = warning;
CALL svc.check_references();
RESET client_min_messages;
SELECT reference, key, state FROM svc.reference_violations WHERE reference IN ('currency', 'named', 'fit', 'sizes') ORDER BY 1;
DELETE FROM goods.currencies WHERE code = 'US';
DELETE FROM goods.sizes WHERE size::text = 'S';
CALL svc.run_pending();
SELECT * FROM basket.prices ORDER BY named;
SELECT key, state FROM svc.reference_violations WHERE reference = 'sizes' ORDER BY 1;
SET ROLE regress_basket_owner;
DROP TABLE basket.prices;

-- A violation is the same one in sessions with other settings
SET ROLE regress_goods_owner;
CREATE TABLE goods.moments (at timestamptz PRIMARY KEY);
SELECT svc.publish('goods', 'moments', 'goods.moments', 'at'), svc.grant_contract('goods', 'basket', 'moments');
SET ROLE regress_basket_owner;
CREATE TABLE basket.visits (at timestamptz);
SELECT svc.create_reference('basket.visits', 'at', 'goods', 'moments', on_missing => 'report', mode => 'observe');
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';
INSERT INTO basket.visits VALUES ('2025-02-03 04:05:06+09');
CALL svc.check_references('visits_at_ref');
SELECT svc.waive_violation(reference, key, 'before opening') FROM svc.reference_violations WHERE reference = 'visits_at_ref';
SET timezone = 'America/New_York';
SET datestyle = 'German';
CALL svc.check_references('visits_at_ref');
RESET timezone;
RESET datestyle;
RESET client_min_messages;
SELECT key, rows, state FROM svc.reference_violations WHERE reference = 'visits_at_ref';
DROP TABLE basket.visits;

-- Values that ALTER TABLE computes anew pass no trigger
CREATE TABLE basket.items (id int, product_id int);
SELECT svc.create_reference('basket.items', 'product_id', 'goods', 'products', name => 'items');
ALTER TABLE basket.items ALTER product_id TYPE bigint;
INSERT INTO basket.items VALUES (1, 1), (2, 2);
ALTER TABLE basket.items ALTER id TYPE bigint USING id + 1000;
SELECT reference, needs_sweep FROM svc.reference_status;
BEGIN;
ALTER TABLE basket.items ALTER product_id TYPE int USING product_id + 9;
SELECT reference, needs_sweep FROM svc.reference_status;
COMMIT;
CALL svc.check_references('items');
SELECT reference, key, rows FROM svc.reference_violations WHERE state = 'open';
-- and where a trigger of the server's own names the column, it cannot be computed anew
SELECT svc.alter_reference('items', mode => 'commit');
ALTER TABLE basket.items ALTER product_id TYPE bigint;
DROP TABLE basket.items;

-- Tables of a type: their columns are renamed with it
CREATE TYPE basket.line AS (id int, product_id int);
CREATE TABLE basket.lines OF basket.line;
SELECT svc.create_reference('basket.lines', 'product_id', 'goods', 'products', name => 'lines', mode => 'commit');
ALTER TYPE basket.line RENAME ATTRIBUTE product_id TO product CASCADE;
SELECT reference, column_name FROM svc.references_declared;
INSERT INTO basket.lines VALUES (1, 1);
INSERT INTO basket.lines VALUES (1, 99);
SET ROLE regress_goods_owner;
CREATE TYPE goods.colour AS (code int, name text);
CREATE TABLE goods.colours OF goods.colour (PRIMARY KEY (code));
INSERT INTO goods.colours VALUES (1), (2);
SELECT svc.publish('goods', 'colours', 'goods.colours', 'code'), svc.grant_contract('goods', 'basket', 'colours');
SET ROLE regress_basket_owner;
CREATE TABLE basket.paints (id int, colour int);
SELECT svc.create_reference('basket.paints', 'colour', 'goods', 'colours', on_delete => 'delete');
INSERT INTO basket.paints VALUES (1, 1), (2, 2);
SET ROLE regress_goods_owner;
ALTER TYPE goods.colour RENAME ATTRIBUTE code TO number CASCADE;
DELETE FROM goods.colours WHERE number = 1;
RESET ROLE;
CALL svc.run_pending();
SELECT * FROM basket.paints;

-- Keys that nobody may look up when a worker reads them are not forgotten
SET ROLE regress_basket_owner;
CREATE TABLE basket.later (id int, product_id int);
SELECT svc.create_reference('basket.later', 'product_id', 'goods', 'products', name => 'later', mode => 'async');
RESET ROLE;
SET client_min_messages = error;
BEGIN;
INSERT INTO basket.later VALUES (1, 99);
ALTER ROLE regress_basket_owner SUPERUSER;
COMMIT;
CALL svc.run_pending();
SELECT needs_sweep, last_error FROM svc.reference_status WHERE reference = 'later';
ALTER ROLE regress_basket_owner NOSUPERUSER;
CALL svc.check_references('later');
RESET client_min_messages;
SELECT needs_sweep FROM svc.reference_status WHERE reference = 'later';
SELECT key, rows FROM svc.reference_violations WHERE reference = 'later';

-- What watches a table stays while a reference cannot be resolved
SET client_min_messages = error;
SELECT svc.create_service('other', schema => 'other', role_prefix => 'regress_other'), svc.grant_contract('goods', 'other', 'colours');
CREATE TABLE other.paints (colour int);
ALTER TABLE other.paints OWNER TO regress_other_owner;
ALTER ROLE regress_basket_owner SUPERUSER;
SELECT svc.create_reference('other.paints', 'colour', 'goods', 'colours', name => 'others');
SELECT svc.drop_reference('others');
ALTER ROLE regress_basket_owner NOSUPERUSER;
RESET client_min_messages;
DELETE FROM goods.colours;
CALL svc.run_pending();
SELECT * FROM basket.paints;

-- Whoever changes a reference keeps nobody from writing to the table that it refers to
BEGIN;
SELECT svc.alter_reference('later', on_missing => 'report', new_name => 'much later');
SELECT mode FROM pg_locks WHERE relation = 'goods.products'::regclass AND pid = pg_backend_pid() AND mode ~ 'Exclusive' AND mode <> 'ShareUpdateExclusiveLock';
ROLLBACK;

-- A partition that leaves with keys that nobody has looked at
SET ROLE regress_basket_owner;
CREATE TABLE basket.days (day int, product_id int) PARTITION BY LIST (day);
CREATE TABLE basket.days_1 PARTITION OF basket.days FOR VALUES IN (1);
SELECT svc.create_reference('basket.days', 'product_id', 'goods', 'products', name => 'days', mode => 'async');
BEGIN;
INSERT INTO basket.days VALUES (1, 97);
ALTER TABLE basket.days DETACH PARTITION basket.days_1;
SELECT reference, needs_sweep FROM svc.reference_status WHERE reference LIKE 'days%' ORDER BY 1;
COMMIT;
RESET ROLE;

-- A trigger of somebody else that names a reference has no say in it: no sweep, nothing in its log
CREATE ROLE regress_stranger;
CREATE SCHEMA strange AUTHORIZATION regress_stranger;
SET ROLE regress_stranger;
CREATE TABLE strange.rows (product_id text);
CREATE TRIGGER t AFTER INSERT ON strange.rows REFERENCING NEW TABLE AS n FOR EACH STATEMENT
    EXECUTE FUNCTION svc.check_reference('goods', 'product_id', 'goods_api.products', 'id', 'async', 'later', '');
INSERT INTO strange.rows VALUES ('1');
RESET ROLE;
SELECT started AS last_sweep FROM svc.reference_sweeps WHERE reference = 'later' \gset
CALL svc.run_pending();
SELECT started = :'last_sweep' AS not_swept FROM svc.reference_sweeps WHERE reference = 'later';

SET client_min_messages = warning;
DROP SCHEMA strange CASCADE;
DROP ROLE regress_stranger;
SELECT svc.drop_service('other', drop_objects => true, force => true), svc.drop_service('basket', drop_objects => true, force => true), svc.drop_service('goods', drop_objects => true, force => true);
DROP COLLATION public.either_case;
