-- Rows that expire: declared, deleted as the table's owner, oldest first.
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE SCHEMA regress_keep AUTHORIZATION regress_owner;
GRANT EXECUTE ON FUNCTION svc.keep_rows, svc.drop_retention, svc.expire_now TO regress_owner, regress_other;
SET ROLE regress_owner;
SET search_path = regress_keep, public;
CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz, made_on date, local timestamp, note text);
CREATE INDEX ON sessions (expires_at);
CREATE INDEX ON sessions (made_on, id);
CREATE INDEX ON sessions (note, local);
CREATE INDEX ON sessions (local) WHERE local IS NOT NULL;
CREATE INDEX ON sessions USING hash (local);

-- what cannot be declared
SELECT svc.keep_rows(NULL, 'expires_at', '1 day');
SELECT svc.keep_rows('sessions', NULL, '1 day');
SELECT svc.keep_rows('sessions', 'expires_at', NULL);
SELECT svc.keep_rows('sessions', 'expires_at', '-1 day');
SELECT svc.keep_rows('sessions', 'expires_at', '1 month -31 days');
SELECT svc.keep_rows('sessions', 'expires_at', '200000 years');
SELECT svc.keep_rows('sessions', 'expires_at', '200000 years -71999990 days');
SELECT svc.keep_rows('sessions', 'no_such', '1 day');
SELECT svc.keep_rows('sessions', 'id', '1 day');
SELECT svc.keep_rows('sessions', 'local', '1 day');
SELECT svc.keep_rows(4294967295, 'local', '1 day');
CREATE VIEW look AS SELECT * FROM sessions;
SELECT svc.keep_rows('look', 'expires_at', '1 day');
CREATE TEMPORARY TABLE passing (at timestamptz PRIMARY KEY);
SELECT svc.keep_rows('passing', 'at', '1 day');
SET ROLE regress_other;
SELECT svc.keep_rows('regress_keep.sessions', 'expires_at', '1 day');
SET ROLE regress_owner;
SELECT svc.expire_now('sessions');
SELECT svc.drop_retention('sessions');

-- sessions that have expired go, others and those that never expire stay
SELECT svc.keep_rows('sessions', 'expires_at', '0');
INSERT INTO sessions (id, expires_at) VALUES (1, now() - interval '1 hour'), (2, now() + interval '1 hour'), (3, NULL), (4, '-infinity'), (5, 'infinity');
SELECT * FROM svc.expire_now();
SELECT id FROM sessions ORDER BY id;
-- called again it changes the time; other types of columns
SELECT svc.keep_rows('sessions', 'made_on', '30 days');
SELECT * FROM svc.retentions;
INSERT INTO sessions (id, made_on) VALUES (10, current_date - 31), (11, current_date - 30), (12, current_date);
SELECT * FROM svc.expire_now('sessions');
SELECT id FROM sessions WHERE id >= 10 ORDER BY id;
-- several batches in one call
INSERT INTO sessions (id, made_on) SELECT i, current_date - 40 FROM generate_series(100, 2999) i;
SELECT * FROM svc.expire_now();
-- partitions
CREATE TABLE log (at timestamp NOT NULL, id int) PARTITION BY HASH (id);
CREATE TABLE log_0 PARTITION OF log FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE log_1 PARTITION OF log FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON log (at);
SELECT svc.keep_rows('log', 'at', '1 week');
INSERT INTO log SELECT now()::timestamp - i * interval '1 day', i FROM generate_series(0, 19) i;
SELECT * FROM svc.expire_now('log');
SELECT count(*), max(now()::timestamp - at) < '1 week' AS young FROM log;

