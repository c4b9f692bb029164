-- Looking at all rows of a reference: violations open, are seen again, waived and resolved; who may
-- see them; what is not known is not missing; a sweep that was stopped goes on.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SELECT svc.create_service('regress_product', schema => 'regress_product'),
       svc.create_service('regress_cart', schema => 'regress_cart'),
       svc.create_service('regress_other', schema => 'regress_other');
CREATE ROLE regress_stranger;
SET svc_ownership.reference_log_sample = 0;

SET ROLE regress_product_owner;
CREATE TABLE regress_product.products (id int PRIMARY KEY, name text);
INSERT INTO regress_product.products SELECT i, 'p' || i FROM generate_series(1, 100) i;
CREATE TABLE regress_product.codes (code text PRIMARY KEY);
INSERT INTO regress_product.codes VALUES ('a'), ('b');
SELECT svc.publish('regress_product', 'products', 'regress_product.products'),
       svc.publish('regress_product', 'codes', 'regress_product.codes', key => 'code'),
       svc.grant_contract('regress_product', 'regress_cart');

-- a partitioned table, a table with a child, an array, texts
SET ROLE regress_cart_owner;
CREATE TABLE regress_cart.items (cart int NOT NULL, product_id int) PARTITION BY RANGE (cart);
CREATE TABLE regress_cart.items_1 PARTITION OF regress_cart.items FOR VALUES FROM (0) TO (100);
CREATE TABLE regress_cart.items_2 (product_id int, gone int, cart int NOT NULL);
ALTER TABLE regress_cart.items_2 DROP COLUMN gone;
ALTER TABLE regress_cart.items ATTACH PARTITION regress_cart.items_2 FOR VALUES FROM (100) TO (200);
CREATE TABLE regress_cart.items_3 PARTITION OF regress_cart.items FOR VALUES FROM (200) TO (300);
INSERT INTO regress_cart.items SELECT i % 300, 1 + i % 100 FROM generate_series(1, 900) i;
INSERT INTO regress_cart.items VALUES (1, 101), (2, NULL), (150, 101), (150, 102), (250, 103);
CREATE TABLE regress_cart.lists (id int, product_ids int[]);
CREATE TABLE regress_cart.old_lists (note text) INHERITS (regress_cart.lists);
INSERT INTO regress_cart.lists VALUES (1, '{1,2}'), (2, '{3,200,200,NULL}'), (3, NULL), (4, '{}');
INSERT INTO regress_cart.old_lists VALUES (5, '{{4,200},{5,201}}');
CREATE TABLE regress_cart.vouchers (code text);
INSERT INTO regress_cart.vouchers VALUES ('a'), ('c''; DROP TABLE svc.service; --'), (''), (repeat('x', 50000)), (repeat('x', 50000));
\set VERBOSITY terse
-- a worker would look at those rows; here nobody does but us
BEGIN;
SELECT svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products', name => 'items_ref'),
       svc.create_reference('regress_cart.lists', 'product_ids', 'regress_product', 'products', name => 'lists_ref'),
       svc.create_reference('regress_cart.vouchers', 'code', 'regress_product', 'codes', name => 'vouchers_ref');
RESET ROLE;
UPDATE svc.reference_state SET needs_sweep = false;
COMMIT;
SET ROLE regress_cart_owner;
\set VERBOSITY default

-- what is violated, and by how many rows
CALL svc.check_references();
SELECT reference, left(key, 40) AS key, length(key), rows, state, found, source, note FROM svc.reference_violations ORDER BY 1, 2;
SELECT reference, left(key, 40) AS key, state, source, detail FROM svc.reference_validation_log ORDER BY 1, 2;
SELECT reference, state, relation, block, rows, finished >= started AS ended FROM svc.reference_sweeps ORDER BY 1;
SELECT reference, validated FROM svc.references_declared ORDER BY 1;
CALL svc.validate_reference('items_ref');
\echo :LAST_ERROR_SQLSTATE

-- again: seen again, not twice; rows that went, keys that came; nothing is asked of those who may not be
SELECT key, first_seen AS first FROM svc.reference_violations WHERE reference = 'items_ref' AND key = '102' \gset
DELETE FROM regress_cart.items WHERE product_id = 101;
SET ROLE regress_product_owner;
INSERT INTO regress_product.products VALUES (103), (200);
SET ROLE regress_cart_owner;
CALL svc.check_references('items_ref');
CALL svc.check_references('lists_ref');
SELECT reference, key, rows, state, first_seen = :'first' AS same_first, last_seen > :'first' AS seen_again
  FROM svc.reference_violations WHERE reference IN ('items_ref', 'lists_ref') ORDER BY 1, 2;
