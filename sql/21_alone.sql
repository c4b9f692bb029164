--
-- What cannot run inside a transaction block: a migration with such a statement
-- runs in several transactions, so one that is missed fails, and one that is
-- found without need makes a file harder to undo.  The server is the judge: each
-- statement is tried in a block.
--
SET client_min_messages = error;
SET check_function_bodies = off;
CREATE SCHEMA regress_alone;
SET search_path = regress_alone;
CREATE TABLE plain (a int CONSTRAINT plain_pkey PRIMARY KEY);
CREATE TABLE parted (a int CONSTRAINT parted_pkey PRIMARY KEY) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
CREATE TYPE mood AS ENUM ('fine');
CREATE SUBSCRIPTION regress_slot CONNECTION '' PUBLICATION p WITH (connect = false);
CREATE SUBSCRIPTION regress_no_slot CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE);

-- Does the server refuse a statement in a block?  What ran is undone.
CREATE FUNCTION refused(before text, statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE before;
    EXECUTE statement;
    RAISE EXCEPTION 'undo it';
EXCEPTION
    WHEN active_sql_transaction THEN RETURN true;
    WHEN OTHERS THEN RETURN false;
END $$;

CREATE TABLE tried (n int GENERATED ALWAYS AS IDENTITY, statement text, before text DEFAULT '');
INSERT INTO tried (statement) VALUES
    ('ALTER DATABASE nowhere CONNECTION LIMIT 5'),
    ('ALTER DATABASE nowhere SET TABLESPACE pg_default'),
    ('ALTER DATABASE nowhere SET work_mem = 64'),
    ('ALTER SYSTEM SET work_mem = 64'),
    ('ALTER TABLE parted DETACH PARTITION part'),
    ('ALTER TABLE parted DETACH PARTITION part CONCURRENTLY'),
    ('ALTER TABLE parted DETACH PARTITION part FINALIZE'),
    ('ALTER TYPE mood ADD VALUE ''sad'''),
    ('ANALYZE plain'),
    ('CHECKPOINT'),
    ('CLUSTER'),
    ('CLUSTER (VERBOSE off) plain USING plain_pkey'),
    ('CLUSTER parted USING parted_pkey'),
    ('CLUSTER plain USING plain_pkey'),
    ('CREATE DATABASE nowhere'),
    ('CREATE INDEX CONCURRENTLY ON plain (a)'),
    ('CREATE INDEX ON plain (a)'),
    ('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON nothing (a)'),
    ('CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p'),
    ('CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p WITH (connect = false)'),
    ('CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p WITH (create_slot)'),
    ('CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p WITH (create_slot = false)'),
    ('CREATE TABLESPACE nowhere LOCATION ''/nowhere'''),
    ('DISCARD ALL'),
    ('DISCARD PLANS'),
    ('DROP DATABASE IF EXISTS nowhere'),
    ('DROP INDEX CONCURRENTLY plain_pkey'),
    ('DROP INDEX nothing'),
    ('DROP SUBSCRIPTION regress_no_slot'),
    ('DROP SUBSCRIPTION regress_slot'),
    ('DROP TABLESPACE nowhere'),
    ('REFRESH MATERIALIZED VIEW CONCURRENTLY nothing'),
    ('REINDEX (CONCURRENTLY off) INDEX plain_pkey'),
    ('REINDEX (CONCURRENTLY) TABLE plain'),
    ('REINDEX (VERBOSE) SCHEMA regress_alone'),
    ('REINDEX DATABASE nowhere'),
    ('REINDEX INDEX CONCURRENTLY plain_pkey'),
    ('REINDEX INDEX parted_pkey'),
    ('REINDEX INDEX plain_pkey'),
    ('REINDEX SYSTEM nowhere'),
    ('REINDEX TABLE nothing'),
    ('REINDEX TABLE parted'),
    ('REINDEX TABLE regress_alone.parted'),
    ('VACUUM'),
    ('VACUUM (ANALYZE) plain'),
    ('VACUUM FULL plain');
INSERT INTO tried (before, statement) VALUES
    ('ALTER SUBSCRIPTION regress_slot ENABLE', 'ALTER SUBSCRIPTION regress_slot ADD PUBLICATION q'),
    ('ALTER SUBSCRIPTION regress_slot ENABLE', 'ALTER SUBSCRIPTION regress_slot ADD PUBLICATION q WITH (refresh = false)'),
    ('ALTER SUBSCRIPTION regress_slot ENABLE', 'ALTER SUBSCRIPTION regress_slot SET PUBLICATION q'),
    ('ALTER SUBSCRIPTION regress_slot ENABLE', 'ALTER SUBSCRIPTION regress_slot SET PUBLICATION q WITH (refresh = off)'),
    ('ALTER SUBSCRIPTION regress_slot ENABLE', 'ALTER SUBSCRIPTION regress_slot REFRESH PUBLICATION'),
    ('', 'ALTER SUBSCRIPTION regress_slot SET (synchronous_commit = off)'),
    ('', 'ALTER SUBSCRIPTION regress_slot DISABLE');

-- These differ: none.  17 and 18 can also change failover and two_phase, which
-- 15 does not know.
SELECT t.statement, refused(t.before, t.statement), NOT m.transactional AS alone
    FROM tried t, svc.read_migration('1.sql', t.statement) m
    WHERE refused(t.before, t.statement) = m.transactional;
SELECT count(*) AS tried, count(*) FILTER (WHERE NOT m.transactional) AS alone
    FROM tried t, svc.read_migration('1.sql', t.statement) m;

-- Not to be tried in a function: these end a transaction of somebody else's
SELECT statement, transactional FROM svc.read_migration('1.sql',
    'COMMIT PREPARED ''a''; ROLLBACK PREPARED ''a''; BEGIN; SAVEPOINT a; ROLLBACK TO a; PREPARE TRANSACTION ''a''; END');

-- A relation that is not there yet counts as one without partitions, a
-- subscription as one with a slot
SELECT statement, transactional FROM svc.read_migration('1.sql',
    'REINDEX TABLE nothing; REINDEX TABLE nowhere.nothing; DROP SUBSCRIPTION nothing');

ALTER SUBSCRIPTION regress_slot SET (slot_name = NONE);
DROP SUBSCRIPTION regress_slot;
DROP SUBSCRIPTION regress_no_slot;
DROP SCHEMA regress_alone CASCADE;
