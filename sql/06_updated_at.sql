-- update_updated_at_column(): what it sets, when, and what it says of triggers
-- that cannot work.
CREATE SCHEMA regress_upkeep;
SET search_path = regress_upkeep, public, svc_triggers;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- called as migration files call it, without a schema
CREATE TABLE t (id int PRIMARY KEY, x int, note text, updated_at timestamptz NOT NULL DEFAULT '2000-01-01');
CREATE TRIGGER update_t_updated_at BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
INSERT INTO t VALUES (1, 1, 'one'), (2, 2, NULL), (3, 3, repeat('x', 10000));
SELECT id, updated_at FROM t ORDER BY id;
UPDATE t SET x = x + 1 WHERE id <> 2;
SELECT id, x, length(note), updated_at = '2000-01-01' AS untouched, updated_at > '2026-01-01' AS now FROM t ORDER BY id;
-- the time of the transaction, whatever the statement says
BEGIN;
UPDATE t SET updated_at = '1999-01-01' WHERE id = 2;
SELECT updated_at = now() AS now FROM t WHERE id = 2;
ROLLBACK;
-- a column that is NULL, and rows of every shape
CREATE TABLE u (a bool, updated_at timestamptz, b text, c numeric, d text, e int);
CREATE TRIGGER u BEFORE UPDATE ON u FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
INSERT INTO u VALUES (true, NULL, 'b', 1.5, 'd', 7), (NULL, '2000-01-01', NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL);
BEGIN;
UPDATE u SET e = coalesce(e, 0) + 1;
SELECT a, updated_at = now() AS now, b, c, d, e FROM u ORDER BY e, a;
UPDATE u SET b = repeat('y', 5000), d = repeat('z', 3000);
SELECT a, updated_at = now() AS now, length(b), c, length(d), e FROM u ORDER BY e, a;
ROLLBACK;
ALTER TABLE u DROP COLUMN b;
ALTER TABLE u ADD COLUMN f text DEFAULT 'f';
UPDATE u SET e = 1 WHERE e IS NULL;
SELECT a, updated_at > '2026-01-01' AS now, c, d, e, f FROM u ORDER BY e, a;
-- named columns, of three types; several at once
CREATE TABLE v (id int, changed timestamp, changed_on date, updated_at timestamptz);
CREATE TRIGGER v BEFORE INSERT OR UPDATE ON v FOR EACH ROW EXECUTE FUNCTION update_updated_at_column('changed', 'changed_on');
SET timezone = 'Asia/Tokyo';
BEGIN;
INSERT INTO v (id) VALUES (1);
SELECT changed = now()::timestamp AS local, changed_on = current_date AS today, updated_at FROM v;
UPDATE v SET changed = NULL, changed_on = '1999-01-01';
SELECT changed = now()::timestamp AS local, changed_on = current_date AS today, updated_at FROM v;
COMMIT;
SET timezone = 'UTC';

-- 'on change': a row that is the same keeps its time; the row is updated all the same
CREATE TABLE w (id int, x text, y numeric, g int GENERATED ALWAYS AS (id * 2) STORED, updated_at timestamptz DEFAULT '2000-01-01');
CREATE TRIGGER w BEFORE UPDATE ON w FOR EACH ROW EXECUTE FUNCTION update_updated_at_column('on change');
INSERT INTO w VALUES (1, repeat('x', 10000), 1.0), (2, NULL, NULL);
UPDATE w SET x = x, y = y;
SELECT id, updated_at, xmax = 0 AS never_locked FROM w ORDER BY id;
UPDATE w SET updated_at = '1999-01-01';
SELECT id, updated_at FROM w ORDER BY id;
-- 1.0 and 1.00 are equal, and not the same
UPDATE w SET y = 1.00 WHERE id = 1;
UPDATE w SET x = '' WHERE id = 2;
SELECT id, updated_at > '2026-01-01' AS now FROM w ORDER BY id;
DROP TRIGGER w ON w;
CREATE TRIGGER w BEFORE UPDATE ON w FOR EACH ROW EXECUTE FUNCTION update_updated_at_column('updated_at', 'on change');
UPDATE w SET updated_at = '2001-01-01';
SELECT id, updated_at > '2026-01-01' AS now FROM w ORDER BY id;