SELECT key, state, detail FROM svc.reference_validation_log WHERE reference = 'items_ref' AND at > :'first' ORDER BY at, key;

-- waived: counts no more, until it is resolved, or its time is over
SELECT svc.waive_violation('items_ref', '102', 'known since 2019');
CALL svc.validate_reference('items_ref');
SELECT key, rows, state, note, waived_until FROM svc.reference_violations WHERE reference = 'items_ref' ORDER BY 1;
SELECT validated FROM svc.references_declared WHERE reference = 'items_ref';
SELECT svc.reopen_violation('items_ref', '102');
CALL svc.check_references('items_ref');
SELECT svc.waive_violation('items_ref', '102', 'for a moment', now() + '1 hour');
RESET ROLE;
UPDATE svc.reference_violation SET waived_until = now() - interval '1 hour' WHERE state = 'waived';
SET ROLE regress_cart_owner;
SELECT key, state, note FROM svc.reference_violations WHERE reference = 'items_ref' AND key = '102';
CALL svc.check_references('items_ref');
SELECT svc.waive_violation('items_ref', '102', 'for ever');
DELETE FROM regress_cart.items WHERE product_id = 102;
CALL svc.validate_reference('items_ref');
SELECT key, rows, state FROM svc.reference_violations WHERE reference = 'items_ref' ORDER BY 1;
SELECT svc.waive_violation('items_ref', '102', 'resolved');
SELECT svc.reopen_violation('items_ref', '102');
-- one that comes back is as one that is new: nothing of what was waived, and in the log again
CREATE VIEW regress_cart.again AS
SELECT key, rows, state, note, waived_until IS NULL AS for_ever, first_seen, last_seen
  FROM svc.reference_violations WHERE reference = 'lists_ref' AND key = '301';
RESET ROLE;
SET session_replication_role = replica;
INSERT INTO regress_cart.lists VALUES (6, '{301}');
CALL svc.check_references('lists_ref');
SELECT svc.waive_violation('lists_ref', '301', 'until it is resolved', now() + '1 hour');
DELETE FROM regress_cart.lists WHERE id = 6;
CALL svc.check_references('lists_ref');
SELECT key, rows, state, note FROM regress_cart.again;
SELECT now() AS before \gset
INSERT INTO regress_cart.lists VALUES (7, '{301}');
CALL svc.check_references('lists_ref');
SELECT key, rows, state, note, for_ever, first_seen > :'before' AS anew FROM regress_cart.again;
-- and is resolved when the key is there, without a sweep
INSERT INTO regress_product.products VALUES (301);
CALL svc.run_pending();
SELECT state, last_seen > swept_at AS unswept FROM regress_cart.again, svc.reference_status WHERE reference = 'lists_ref';
SELECT state, source, detail FROM svc.reference_validation_log WHERE reference = 'lists_ref' AND key = '301' ORDER BY at;
DELETE FROM regress_cart.lists WHERE id = 7;
DELETE FROM regress_product.products WHERE id = 301;
DELETE FROM svc.reference_violation WHERE key = '301';
RESET session_replication_role;
DROP VIEW regress_cart.again;
SET ROLE regress_cart_owner;
SELECT svc.waive_violation('items_ref', '102', 'late', '2000-01-01');
SELECT svc.waive_violation('no_such', '1', 'x');
SELECT svc.waive_violation('items_ref', NULL, 'x');
SELECT svc.waive_violation('vouchers_ref', repeat('x', 2000), 'as it is shown');

-- who sees what: members of the two services' owner roles
SET ROLE regress_product_owner;
SELECT reference, count(*) FROM svc.reference_violations GROUP BY 1 ORDER BY 1;
SELECT count(*) > 0 AS sees_log FROM svc.reference_validation_log;
CALL svc.check_references('items_ref');
CALL svc.check_references();
SET ROLE regress_other_owner;
SELECT count(*) FROM svc.reference_violations;
SELECT count(*) FROM svc.reference_validation_log;
SELECT count(*) FROM svc.reference_sweeps;
CALL svc.validate_reference('items_ref');
SELECT svc.waive_violation('items_ref', '102', 'not mine');
SELECT * FROM svc.reference_violation;
SELECT * FROM svc.reference_log;
SET ROLE regress_cart_writer;
SELECT count(*) FROM svc.reference_violations;
CALL svc.check_references('items_ref');
SET ROLE regress_stranger;
SELECT count(*) FROM svc.reference_violations;
SELECT count(*) FROM svc.reference_validation_log;

