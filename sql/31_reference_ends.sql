-- What becomes of references when something that they stand on goes, or gets
-- another owner: nothing of them is left behind, nothing stands in the way of
-- what comes next, and what cannot be asked any more is unknown.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
CREATE EXTENSION postgres_fdw;
SET client_min_messages = warning;
CREATE ROLE regress_heir;
SELECT svc.create_service('regress_product', schema => 'regress_product'), svc.create_service('regress_cart', schema => 'regress_cart');
CREATE TABLE regress_product.products (id int PRIMARY KEY, name text);
CREATE TABLE regress_product.notes (id int PRIMARY KEY);
CREATE TABLE regress_cart.items (product_id int, other int, list int[]);
CREATE TABLE regress_cart.orders (product_id int) PARTITION BY LIST (product_id);
CREATE TABLE regress_cart.orders_1 PARTITION OF regress_cart.orders FOR VALUES IN (1, 2, 3);
ALTER TABLE regress_product.products OWNER TO regress_product_owner;
ALTER TABLE regress_product.notes OWNER TO regress_product_owner;
ALTER TABLE regress_cart.items OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.orders OWNER TO regress_cart_owner;
ALTER TABLE regress_cart.orders_1 OWNER TO regress_cart_owner;
INSERT INTO regress_product.products SELECT i, 'thing' FROM generate_series(1, 100) i;
SELECT svc.publish('regress_product', 'products', 'regress_product.products'), svc.publish('regress_product', 'notes', 'regress_product.notes');
SELECT svc.grant_contract('regress_product', 'regress_cart');

-- references of every mode that know something of their rows: violations, a sweep, deleted keys
CREATE PROCEDURE declare() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress_cart.items VALUES (-1, -1, '{-1}');
    PERFORM svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products', mode => 'commit', on_delete => 'set_null');
    PERFORM svc.create_reference('regress_cart.items', 'other', 'regress_product', 'products');
    PERFORM svc.create_reference('regress_cart.items', 'list', 'regress_product', 'products', mode => 'async');
    PERFORM svc.create_reference('regress_cart.orders', 'product_id', 'regress_product', 'products', mode => 'commit');
    INSERT INTO regress_cart.items VALUES (1, 1, '{1,2}');
    INSERT INTO regress_cart.orders VALUES (2);
END $$;
CALL declare();
CALL svc.check_references();
DELETE FROM regress_product.products WHERE id = 1;
CALL svc.run_pending();
-- what is written about references, wherever that is
CREATE VIEW written AS
SELECT 'reference' AS what, reference FROM svc.reference
UNION ALL SELECT 'state', reference FROM svc.reference_state
UNION ALL SELECT 'violation', reference FROM svc.reference_violation
UNION ALL SELECT 'tombstone', reference FROM svc.tombstone
UNION ALL SELECT 'parked', reference FROM svc.reference_parked
UNION ALL SELECT 'sweep', reference FROM svc.reference_sweep
UNION ALL SELECT DISTINCT 'log', reference FROM svc.reference_log
UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE tgfoid::regproc::text ~ '^svc.(check_reference|watch_deletes)' AND NOT tgisinternal;
CREATE VIEW problems AS
SELECT item, state, detail FROM svc.status() WHERE state <> 'ok' AND item ~ 'regress|ref' AND detail !~ 'lacks rights';
SELECT what, count(*) FROM written GROUP BY 1 ORDER BY 1;
SET client_min_messages = notice;

-- what refers goes: tables, schemas, everything of a role, the service
BEGIN;
DROP TABLE regress_cart.items;
SELECT what, string_agg(DISTINCT reference, ' ' ORDER BY reference) FROM written GROUP BY 1 ORDER BY 1;
DROP TABLE regress_cart.orders;
TABLE written;
ROLLBACK;
BEGIN;
DROP SCHEMA regress_cart CASCADE;
TABLE written;
ROLLBACK;
BEGIN;
DROP OWNED BY regress_cart_owner CASCADE;
TABLE written;
ROLLBACK;
BEGIN;
SELECT svc.drop_service('regress_cart');
TABLE written;
ROLLBACK;
BEGIN;
SELECT svc.drop_service('regress_cart', drop_objects => true);
TABLE written;
ROLLBACK;
-- a column's reference goes with it, and no other
BEGIN;
ALTER TABLE regress_cart.items DROP COLUMN other;
SELECT what, count(*) FROM written WHERE reference ~ 'other' GROUP BY 1;
SELECT count(*) FROM svc.references_declared;
ROLLBACK;
-- so does what watches a published table
BEGIN;
SELECT svc.drop_reference(reference) FROM svc.references_declared;
TABLE written;
ROLLBACK;

