-- What a service deletes, and what becomes of the rows of others that refer to
-- it: noted by triggers, done by CALL svc.run_pending(), settled.
SELECT svc.create_service('regress_product', schema => 'regress_product');
SELECT svc.create_service('regress_cart', schema => 'regress_cart', login => 'regress_cart_user');
SELECT svc.create_service('regress_other', schema => 'regress_other', login => 'regress_other_user');
CREATE TABLE regress_product.products (id int PRIMARY KEY, sku text UNIQUE, active boolean NOT NULL DEFAULT true, stock int NOT NULL DEFAULT 0);
ALTER TABLE regress_product.products OWNER TO regress_product_owner;
INSERT INTO regress_product.products SELECT i, 's' || i FROM generate_series(1, 100) i;
SELECT svc.publish('regress_product', 'products', 'regress_product.products', columns => '{id,sku}');
SELECT svc.publish('regress_product', 'offers', 'regress_product.products', key => 'sku', columns => '{sku}', filter => 'active');
SELECT svc.grant_contract('regress_product', 'regress_cart');
CREATE TABLE regress_cart.items (id int PRIMARY KEY, product_id int, note text);
CREATE INDEX ON regress_cart.items (product_id);
CREATE TABLE regress_cart.wishes (id int PRIMARY KEY, product_id bigint);
CREATE TABLE regress_cart.lists (id int PRIMARY KEY, product_ids int[]);
CREATE TABLE regress_cart.adverts (id int PRIMARY KEY, sku varchar(20));
CREATE TABLE regress_cart.notes (id int PRIMARY KEY, product_id int);
ALTER TABLE regress_cart.items OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.wishes OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.lists OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.adverts OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.notes OWNER TO regress_cart_owner;
CREATE VIEW watching AS
SELECT t.tgrelid::regclass AS relation, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid) AS definition
  FROM pg_trigger t WHERE t.tgname LIKE 'svc\_watch\_%';
CREATE VIEW found AS
SELECT reference, key, rows, state, note FROM svc.reference_violations;