-- transactions of its own
SET ROLE regress_cart_owner;
BEGIN;
CALL svc.check_references('items_ref');
ROLLBACK;
DO $$ BEGIN CALL svc.validate_reference('items_ref'); END $$;
BEGIN;
INSERT INTO regress_cart.items VALUES (3, 1);
DO $$ BEGIN CALL svc.validate_reference('items_ref'); END $$;
ROLLBACK;
CALL svc.check_references('no_such');
CALL svc.validate_reference(NULL);
SET default_transaction_read_only = on;
CALL svc.check_references('items_ref');
RESET default_transaction_read_only;
-- whatever the isolation level of the session is
SET default_transaction_isolation = 'serializable';
CALL svc.validate_reference('items_ref');
RESET default_transaction_isolation;

-- what cannot be asked is unknown, not missing
SET ROLE regress_product_owner;
SELECT svc.revoke_contract('regress_product', 'regress_cart');
SET ROLE regress_cart_owner;
CALL svc.check_references('items_ref');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
CALL svc.check_references();
\set VERBOSITY default
SELECT state, count(*) FROM svc.reference_violations WHERE reference = 'items_ref' GROUP BY 1 ORDER BY 1;
SELECT state FROM svc.reference_sweeps WHERE reference = 'items_ref';
SET ROLE regress_product_owner;
SELECT svc.grant_contract('regress_product', 'regress_cart');
SET ROLE regress_cart_owner;
CALL svc.check_references('items_ref');
SELECT state FROM svc.reference_sweeps WHERE reference = 'items_ref';

-- a table without a block; arrays that are kept elsewhere, whole or compressed, and so are their elements
CREATE TABLE regress_cart.nothing (product_id int);
CREATE TABLE regress_cart.long_lists (id int, product_ids int[]);
ALTER TABLE regress_cart.long_lists ALTER COLUMN product_ids SET STORAGE EXTERNAL;
INSERT INTO regress_cart.long_lists SELECT n, ARRAY(SELECT 1 + i % 100 FROM generate_series(1, 10000) i) || n FROM generate_series(99, 102) n;
CREATE TABLE regress_cart.long_codes (codes text[]);
INSERT INTO regress_cart.long_codes VALUES (ARRAY['a', repeat('long', 3000), repeat('none', 3000)]), (ARRAY[repeat('long', 3000), repeat('none', 3000)]);
SET ROLE regress_product_owner;
INSERT INTO regress_product.codes VALUES (repeat('long', 3000));
SET ROLE regress_cart_owner;
SET client_min_messages = warning;
SELECT svc.create_reference('regress_cart.nothing', 'product_id', 'regress_product', 'products', name => 'nothing_ref');
SELECT svc.create_reference('regress_cart.long_lists', 'product_ids', 'regress_product', 'products', name => 'long_lists_ref');
SELECT svc.create_reference('regress_cart.long_codes', 'codes', 'regress_product', 'codes', name => 'long_codes_ref');
RESET client_min_messages;
SELECT pg_relation_size('regress_cart.nothing') AS bytes, pg_column_size(product_ids) > 40000 AS whole FROM regress_cart.long_lists LIMIT 1;
CALL svc.validate_reference('nothing_ref');
CALL svc.check_references('long_lists_ref');
CALL svc.check_references('long_codes_ref');
SELECT reference, left(key, 20) AS key, length(key), rows FROM svc.reference_violations WHERE reference LIKE 'long%' ORDER BY 1, 2;
SELECT reference, state, rows FROM svc.reference_sweeps WHERE reference LIKE 'long%' OR reference = 'nothing_ref' ORDER BY 1;
DROP TABLE regress_cart.nothing, regress_cart.long_lists, regress_cart.long_codes;