-- partitions, cross-partition moves, ON CONFLICT, MERGE, COPY
CREATE TABLE p (id int PRIMARY KEY, x int, updated_at timestamptz DEFAULT '2000-01-01') PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 (x int, updated_at timestamptz DEFAULT '2000-01-01', id int NOT NULL);
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
CREATE TRIGGER p BEFORE UPDATE ON p FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
INSERT INTO p VALUES (1, 1), (2, 2), (11, 11), (12, 12);
UPDATE p SET x = 0 WHERE id IN (1, 11);
UPDATE p2 SET x = 0 WHERE id = 12;
UPDATE p SET id = 13 WHERE id = 2;
INSERT INTO p VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET x = EXCLUDED.x;
MERGE INTO t USING (VALUES (2)) n (id) ON n.id = t.id WHEN MATCHED THEN UPDATE SET x = 99;
SELECT tableoid::regclass, id, x, updated_at > '2026-01-01' AS now FROM p ORDER BY id;
SELECT id, x, updated_at > '2026-01-01' AS now FROM t ORDER BY id;

-- triggers that cannot work
CREATE TABLE bad (id int, updated_at int, made timestamptz);
INSERT INTO bad VALUES (1);
CREATE TRIGGER bad AFTER UPDATE ON bad FOR EACH ROW EXECUTE FUNCTION update_updated_at_column('made');
UPDATE bad SET id = 2;
DROP TRIGGER bad ON bad;
CREATE TRIGGER bad BEFORE UPDATE ON bad FOR EACH STATEMENT EXECUTE FUNCTION update_updated_at_column('made');
UPDATE bad SET id = 2;
DROP TRIGGER bad ON bad;
CREATE TRIGGER bad BEFORE INSERT ON bad FOR EACH ROW EXECUTE FUNCTION update_updated_at_column('made');
INSERT INTO bad VALUES (2);
DROP TRIGGER bad ON bad;
CREATE TRIGGER bad BEFORE UPDATE ON bad FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
UPDATE bad SET id = 2;
DROP TRIGGER bad ON bad;
CREATE TRIGGER bad BEFORE UPDATE ON bad FOR EACH ROW EXECUTE FUNCTION update_updated_at_column('no_such', 'on change');
UPDATE bad SET id = 2;
DROP TRIGGER bad ON bad;
CREATE TRIGGER bad BEFORE UPDATE ON bad FOR EACH ROW EXECUTE FUNCTION update_updated_at_column('tableoid');
UPDATE bad SET id = 2;
DROP TRIGGER bad ON bad;
SELECT update_updated_at_column();
SELECT * FROM bad;

-- keep_updated_at
SELECT svc.keep_updated_at('bad');
SELECT svc.keep_updated_at('bad', 'no_such');
SELECT svc.keep_updated_at('bad', NULL);
SELECT svc.keep_updated_at(NULL);
SELECT svc.keep_updated_at('bad', 'made');
SELECT svc.keep_updated_at('bad', 'made');
SELECT svc.keep_updated_at('t');
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'bad'::regclass;
UPDATE bad SET id = 3;
SELECT id, made > '2026-01-01' AS now FROM bad;
CREATE VIEW look AS SELECT * FROM t;
SELECT svc.keep_updated_at('look');
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT svc.keep_updated_at('regress_upkeep.u');
RESET ROLE;

