-- References while rows are written: what is checked, when, as whom, and what is
-- said of keys that are missing.
CREATE ROLE regress_shopper;
CREATE ROLE regress_clerk;
SET client_min_messages = warning;
SELECT svc.create_service('goods', schema => 'goods', role_prefix => 'regress_goods'),
       svc.create_service('basket', schema => 'basket', role_prefix => 'regress_basket');
RESET client_min_messages;
-- what this transaction leaves to the worker, who cannot take it before the end; keys are small integers here
CREATE VIEW journal AS
SELECT kind, relation::regclass, subject,
       ARRAY(SELECT get_byte(keys, 20 + 4 * i) FROM generate_series(0, (octet_length(keys) - 20) / 4 - 1) i) AS keys
  FROM (TABLE svc.journal_0 UNION ALL TABLE svc.journal_1 UNION ALL TABLE svc.journal_2) e
 WHERE xid = pg_current_xact_id() ORDER BY number;

SET ROLE regress_goods_owner;
CREATE TABLE goods.products (id int PRIMARY KEY, name text);
INSERT INTO goods.products SELECT i, 'p' || i FROM generate_series(1, 20) i;
CREATE TABLE goods.labels (code text PRIMARY KEY);
INSERT INTO goods.labels VALUES ('new'), ('it''s; "quoted"'), ('');
SELECT svc.publish('goods', 'products', 'goods.products'), svc.publish('goods', 'labels', 'goods.labels', 'code'),
       svc.grant_contract('goods', 'basket');
RESET ROLE;
SET ROLE regress_basket_owner;
CREATE TABLE basket.items (id int PRIMARY KEY, product_id int, note text);
CREATE TABLE basket.wishes (id int PRIMARY KEY, product_ids int[], label varchar(40));
SELECT svc.create_reference('basket.items', 'product_id', 'goods', 'products');
SELECT svc.create_reference('basket.wishes', 'product_ids', 'goods', 'products');
SELECT svc.create_reference('basket.wishes', 'label', 'goods', 'labels');
GRANT USAGE ON SCHEMA basket TO regress_shopper, regress_clerk;
GRANT SELECT, INSERT, UPDATE, DELETE ON basket.items, basket.wishes TO regress_shopper;
GRANT INSERT, UPDATE ON basket.items TO regress_clerk;
RESET ROLE;