-- what is referred to cannot go by itself
DROP TABLE regress_product.products;
BEGIN;
DROP TABLE regress_product.products CASCADE;
INSERT INTO regress_cart.items VALUES (2, 1, NULL), (2, -2, NULL);
SELECT reference, trigger FROM svc.reference_status ORDER BY 1;
ROLLBACK;
DROP SCHEMA regress_product_api CASCADE;
DROP OWNED BY regress_product_owner CASCADE;
ALTER SCHEMA regress_product_api RENAME TO regress_elsewhere;
-- roles may have other names, and schemas
BEGIN;
ALTER ROLE regress_cart_owner RENAME TO regress_cart_boss;
ALTER ROLE regress_product_owner RENAME TO regress_product_boss;
ALTER SCHEMA regress_cart RENAME TO regress_basket;
ALTER SCHEMA regress_product RENAME TO regress_wares;
INSERT INTO regress_basket.items VALUES (2, 2, '{2}');
SELECT reference, trigger FROM svc.reference_status ORDER BY 1;
INSERT INTO regress_basket.items (other) VALUES (1);
ROLLBACK;

-- Everything gets another owner: what may not be read is unknown, and never
-- missing, also where it is known to have been deleted once
BEGIN;
REASSIGN OWNED BY regress_cart_owner TO regress_heir;
SELECT * FROM problems;
INSERT INTO regress_cart.items VALUES (2, 1, NULL), (2, -2, NULL);
SELECT reference, trigger, pending FROM svc.reference_status WHERE pending > 0 ORDER BY 1;
SELECT * FROM svc.prevalidate('items_other_ref', ARRAY[1, 2, -2]);
ROLLBACK;
BEGIN;
REASSIGN OWNED BY regress_product_owner TO regress_heir;
SELECT * FROM problems;
INSERT INTO regress_cart.items VALUES (2, 1, NULL), (2, -2, NULL);
SELECT reference, trigger, pending FROM svc.reference_status WHERE pending > 0 ORDER BY 1;
SELECT * FROM svc.prevalidate('items_other_ref', ARRAY[1, 2, -2]);
SELECT svc.alter_reference('items_other_ref', on_unavailable => 'reject');
INSERT INTO regress_cart.items (other) VALUES (2);
ROLLBACK;
-- the roles are gone besides
BEGIN;
REASSIGN OWNED BY regress_cart_owner, regress_product_owner TO regress_heir;
DROP OWNED BY regress_cart_owner, regress_product_owner;
DROP ROLE regress_cart_owner, regress_product_owner;
SELECT * FROM problems;
INSERT INTO regress_cart.items VALUES (2, 1, NULL), (2, -2, NULL);
SELECT svc.drop_reference('items_other_ref');
SET CONSTRAINTS ALL IMMEDIATE;
DROP TABLE regress_cart.items;
ROLLBACK;
-- given to a superuser, a table is checked as before: it belongs to the service's schema
BEGIN;
ALTER TABLE regress_cart.items OWNER TO CURRENT_USER;
INSERT INTO regress_cart.items VALUES (2, 2, NULL);
INSERT INTO regress_cart.items (other) VALUES (-2);
ROLLBACK;
-- and a schema of a superuser's is none that anything is looked up for
BEGIN;
SET LOCAL client_min_messages = warning;
ALTER SCHEMA regress_cart OWNER TO CURRENT_USER;
SAVEPOINT s;
INSERT INTO regress_cart.items (other) VALUES (2);
ROLLBACK TO s;
DO $$ BEGIN INSERT INTO regress_cart.items (other) VALUES (2); EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE WARNING '%', SQLSTATE; END $$;
ROLLBACK;