-- a column that is renamed is still kept
ALTER TABLE bad RENAME COLUMN made TO changed_at;
UPDATE bad SET id = 4, changed_at = NULL;
SELECT id, changed_at > '2026-01-01' AS now FROM bad;
ALTER TABLE p RENAME COLUMN updated_at TO touched;
UPDATE p SET touched = NULL;
SELECT count(*) FROM p WHERE touched IS NULL;
ALTER TABLE w RENAME COLUMN updated_at TO "Mod'd";
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'w'::regclass;

-- a migration that defines its own function of the name runs unchanged beside it
CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE, updated_at timestamp DEFAULT '2000-01-01');
CREATE OR REPLACE FUNCTION update_updated_at_column()
RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$ language 'plpgsql';
CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
SELECT tgfoid::regprocedure::text, p.pronamespace::regnamespace FROM pg_trigger JOIN pg_proc p ON p.oid = tgfoid WHERE tgrelid IN ('users'::regclass, 't'::regclass) ORDER BY 2;
INSERT INTO users (email) VALUES ('x');
UPDATE users SET email = 'y';
SELECT updated_at > '2026-01-01' AS now FROM users;

-- adopting PL/pgSQL triggers, and giving them back
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
-- when was this changed?
begin
    NEW . "changed" := pg_catalog.now();  /* here /* and */ there */
    new.updated_at=Transaction_Timestamp() ;
    RETURN new;