-- the table's triggers run as its owner, restricted, with the service's search_path, whoever calls
CREATE TABLE audit (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit VALUES (format('%s deletes %s', current_user, OLD.id));
    RETURN OLD;
END $$;
CREATE TRIGGER note BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO sessions (id, made_on) VALUES (20, current_date - 31);
RESET ROLE;
SET search_path = public;
SELECT * FROM svc.expire_now() ORDER BY 1;
SELECT * FROM regress_keep.audit;
CREATE FUNCTION regress_keep.escape() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'RESET ROLE';
    RETURN OLD;
END $$;
ALTER FUNCTION regress_keep.escape() OWNER TO regress_owner;
CREATE TRIGGER escape BEFORE DELETE ON regress_keep.log FOR EACH ROW EXECUTE FUNCTION regress_keep.escape();
INSERT INTO regress_keep.log VALUES ('2000-01-01', 1);
INSERT INTO regress_keep.sessions (id, made_on) VALUES (21, current_date - 31);
-- a table that fails stays as it was, and stops no other
SELECT * FROM svc.expire_now();
SELECT count(*) FROM regress_keep.log WHERE at = '2000-01-01';
-- nobody else's tables
SET ROLE regress_other;
SELECT * FROM svc.expire_now();
SELECT * FROM svc.retentions;
RESET ROLE;
GRANT USAGE ON SCHEMA regress_keep TO regress_other;
SET ROLE regress_other;
SELECT * FROM svc.expire_now('regress_keep.log');
SELECT svc.drop_retention('regress_keep.log');
RESET ROLE;
-- a row that a trigger keeps is no endless loop
CREATE FUNCTION regress_keep.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER a_never BEFORE DELETE ON regress_keep.sessions FOR EACH ROW EXECUTE FUNCTION regress_keep.never();
INSERT INTO regress_keep.sessions (id, made_on) VALUES (22, current_date - 31);
SELECT * FROM svc.expire_now('regress_keep.sessions');
DROP TRIGGER a_never ON regress_keep.sessions;

-- policies hide no rows from it, nor would they from a cascade
ALTER TABLE regress_keep.sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
INSERT INTO regress_keep.sessions (id, made_on) VALUES (23, current_date - 31);
SELECT * FROM svc.expire_now('regress_keep.sessions');
-- what cannot even be reckoned stops no other table; a declaration can come so from a dump
UPDATE svc.retention SET keep = '200000 years' WHERE relation = 'regress_keep.log'::regclass;
INSERT INTO regress_keep.sessions (id, made_on) VALUES (24, current_date - 31);
SELECT * FROM svc.expire_now();
UPDATE svc.retention SET keep = '1 week' WHERE relation = 'regress_keep.log'::regclass;
-- each entry of the index is read about once, however many batches there are
CREATE TABLE regress_keep.many (at timestamptz);
CREATE INDEX many_at ON regress_keep.many (at);
INSERT INTO regress_keep.many SELECT '2001-01-01' FROM generate_series(1, 20000);
ANALYZE regress_keep.many;
SELECT svc.keep_rows('regress_keep.many', 'at', '1 day');
BEGIN;
SET LOCAL enable_sort = off;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT * FROM svc.expire_now('regress_keep.many');
SELECT pg_stat_get_xact_tuples_returned('regress_keep.many_at'::regclass) BETWEEN 20000 AND 22000 AS once;
COMMIT;
DROP TABLE regress_keep.many;
-- a table that is a part of another has its column's name from there
CREATE TABLE regress_keep.all_marks (at date);
CREATE TABLE regress_keep.marks (PRIMARY KEY (at)) INHERITS (regress_keep.all_marks);
SELECT svc.keep_rows('regress_keep.marks', 'at', '1 day');
ALTER TABLE regress_keep.all_marks RENAME at TO made;
SELECT * FROM svc.expire_now('regress_keep.marks');
DROP TABLE regress_keep.all_marks CASCADE;

-- a rule that keeps rows is no endless loop either, and no error
CREATE RULE stay AS ON DELETE TO regress_keep.sessions DO INSTEAD NOTHING;
INSERT INTO regress_keep.sessions (id, made_on) VALUES (26, current_date - 31);
SELECT * FROM svc.expire_now('regress_keep.sessions');
DROP RULE stay ON regress_keep.sessions;
SELECT * FROM svc.expire_now('regress_keep.sessions');

-- names change, columns and tables go
INSERT INTO regress_keep.sessions (id, made_on) VALUES (25, current_date - 31);
ALTER TABLE regress_keep.sessions RENAME COLUMN made_on TO born;
SELECT * FROM svc.expire_now('regress_keep.sessions');
ALTER TABLE regress_keep.sessions RENAME TO tokens;
ALTER TABLE regress_keep.tokens SET SCHEMA public;
SELECT * FROM svc.retentions ORDER BY relation::text;
SELECT item, state, detail, hint FROM svc.status() WHERE item LIKE 'retention%';
DROP INDEX public.sessions_made_on_id_idx;
-- (an index that has no order does not find the oldest)
CREATE INDEX ON public.tokens USING hash (born);
SELECT item, state, detail, hint FROM svc.status() WHERE item LIKE 'retention%' AND state <> 'ok';
ALTER TABLE public.tokens DROP COLUMN born CASCADE;
SELECT relation FROM svc.retentions;
SELECT svc.drop_retention('regress_keep.log');
SELECT svc.keep_rows('regress_keep.log', 'at', '1 week');
DROP TABLE regress_keep.log;
SELECT count(*) FROM svc.retention;

REVOKE EXECUTE ON FUNCTION svc.keep_rows, svc.drop_retention, svc.expire_now FROM regress_owner, regress_other;
DROP TABLE passing;
SET client_min_messages = warning;
DROP TABLE public.tokens CASCADE;
DROP SCHEMA regress_keep CASCADE;
DROP ROLE regress_owner, regress_other;