-- What is asked is altered, or goes: a read model with another type, key, column, or none
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA regress_model_api;
CREATE TABLE regress_model_api.users (id int CONSTRAINT users_pkey PRIMARY KEY, name text);
INSERT INTO regress_model_api.users VALUES (1);
GRANT USAGE ON SCHEMA regress_model_api TO regress_cart_owner;
GRANT SELECT ON regress_model_api.users TO regress_cart_owner;
CREATE TABLE regress_cart.visits (user_id int);
ALTER TABLE regress_cart.visits OWNER TO regress_cart_owner;
SELECT svc.create_reference('regress_cart.visits', 'user_id', 'regress_model', 'users', on_unavailable => 'reject', on_delete => 'delete', name => 'visits');
CREATE FUNCTION pg_temp.visit(user_id int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    INSERT INTO regress_cart.visits VALUES (user_id);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || detail;
END $$;
SELECT pg_temp.visit(1), pg_temp.visit(2);
ALTER TABLE regress_model_api.users ALTER COLUMN id TYPE bigint;
SELECT pg_temp.visit(1), pg_temp.visit(2);
ALTER TABLE regress_model_api.users ALTER COLUMN id TYPE text;
SELECT pg_temp.visit(1);
SELECT svc.prevalidate('visits', ARRAY[1, 2]);
ALTER TABLE regress_model_api.users ALTER COLUMN id TYPE int USING id::int;
SELECT pg_temp.visit(1), pg_temp.visit(2);
ALTER TABLE regress_model_api.users DROP CONSTRAINT users_pkey;
SELECT pg_temp.visit(1), pg_temp.visit(2);
ALTER TABLE regress_model_api.users RENAME id TO ident;
SELECT pg_temp.visit(1);
ALTER TABLE regress_model_api.users RENAME ident TO id;
ALTER TABLE regress_model_api.users DROP COLUMN id;
SELECT pg_temp.visit(1);
ALTER TABLE regress_model_api.users ADD COLUMN id int PRIMARY KEY DEFAULT 7;
SELECT pg_temp.visit(1), pg_temp.visit(7);
REVOKE SELECT ON regress_model_api.users FROM regress_cart_owner;
SELECT pg_temp.visit(7);
GRANT SELECT (id) ON regress_model_api.users TO regress_cart_owner;
SELECT pg_temp.visit(1), pg_temp.visit(7);
REVOKE USAGE ON SCHEMA regress_model_api FROM regress_cart_owner;
SELECT pg_temp.visit(7);
GRANT USAGE ON SCHEMA regress_model_api TO regress_cart_owner;
DROP TABLE regress_model_api.users;
SELECT pg_temp.visit(7);
-- a view in its place that nobody published
CREATE VIEW regress_model_api.users AS SELECT 7 AS id;
GRANT SELECT ON regress_model_api.users TO regress_cart_owner;
SELECT pg_temp.visit(7), pg_temp.visit(8);
DROP SCHEMA regress_model_api CASCADE;
SELECT pg_temp.visit(7);
-- a validator that is altered, or goes
CREATE FUNCTION regress_cart.missing(keys int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT k FROM unnest(keys) k WHERE k > 7';
SELECT svc.alter_reference('visits', validator => 'regress_cart.missing(int[])');
SELECT pg_temp.visit(7), pg_temp.visit(8);
-- one that asks for what it is asked
CREATE OR REPLACE FUNCTION regress_cart.missing(keys int[]) RETURNS SETOF int LANGUAGE sql AS $$SELECT NULL::int FROM svc.prevalidate('visits', keys)$$;
SELECT pg_temp.visit(8);
CREATE OR REPLACE FUNCTION regress_cart.missing(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$BEGIN COMMIT; END$$;
SELECT pg_temp.visit(7);
CREATE OR REPLACE FUNCTION regress_cart.missing(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$BEGIN DROP FUNCTION regress_cart.missing; END$$;
ALTER FUNCTION regress_cart.missing OWNER TO regress_cart_owner;
SELECT pg_temp.visit(7);
SELECT pg_temp.visit(7);
SELECT svc.prevalidate('visits', ARRAY[7, 8]);
CREATE FUNCTION regress_cart.missing(keys int[]) RETURNS int LANGUAGE sql AS 'SELECT 7';
SELECT pg_temp.visit(7), pg_temp.visit(8);
DROP FUNCTION regress_cart.missing;
CREATE FUNCTION regress_cart.missing(keys int[]) RETURNS SETOF text LANGUAGE sql AS $$SELECT '8'$$;
SELECT pg_temp.visit(8);
REVOKE EXECUTE ON FUNCTION regress_cart.missing FROM PUBLIC;
SELECT pg_temp.visit(7);
-- what others made of it has answers of no use
CREATE SCHEMA regress_model_api;
CREATE TABLE regress_model_api.names (name text PRIMARY KEY);
GRANT USAGE ON SCHEMA regress_model_api TO regress_cart_owner;
GRANT SELECT ON regress_model_api.names TO regress_cart_owner;
CREATE FUNCTION regress_cart.missing_names(keys text[]) RETURNS SETOF text LANGUAGE sql AS $$SELECT 'z'$$;
ALTER TABLE regress_cart.visits ADD COLUMN name text;
SELECT svc.create_reference('regress_cart.visits', 'name', 'regress_model', 'names', name => 'named', validator => 'regress_cart.missing_names(text[])');
INSERT INTO regress_cart.visits (name) VALUES ('x'), ('y');
DROP FUNCTION regress_cart.missing_names;
CREATE FUNCTION regress_cart.missing_names(keys text[]) RETURNS SETOF int LANGUAGE sql AS $$SELECT 5$$;
SAVEPOINT s;
INSERT INTO regress_cart.visits (name) VALUES ('x'), ('y');
ROLLBACK TO s;
DROP FUNCTION regress_cart.missing_names;
CREATE FUNCTION regress_cart.missing_names(text[]) RETURNS TABLE (a int, b text) LANGUAGE sql AS $$SELECT 1, 'x'$$;
INSERT INTO regress_cart.visits (name) VALUES ('x'), ('y');
ROLLBACK;

-- The service that owns the keys goes: forced, and nothing stands in the way of the next one
SELECT svc.revoke_contract('regress_product', 'regress_cart');
SELECT svc.drop_service('regress_product');
CREATE VIEW regress_cart.shown AS SELECT id FROM regress_product_api.products;
SELECT svc.drop_service('regress_product', force => true);
DROP VIEW regress_cart.shown;
CREATE FUNCTION regress_product_api.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT svc.drop_service('regress_product', force => true);
DROP FUNCTION regress_product_api.mine();
BEGIN;
SELECT svc.drop_service('regress_product', force => true);
SELECT nspname FROM pg_namespace WHERE nspname ~ 'regress_product' ORDER BY 1;
SELECT count(*) FROM regress_product.products;
INSERT INTO regress_cart.items VALUES (2, 2, NULL), (3, -2, NULL);
SELECT reference, trigger, pending FROM svc.reference_status ORDER BY 1;
SELECT reference, mode FROM svc.references_declared ORDER BY 1;
-- watched for nobody
SELECT count(*) FROM written WHERE reference ~ 'watch';
DELETE FROM regress_product.products WHERE id = 2;
-- it is made again around what is there
SELECT svc.create_service('regress_product', schema => 'regress_product', adopt => true);
SELECT svc.publish('regress_product', 'products', 'regress_product.products'), svc.grant_contract('regress_product', 'regress_cart');
-- what was deleted meanwhile nobody noted, so all rows are to be looked at
SELECT reference, key, state FROM svc.tombstones() WHERE key IS NULL ORDER BY 1;
INSERT INTO regress_cart.items (other) VALUES (3);
SELECT count(*) FROM written WHERE reference ~ 'watch';
INSERT INTO regress_cart.items (other) VALUES (2);
ROLLBACK;
-- or connected from elsewhere
CREATE FOREIGN DATA WRAPPER regress_wrapper HANDLER postgres_fdw_handler;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
SELECT svc.drop_service('regress_product', force => true);
CREATE SCHEMA regress_product_import;
CREATE FOREIGN TABLE regress_product_import.products (id int, name text) SERVER regress_server;
SELECT svc.connect('regress_product', server => 'regress_server', consumer => 'regress_cart');
SELECT reference, mode FROM svc.references_declared ORDER BY 1;
INSERT INTO regress_cart.items VALUES (2, 2, NULL), (3, -2, NULL);
SELECT reference, trigger, pending > 0 AS waiting FROM svc.reference_status ORDER BY 1;
SELECT svc.disconnect('regress_product', 'regress_cart');

-- The extension goes: its triggers with it, and what is in the tables stays
BEGIN;
SET LOCAL client_min_messages = error;
DROP EXTENSION svc_ownership;
ROLLBACK;
BEGIN;
SET LOCAL client_min_messages = error;
DROP EXTENSION svc_ownership CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgname ~ '_ref|svc_watch';
INSERT INTO regress_cart.items VALUES (-5, -5, '{-5}');
SELECT count(*) > 2 AS there FROM regress_cart.items;
CREATE EXTENSION svc_ownership;
SELECT count(*) FROM svc.references_declared;
ROLLBACK;

DROP PROCEDURE declare;
SET client_min_messages = error;
DROP VIEW written, problems;
SELECT svc.drop_service('regress_cart', drop_objects => true, force => true);
DROP SCHEMA IF EXISTS regress_product, regress_product_import, regress_product_api CASCADE;
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
DROP EXTENSION postgres_fdw;
DROP OWNED BY regress_product_owner, regress_product_writer, regress_product_reader;
DROP ROLE regress_product_owner, regress_product_writer, regress_product_reader, regress_heir;