-- policies hide no row from it, and it runs as the owner role of the referencing service
CREATE TABLE regress_cart.hidden (id int, product_id int);
INSERT INTO regress_cart.hidden VALUES (1, 1), (2, 999);
ALTER TABLE regress_cart.hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nothing ON regress_cart.hidden USING (false);
SELECT count(*) FROM regress_cart.hidden;
SELECT svc.create_reference('regress_cart.hidden', 'product_id', 'regress_product', 'products', name => 'hidden_ref');
CALL svc.check_references('hidden_ref');
RESET ROLE;
CREATE TABLE regress_product.seen (who text);
GRANT INSERT, SELECT ON regress_product.seen TO PUBLIC;
CREATE FUNCTION regress_product.trap(ids int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress_product.seen VALUES (current_user || ' ' || current_setting('search_path'));
    RETURN QUERY SELECT i FROM unnest(ids) i WHERE i > 1;
END $$;
GRANT USAGE ON SCHEMA regress_product TO PUBLIC;
SET search_path = regress_other, public;
SELECT svc.create_reference('regress_cart.hidden', 'id', 'regress_product', 'products', name => 'trap_ref', validator => 'regress_product.trap(int[])');
CALL svc.check_references('trap_ref');
SELECT key, rows, state FROM svc.reference_violations WHERE reference = 'trap_ref';
RESET search_path;
SELECT DISTINCT who FROM regress_product.seen;

-- stopped, it goes on where it stopped; what came meanwhile is seen, also if rows moved back
-- by another session, which is cancelled when that is seen
RESET ROLE;
CREATE EXTENSION dblink;
CREATE PROCEDURE pg_temp.stop_after_a_part(sweep text, name name) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dblink_connect('sweeper', 'dbname=' || current_database());
    PERFORM dblink_exec('sweeper', 'SET ROLE regress_cart_owner; SET svc_ownership.sweep_delay = ''1min''');
    PERFORM dblink_send_query('sweeper', format('CALL svc.%I(%L)', sweep, name));
    FOR i IN 1 .. 5000 LOOP
        EXIT WHEN EXISTS (SELECT FROM svc.reference_sweeps w WHERE w.reference = name AND w.state = 'unfinished' AND w.rows > 0);
        PERFORM pg_sleep(0.01);
    END LOOP;
    PERFORM dblink_cancel_query('sweeper');
    PERFORM FROM dblink_get_result('sweeper', false) AS r (nothing text);
    PERFORM dblink_disconnect('sweeper');
END $$;
CALL pg_temp.stop_after_a_part('validate_reference', 'items_ref');
SELECT state, relation, block, rows FROM svc.reference_sweeps WHERE reference = 'items_ref';
SELECT started AS begun FROM svc.reference_sweeps WHERE reference = 'items_ref' \gset
SET session_replication_role = replica;
INSERT INTO regress_cart.items_1 VALUES (10, 777);
UPDATE regress_cart.items SET product_id = 778 WHERE cart = 11;
RESET session_replication_role;
SET ROLE regress_cart_owner;
CALL svc.validate_reference('items_ref');
SELECT started = :'begun' AS same, state, relation, rows FROM svc.reference_sweeps WHERE reference = 'items_ref';
SELECT key, rows, state FROM svc.reference_violations WHERE reference = 'items_ref' AND state = 'open' ORDER BY 1;
DELETE FROM regress_cart.items WHERE product_id >= 777;
CALL svc.validate_reference('items_ref');
-- unless that was long ago, or something came that needs a sweep
RESET ROLE;
CALL pg_temp.stop_after_a_part('validate_reference', 'items_ref');
UPDATE svc.reference_sweep SET seen = seen - interval '2 days' WHERE reference = 'items_ref';
SELECT started AS begun FROM svc.reference_sweeps WHERE reference = 'items_ref' \gset
CALL svc.validate_reference('items_ref');
SELECT started > :'begun' AS anew FROM svc.reference_sweeps WHERE reference = 'items_ref';
UPDATE svc.reference_state SET needs_sweep = true WHERE reference = 'items_ref';
UPDATE svc.reference_sweep SET finished = NULL WHERE reference = 'items_ref';
SELECT started AS begun FROM svc.reference_sweeps WHERE reference = 'items_ref' \gset
CALL svc.validate_reference('items_ref');
SELECT started > :'begun' AS anew FROM svc.reference_sweeps WHERE reference = 'items_ref';
SELECT needs_sweep, swept_at IS NOT NULL AS swept, validated_at IS NOT NULL AS validated FROM svc.reference_status WHERE reference = 'items_ref';

-- a table that is written anew meanwhile has its rows elsewhere: all of it is read again
SET ROLE regress_cart_owner;
CREATE TABLE regress_cart.wide (id int PRIMARY KEY, product_id int, pad text);
ALTER TABLE regress_cart.wide ALTER COLUMN pad SET STORAGE PLAIN;
INSERT INTO regress_cart.wide SELECT -i, 1, repeat('x', 7000) FROM generate_series(1, 2500) i;
INSERT INTO regress_cart.wide VALUES (-2501, 998), (-2502, 998);
SET client_min_messages = warning;
SELECT svc.create_reference('regress_cart.wide', 'product_id', 'regress_product', 'products', name => 'wide_ref');
RESET client_min_messages;
RESET ROLE;
CALL pg_temp.stop_after_a_part('check_references', 'wide_ref');
DROP EXTENSION dblink;
SET ROLE regress_cart_owner;
SELECT relation, block, started AS begun FROM svc.reference_sweeps WHERE reference = 'wide_ref' \gset
SELECT :'relation' AS relation, :block AS block;
CLUSTER regress_cart.wide USING wide_pkey;
CALL svc.check_references('wide_ref');
SELECT state, rows, started > :'begun' AS anew FROM svc.reference_sweeps WHERE reference = 'wide_ref';
SELECT key, rows, state FROM svc.reference_violations WHERE reference = 'wide_ref';
DROP TABLE regress_cart.wide;

-- keys before they are written
SET ROLE regress_cart_owner;
SELECT * FROM svc.prevalidate('items_ref', ARRAY[5, NULL, 500, 5]);
SELECT * FROM svc.prevalidate('lists_ref', ARRAY[[1, 300], [2, 301]]);
SELECT * FROM svc.prevalidate('items_ref', '{}'::int[]);
SELECT left(key, 10) AS key, length(key), state FROM svc.prevalidate('vouchers_ref', ARRAY['a', 'it''s', repeat('y', 20000)]);
SELECT * FROM svc.prevalidate('vouchers_ref', ARRAY['a', 'z']::varchar[]);
SELECT * FROM svc.prevalidate('items_ref', ARRAY['5']);
SELECT * FROM svc.prevalidate('items_ref', ARRAY[5]::bigint[]);
SELECT * FROM svc.prevalidate('items_ref', NULL::int[]);
SELECT * FROM svc.prevalidate('no_such', ARRAY[5]);
SELECT count(*) FROM svc.prevalidate('items_ref', array_fill(5, ARRAY[100001]));
SET ROLE regress_cart_writer;
SELECT * FROM svc.prevalidate('items_ref', ARRAY[5]);
SET ROLE regress_cart_reader;
SELECT * FROM svc.prevalidate('items_ref', ARRAY[5]);
SET ROLE regress_stranger;
SELECT * FROM svc.prevalidate('items_ref', ARRAY[5]);

-- the log: a partition a day that belongs to the extension, which nobody else writes
RESET ROLE;
SELECT count(*) > 0 AS partitions, bool_and(d.deptype = 'e') AS members,
       bool_and((SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled = 'A' AND t.tgfoid = 'svc.guard_catalog()'::regprocedure) = 2) AS guarded,
       bool_and(obj_description(c.oid, 'pg_class') LIKE 'Catalog: a day of %') AS explained
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass
 WHERE i.inhparent = 'svc.reference_log'::regclass;
GRANT pg_write_all_data TO regress_stranger;
SET ROLE regress_stranger;
\set VERBOSITY sqlstate
INSERT INTO svc.reference_log VALUES (now(), 'items_ref', '1', 'valid', 'sweep', NULL);
\set VERBOSITY default
RESET ROLE;
REVOKE pg_write_all_data FROM regress_stranger;

-- a share of the valid keys is logged, each once a sweep
SET svc_ownership.reference_log_sample = 1;
SELECT clock_timestamp() AS then \gset
CALL svc.check_references('lists_ref');
SELECT key, state, count(*) FROM svc.reference_validation_log WHERE reference = 'lists_ref' AND at >= :'then' GROUP BY 1, 2 ORDER BY 1;
RESET svc_ownership.reference_log_sample;

-- with the reference goes what was found out about it
SELECT svc.drop_reference('vouchers_ref');
SELECT count(*) FROM svc.reference_violation WHERE reference = 'vouchers_ref';
SELECT count(*) FROM svc.reference_log WHERE reference = 'vouchers_ref';
DROP TABLE regress_cart.hidden;
SELECT count(*) FROM svc.reference_violation WHERE reference IN ('hidden_ref', 'trap_ref');
SELECT count(*) FROM svc.reference_log WHERE reference IN ('hidden_ref', 'trap_ref');

\set VERBOSITY terse
SET client_min_messages = error;
SELECT svc.drop_service(s, drop_objects => true, force => true) FROM unnest(ARRAY['regress_cart', 'regress_product', 'regress_other']) s;
DROP ROLE regress_stranger;
