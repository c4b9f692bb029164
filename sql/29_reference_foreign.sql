-- References into a contract elsewhere, as far as one server can show it: keys
-- are written at once and checked later, a missing one becomes a violation at the
-- second look, and one that could not be asked waits, and is neither.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
CREATE EXTENSION postgres_fdw;
SET client_min_messages = warning;

-- The other service: this database, by a connection to itself
CREATE SCHEMA regress_far;
CREATE TABLE regress_far.products (id int PRIMARY KEY, name text);
INSERT INTO regress_far.products SELECT i, 'thing' FROM generate_series(1, 1000) i;
SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS socket, current_setting('port') AS port, current_database() AS database, current_user AS me \gset
CREATE FOREIGN DATA WRAPPER regress_wrapper HANDLER postgres_fdw_handler;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper OPTIONS (host :'socket', port :'port', dbname :'database');
CREATE SCHEMA regress_product_import;
CREATE FOREIGN TABLE regress_product_import.products (id int, name text) SERVER regress_server OPTIONS (schema_name 'regress_far');
SELECT svc.create_service('regress_cart', schema => 'regress_cart');
SELECT svc.connect('regress_product', server => 'regress_server', consumer => 'regress_cart');
CREATE USER MAPPING FOR regress_cart_link SERVER regress_server OPTIONS (user :'me', password_required 'false');
SET ROLE regress_cart_owner;
CREATE TABLE regress_cart.items (product_id int);
CREATE TABLE regress_cart.lists (product_ids int[]);
SELECT svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products');
SELECT svc.create_reference('regress_cart.lists', 'product_ids', 'regress_product', 'products');
RESET ROLE;
SELECT reference, mode FROM svc.references_declared ORDER BY 1;

-- written at once, missing or not
SET ROLE regress_cart_owner;
INSERT INTO regress_cart.items VALUES (1), (2), (2), (NULL), (0), (1001);
INSERT INTO regress_cart.lists VALUES ('{1,2,NULL}'), ('{3,-3}'), (NULL), ('{}');
INSERT INTO regress_cart.items VALUES (-9);
DELETE FROM regress_cart.items WHERE product_id = -9;
RESET ROLE;
CALL svc.run_pending();
SELECT pg_sleep(1.2);
CALL svc.run_pending();
SELECT reference, key, state FROM svc.reference_violations ORDER BY reference, key;
SELECT reference, pending, last_error FROM svc.reference_status ORDER BY 1;

-- nothing of what cannot be asked is missing
ALTER SERVER regress_server OPTIONS (SET port '1');
INSERT INTO regress_cart.items VALUES (5), (-5);
CALL svc.run_pending();
SELECT reference, keys, attempts > 0 AS failed FROM svc.reference_parked;
SELECT count(*) FROM svc.reference_violations WHERE key = '-5';
SELECT reference, pending, last_error ~ 'could not connect' AS says_why FROM svc.reference_status WHERE pending > 0;
SELECT key, state, source FROM svc.reference_validation_log WHERE state = 'unknown' ORDER BY key;

-- a reference that goes takes along what waits of it; what waits of others is asked again, however long
-- it would have waited, when somebody calls for it
SET ROLE regress_cart_owner;
SELECT svc.drop_reference('lists_product_ids_ref');
RESET ROLE;
ALTER SERVER regress_server OPTIONS (SET port :'port');
UPDATE svc.reference_parked SET next_try = now() + interval '1 day';
CALL svc.run_pending();
SELECT pg_sleep(1.2);
CALL svc.run_pending();
SELECT reference, key, state FROM svc.reference_violations ORDER BY reference, key;
SELECT reference, pending, last_error FROM svc.reference_status;

-- rows that policies hide from the role that looks are taken to hold what is missing
CREATE TABLE regress_cart.hidden (product_id int);
ALTER TABLE regress_cart.hidden ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON regress_cart.hidden TO regress_cart_owner;
SELECT svc.create_reference('regress_cart.hidden', 'product_id', 'regress_product', 'products');
INSERT INTO regress_cart.hidden VALUES (-7);
CALL svc.run_pending();
SELECT pg_sleep(1.2);
CALL svc.run_pending();
SELECT DISTINCT key, state, source FROM svc.reference_validation_log WHERE reference = 'hidden_product_id_ref';
SELECT svc.drop_reference('hidden_product_id_ref');

-- keys whose type has changed meanwhile are not read: a sweep is to look
INSERT INTO svc.reference_parked VALUES ('items_product_id_ref', '{x}', now(), 1, now());
CALL svc.run_pending();
SELECT count(*) FROM svc.reference_parked;