END $$;
CREATE FUNCTION other1() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$;
CREATE FUNCTION other2() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); NEW.x = 1; RETURN NEW; END $$;
CREATE FUNCTION other3() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.x > 1 THEN NEW.updated_at = now(); END IF; RETURN NEW; END $$;
CREATE FUNCTION other4() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN OLD; END $$;
CREATE FUNCTION other5() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE i int; BEGIN NEW.updated_at = now() AT TIME ZONE 'UTC'; RETURN NEW; END $$;
CREATE FUNCTION other6() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW."updated_at" = now(); RETURN NEW; END; -- $$;
CREATE TABLE a (x int, changed timestamptz, updated_at timestamptz);
CREATE TRIGGER "Odd 'name' EXECUTE FUNCTION x()" BEFORE UPDATE OF x ON a FOR EACH ROW WHEN (OLD.x IS DISTINCT FROM NEW.x) EXECUTE FUNCTION touch();
COMMENT ON TRIGGER "Odd 'name' EXECUTE FUNCTION x()" ON a IS 'kept';
ALTER TABLE a DISABLE TRIGGER "Odd 'name' EXECUTE FUNCTION x()";
CREATE TRIGGER b1 BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION other1();
CREATE TRIGGER b2 BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION other2();
CREATE TRIGGER b3 BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION other3();
CREATE TRIGGER b4 BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION other4();
CREATE TRIGGER b5 BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION other5();
CREATE TRIGGER b6 BEFORE INSERT OR UPDATE ON a FOR EACH ROW EXECUTE FUNCTION other6();
CREATE TRIGGER b7 AFTER UPDATE ON a FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER b8 BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION touch();
SELECT * FROM svc.adopt_updated_at();
SELECT pg_get_triggerdef(oid), tgenabled, obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgrelid IN ('a'::regclass, 'users'::regclass) AND tgfoid = 'svc_triggers.update_updated_at_column()'::regprocedure ORDER BY tgname;
INSERT INTO users (email) VALUES ('z');
UPDATE users SET email = 'zz' WHERE email = 'z';
SELECT count(*) FROM users WHERE updated_at > '2026-01-01';
SELECT * FROM svc.adopt_updated_at();
ALTER FUNCTION touch() RENAME TO gone;
SELECT * FROM svc.restore_updated_at();
ALTER FUNCTION gone() RENAME TO touch;
SELECT * FROM svc.restore_updated_at();
SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = 'a'::regclass AND tgname LIKE 'Odd%';
SELECT count(*) FROM svc.adopted_trigger;
-- as precise as the column is, and not a generated one
CREATE TABLE precise (id int, seconds timestamptz(0), millis timestamp(3), made timestamptz(0) GENERATED ALWAYS AS (seconds) STORED);
SELECT svc.keep_updated_at('precise', 'seconds');
SELECT svc.keep_updated_at('precise', 'millis');
SELECT svc.keep_updated_at('precise', 'made');
INSERT INTO precise VALUES (1, '2020-01-01', '2020-01-01'), (2, NULL, NULL);
BEGIN;
UPDATE precise SET id = id + 10;
SELECT seconds = now()::timestamptz(0) AS seconds, millis = now()::timestamp(3) AS millis FROM precise;
COMMIT;
ALTER TABLE precise RENAME COLUMN seconds TO secs;
ALTER TYPE precise RENAME ATTRIBUTE millis TO ms;
UPDATE precise SET id = id + 10, secs = NULL, ms = NULL;
SELECT secs IS NULL, ms IS NULL FROM precise;
-- among other triggers: each sees what those before it did, and keeps it
CREATE TABLE chain (id int, first text, updated_at timestamptz, "time" timestamp, last text);
CREATE FUNCTION add_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.first = 'a'; RETURN NEW; END $$;
CREATE FUNCTION add_last() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.last = NEW.first || ': ' || (NEW.updated_at = now()) || (NEW."time" = now()::timestamp); RETURN NEW; END $$;
CREATE TRIGGER a0 BEFORE UPDATE ON chain FOR EACH ROW WHEN (NEW.last IS NULL) EXECUTE FUNCTION add_first();
CREATE TRIGGER b1 BEFORE UPDATE ON chain FOR EACH ROW WHEN (NEW.last IS NULL) EXECUTE FUNCTION svc_triggers.update_updated_at_column('updated_at', 'time');
CREATE TRIGGER b2 BEFORE UPDATE ON chain FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER c3 BEFORE UPDATE ON chain FOR EACH ROW WHEN (NEW.updated_at > OLD.updated_at AND NEW."time" > OLD."time") EXECUTE FUNCTION add_last();
INSERT INTO chain VALUES (1, NULL, '2020-01-01', '2020-01-01'), (2, NULL, '2020-01-01', NULL), (3, NULL, NULL, '2020-01-01');
BEGIN;
UPDATE chain SET id = id + 10;
SELECT id, first, updated_at = now() AS updated_at, "time" = now()::timestamp AS "time", last FROM chain ORDER BY id;
ROLLBACK;
DROP TRIGGER a0 ON chain;
BEGIN;
UPDATE chain SET id = id + 10;
SELECT id, first, updated_at = now() AS updated_at, "time" = now()::timestamp AS "time", last FROM chain ORDER BY id;
WITH moved AS (UPDATE chain SET last = NULL, first = 'z' WHERE id = 11 RETURNING updated_at = now() AS updated_at, last) SELECT * FROM moved;
MERGE INTO chain c USING (VALUES (12)) v (id) ON c.id = v.id WHEN MATCHED THEN UPDATE SET last = NULL, updated_at = '2021-01-01';
SELECT id, first, updated_at = now() AS updated_at, "time" = now()::timestamp AS "time", last FROM chain ORDER BY id;
ROLLBACK;
-- only on tables that the caller owns
GRANT EXECUTE ON FUNCTION svc.adopt_updated_at, svc.restore_updated_at TO regress_nobody;
SET ROLE regress_nobody;
SELECT * FROM svc.adopt_updated_at();
RESET ROLE;
SELECT count(*) FROM svc.adopt_updated_at();
DROP TABLE a;
SELECT relation, trigger FROM svc.adopted_trigger;
REVOKE EXECUTE ON FUNCTION svc.adopt_updated_at, svc.restore_updated_at FROM regress_nobody;
DROP SCHEMA regress_upkeep CASCADE;
SELECT count(*) FROM svc.adopted_trigger;
DROP ROLE regress_nobody;