-- what drivers see of an error
CREATE FUNCTION public.regress_fields(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s text; n text; t text; c text; k text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, n = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME, k = CONSTRAINT_NAME;
    RETURN concat_ws(' ', s, n, t, c, k);
END $$;

-- as a foreign key: one row, many, none, NULL
SET ROLE regress_shopper;
INSERT INTO basket.items VALUES (1, 1), (2, 2), (3, NULL);
\set SHOW_CONTEXT errors
INSERT INTO basket.items VALUES (4, 99);
SELECT public.regress_fields('INSERT INTO basket.items VALUES (4, 99)');
INSERT INTO basket.items SELECT i, i FROM generate_series(10, 30) i;
INSERT INTO basket.items SELECT 5, 99 WHERE false;
COPY basket.items FROM stdin;
5	5	
6	\N	
7	98	
\.
COPY basket.items FROM stdin;
5	5	
6	\N	
\.
UPDATE basket.items SET product_id = 97 WHERE id = 1;
UPDATE basket.items SET product_id = 96 WHERE id > 100;
UPDATE basket.items SET note = 'n', product_id = product_id;
INSERT INTO basket.items VALUES (1, 95) ON CONFLICT DO NOTHING;
INSERT INTO basket.items VALUES (1, 95) ON CONFLICT (id) DO UPDATE SET note = 'c';
INSERT INTO basket.items VALUES (1, 95) ON CONFLICT (id) DO UPDATE SET product_id = EXCLUDED.product_id;
MERGE INTO basket.items t USING (VALUES (1, 3), (8, 94)) s (id, key) ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET product_id = s.key WHEN NOT MATCHED THEN INSERT (id, product_id) VALUES (s.id, s.key);
WITH a AS (INSERT INTO basket.items VALUES (8, 8) RETURNING id) INSERT INTO basket.items SELECT 9, 93 FROM a;
SELECT * FROM basket.items ORDER BY id;
-- each element of an array
INSERT INTO basket.wishes VALUES (1, '{1,2,NULL,1}'), (2, '{}'), (3, NULL);
INSERT INTO basket.wishes VALUES (4, '{1,2,92}');
UPDATE basket.wishes SET product_ids = product_ids || 3;
UPDATE basket.wishes SET product_ids = product_ids || 91 WHERE id = 1;
INSERT INTO basket.wishes VALUES (5, '{{1,2},{3,90}}');
-- values are values
INSERT INTO basket.wishes (id, label) VALUES (6, 'it''s; "quoted"'), (7, ''), (8, NULL);
INSERT INTO basket.wishes (id, label) VALUES (9, ''') OR true; DROP TABLE goods.labels; --');
INSERT INTO basket.wishes (id, label) SELECT 100 + i, 'x' || i FROM generate_series(1, 20) i;
RESET ROLE;

-- a key is shown only to those who may read the column
SET ROLE regress_clerk;
INSERT INTO basket.items VALUES (40, 99);
RESET ROLE;
ALTER TABLE basket.items ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON basket.items USING (true);
SET ROLE regress_shopper;
INSERT INTO basket.items VALUES (40, 99);
RESET ROLE;
ALTER TABLE basket.items DISABLE ROW LEVEL SECURITY;

-- parents that the same statement or transaction makes; elements that were there stay though their parent is gone
BEGIN;
INSERT INTO goods.products VALUES (21, 'p21');
INSERT INTO basket.items VALUES (21, 21);
WITH p AS (INSERT INTO goods.products VALUES (22, 'p22') RETURNING id) INSERT INTO basket.items SELECT 22, id FROM p;
DELETE FROM goods.products WHERE id = 22;
UPDATE basket.items SET note = 'stays' WHERE id = 22;
UPDATE basket.items SET product_id = 22 WHERE id = 22;
SAVEPOINT s;
UPDATE basket.items SET product_id = 22 WHERE id = 21;
ROLLBACK TO s;
INSERT INTO basket.wishes VALUES (22, '{21}');
DELETE FROM goods.products WHERE id = 21;
UPDATE basket.wishes SET product_ids = product_ids || 1 WHERE id = 22;
SAVEPOINT s;
INSERT INTO basket.wishes VALUES (23, '{21}');
ROLLBACK;
-- also where the transaction's snapshot is older than the parent, or than its end
CREATE EXTENSION dblink;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM goods.products;
SELECT dblink_exec('dbname=' || current_database(), 'INSERT INTO goods.products VALUES (30, ''new''); DELETE FROM goods.products WHERE id = 20');
SELECT count(*) FROM goods.products WHERE id IN (20, 30);
INSERT INTO basket.items VALUES (31, 30);
INSERT INTO basket.items VALUES (32, 20);
ROLLBACK;
DROP EXTENSION dblink;

-- Partitions and children, also written directly; rows that move
SET ROLE regress_basket_owner;
CREATE TABLE basket.parts (id int, product_id int) PARTITION BY RANGE (id);
CREATE TABLE basket.parts_0 PARTITION OF basket.parts FOR VALUES FROM (0) TO (100);
CREATE TABLE basket.parts_1 (unused text, product_id int, id int);
ALTER TABLE basket.parts_1 DROP COLUMN unused;
ALTER TABLE basket.parts ATTACH PARTITION basket.parts_1 FOR VALUES FROM (100) TO (200);
SELECT svc.create_reference('basket.parts', 'product_id', 'goods', 'products');
INSERT INTO basket.parts VALUES (1, 1), (101, 2);
INSERT INTO basket.parts VALUES (1, 1), (101, 99);
INSERT INTO basket.parts_1 (id, product_id) VALUES (102, 99);
UPDATE basket.parts SET id = id + 100 WHERE id = 1;
UPDATE basket.parts SET id = id - 100, product_id = 99 WHERE id = 101;
CREATE TABLE basket.tree (id int, product_id int);
CREATE TABLE basket.tree_child (more int) INHERITS (basket.tree);
SELECT svc.create_reference('basket.tree', 'product_id', 'goods', 'products');
INSERT INTO basket.tree_child VALUES (1, 1, 1);
INSERT INTO basket.tree_child VALUES (1, 99, 1);
UPDATE basket.tree SET product_id = 99;
RESET ROLE;
-- the value arrives by a foreign key's action
SET ROLE regress_basket_owner;
CREATE TABLE basket.lines (id int PRIMARY KEY, product_id int REFERENCES basket.items ON UPDATE CASCADE);
SELECT svc.create_reference('basket.lines', 'product_id', 'goods', 'products');
INSERT INTO basket.lines VALUES (1, 1);
UPDATE basket.items SET id = 77 WHERE id = 1;
UPDATE basket.items SET id = 19 WHERE id = 1;
SELECT * FROM basket.lines;
DROP TABLE basket.lines;
UPDATE basket.items SET id = 1 WHERE id = 19;

-- At the end of the transaction
CREATE TABLE basket.orders (id int PRIMARY KEY, product_id int, note text);
CREATE TABLE basket.bundles (id int PRIMARY KEY, product_ids int[]);
SELECT svc.create_reference('basket.orders', 'product_id', 'goods', 'products', mode => 'commit');
SELECT svc.create_reference('basket.bundles', 'product_ids', 'goods', 'products', mode => 'commit');
INSERT INTO basket.orders VALUES (1, 99);
INSERT INTO basket.bundles VALUES (1, '{1,99}');
RESET ROLE;
-- the parent comes later; or the row goes again; or gets another key, or another note
BEGIN;
INSERT INTO basket.orders SELECT i, i FROM generate_series(41, 60) i;
INSERT INTO basket.bundles VALUES (2, '{1,41,60,NULL}');
INSERT INTO goods.products SELECT i, 'later' FROM generate_series(41, 60) i;
INSERT INTO basket.orders VALUES (2, 99), (3, 99), (4, 99);
DELETE FROM basket.orders WHERE id = 2;
UPDATE basket.orders SET product_id = 4 WHERE id = 3;
UPDATE basket.orders SET note = 'n' WHERE id IN (3, 4);
SAVEPOINT s;
SET CONSTRAINTS basket.orders_product_id_ref IMMEDIATE;
ROLLBACK TO s;
DELETE FROM basket.orders WHERE id = 4;
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO basket.orders VALUES (5, 99);
ROLLBACK TO s;
UPDATE basket.orders SET product_id = NULL WHERE id = 4;
COMMIT;
SELECT count(*), count(product_id) FROM basket.orders;
-- a key that was found is looked for again when rows come after it
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO goods.products VALUES (61, 'mine');
INSERT INTO basket.orders VALUES (61, 61);
DELETE FROM goods.products WHERE id = 61;
INSERT INTO basket.orders VALUES (62, 61);
ROLLBACK;
-- also if a row asks before its statement's keys are collected, as an immediate constraint does
BEGIN;
INSERT INTO goods.products VALUES (61, 'mine');
INSERT INTO basket.orders VALUES (61, 61);
SET CONSTRAINTS ALL IMMEDIATE;
DELETE FROM goods.products WHERE id = 61;
INSERT INTO basket.orders VALUES (62, 61);
ROLLBACK;
BEGIN;
INSERT INTO basket.orders VALUES (62, 61), (63, 1);
SAVEPOINT s;
INSERT INTO goods.products VALUES (61, 'mine');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
SET CONSTRAINTS ALL DEFERRED;
COMMIT;
-- more keys than work_mem holds
SET work_mem = '64kB';
BEGIN;
INSERT INTO basket.orders SELECT i, i FROM generate_series(1001, 6000) i;
INSERT INTO goods.products SELECT i, 'many' FROM generate_series(1001, 6000) i;
COMMIT;
BEGIN;
INSERT INTO basket.orders SELECT i, i FROM generate_series(6001, 11000) i;
INSERT INTO goods.products SELECT i, 'many' FROM generate_series(6001, 10999) i;
COMMIT;
INSERT INTO basket.items SELECT i, i FROM generate_series(1001, 6000) i;
INSERT INTO basket.items SELECT i, i FROM generate_series(6001, 10000) i;
-- at the end of the transaction they are asked for together, too: what is asked is counted
SET ROLE regress_basket_owner;
CREATE SEQUENCE basket.questions;
CREATE FUNCTION basket.ask(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('basket.questions'); RETURN QUERY SELECT k FROM unnest(keys) k WHERE k < 0; END $$;
CREATE TABLE basket.many (id int, product_ids int[]);
SELECT svc.create_reference('basket.many', 'product_ids', 'goods', 'products', mode => 'commit', name => 'many', validator => 'basket.ask(int[])');
RESET ROLE;
INSERT INTO basket.many SELECT i, ARRAY[i, NULL, i + 1] FROM generate_series(1, 20000) i;
SELECT last_value BETWEEN 2 AND 1000 AS together FROM basket.questions;
-- updates, and what was undone
BEGIN;
UPDATE basket.many SET product_ids = NULL WHERE id < 1000;
UPDATE basket.many SET product_ids = ARRAY[id + 1, -id] WHERE id > 19000;
SAVEPOINT s;
UPDATE basket.many SET product_ids = ARRAY[id, id + 50000];
ROLLBACK TO s;
UPDATE basket.many SET product_ids = ARRAY[id + 20000, id + 30000] WHERE id > 1;
COMMIT;
SELECT last_value BETWEEN 2 AND 8000 AS together FROM basket.questions;
BEGIN;
INSERT INTO basket.many SELECT i, ARRAY[i] FROM generate_series(1, 5000) i;
INSERT INTO basket.many SELECT i, ARRAY[CASE i WHEN 4999 THEN -7 ELSE i + 5000 END] FROM generate_series(1, 5000) i;
COMMIT;
DROP TABLE basket.many;
RESET work_mem;
-- what is missing is asked for once more before it is refused: by then it may be there
SET ROLE regress_basket_owner;
CREATE SEQUENCE basket.doubts;
CREATE FUNCTION basket.doubt(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN IF nextval('basket.doubts') = 1 THEN RETURN QUERY SELECT k FROM unnest(keys) k; END IF; END $$;
CREATE TABLE basket.doubtful (product_id int);
SELECT svc.create_reference('basket.doubtful', 'product_id', 'goods', 'products', mode => 'commit', name => 'doubtful', validator => 'basket.doubt(int[])');
INSERT INTO basket.doubtful VALUES (1);
SELECT last_value FROM basket.doubts;
DROP TABLE basket.doubtful;
RESET ROLE;
DELETE FROM basket.items WHERE id > 1000;
DELETE FROM basket.orders;

-- Triggers of others: a key that one changes in an UPDATE that does not name the column ...
CREATE FUNCTION basket.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'other' THEN NEW.product_id := 99; END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION basket.take_away() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'drop' THEN EXECUTE format('DELETE FROM basket.%I WHERE id = $1', TG_TABLE_NAME) USING NEW.id; END IF;
    BEGIN
        IF NEW.note = 'catch' THEN INSERT INTO basket.items VALUES (NEW.id + 100, 99); END IF;
    EXCEPTION WHEN foreign_key_violation THEN NULL;
    END;
    RETURN NULL;
END $$;
CREATE TRIGGER meddle BEFORE UPDATE ON basket.items FOR EACH ROW EXECUTE FUNCTION basket.meddle();
CREATE TRIGGER meddle BEFORE UPDATE ON basket.orders FOR EACH ROW EXECUTE FUNCTION basket.meddle();
UPDATE basket.items SET note = 'other' WHERE id = 1;
INSERT INTO basket.orders VALUES (1, 1);
UPDATE basket.orders SET note = 'other' WHERE id = 1;
-- ... rows that one takes away again; errors that one catches, which undo nothing that was collected
CREATE TRIGGER take_away AFTER INSERT ON basket.items FOR EACH ROW EXECUTE FUNCTION basket.take_away();
CREATE TRIGGER take_away AFTER INSERT ON basket.orders FOR EACH ROW EXECUTE FUNCTION basket.take_away();
INSERT INTO basket.items VALUES (50, 99, 'drop'), (51, 1, 'catch');
INSERT INTO basket.items VALUES (50, 99, 'drop'), (52, 98, '');
INSERT INTO basket.orders VALUES (50, 99, 'drop'), (51, 1, 'catch');
INSERT INTO basket.orders VALUES (52, 1, 'catch'), (53, 99, ''), (54, 1, 'catch');
SELECT id FROM basket.items WHERE id >= 50 UNION ALL SELECT id FROM basket.orders WHERE id >= 50 ORDER BY 1;
DROP TRIGGER take_away ON basket.items;
DROP TRIGGER take_away ON basket.orders;
DROP TRIGGER meddle ON basket.items;
DROP TRIGGER meddle ON basket.orders;

-- What is not rejected is left to the worker
SET ROLE regress_basket_owner;
CREATE TABLE basket.visits (id int, product_id int);
SELECT svc.create_reference('basket.visits', 'product_id', 'goods', 'products', mode => 'async', name => 'visits');
CREATE TABLE basket.looks (id int, product_id int);
SELECT svc.create_reference('basket.looks', 'product_id', 'goods', 'products', mode => 'observe', name => 'looks');
CREATE TABLE basket.reports (id int, product_id int);
SELECT svc.create_reference('basket.reports', 'product_id', 'goods', 'products', on_missing => 'report', name => 'reports');
CREATE TABLE basket.late_reports (id int, product_id int);
SELECT svc.create_reference('basket.late_reports', 'product_id', 'goods', 'products', mode => 'commit', on_missing => 'report', name => 'late_reports');
CREATE TABLE basket.quiet (id int, product_id int);
SELECT svc.create_reference('basket.quiet', 'product_id', 'goods', 'products', mode => 'off', name => 'quiet');
BEGIN;
INSERT INTO basket.visits VALUES (1, 1), (2, 99), (3, 99), (4, NULL);
INSERT INTO basket.looks VALUES (1, 1), (2, 99);
INSERT INTO basket.looks VALUES (1, 1);
INSERT INTO basket.reports VALUES (1, 1), (2, 99);
INSERT INTO basket.late_reports VALUES (1, 1), (2, 99), (3, 98), (4, 99);
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO basket.quiet VALUES (1, 99);
UPDATE basket.visits SET product_id = product_id, id = 5;
UPDATE basket.visits SET product_id = 97 WHERE product_id = 1;
RESET ROLE;
SELECT * FROM journal;
COMMIT;

-- A contract that cannot be asked: its keys are unknown, and never missing
SET ROLE regress_goods_owner;
SELECT svc.revoke_contract('goods', 'basket');
RESET ROLE;
BEGIN;
SET LOCAL ROLE regress_shopper;
INSERT INTO basket.items VALUES (60, 1), (61, 99);
RESET ROLE;
SELECT * FROM journal;
COMMIT;
SET ROLE regress_basket_owner;
SELECT svc.alter_reference('items_product_id_ref', on_unavailable => 'reject');
INSERT INTO basket.items VALUES (62, 1);
SELECT public.regress_fields('INSERT INTO basket.items VALUES (62, 1)');
INSERT INTO basket.items VALUES (62, NULL);
RESET ROLE;
SET ROLE regress_goods_owner;
SELECT svc.grant_contract('goods', 'basket');
RESET ROLE;
INSERT INTO basket.items VALUES (63, 99);
INSERT INTO basket.items VALUES (63, 1);
-- also in a session that has looked it up before
REVOKE SELECT ON goods_api.products FROM regress_basket_owner, regress_basket_writer, regress_basket_reader;
INSERT INTO basket.items VALUES (64, 1);
GRANT SELECT ON goods_api.products TO regress_basket_owner, regress_basket_writer, regress_basket_reader;
REVOKE USAGE ON SCHEMA goods_api FROM regress_basket_owner, regress_basket_writer, regress_basket_reader;
INSERT INTO basket.items VALUES (64, 1);
GRANT USAGE ON SCHEMA goods_api TO regress_basket_owner, regress_basket_writer, regress_basket_reader;
-- what svc.publish does not let anybody do, a server without its event triggers does
SET session_replication_role = replica;
ALTER VIEW goods_api.products RENAME TO things;
RESET session_replication_role;
INSERT INTO basket.items VALUES (64, 1);
SET session_replication_role = replica;
ALTER VIEW goods_api.things RENAME TO products;
ALTER VIEW goods_api.products RENAME COLUMN id TO nr;
RESET session_replication_role;
INSERT INTO basket.items VALUES (64, 1);
SET session_replication_role = replica;
ALTER VIEW goods_api.products RENAME COLUMN nr TO id;
RESET session_replication_role;
INSERT INTO basket.items VALUES (64, 1);
DELETE FROM basket.items WHERE id = 64;

-- As whom: the owner role of the service whose row it is, restricted, under our search_path
CREATE FUNCTION goods.spy(int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'as %, search_path %', current_user, current_setting('search_path');
    RETURN $1;
END $$;
GRANT USAGE ON SCHEMA goods TO regress_basket_owner;
SET session_replication_role = replica;
CREATE OR REPLACE VIEW goods_api.products AS SELECT id, name FROM goods.products WHERE goods.spy(id) > 0 AND id IN (1, 2);
RESET session_replication_role;
CREATE SCHEMA mine;
SET search_path = mine, public;
SET ROLE regress_shopper;
INSERT INTO basket.items VALUES (64, 1);
SET row_security = off;
INSERT INTO basket.items VALUES (65, 2);
RESET row_security;
RESET ROLE;
RESET search_path;
DROP SCHEMA mine;
-- it must not leave things behind that run later, nor become somebody else
CREATE OR REPLACE FUNCTION goods.spy(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    CREATE TEMP TABLE trap (a int);
    RETURN $1;
END $$;
INSERT INTO basket.items VALUES (66, 1);
CREATE OR REPLACE FUNCTION goods.spy(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RESET ROLE;
    RETURN $1;
END $$;
INSERT INTO basket.items VALUES (66, 1);
CREATE OR REPLACE FUNCTION goods.spy(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO basket.orders VALUES (66, 1);
    RETURN $1;
END $$;
INSERT INTO basket.items VALUES (66, 1);
-- it must not write what it judges
CREATE OR REPLACE FUNCTION goods.spy(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO basket.items SELECT 1000 + i, 1 FROM generate_series(1, 100) i;
    RETURN $1;
END $$;
INSERT INTO basket.items VALUES (66, 1);
SELECT count(*) FROM basket.items WHERE id >= 66;
-- its errors are the statement's, and name the reference
CREATE OR REPLACE FUNCTION goods.spy(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1 / ($1 - 2)';
INSERT INTO basket.items VALUES (66, 2);

-- A contract that answers twice, and what nobody asked for
SET session_replication_role = replica;
CREATE OR REPLACE VIEW goods_api.products AS
SELECT id, name FROM goods.products WHERE id OPERATOR(pg_catalog.<) 15 UNION ALL SELECT id, name FROM goods.products WHERE id OPERATOR(pg_catalog.<) 10 UNION ALL SELECT NULL, NULL;
RESET session_replication_role;
INSERT INTO basket.items SELECT 200 + i, i FROM generate_series(1, 14) i;
INSERT INTO basket.items SELECT 300 + i, i FROM generate_series(1, 16) i;
SET session_replication_role = replica;
CREATE OR REPLACE VIEW goods_api.products AS SELECT id, name FROM goods.products;
RESET session_replication_role;

-- Validators: say which keys are missing; what else they say does not count
SET ROLE regress_basket_owner;
CREATE FUNCTION basket.even(keys int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT k FROM unnest(keys) k WHERE k % 2 = 1 UNION ALL VALUES (NULL), (4711)';
CREATE TABLE basket.pairs (id int, product_id int);
SELECT svc.create_reference('basket.pairs', 'product_id', 'goods', 'products', validator => 'basket.even(int[])', name => 'pairs');
INSERT INTO basket.pairs VALUES (1, 2), (2, 4), (3, 1000);
INSERT INTO basket.pairs SELECT i, 2 * i FROM generate_series(1, 20) i;
INSERT INTO basket.pairs VALUES (1, 2), (2, 5);
INSERT INTO basket.pairs VALUES (1, 7);
CREATE OR REPLACE FUNCTION basket.even(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cannot say now';
END $$;
INSERT INTO basket.pairs VALUES (1, 2);
CREATE OR REPLACE FUNCTION basket.even(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO basket.pairs VALUES (5, 7);
END $$;
INSERT INTO basket.pairs VALUES (1, 2);
CREATE OR REPLACE FUNCTION basket.even(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'as %, search_path %', current_user, current_setting('search_path');
    DELETE FROM basket.pairs;
END $$;
RESET ROLE;
INSERT INTO basket.pairs VALUES (1, 2);
TABLE basket.pairs;

-- Types: a domain, keys that are equal and do not look it, an enum
SET ROLE regress_goods_owner;
CREATE DOMAIN goods.amount AS numeric CHECK (VALUE > 0);
CREATE TABLE goods.sizes (size goods.amount PRIMARY KEY);
INSERT INTO goods.sizes VALUES (1.5), (2);
CREATE TYPE goods.colour AS ENUM ('red', 'green');
CREATE TABLE goods.colours (colour goods.colour PRIMARY KEY);
INSERT INTO goods.colours VALUES ('red');
SELECT svc.publish('goods', 'sizes', 'goods.sizes', 'size'), svc.publish('goods', 'colours', 'goods.colours', 'colour');
GRANT USAGE ON SCHEMA goods TO regress_basket_owner;
RESET ROLE;
SET ROLE regress_basket_owner;
CREATE TABLE basket.typed (id int, size numeric, colour goods.colour, big bigint);
SELECT svc.create_reference('basket.typed', 'size', 'goods', 'sizes'), svc.create_reference('basket.typed', 'colour', 'goods', 'colours'),
       svc.create_reference('basket.typed', 'big', 'goods', 'products');
INSERT INTO basket.typed (size) VALUES (1.50), (2.000), (1.5);
INSERT INTO basket.typed (size) SELECT 2 + (i % 2) * 0.00 FROM generate_series(1, 20) i;
INSERT INTO basket.typed (size) VALUES (2.01);
INSERT INTO basket.typed (colour) VALUES ('red');
INSERT INTO basket.typed (colour) VALUES ('green');
INSERT INTO basket.typed (big) VALUES (5);
INSERT INTO basket.typed (big) VALUES (5000000000);
INSERT INTO basket.typed (big) SELECT i FROM generate_series(4999999990, 5000000010) i;
RESET ROLE;

-- A type whose comparisons run code: as whom they do, and what they may do
SET client_min_messages = warning;
CREATE TYPE public.tag;
CREATE FUNCTION public.tag_in(cstring) RETURNS public.tag LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION public.tag_out(public.tag) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE public.tag (INPUT = public.tag_in, OUTPUT = public.tag_out, LIKE = int4);
RESET client_min_messages;
CREATE FUNCTION public.tag_lt(public.tag, public.tag) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION public.tag_cmp(public.tag, public.tag) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE FUNCTION public.tag_hash(public.tag) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
CREATE TABLE public.seen (who name, path text);
GRANT ALL ON public.seen TO PUBLIC;
CREATE FUNCTION public.tag_eq(public.tag, public.tag) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (current_user, current_setting('search_path'));
    IF current_setting('regress.trap', true) = 'on' THEN
        INSERT INTO basket.tagged VALUES (7, $1);
    END IF;
    RETURN $1::text::int = $2::text::int;
END $$;
CREATE OPERATOR public.= (LEFTARG = public.tag, RIGHTARG = public.tag, FUNCTION = public.tag_eq, COMMUTATOR = OPERATOR(public.=), HASHES, MERGES);
CREATE OPERATOR public.< (LEFTARG = public.tag, RIGHTARG = public.tag, FUNCTION = public.tag_lt);
CREATE OPERATOR CLASS public.tag_ops DEFAULT FOR TYPE public.tag USING btree AS
    OPERATOR 1 public.<, OPERATOR 3 public.=, FUNCTION 1 public.tag_cmp(public.tag, public.tag);
CREATE OPERATOR CLASS public.tag_hash_ops DEFAULT FOR TYPE public.tag USING hash AS
    OPERATOR 1 public.=, FUNCTION 1 public.tag_hash(public.tag);
SET ROLE regress_goods_owner;
CREATE TABLE goods.tags (tag public.tag PRIMARY KEY);
INSERT INTO goods.tags SELECT i::text::public.tag FROM generate_series(1, 20) i;
SELECT svc.publish('goods', 'tags', 'goods.tags', 'tag');
RESET ROLE;
SET ROLE regress_basket_owner;
CREATE TABLE basket.tagged (id int, tag public.tag);
SELECT svc.create_reference('basket.tagged', 'tag', 'goods', 'tags');
RESET ROLE;
DELETE FROM public.seen;
INSERT INTO basket.tagged VALUES (1, '1'), (2, '2'), (3, '2');
INSERT INTO basket.tagged SELECT i, (1 + i % 20)::text::public.tag FROM generate_series(1, 40) i;
UPDATE basket.tagged SET tag = '3' WHERE id = 1;
INSERT INTO basket.tagged VALUES (1, '99'), (2, '2');
SELECT DISTINCT * FROM public.seen;
-- nor do those with keys that were deleted, whoever makes them
SELECT svc.alter_reference('tagged_tag_ref', on_missing => 'report');
SET ROLE regress_goods_owner;
DELETE FROM goods.tags WHERE tag::text IN ('19', '20');
RESET ROLE;
DELETE FROM public.seen;
SET client_min_messages = warning;
CALL svc.run_pending();
RESET client_min_messages;
SELECT DISTINCT who FROM public.seen;
DELETE FROM public.seen;
INSERT INTO basket.tagged VALUES (6, '20'), (7, '98');
SELECT DISTINCT * FROM public.seen;
SELECT svc.alter_reference('tagged_tag_ref', on_missing => 'reject');
SET regress.trap = 'on';
INSERT INTO basket.tagged VALUES (4, '4'), (5, '5');
RESET regress.trap;
SET client_min_messages = warning;
DROP TABLE basket.tagged;
RESET client_min_messages;

-- What a validator undoes of its own does not undo its answers, the second time either
SET ROLE regress_basket_owner;
CREATE FUNCTION basket.is_missing(id int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF id > 50 THEN
        RETURN true;
    END IF;
    RAISE 'it is there';
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END $$;
CREATE FUNCTION basket.missing_of(ids int[]) RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT i FROM unnest(ids) i WHERE basket.is_missing(i)';
CREATE TABLE basket.judged (product_id int);
SELECT svc.create_reference('basket.judged', 'product_id', 'goods', 'products', mode => 'commit', name => 'judged', validator => 'basket.missing_of(int[])');
BEGIN;
INSERT INTO basket.judged VALUES (1);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO basket.judged VALUES (61), (2);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
DROP TABLE basket.judged;
RESET ROLE;

-- Memory does not grow with the rows of a statement: what a validator sees of it in the end
GRANT pg_read_all_stats TO regress_basket_owner;
SET ROLE regress_basket_owner;
CREATE TABLE basket.used (statement text, bytes bigint);
CREATE FUNCTION basket.note_memory(ids int[]) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO basket.used SELECT current_query(), sum(used_bytes) FROM pg_backend_memory_contexts;
END $$;
CREATE TABLE basket.many (ids int[], other int);
SELECT svc.create_reference('basket.many', 'ids', 'goods', 'products', name => 'many', validator => 'basket.note_memory(int[])');
SET work_mem = '64kB';
INSERT INTO basket.many SELECT ARRAY[1, 2, 3], i FROM generate_series(1, 1000) i;
INSERT INTO basket.many SELECT ARRAY[1, 2, 3], i FROM generate_series(1, 60000) i;
UPDATE basket.many SET ids = ARRAY[4, 5, 6];
RESET work_mem;
SELECT left(statement, 6) AS statement, bytes > (SELECT min(bytes) FROM basket.used) + 2000000 AS grows FROM basket.used;
DROP TABLE basket.many, basket.used;
RESET ROLE;
REVOKE pg_read_all_stats FROM regress_basket_owner;

-- Only as a trigger, and only as the right one
SELECT svc.check_reference();
SELECT svc.check_reference_row();
CREATE TABLE basket.hand (id int, product_id int);
CREATE TRIGGER a AFTER INSERT ON basket.hand FOR EACH STATEMENT EXECUTE FUNCTION svc.check_reference();
INSERT INTO basket.hand VALUES (1, 1);
DROP TRIGGER a ON basket.hand;
CREATE TRIGGER a AFTER INSERT ON basket.hand REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION svc.check_reference('goods');
INSERT INTO basket.hand VALUES (1, 1);
DROP TRIGGER a ON basket.hand;
CREATE TRIGGER a BEFORE INSERT ON basket.hand FOR EACH ROW EXECUTE FUNCTION svc.check_reference_row();
INSERT INTO basket.hand VALUES (1, 1);
DROP TRIGGER a ON basket.hand;
CREATE TRIGGER a AFTER INSERT ON basket.hand REFERENCING NEW TABLE AS n FOR EACH STATEMENT
    EXECUTE FUNCTION svc.check_reference('goods', 'gone', 'goods_api.products', 'id', 'statement', 'hand', '');
INSERT INTO basket.hand VALUES (1, 1);
DROP TABLE basket.hand;

-- What writes without triggers is not checked, as with a foreign key
SET session_replication_role = replica;
INSERT INTO basket.items VALUES (900, 99);
RESET session_replication_role;
ALTER TABLE basket.items DISABLE TRIGGER items_product_id_ref_insert;
INSERT INTO basket.items VALUES (901, 99);
ALTER TABLE basket.items ENABLE TRIGGER items_product_id_ref_insert;
INSERT INTO basket.items VALUES (902, 99);

-- MERGE that moves rows between partitions: the server fires no trigger of UPDATE or INSERT that sees them
SET ROLE regress_basket_owner;
CREATE TABLE basket.moved (id int, product_id int) PARTITION BY LIST (id);
CREATE TABLE basket.moved_1 PARTITION OF basket.moved FOR VALUES IN (1);
CREATE TABLE basket.moved_2 PARTITION OF basket.moved FOR VALUES IN (2, 3, 4);
SELECT svc.create_reference('basket.moved', 'product_id', 'goods', 'products', name => 'moved');
INSERT INTO basket.moved VALUES (1, 1);
MERGE INTO basket.moved USING (VALUES (1)) s (id) ON moved.id = s.id WHEN MATCHED THEN UPDATE SET id = 2, product_id = 99;
MERGE INTO basket.moved USING (VALUES (1)) s (id) ON moved.id = s.id WHEN MATCHED AND moved.id = 7 THEN DELETE WHEN MATCHED THEN UPDATE SET id = 2, product_id = 99;
MERGE INTO basket.moved USING (VALUES (1), (3)) s (id) ON moved.id = s.id WHEN MATCHED THEN UPDATE SET id = 2, product_id = 99 WHEN NOT MATCHED THEN INSERT VALUES (3, 1);
SELECT * FROM basket.moved;
-- a row that is updated after another one was inserted
SET enable_hashjoin = off;
SET enable_mergejoin = off;
MERGE INTO basket.moved USING (VALUES (4, 1), (1, 99)) s (id, key) ON moved.id = s.id WHEN MATCHED THEN UPDATE SET product_id = s.key WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.key);
RESET enable_hashjoin;
RESET enable_mergejoin;
-- triggers of others fire as they always do
CREATE FUNCTION basket.fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% trigger', TG_OP; RETURN NULL; END $$;
CREATE TRIGGER fired_insert AFTER INSERT ON basket.moved REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION basket.fired();
CREATE TRIGGER fired_update AFTER UPDATE ON basket.moved FOR EACH STATEMENT EXECUTE FUNCTION basket.fired();
MERGE INTO basket.moved USING (VALUES (1)) s (id) ON moved.id = s.id WHEN MATCHED THEN UPDATE SET id = 2, product_id = 2;
SELECT tableoid::regclass, * FROM basket.moved;
SELECT svc.alter_reference('moved', mode => 'commit');
MERGE INTO basket.moved USING (VALUES (2)) s (id) ON moved.id = s.id WHEN MATCHED THEN UPDATE SET id = 1, product_id = 99;
DROP TABLE basket.moved;
DROP FUNCTION basket.fired();
RESET ROLE;

-- mode commit while checks run at the end: deferred triggers write rows whose keys were not collected
-- before, of the same reference and of another.  A table with a foreign key says the same: triggers of
-- a row fire in the order of their names, and the checks come first.
CREATE TABLE goods.late (id int PRIMARY KEY);
ALTER TABLE goods.late OWNER TO regress_goods_owner;
INSERT INTO goods.late VALUES (1), (2);
SELECT svc.publish('goods', 'late', 'goods.late');
CREATE TABLE basket.first (id int, key int, also int);
CREATE TABLE basket.second (id int, key int);
CREATE TABLE basket.first_fk (id int, key int REFERENCES goods.late DEFERRABLE INITIALLY DEFERRED, also int);
CREATE TABLE basket.second_fk (id int, key int REFERENCES goods.late DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE basket.first OWNER TO regress_basket_owner;
ALTER TABLE basket.second OWNER TO regress_basket_owner;
SET client_min_messages = warning;
SELECT svc.create_reference('basket.first', 'key', 'goods', 'late', mode => 'commit'), svc.create_reference('basket.second', 'key', 'goods', 'late', mode => 'commit');
RESET client_min_messages;
-- also: 1 to 9 a key of the same table, from 10 one of the other, negative: a parent that is made
CREATE FUNCTION basket.write_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.also < 0 THEN INSERT INTO goods.late VALUES (-NEW.also);
    ELSIF NEW.also < 10 THEN EXECUTE format('INSERT INTO basket.%I VALUES (100, $1)', TG_ARGV[0]) USING NEW.also;
    ELSE EXECUTE format('INSERT INTO basket.%I VALUES (100, $1)', TG_ARGV[1]) USING NEW.also - 10;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER z_more AFTER INSERT ON basket.first DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.also IS NOT NULL) EXECUTE FUNCTION basket.write_more('first', 'second');
CREATE CONSTRAINT TRIGGER z_more AFTER INSERT ON basket.first_fk DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.also IS NOT NULL) EXECUTE FUNCTION basket.write_more('first_fk', 'second_fk');
CREATE PROCEDURE basket.try(number int, rows text) LANGUAGE plpgsql AS $$
DECLARE
    suffix text;
    verdict text;
    verdicts text[];
BEGIN
    FOREACH suffix IN ARRAY ARRAY['', '_fk'] LOOP
        BEGIN
            EXECUTE format('INSERT INTO basket.%I (id, key, also) VALUES %s', 'first' || suffix, rows);
            SET CONSTRAINTS ALL IMMEDIATE;
            SET CONSTRAINTS ALL DEFERRED;
            EXECUTE format('SELECT (SELECT count(*) FROM basket.%I) || $x$ $x$ || (SELECT count(*) FROM basket.%I)', 'first' || suffix, 'second' || suffix) INTO verdict;
            RAISE EXCEPTION '%', verdict USING ERRCODE = 'TRY01';
        EXCEPTION WHEN SQLSTATE 'TRY01' THEN verdict := SQLERRM;
                  WHEN OTHERS THEN verdict := SQLSTATE;
        END;
        verdicts := verdicts || verdict;
    END LOOP;
    RAISE NOTICE '%: %, %', number, verdicts[1], CASE WHEN verdicts[1] = verdicts[2] THEN 'as a foreign key' ELSE 'a foreign key: ' || verdicts[2] END;
END $$;
-- valid keys, of this table and of the other; missing ones; a parent that comes before the check, and after it
CALL basket.try(1, '(1, 1, 2)');
CALL basket.try(2, '(1, 1, 12)');
CALL basket.try(3, '(1, 1, 3)');
CALL basket.try(4, '(1, 1, 13)');
CALL basket.try(5, '(1, 1, NULL), (2, 2, 13), (3, 2, 12)');
CALL basket.try(6, '(1, 1, -3), (2, 2, 13)');
CALL basket.try(7, '(1, 3, -3)');
CALL basket.try(8, '(1, 1, -3), (2, 3, NULL)');
CALL basket.try(9, '(1, 3, NULL), (2, 1, -3)');
-- and at the real end of a transaction
BEGIN;
INSERT INTO basket.first VALUES (1, 1, 13);
COMMIT;
BEGIN;
INSERT INTO basket.first VALUES (1, 1, 12), (2, 2, 2);
COMMIT;
SELECT (SELECT count(*) FROM basket.first) AS first, (SELECT count(*) FROM basket.second) AS second;

-- Keys of which a contract has hardly more are found by reading it once, not one by one
SET client_min_messages = warning;
CREATE TABLE goods.parts (id int PRIMARY KEY, kind text) PARTITION BY RANGE (id);
CREATE TABLE goods.parts_1 PARTITION OF goods.parts FOR VALUES FROM (MINVALUE) TO (2001);
CREATE TABLE goods.parts_2 PARTITION OF goods.parts FOR VALUES FROM (2001) TO (MAXVALUE);
CREATE TABLE goods.longs (id bigint PRIMARY KEY);
CREATE TABLE goods.words (id text PRIMARY KEY);
ALTER TABLE goods.parts OWNER TO regress_goods_owner;
ALTER TABLE goods.parts_1 OWNER TO regress_goods_owner;
ALTER TABLE goods.parts_2 OWNER TO regress_goods_owner;
ALTER TABLE goods.longs OWNER TO regress_goods_owner;
ALTER TABLE goods.words OWNER TO regress_goods_owner;
INSERT INTO goods.parts SELECT i, 'part' FROM generate_series(1, 4000) i;
INSERT INTO goods.longs SELECT i::bigint * 1000000 FROM generate_series(1, 4000) i;
INSERT INTO goods.words SELECT 'word ' || i FROM generate_series(1, 4000) i;
ANALYZE goods.parts, goods.longs, goods.words;
SELECT svc.publish('goods', 'parts', 'goods.parts'), svc.publish('goods', 'longs', 'goods.longs', 'id'),
       svc.publish('goods', 'words', 'goods.words', 'id'), svc.publish('goods', 'few', 'goods.parts', filter => 'id <= 3000');
CREATE TABLE basket.bulk (part int, long int, word varchar(20), few int);
ALTER TABLE basket.bulk OWNER TO regress_basket_owner;
SELECT svc.create_reference('basket.bulk', 'part', 'goods', 'parts'), svc.create_reference('basket.bulk', 'long', 'goods', 'longs'),
       svc.create_reference('basket.bulk', 'word', 'goods', 'words'), svc.create_reference('basket.bulk', 'few', 'goods', 'few');
RESET client_min_messages;
-- what a statement says of its keys, and whether a table was read for them; it is rolled back
CREATE PROCEDURE basket.found(statement text, relation regclass) LANGUAGE plpgsql AS $$
DECLARE
    said text := 'all there';
    reads bigint := pg_stat_get_xact_numscans(relation);
BEGIN
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN foreign_key_violation THEN GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
    END;
    RAISE NOTICE '%', said || CASE pg_stat_get_xact_numscans(relation) - reads WHEN 0 THEN ', not read' WHEN 1 THEN ', read' ELSE ', read again' END;
    ROLLBACK;
END $$;
CALL basket.found('INSERT INTO basket.bulk (part) SELECT i FROM generate_series(1, 4000) i', 'goods.parts_1');
CALL basket.found('INSERT INTO basket.bulk (part) SELECT i % 3000 FROM generate_series(1, 4000) i', 'goods.parts_1');
CALL basket.found('INSERT INTO basket.bulk (part) SELECT i FROM generate_series(1, 4001) i', 'goods.parts_2');
CALL basket.found('INSERT INTO basket.bulk (part) SELECT NULLIF(i, 3) FROM generate_series(1, 4000) i', 'goods.parts_2');
CALL basket.found('INSERT INTO basket.bulk (word) SELECT $$word $$ || i FROM generate_series(1, 4000) i', 'goods.words');
CALL basket.found('INSERT INTO basket.bulk (word) SELECT $$word $$ || i FROM generate_series(-1, 4000) i', 'goods.words');
-- it ends when all are found
BEGIN;
SELECT pg_stat_get_xact_tuples_returned('goods.words'::regclass) AS before \gset
INSERT INTO basket.bulk (word) SELECT 'word ' || i FROM generate_series(1, 2500) i;
SELECT pg_stat_get_xact_tuples_returned('goods.words'::regclass) - :before AS returned;
ROLLBACK;
-- few keys are searched for, and all in a serializable transaction, which would conflict with what it reads
CALL basket.found('INSERT INTO basket.bulk (part) SELECT i FROM generate_series(1, 200) i', 'goods.parts_1');
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO basket.bulk (part) SELECT i FROM generate_series(1, 4000) i;
SELECT DISTINCT locktype, mode, relation::regclass FROM pg_locks WHERE mode = 'SIReadLock' AND relation::regclass::text ~ 'parts' AND locktype = 'relation';
ROLLBACK;
-- nothing is converted or computed for keys that nobody asks for
CALL basket.found('INSERT INTO basket.bulk (long) SELECT i * 1000000 FROM generate_series(1, 2000) i', 'goods.longs');
CALL basket.found('INSERT INTO basket.bulk (few) SELECT i FROM generate_series(1, 3001) i', 'goods.parts_1');
-- a contract that has grown much since is not read to its end
ALTER TABLE basket.bulk ADD large bigint;
SELECT svc.create_reference('basket.bulk', 'large', 'goods', 'longs');
CALL basket.found('INSERT INTO basket.bulk (large) SELECT i::bigint * 1000000 FROM generate_series(2001, 4000) i', 'goods.longs');
BEGIN;
DELETE FROM goods.longs;
INSERT INTO goods.longs SELECT -i FROM generate_series(1, 40000) i;
INSERT INTO goods.longs SELECT i::bigint * 1000000 FROM generate_series(1, 4000) i;
SELECT pg_stat_get_xact_tuples_returned('goods.longs'::regclass) AS before \gset
INSERT INTO basket.bulk (large) SELECT i::bigint * 1000000 FROM generate_series(1, 2000) i;
SELECT pg_stat_get_xact_tuples_returned('goods.longs'::regclass) - :before AS returned;
ROLLBACK;

-- Nothing stays behind in the session: plans and checks of what was dropped
DROP TABLE basket.typed, basket.pairs, basket.tree CASCADE;
INSERT INTO basket.items VALUES (903, 1);

SET client_min_messages = warning;
DROP VIEW journal;
DROP FUNCTION public.regress_fields;
DROP TABLE public.seen;
DROP SCHEMA basket CASCADE;
SELECT svc.drop_service('basket', drop_objects => true, force => true), svc.drop_service('goods', drop_objects => true, force => true);
DROP TYPE public.tag CASCADE;
DROP OWNED BY regress_shopper, regress_clerk;
DROP ROLE regress_shopper, regress_clerk;