-- nobody refers to the table, and nothing watches it
SELECT relation, tgname FROM watching;
SELECT svc.create_reference('regress_cart.notes', 'product_id', 'regress_product', 'products', on_delete => 'keep');
SELECT relation, tgname FROM watching;
-- the first reference that wants to know brings the triggers
SELECT svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products', on_delete => 'delete');
SELECT relation, tgname, tgenabled, definition FROM watching ORDER BY 2;
SELECT svc.create_reference('regress_cart.wishes', 'product_id', 'regress_product', 'products', on_delete => 'set_null');
SELECT svc.create_reference('regress_cart.lists', 'product_ids', 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.adverts', 'sku', 'regress_product', 'offers', on_delete => 'delete');
SELECT tgname, definition FROM watching WHERE tgname = 'svc_watch_update';

-- each on_delete
INSERT INTO regress_cart.items SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO regress_cart.wishes SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO regress_cart.lists VALUES (1, '{1,2,3}'), (2, '{4,5}'), (3, NULL);
INSERT INTO regress_cart.adverts VALUES (1, 's1'), (4, 's4'), (5, 's5');
INSERT INTO regress_cart.notes VALUES (1, 1);
DELETE FROM regress_product.products WHERE id <= 2;
CALL svc.run_pending();
SELECT * FROM regress_cart.items WHERE id <= 3 ORDER BY id;
SELECT * FROM regress_cart.wishes WHERE id <= 3 ORDER BY id;
SELECT * FROM found ORDER BY 1, 2;
SELECT * FROM regress_cart.adverts ORDER BY id;
SELECT * FROM regress_cart.notes;
SELECT reference, key, state, settled_at IS NOT NULL AS settled, attempts, last_error FROM svc.tombstones() ORDER BY 1, 2;
-- what comes after is refused as missing
INSERT INTO regress_cart.items VALUES (21, 1);

-- a key that is changed, one that is no longer shown, and one that changes otherwise
UPDATE regress_product.products SET id = 1003 WHERE id = 3;
UPDATE regress_product.products SET active = false WHERE id = 4;
UPDATE regress_product.products SET stock = 7;
CALL svc.run_pending();
SELECT * FROM regress_cart.items WHERE id <= 5 ORDER BY id;
SELECT * FROM regress_cart.adverts ORDER BY id;
SELECT reference, key, state FROM svc.tombstones() WHERE key IN ('3', 's4', '4', '5') ORDER BY 1, 2;
-- two keys swapped are both still there
BEGIN;
UPDATE regress_product.products SET id = CASE id WHEN 5 THEN -6 ELSE -5 END WHERE id IN (5, 6);
UPDATE regress_product.products SET id = -id WHERE id < 0;
COMMIT;
CALL svc.run_pending();
SELECT count(*) FROM regress_cart.items WHERE product_id IN (5, 6);
-- deleted and made again before anybody looked; deleted in a transaction that fails
BEGIN;
DELETE FROM regress_product.products WHERE id = 7;
INSERT INTO regress_product.products VALUES (7, 's7');
COMMIT;
BEGIN;
DELETE FROM regress_product.products WHERE id = 8;
ROLLBACK;
BEGIN;
SAVEPOINT s;
DELETE FROM regress_product.products WHERE id = 9;
ROLLBACK TO s;
COMMIT;
CALL svc.run_pending();
SELECT count(*) FROM regress_cart.items WHERE product_id IN (7, 8, 9);

-- rows that cannot go: their keys are violations, and others go
CREATE FUNCTION regress_cart.keep_ten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.product_id = 10 THEN RAISE EXCEPTION 'ten stays, says %', current_user; END IF;
    IF OLD.product_id = 11 THEN RETURN NULL; END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER keep_ten BEFORE DELETE ON regress_cart.items FOR EACH ROW EXECUTE FUNCTION regress_cart.keep_ten();
DELETE FROM regress_product.products WHERE id BETWEEN 9 AND 12;
CALL svc.run_pending();
SELECT * FROM regress_cart.items WHERE product_id BETWEEN 9 AND 12 ORDER BY id;
SELECT reference, key, rows, state, note FROM svc.reference_violations WHERE reference = 'items_product_id_ref' ORDER BY 2;
SELECT state, attempts, last_error, count(*) FROM svc.tombstones('items_product_id_ref') WHERE state <> 'settled' GROUP BY 1, 2, 3;
DROP TRIGGER keep_ten ON regress_cart.items;
UPDATE svc.tombstone SET next_try = NULL;
CALL svc.run_pending();
SELECT * FROM regress_cart.items WHERE product_id BETWEEN 9 AND 12 ORDER BY id;
SELECT count(*) FROM svc.tombstones('items_product_id_ref') WHERE state <> 'settled';
-- what could not be done is no violation any more when it is
SELECT reference, key, rows, state, note FROM svc.reference_violations WHERE reference = 'items_product_id_ref' ORDER BY 2;
SELECT key, state, detail FROM svc.reference_validation_log WHERE reference = 'items_product_id_ref' AND key = '10' ORDER BY at DESC LIMIT 1;

-- triggers of the table fire as its service's owner role, and deferred constraints are checked at once
CREATE TABLE regress_cart.gifts (item int REFERENCES regress_cart.items ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, who text);
ALTER TABLE regress_cart.gifts OWNER TO regress_cart_owner;
INSERT INTO regress_cart.gifts VALUES (13, 'x');
CREATE TABLE regress_cart.audit (who text, path text);
ALTER TABLE regress_cart.audit OWNER TO regress_cart_owner;
CREATE FUNCTION regress_cart.note_delete() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO audit VALUES (current_user, current_setting('search_path')); RETURN NULL; END $$;
CREATE TRIGGER note_delete AFTER DELETE ON regress_cart.items FOR EACH ROW EXECUTE FUNCTION regress_cart.note_delete();
DELETE FROM regress_product.products WHERE id = 13;
CALL svc.run_pending();
SELECT * FROM regress_cart.gifts;
SELECT * FROM regress_cart.audit;
DROP TRIGGER note_delete ON regress_cart.items;

-- row security does not hide rows from their owner, and hidden ones are not taken for none
ALTER TABLE regress_cart.items ENABLE ROW LEVEL SECURITY;
ALTER TABLE regress_cart.items FORCE ROW LEVEL SECURITY;
DELETE FROM regress_product.products WHERE id = 14;
CALL svc.run_pending();
SELECT count(*) FROM regress_cart.items WHERE product_id = 14;
ALTER TABLE regress_cart.items OWNER TO CURRENT_USER;
GRANT SELECT, UPDATE, DELETE ON regress_cart.items TO regress_cart_owner;
DELETE FROM regress_product.products WHERE id = 15;
CALL svc.run_pending();
SELECT count(*) FROM regress_cart.items WHERE product_id = 15;
SELECT key, state, last_error FROM svc.tombstones('items_product_id_ref') WHERE state <> 'settled';
ALTER TABLE regress_cart.items OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.items DISABLE ROW LEVEL SECURITY;
UPDATE svc.tombstone SET next_try = NULL;
CALL svc.run_pending();
SELECT count(*) FROM regress_cart.items WHERE product_id = 15;

-- a reference that only observes changes nothing
UPDATE svc.reference SET mode = 'observe' WHERE reference = 'items_product_id_ref';
DELETE FROM regress_product.products WHERE id = 16;
CALL svc.run_pending();
SELECT count(*) FROM regress_cart.items WHERE product_id = 16;
SELECT key, state FROM svc.reference_violations WHERE reference = 'items_product_id_ref' AND key = '16';
UPDATE svc.reference SET mode = 'default' WHERE reference = 'items_product_id_ref';

-- TRUNCATE
TRUNCATE regress_product.products;
CALL svc.run_pending();
SELECT count(*) FROM regress_cart.items;
SELECT count(*), count(product_id) FROM regress_cart.wishes;

-- partitions, of the table and of the one that refers to it, directly and through the parent
CREATE TABLE regress_product.regions (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE regress_product.regions_1 PARTITION OF regress_product.regions FOR VALUES FROM (0) TO (10);
CREATE TABLE regress_product.regions_2 PARTITION OF regress_product.regions FOR VALUES FROM (10) TO (20);
CREATE TABLE regress_product.regions_3 PARTITION OF regress_product.regions FOR VALUES FROM (20) TO (30);
ALTER TABLE regress_product.regions OWNER TO regress_product_owner;
ALTER TABLE regress_product.regions_1 OWNER TO regress_product_owner;
ALTER TABLE regress_product.regions_2 OWNER TO regress_product_owner;
ALTER TABLE regress_product.regions_3 OWNER TO regress_product_owner;
INSERT INTO regress_product.regions SELECT i, 'r' || i FROM generate_series(0, 27) i;
SELECT svc.publish('regress_product', 'regions', 'regress_product.regions');
CREATE TABLE regress_cart.shops (region int, id int) PARTITION BY LIST (region);
CREATE TABLE regress_cart.shops_none PARTITION OF regress_cart.shops FOR VALUES IN (NULL);
CREATE TABLE regress_cart.shops_all PARTITION OF regress_cart.shops DEFAULT;
ALTER TABLE regress_cart.shops OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.shops_none OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.shops_all OWNER TO regress_cart_owner;
SELECT svc.create_reference('regress_cart.shops', 'region', 'regress_product', 'regions', on_delete => 'set_null');
SELECT relation, count(*) FROM watching WHERE relation::text LIKE '%regions%' GROUP BY 1 ORDER BY 1::text;
INSERT INTO regress_cart.shops SELECT i, i FROM generate_series(0, 27) i;
DELETE FROM regress_product.regions WHERE id = 1;
DELETE FROM regress_product.regions_1 WHERE id = 2;
UPDATE regress_product.regions SET id = 28 WHERE id = 4;
MERGE INTO regress_product.regions r USING (VALUES (5)) v (id) ON r.id = v.id WHEN MATCHED THEN UPDATE SET id = 29;
CALL svc.run_pending();
SELECT tableoid::regclass, * FROM regress_cart.shops WHERE region IS NULL ORDER BY id;
-- a partition that goes, or is taken out, takes keys along
DROP TABLE regress_product.regions_2;
ALTER TABLE regress_product.regions DETACH PARTITION regress_product.regions_3;
SELECT relation, tgname FROM watching WHERE relation = 'regress_product.regions_3'::regclass;
CREATE TABLE regress_product.regions_4 PARTITION OF regress_product.regions FOR VALUES FROM (40) TO (50);
SELECT relation, tgname FROM watching WHERE relation = 'regress_product.regions_4'::regclass ORDER BY 2;
CALL svc.run_pending();
SELECT count(*), count(region) FROM regress_cart.shops;

-- a column and a table with another name
ALTER TABLE regress_product.regions RENAME id TO code;
ALTER TABLE regress_product.regions RENAME TO areas;
SELECT definition FROM watching WHERE relation = 'regress_product.areas'::regclass AND tgname = 'svc_watch_delete';
DELETE FROM regress_product.areas WHERE code = 0;
CALL svc.run_pending();
SELECT count(*), count(region) FROM regress_cart.shops;

-- a service with another name: deleted keys are noticed as before
SELECT svc.alter_service('regress_product', new_name => 'regress_shop');
SELECT count(*) FILTER (WHERE watch <> 'enabled') AS not_watched FROM svc.reference_status;
DELETE FROM regress_product.areas WHERE code = 26;
CALL svc.run_pending();
SELECT count(*), count(region) FROM regress_cart.shops;
SELECT svc.alter_service('regress_shop', new_name => 'regress_product');

-- whether deleted keys would be noticed is seen: triggers of what is referred to can be disabled, and dropped
CREATE VIEW watched AS
SELECT reference, trigger, watch FROM svc.reference_status;
CREATE VIEW complaint AS
SELECT item, state, detail, hint FROM svc.status() WHERE item LIKE 'reference %' AND state = 'error';
SELECT * FROM watched ORDER BY 1;
SELECT relation, name, state FROM svc.watch_trigger WHERE reference = 'shops_region_ref' ORDER BY relation::text COLLATE "C", name;
ALTER TABLE regress_product.regions_4 DISABLE TRIGGER svc_watch_delete;
SELECT * FROM watched WHERE reference = 'shops_region_ref';
SELECT * FROM complaint;
DROP TRIGGER svc_watch_update ON regress_product.regions_1;
SELECT * FROM complaint;
SELECT svc.alter_reference('shops_region_ref');
ALTER TABLE regress_product.regions_4 ENABLE TRIGGER svc_watch_delete;
SELECT watch FROM watched WHERE reference = 'shops_region_ref';
-- as restores of data do: they get back what they were made for
ALTER TABLE regress_product.areas DISABLE TRIGGER ALL;
SELECT * FROM complaint;
ALTER TABLE regress_product.areas ENABLE TRIGGER ALL;
SELECT * FROM complaint;
-- enabled by their names, what is applied by replication would go unseen, and what is done here be seen twice
ALTER TABLE regress_product.areas ENABLE TRIGGER svc_watch_applied, ENABLE TRIGGER svc_watch_truncate;
SELECT watch FROM watched WHERE reference = 'shops_region_ref';
SELECT * FROM complaint;
ALTER TABLE regress_product.areas ENABLE REPLICA TRIGGER svc_watch_applied;
SELECT * FROM complaint;
ALTER TABLE regress_product.areas ENABLE ALWAYS TRIGGER svc_watch_truncate;
SELECT watch FROM watched WHERE reference = 'shops_region_ref';
-- both sides at once: those of its own table come first
ALTER TABLE regress_product.areas DISABLE TRIGGER svc_watch_update;
ALTER TABLE regress_cart.shops DISABLE TRIGGER shops_region_ref_insert;
SELECT * FROM watched WHERE reference = 'shops_region_ref';
SELECT * FROM complaint;
ALTER TABLE regress_product.areas ENABLE TRIGGER svc_watch_update;
ALTER TABLE regress_cart.shops ENABLE TRIGGER shops_region_ref_insert;
SELECT * FROM complaint;

-- what is applied by replication is seen by another trigger
INSERT INTO regress_product.areas VALUES (3, 'again') ON CONFLICT DO NOTHING;
SET session_replication_role = replica;
DELETE FROM regress_product.areas WHERE code = 5;
UPDATE regress_product.areas SET name = 'x' WHERE code = 6;
RESET session_replication_role;
CALL svc.run_pending();
SELECT id, region FROM regress_cart.shops WHERE id IN (5, 6) ORDER BY id;
-- one that is disabled stays so, and all get their states with the next ENABLE TRIGGER ALL
ALTER TABLE regress_product.areas DISABLE TRIGGER ALL;
ALTER TABLE regress_product.areas ENABLE TRIGGER ALL;
ALTER TABLE regress_product.areas DISABLE TRIGGER svc_watch_delete;
SELECT relation, tgname, tgenabled FROM watching WHERE relation::text LIKE '%areas%' ORDER BY 1, 2;
ALTER TABLE regress_product.areas ENABLE TRIGGER USER;
SELECT relation, tgname, tgenabled FROM watching WHERE relation::text LIKE '%areas%' ORDER BY 1, 2;

-- another condition hides rows, nobody knows which: all references are looked at
INSERT INTO regress_product.products VALUES (1, 's1'), (2, 's2');
INSERT INTO regress_cart.adverts VALUES (1, 's1'), (2, 's2');
SELECT svc.publish('regress_product', 'offers', 'regress_product.products', key => 'sku', columns => '{sku}', filter => 'active AND id OPERATOR(pg_catalog.<>) 2', replace => true);
SELECT key, state FROM svc.tombstones('adverts_sku_ref') WHERE state <> 'settled';
CALL svc.run_pending();
SELECT * FROM regress_cart.adverts ORDER BY id;
SELECT reference, key, state FROM svc.reference_violations WHERE reference = 'adverts_sku_ref' ORDER BY 2;

-- who may see what
SET ROLE regress_cart_owner;
SELECT count(*) > 0 AS some FROM svc.tombstones('shops_region_ref');
SET ROLE regress_other_owner;
SELECT count(*) FROM svc.tombstones();
SELECT count(*) FROM svc.tombstones('shops_region_ref');
SELECT count(*) FROM svc.tombstones('no_such');
INSERT INTO svc.tombstone (reference, key_count) VALUES ('shops_region_ref', 0);
RESET ROLE;

-- trigger functions called otherwise
SELECT svc.watch_deletes();
CREATE TABLE wrong (id int);
CREATE TRIGGER t AFTER INSERT ON wrong FOR EACH STATEMENT EXECUTE FUNCTION svc.watch_deletes('id');
INSERT INTO wrong VALUES (1);
DROP TRIGGER t ON wrong;
CREATE TRIGGER t AFTER DELETE ON wrong FOR EACH STATEMENT EXECUTE FUNCTION svc.watch_deletes('id');
DELETE FROM wrong;
DROP TRIGGER t ON wrong;
CREATE TRIGGER t AFTER DELETE ON wrong FOR EACH ROW EXECUTE FUNCTION svc.watch_deletes();
INSERT INTO wrong VALUES (1);
DELETE FROM wrong;
DROP TRIGGER t ON wrong;
CREATE TRIGGER t AFTER DELETE ON wrong FOR EACH ROW EXECUTE FUNCTION svc.watch_deletes('nothing');
DELETE FROM wrong;
DROP TABLE wrong;

-- how much is pending is counted in the oldest entries of the journal only, however many there are
SELECT svc.alter_reference('shops_region_ref', mode => 'async');
INSERT INTO regress_cart.shops VALUES (NULL, 100), (7, 101);
SELECT reference, pending, oldest_pending IS NOT NULL AS since, journal_bytes > 0 AS bytes FROM svc.reference_status WHERE pending <> 0 OR pending IS NULL;
CALL svc.run_pending();
SELECT count(svc.journal_append('d', 'regress_product.areas', 'code', ARRAY[-i])) FROM generate_series(1, 20000) i;
INSERT INTO regress_cart.shops VALUES (7, 102);
SELECT reference, pending, oldest_pending, journal_bytes FROM svc.reference_status WHERE reference = 'shops_region_ref';
SELECT kind, subject, entries FROM svc.journal_pending ORDER BY 1;
CALL svc.run_pending();
SELECT reference, pending, oldest_pending, journal_bytes FROM svc.reference_status WHERE reference = 'shops_region_ref';

-- the last reference takes the triggers along
SELECT svc.drop_reference('shops_region_ref');
SELECT relation, tgname FROM watching WHERE relation::text LIKE '%areas%';
SELECT count(*) FROM svc.tombstone WHERE reference = 'shops_region_ref';
SELECT svc.drop_reference('items_product_id_ref'), svc.drop_reference('wishes_product_id_ref'), svc.drop_reference('lists_product_ids_ref');
SELECT tgname, definition FROM watching WHERE tgname = 'svc_watch_update';
SELECT svc.drop_reference('adverts_sku_ref'), svc.drop_reference('notes_product_id_ref');
SELECT * FROM watching;

DROP VIEW watching, found, watched, complaint;
SET client_min_messages = warning;
SELECT svc.drop_service('regress_cart', drop_objects => true, force => true);
SELECT svc.drop_service('regress_other', drop_objects => true, force => true);
SELECT svc.drop_service('regress_product', drop_objects => true, force => true);