-- keys of a reference that nobody may look up for a while are not forgotten: a sweep finds them
SET client_min_messages = error;
BEGIN;
INSERT INTO regress_cart.items VALUES (-11);
ALTER ROLE regress_cart_owner SUPERUSER;
COMMIT;
CALL svc.run_pending();
ALTER ROLE regress_cart_owner NOSUPERUSER;
UPDATE svc.reference_sweep SET retry_at = NULL;
CALL svc.run_pending();
SELECT key, state, source FROM svc.reference_violations WHERE key = '-11';

-- nor are those about which nothing could be written down
CREATE FUNCTION regress_far.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON svc.reference_parked FOR EACH ROW EXECUTE FUNCTION regress_far.fail();
INSERT INTO regress_cart.items VALUES (-12);
CALL svc.run_pending();
SELECT reference, pending FROM svc.reference_status;
DROP TRIGGER fail ON svc.reference_parked;
CALL svc.run_pending();
SELECT pg_sleep(1.2);
CALL svc.run_pending();
SELECT key, state, source FROM svc.reference_violations WHERE key = '-12';
SET client_min_messages = warning;

-- what on_delete says is done about keys that two sweeps, an hour apart, found deleted elsewhere; not if
-- the reference was never validated, the violation is waived, or the contract has none of the keys
SET ROLE regress_cart_owner;
CREATE TABLE regress_cart.taken (id int, product_id int);
CREATE TABLE regress_cart.emptied (id int, product_id int);
CREATE TABLE regress_cart.doubted (id int, product_id int);
SELECT svc.create_reference('regress_cart.taken', 'product_id', 'regress_product', 'products', on_delete => 'delete', name => 'taken');
SELECT svc.create_reference('regress_cart.emptied', 'product_id', 'regress_product', 'products', on_delete => 'set_null', name => 'emptied');
SELECT svc.create_reference('regress_cart.doubted', 'product_id', 'regress_product', 'products', on_delete => 'delete', name => 'doubted');
INSERT INTO regress_cart.taken SELECT i, i FROM generate_series(11, 15) i;
INSERT INTO regress_cart.emptied SELECT i, i FROM generate_series(11, 15) i;
INSERT INTO regress_cart.doubted SELECT i, i FROM generate_series(11, 15) i;
RESET ROLE;
CALL svc.run_pending();
CALL svc.validate_reference('taken');
CALL svc.validate_reference('emptied');
UPDATE svc.reference SET validated = false WHERE reference = 'doubted';
CREATE VIEW regress_cart.left_over AS
SELECT 'taken' AS table, array_agg(id ORDER BY id) AS ids, array_agg(product_id ORDER BY id) AS keys FROM regress_cart.taken
UNION ALL SELECT 'emptied', array_agg(id ORDER BY id), array_agg(product_id ORDER BY id) FROM regress_cart.emptied
UNION ALL SELECT 'doubted', array_agg(id ORDER BY id), array_agg(product_id ORDER BY id) FROM regress_cart.doubted;
DELETE FROM regress_far.products WHERE id IN (11, 12);
-- a first time, and a second one that is too soon
CALL svc.check_references();
SELECT svc.waive_violation('taken', '12', 'it will be back');
CALL svc.check_references();
CALL svc.run_pending();
SELECT * FROM regress_cart.left_over;
SELECT reference, key, state FROM svc.tombstones();
-- two hours later
UPDATE svc.reference_violation SET first_seen = first_seen - interval '2 hours' WHERE state <> 'resolved';
CALL svc.check_references();
SELECT reference, key, state FROM svc.tombstones() ORDER BY 1, 2;
CALL svc.run_pending();
SELECT * FROM regress_cart.left_over;
SELECT reference, key, state FROM svc.tombstones() ORDER BY 1, 2;
SELECT reference, key, state FROM svc.reference_violations WHERE reference IN ('taken', 'emptied', 'doubted') ORDER BY 1, 2;
-- a contract that has nothing may have moved, and not be filled yet
TRUNCATE regress_far.products;
CALL svc.check_references();
UPDATE svc.reference_violation SET first_seen = first_seen - interval '2 hours' WHERE state <> 'resolved';
CALL svc.check_references();
CALL svc.run_pending();
SELECT * FROM regress_cart.left_over;
SELECT svc.drop_reference('taken'), svc.drop_reference('emptied'), svc.drop_reference('doubted');

-- nobody but workers writes what waits
SET ROLE regress_cart_owner;
INSERT INTO svc.reference_parked VALUES ('items_product_id_ref', '{1}', now(), 1, now());
SELECT * FROM svc.reference_parked;
RESET ROLE;

SELECT svc.drop_reference('items_product_id_ref');
SELECT svc.disconnect('regress_product', 'regress_cart');
SELECT svc.drop_service('regress_cart', drop_objects => true);
DROP SCHEMA regress_product_import, regress_far CASCADE;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP EXTENSION postgres_fdw;
