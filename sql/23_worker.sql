-- Work after transactions: who may ask for it, what is done and what is said
-- where something fails.  Rows that expire are the work; workers that come by
-- themselves are in test/tap/worker.pl.
CREATE ROLE regress_w_stranger;
SELECT svc.create_service('regress_w', schema => 'regress_w');

-- nobody is at work
SELECT kind, database, state, job, lag, blocked_by FROM svc.workers WHERE kind <> 'launcher';

-- who may ask
SET ROLE regress_w_stranger;
CALL svc.run_pending();
RESET ROLE;
GRANT EXECUTE ON PROCEDURE svc.run_pending TO regress_w_stranger;
SET ROLE regress_w_stranger;
CALL svc.run_pending();
RESET ROLE;

-- and where
BEGIN;
CALL svc.run_pending();
ROLLBACK;
SELECT 1 \; CALL svc.run_pending();
BEGIN READ ONLY;
CALL svc.run_pending();
ROLLBACK;

-- a batch is a transaction; oldest first, from partitions, too
SET ROLE regress_w_owner;
SET search_path = regress_w;
CREATE TABLE sessions (id int, expires_at timestamptz);
CREATE INDEX ON sessions (expires_at);
INSERT INTO sessions SELECT g, now() - g * interval '1 minute' FROM generate_series(1, 2500) g;
INSERT INTO sessions VALUES (0, now() + interval '1 day'), (-1, NULL), (-2, 'infinity');
CREATE TABLE log (at date, line text) PARTITION BY RANGE (at);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
CREATE INDEX ON log (at);
INSERT INTO log SELECT '2001-12-01'::date + g % 60, g FROM generate_series(1, 3000) g;
CREATE TABLE done (at timestamp PRIMARY KEY);
INSERT INTO done SELECT timestamp '2001-01-01' + g * interval '1 s' FROM generate_series(1, 1500) g;
SELECT svc.keep_rows('sessions', 'expires_at', '0');
SELECT svc.keep_rows('log', 'at', '1 day');
SELECT svc.keep_rows('done', 'at', '1 day');
CREATE TABLE seen (who text, session text, path text, transaction xid8);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (current_user, session_user, current_setting('search_path'), pg_current_xact_id());
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER DELETE ON sessions FOR EACH STATEMENT EXECUTE FUNCTION note();
CALL svc.run_pending();
SELECT id FROM sessions ORDER BY 1;
SELECT count(*) FROM log;
SELECT count(*) FROM done;
SELECT who, path, count(*) AS batches, count(DISTINCT transaction) AS transactions FROM seen GROUP BY 1, 2;

-- code of the table's owner gets no more rights than he has
CREATE FUNCTION climb() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'RESET SESSION AUTHORIZATION';
    RETURN OLD;
END $$;
CREATE TRIGGER climb BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION climb();
INSERT INTO sessions VALUES (1, now() - interval '1 minute');
CALL svc.run_pending();
-- what belongs to services is not told to owners of others
RESET ROLE;
CALL svc.run_pending();
SET ROLE regress_w_owner;
DROP TRIGGER climb ON sessions;

-- nor changes it the session for the work of others
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SET default_transaction_read_only = on;
    SET lock_timeout = 1;
    SET DateStyle = 'German';
    SET client_encoding = 'latin1';
    PERFORM pg_advisory_unlock_all(), pg_advisory_lock(1);
    RETURN OLD;
END $$;
CREATE TRIGGER spoil BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION spoil();
CREATE TABLE spoilt (at timestamptz PRIMARY KEY);
INSERT INTO spoilt VALUES ('2001-01-01');
SELECT svc.keep_rows('spoilt', 'at', '0');
INSERT INTO sessions VALUES (1, now() - interval '1 minute');
CALL svc.run_pending();
SELECT (SELECT count(*) FROM sessions) AS sessions, (SELECT count(*) FROM spoilt) AS spoilt;
DROP TRIGGER spoil ON sessions;
DROP TABLE spoilt;

-- a table that fails keeps no other from being cleaned, and is tried again
CREATE TABLE users (id int PRIMARY KEY, until date);
CREATE INDEX ON users (until);
CREATE TABLE posts (author int REFERENCES users);
INSERT INTO users VALUES (1, '2001-01-01'), (2, '2001-01-02');
INSERT INTO posts VALUES (2);
INSERT INTO done VALUES ('2001-01-01');
SELECT svc.keep_rows('users', 'until', '0');
RESET ROLE;
CALL svc.run_pending();
SET ROLE regress_w_owner;
SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM done) AS done, (SELECT count(*) FROM sessions) AS sessions;
DELETE FROM posts;
CALL svc.run_pending();
SELECT count(*) FROM users;

-- rows that a trigger or a rule keeps are not asked for again and again
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE DELETE ON done FOR EACH ROW EXECUTE FUNCTION keep();
INSERT INTO done SELECT timestamp '2001-01-01' + g * interval '1 s' FROM generate_series(1, 2500) g;
CREATE RULE keep AS ON DELETE TO log DO INSTEAD NOTHING;
INSERT INTO log SELECT '2001-12-01', g FROM generate_series(1, 2500) g;
CALL svc.run_pending();
SELECT count(*) FROM done;
SELECT count(*) FROM log;

-- a table that was dropped, and one whose rows do not expire any more
DROP TABLE log;
SELECT svc.drop_retention('done');
INSERT INTO sessions VALUES (1, now() - interval '1 minute');
CALL svc.run_pending();
SELECT id FROM sessions ORDER BY 1;

-- nothing of it stays in the caller's session
SHOW search_path;
SELECT current_user;
RESET ROLE;
RESET search_path;
SELECT svc.drop_service('regress_w', drop_objects => true);
REVOKE EXECUTE ON PROCEDURE svc.run_pending FROM regress_w_stranger;
DROP ROLE regress_w_stranger;
