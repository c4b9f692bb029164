-- Counters: always equal to a count, whatever happens to the rows, the tables
-- and their names.
CREATE ROLE regress_writer;
CREATE ROLE regress_owner;
CREATE SCHEMA regress_count AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA regress_count TO regress_writer;
SET ROLE regress_owner;
SET search_path = regress_count, public;
CREATE TABLE posts (id int PRIMARY KEY, likes int NOT NULL DEFAULT 0, mine bigint, name text UNIQUE, note text, n numeric, s smallint);
CREATE TABLE likes (id serial PRIMARY KEY, post_id int, weight int DEFAULT 1);
INSERT INTO posts (id, name) SELECT i, 'p' || i FROM generate_series(1, 5) i;
INSERT INTO likes (post_id) VALUES (1), (1), (2), (NULL);
RESET ROLE;
-- what a statement leaves must be a count
CREATE VIEW wrong AS
SELECT p.id, p.likes, count(l.id) AS counted FROM posts p LEFT JOIN likes l ON l.post_id = p.id
 GROUP BY p.id HAVING p.likes <> count(l.id);
GRANT EXECUTE ON FUNCTION svc.keep_count, svc.drop_count, svc.recount TO regress_owner, regress_writer;

-- declared by the tables' owner; what is there is counted at once
SET ROLE regress_owner;
SELECT svc.keep_count('likes', 'post_id', 'posts', 'id', 'likes');
SELECT id, likes FROM posts ORDER BY id;
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'likes'::regclass ORDER BY 1;
SELECT * FROM svc.counters;

-- kept with the rights of the target's owner: the writer has none there
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON likes TO regress_writer;
GRANT USAGE ON SEQUENCE likes_id_seq TO regress_writer;
SET ROLE regress_writer;
INSERT INTO likes (post_id) VALUES (3), (3), (NULL), (99);
UPDATE likes SET post_id = 4 WHERE post_id = 3;
UPDATE likes SET weight = 2;
UPDATE likes SET post_id = NULL WHERE id = 1;
DELETE FROM likes WHERE post_id = 2;
INSERT INTO likes (id, post_id) VALUES (2, 5) ON CONFLICT (id) DO UPDATE SET post_id = EXCLUDED.post_id;
MERGE INTO likes USING (VALUES (2, 4), (100, 1), (101, 1)) n (id, post) ON n.id = likes.id
    WHEN MATCHED THEN UPDATE SET post_id = n.post WHEN NOT MATCHED THEN INSERT (id, post_id) VALUES (n.id, n.post);
WITH gone AS (DELETE FROM likes WHERE post_id = 4 RETURNING *) INSERT INTO likes (post_id) SELECT 5 FROM gone;
COPY likes (post_id) FROM STDIN;
1
2
2
\.
UPDATE posts SET likes = 0;
RESET ROLE;
SELECT id, likes FROM posts ORDER BY id;
SELECT * FROM wrong;
-- savepoints and rollback
BEGIN;
INSERT INTO likes (post_id) VALUES (1);
SAVEPOINT s;
DELETE FROM likes;
SELECT sum(likes) FROM posts;
ROLLBACK TO s;
SELECT * FROM wrong;
INSERT INTO likes (post_id) VALUES (2);
COMMIT;
SELECT * FROM wrong;
-- TRUNCATE, also undone
BEGIN;
TRUNCATE likes;
SELECT sum(likes) FROM posts;
ROLLBACK;
SELECT * FROM wrong;
SET ROLE regress_writer;
TRUNCATE likes;
RESET ROLE;
SELECT sum(likes) FROM posts;
INSERT INTO likes (post_id) SELECT i % 5 + 1 FROM generate_series(1, 1000) i;
SELECT * FROM wrong;

-- a filter; two counters fed by one table are changed together
SET ROLE regress_owner;
SELECT svc.keep_count('likes', 'post_id', 'posts', 'id', 'mine', filter => 'weight > 1 AND weight IS NOT NULL AND weight <> 1000000 AND weight <> 1000001');
INSERT INTO likes (post_id, weight) VALUES (1, 1), (1, 2), (1, 3), (2, NULL);
UPDATE likes SET weight = 5 WHERE post_id = 2;
UPDATE likes SET weight = NULL WHERE post_id = 1 AND weight = 3;
SELECT p.id, p.mine, count(l.id) FILTER (WHERE l.weight > 1) AS counted FROM posts p LEFT JOIN likes l ON l.post_id = p.id GROUP BY p.id ORDER BY p.id;
SELECT tgname, tgnargs FROM pg_trigger WHERE tgrelid = 'likes'::regclass ORDER BY 1;

-- other keys and counters: text, numeric, smallint
CREATE TABLE tags (post text COLLATE "C", x varchar(10));
SELECT svc.keep_count('tags', 'post', 'posts', 'name', 'n');
SELECT svc.keep_count('tags', 'x', 'posts', 'name', 's');
INSERT INTO tags VALUES ('p1', 'p2'), ('p1', 'p3'), ('p5', 'p2'), ('nowhere', NULL);
SELECT id, n, s FROM posts ORDER BY id;
-- integers of different sizes, as a foreign key would allow; also when one of them changes
CREATE TABLE city (id smallint PRIMARY KEY, people int NOT NULL DEFAULT 0, born bigint DEFAULT 0);
CREATE TABLE person (lives_in bigint, born_in int);
INSERT INTO city VALUES (-3), (-2), (-1), (1);
INSERT INTO person VALUES (-1, -2), (-1, NULL), (70000, 70000);
SELECT svc.keep_count('person', 'lives_in', 'city', 'id', 'people');
SELECT svc.keep_count('person', 'born_in', 'city', 'id', 'born');
INSERT INTO person VALUES (-1, -1), (-3, -3), (5000000000, 1);
SELECT * FROM city ORDER BY id;
ALTER TABLE city ALTER id TYPE bigint;
UPDATE person SET lives_in = born_in;
ALTER TABLE person ALTER born_in TYPE smallint USING NULLIF(born_in, 70000);
INSERT INTO person VALUES (-1, -2);
SELECT * FROM city ORDER BY id;
SELECT svc.recount('city');
-- keys are the same if they are the same to the target
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE word (word text PRIMARY KEY, uses int DEFAULT 0);
CREATE TABLE word_any (word text COLLATE any_case PRIMARY KEY, uses int DEFAULT 0);
CREATE TABLE used (word text COLLATE any_case, again text);
INSERT INTO word VALUES ('a'), ('A');
INSERT INTO word_any VALUES ('a');
SELECT svc.keep_count('used', 'word', 'word', 'word', 'uses');
SELECT svc.keep_count('used', 'again', 'word_any', 'word', 'uses');
INSERT INTO used VALUES ('a', 'a'), ('A', 'A'), ('A', 'A');
SELECT * FROM word ORDER BY word COLLATE "C";
SELECT * FROM word_any;
-- rows that refer to rows of their own table
CREATE TABLE comments (id int PRIMARY KEY, parent int REFERENCES comments ON DELETE CASCADE, replies int NOT NULL DEFAULT 0);
SELECT svc.keep_count('comments', 'parent', 'comments', 'id', 'replies');
INSERT INTO comments VALUES (1, NULL), (2, 1), (3, 1), (4, 2), (5, 4);
UPDATE comments SET parent = 3 WHERE id = 4;
SELECT id, replies FROM comments ORDER BY id;
DELETE FROM comments WHERE id = 4;
SELECT id, replies FROM comments ORDER BY id;
DELETE FROM comments WHERE id = 1;
SELECT count(*) FROM comments;

-- names change
ALTER TABLE posts RENAME TO articles;
ALTER TABLE articles RENAME COLUMN likes TO like_count;
ALTER TABLE articles RENAME COLUMN id TO article_id;
ALTER TABLE likes RENAME COLUMN post_id TO article;
ALTER TABLE likes RENAME COLUMN weight TO "how much";
ALTER TABLE likes RENAME TO hearts;
RESET ROLE;
CREATE SCHEMA regress_elsewhere AUTHORIZATION regress_owner;
ALTER TABLE articles SET SCHEMA regress_elsewhere;
ALTER SCHEMA regress_elsewhere RENAME TO regress_there;
SELECT * FROM svc.counters WHERE source = 'hearts'::regclass;
SET ROLE regress_writer;
INSERT INTO hearts (article, "how much") VALUES (5, 7);
RESET ROLE;
SELECT a.article_id, a.like_count, a.mine, count(h.id) AS counted, count(h.id) FILTER (WHERE "how much" > 1) AS filtered
  FROM regress_there.articles a LEFT JOIN hearts h ON h.article = a.article_id GROUP BY a.article_id ORDER BY 1;
SELECT item, state, detail FROM svc.status() WHERE item LIKE 'counter%';

-- repaired
UPDATE regress_there.articles SET like_count = 7, mine = NULL WHERE article_id < 3;
SET ROLE regress_owner;
SELECT svc.recount('regress_there.articles', 'like_count');
SELECT svc.recount('hearts');
SELECT svc.recount('hearts');
SELECT svc.recount('hearts', 'no_such');
SELECT svc.recount('comments', NULL);
SELECT svc.recount(NULL);
SELECT svc.recount(4294967295);
SET ROLE regress_writer;
SELECT svc.recount('hearts');
RESET ROLE;

-- and leaves nothing behind in the session
RESET ROLE;
DO $$
DECLARE
    plans CONSTANT text := $q$SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'CachedPlan%'$q$;
    before int;
    after int;
BEGIN
    FOR i IN 1..60 LOOP
        UPDATE regress_there.articles SET like_count = 7, mine = 7;
        PERFORM svc.recount('hearts');
        IF i = 10 THEN EXECUTE plans INTO before; END IF;
    END LOOP;
    EXECUTE plans INTO after;
    RAISE NOTICE 'plans are kept: %', after > before + 10;
END $$;

-- what cannot be declared
SET ROLE regress_owner;
CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0, b boolean, u int, label text UNIQUE,
    computed int GENERATED ALWAYS AS (u + 1) STORED, numbered int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE s (t_id int, tb bigint, x text);
SELECT svc.keep_count(NULL, 't_id', 't', 'id', 'n');
SELECT svc.keep_count('s', NULL, 't', 'id', 'n');
SELECT svc.keep_count('s', '', 't', 'id', 'n');
SELECT svc.keep_count('s', 't_id', NULL, 'id', 'n');
SELECT svc.keep_count('s', 't_id', 't', NULL, 'n');
SELECT svc.keep_count('s', 't_id', 't', 'id', NULL);
SELECT svc.keep_count('s', 'no_such', 't', 'id', 'n');
SELECT svc.keep_count('s', 't_id', 't', 'no_such', 'n');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'no_such');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'b');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'computed');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'numbered');
SELECT svc.keep_count('s', 't_id', 't', 'u', 'n');
SELECT svc.keep_count('s', 'x', 't', 'id', 'n');
SELECT svc.keep_count('s', 't_id', 't', 'label', 'n');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 'no_such');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 't_id');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 'EXISTS (SELECT 1)');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 'now() > ''2000-01-01''');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 'true) OR (true');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 'tableoid <> 0');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 's IS NOT NULL');
SELECT svc.keep_count('s_no', 't_id', 't', 'id', 'n');
CREATE VIEW sv AS SELECT * FROM s;
SELECT svc.keep_count('sv', 't_id', 't', 'id', 'n');
CREATE TEMPORARY TABLE st (t_id int);
SELECT svc.keep_count('st', 't_id', 't', 'id', 'n');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n', filter => 'x = ''y''');
SELECT svc.drop_count('t', 'no_such');
SELECT svc.drop_count('t', NULL);
SELECT svc.drop_count('t', 'n');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 's'::regclass;
SELECT svc.drop_count('t', 'n');
SET ROLE regress_writer;
SELECT svc.keep_count('regress_count.s', 't_id', 'regress_count.t', 'id', 'n');
-- a superuser's target: only a superuser says so
RESET ROLE;
CREATE ROLE regress_super SUPERUSER;
CREATE TABLE super_target (id int PRIMARY KEY, n int DEFAULT 0);
ALTER TABLE super_target OWNER TO regress_super;
GRANT regress_super TO regress_owner;
SET ROLE regress_owner;
SELECT svc.keep_count('s', 't_id', 'super_target', 'id', 'n');
RESET ROLE;
SELECT svc.keep_count('s', 't_id', 'super_target', 'id', 'n');
INSERT INTO super_target VALUES (1);
GRANT INSERT ON s TO regress_writer;
SET ROLE regress_writer;
INSERT INTO s VALUES (1);
RESET ROLE;
SELECT n FROM super_target;
SELECT svc.drop_count('super_target', 'n');

-- an error in the target shows nothing of its row to whoever may not read it
ALTER TABLE super_target ADD CONSTRAINT few CHECK (n < 3);
SELECT svc.keep_count('s', 't_id', 'super_target', 'id', 'n');
SET ROLE regress_writer;
INSERT INTO s VALUES (1), (1), (1);
RESET ROLE;
INSERT INTO s VALUES (1), (1), (1);
SELECT svc.drop_count('super_target', 'n');

-- a trigger that somebody makes by hand gets no rights from its arguments
REVOKE regress_super FROM regress_owner;
CREATE TABLE prey (id int PRIMARY KEY, n int DEFAULT 0);
ALTER TABLE prey OWNER TO regress_super;
INSERT INTO prey VALUES (1);
SET ROLE regress_owner;
CREATE TRIGGER mine AFTER INSERT ON s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION svc.count_changes('t_id', 'regress_count.prey', 'id', 'n', '');
INSERT INTO s VALUES (1);
DROP TRIGGER mine ON s;
CREATE TRIGGER mine AFTER INSERT ON s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION svc.count_changes('t_id', 'no_such.prey', 'id', 'n', '');
INSERT INTO s VALUES (1);
DROP TRIGGER mine ON s;
CREATE TRIGGER mine AFTER INSERT ON s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION svc.count_changes('t_id', 'regress_count.t', 'id', 'no_such', '');
INSERT INTO s VALUES (1);
DROP TRIGGER mine ON s;
CREATE TRIGGER mine AFTER INSERT ON s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION svc.count_changes('x');
INSERT INTO s VALUES (1);
DROP TRIGGER mine ON s;
CREATE TRIGGER mine AFTER INSERT ON s FOR EACH ROW EXECUTE FUNCTION svc.count_changes('t_id', 'regress_count.t', 'id', 'n', '');
INSERT INTO s VALUES (1);
DROP TRIGGER mine ON s;
SELECT svc.count_changes();
RESET ROLE;
SELECT n FROM prey;
-- as in a dump of the schema alone, whose triggers stand without our catalog: the caller's rights count
SET ROLE regress_owner;
CREATE TRIGGER dumped AFTER INSERT ON s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION svc.count_changes('t_id', 'regress_count.t', 'id', 'n', '');
INSERT INTO t VALUES (1);
INSERT INTO s VALUES (1), (1);
SELECT n FROM t;
SET ROLE regress_writer;
INSERT INTO regress_count.s VALUES (1);
SET ROLE regress_owner;
DROP TRIGGER dumped ON s;

-- partitions: through the table, directly, created, attached, detached, truncated
CREATE TABLE events (at date NOT NULL, t_id int, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2 (kind text, t_id int, at date NOT NULL);
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
UPDATE t SET n = 0;
INSERT INTO t SELECT i, 0 FROM generate_series(2, 4) i;
CREATE VIEW wrong_events AS
SELECT t.id, t.n, count(e.at) AS counted FROM t LEFT JOIN events e ON e.t_id = t.id AND e.kind = 'a' GROUP BY t.id HAVING t.n <> count(e.at);
SELECT svc.keep_count('events', 't_id', 't', 'id', 'n', filter => 'kind = ''a''');
INSERT INTO events VALUES ('2026-01-05', 1, 'a'), ('2026-02-05', 1, 'a'), ('2026-02-06', 2, 'a'), ('2026-02-06', 2, 'b');
INSERT INTO events_2 (at, t_id, kind) VALUES ('2026-02-07', 3, 'a'), ('2026-02-07', 3, 'b');
UPDATE events SET at = '2026-02-10' WHERE at = '2026-01-05';
UPDATE events_2 SET t_id = 4 WHERE t_id = 3;
SELECT id, n FROM t ORDER BY id;
SELECT * FROM wrong_events;
-- MERGE that moves rows between partitions: the server fires no trigger that sees them
MERGE INTO events USING (VALUES ('2026-02-10'::date)) n (at) ON n.at = events.at WHEN MATCHED THEN UPDATE SET at = '2026-01-05', t_id = 2;
SELECT * FROM wrong_events ORDER BY id;
SELECT svc.recount('t', 'n');
UPDATE events SET at = '2026-02-10', t_id = 1 WHERE at = '2026-01-05';
SELECT * FROM wrong_events;
CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2026-03-01') TO ('2026-04-01') PARTITION BY LIST (kind);
CREATE TABLE events_3a PARTITION OF events_3 FOR VALUES IN ('a');
CREATE TABLE events_3b PARTITION OF events_3 DEFAULT;
INSERT INTO events_3a VALUES ('2026-03-03', 1, 'a');
INSERT INTO events VALUES ('2026-03-04', 1, 'a');
INSERT INTO events_3 VALUES ('2026-03-05', 1, 'a');
UPDATE events SET kind = 'b' WHERE at = '2026-03-05';
SELECT * FROM wrong_events;
CREATE TABLE events_4 (LIKE events);
INSERT INTO events_4 VALUES ('2026-04-01', 1, 'a'), ('2026-04-02', 2, 'a');
ALTER TABLE events ATTACH PARTITION events_4 FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
SELECT * FROM wrong_events;
ALTER TABLE events DETACH PARTITION events_3;
SELECT * FROM wrong_events;
INSERT INTO events_3 VALUES ('2026-03-05', 1, 'a');
SELECT * FROM wrong_events;
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('events_3'::regclass, 'events_3a'::regclass);
ALTER TABLE events DETACH PARTITION events_4 CONCURRENTLY;
SELECT * FROM wrong_events;
BEGIN;
TRUNCATE events_2;
SELECT * FROM wrong_events;
ROLLBACK;
TRUNCATE events;
SELECT * FROM wrong_events;
SELECT sum(n) FROM t;
-- children
CREATE TABLE special () INHERITS (s);
TRUNCATE s;
CREATE TABLE s2 (x text, t_id int, tb bigint);
INSERT INTO s2 VALUES ('x', 1);
SELECT svc.drop_count('t', 'n');
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n');
INSERT INTO special VALUES (1);
ALTER TABLE s2 INHERIT s;
INSERT INTO s2 VALUES ('x', 2);
UPDATE s SET t_id = 3 WHERE t_id = 1;
SELECT id, n FROM t ORDER BY id;
ALTER TABLE s2 NO INHERIT s;
SELECT id, n FROM t ORDER BY id;
DELETE FROM s;
SELECT sum(n) FROM t;

-- a source is whole: statements on what it is a part of would go unseen
RESET ROLE;
SELECT svc.drop_count('t', 'n');
SET ROLE regress_owner;
UPDATE t SET n = 0;
SELECT svc.keep_count('events_1', 't_id', 't', 'id', 'n');
SELECT svc.keep_count('special', 't_id', 't', 'id', 'n');
CREATE TABLE above (t_id int, kind text);
CREATE TABLE below (kind text, t_id int);
SELECT svc.keep_count('below', 't_id', 't', 'id', 'n');
ALTER TABLE below INHERIT above;
SELECT svc.drop_count('t', 'n');
-- more than one way to a source counts once; an ALTER TABLE that does more than one thing
CREATE TABLE mid_1 () INHERITS (above);
CREATE TABLE mid_2 () INHERITS (above);
SELECT svc.keep_count('above', 't_id', 't', 'id', 'n', filter => 'kind = ''a''');
CREATE TABLE low (t_id int, kind text);
INSERT INTO low VALUES (1, 'a'), (1, 'a');
ALTER TABLE low ADD COLUMN extra serial, INHERIT mid_1;
SELECT n FROM t WHERE id = 1;
ALTER TABLE low INHERIT mid_2;
SELECT n FROM t WHERE id = 1;
ALTER TABLE low NO INHERIT mid_1;
SELECT n FROM t WHERE id = 1;
ALTER TABLE low NO INHERIT mid_2, INHERIT mid_1;
SELECT n FROM t WHERE id = 1;
ALTER TABLE low NO INHERIT mid_1;
SELECT n FROM t WHERE id = 1;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'low'::regclass;
SELECT svc.drop_count('t', 'n');
-- a part of somebody who owns no target: it stops to count all the same
RESET ROLE;
CREATE TABLE mixed (t_id int) PARTITION BY LIST (t_id);
CREATE TABLE mixed_1 PARTITION OF mixed FOR VALUES IN (1);
ALTER TABLE mixed OWNER TO regress_writer;
ALTER TABLE mixed_1 OWNER TO regress_writer;
SELECT svc.keep_count('mixed', 't_id', 't', 'id', 'n');
SET ROLE regress_writer;
INSERT INTO mixed VALUES (1), (1);
ALTER TABLE mixed DETACH PARTITION mixed_1;
RESET ROLE;
SELECT n FROM t WHERE id = 1;
SELECT svc.drop_count('t', 'n');
-- columns of partitions and children get their names from above
SET ROLE regress_owner;
CREATE TABLE target_all (id int, likes int DEFAULT 0);
CREATE TABLE target_one (PRIMARY KEY (id)) INHERITS (target_all);
INSERT INTO target_one VALUES (1);
ALTER TABLE below NO INHERIT above;
SELECT svc.keep_count('below', 't_id', 'target_one', 'id', 'likes');
ALTER TABLE target_all RENAME id TO number;
ALTER TABLE target_all RENAME likes TO hearts;
INSERT INTO below VALUES ('a', 1);
SELECT * FROM target_one;
SELECT svc.drop_count('target_one', 'hearts');

-- triggers that somebody disabled stay so when names change, and stay the same triggers
SELECT svc.keep_count('below', 't_id', 'target_one', 'number', 'hearts', filter => 'kind = ''a''');
ALTER TABLE below DISABLE TRIGGER svc_keep_count_insert;
ALTER TABLE below ENABLE ALWAYS TRIGGER svc_keep_count_delete;
COMMENT ON TRIGGER svc_keep_count_insert ON below IS 'off while we load';
SELECT oid AS before FROM pg_trigger WHERE tgrelid = 'below'::regclass AND tgname = 'svc_keep_count_insert'
\gset
ALTER TABLE below RENAME kind TO sort;
SELECT tgname, tgenabled, CASE WHEN tgname = 'svc_keep_count_insert' THEN oid = :before END AS same, obj_description(oid, 'pg_trigger'), encode(tgargs, 'escape') LIKE '%sort%' AS follows
  FROM pg_trigger WHERE tgrelid = 'below'::regclass AND tgname <> 'svc_keep_count_truncate' ORDER BY tgname;
SELECT svc.drop_count('target_one', 'hearts');

-- whose rights: a filter is parsed as the source's owner, whoever changes rows
-- or tables, and runs as whoever changes rows; for TRUNCATE, ATTACH and
-- recounts as the source's owner, under our search_path
\set VERBOSITY terse
RESET ROLE;
CREATE SCHEMA regress_hidden AUTHORIZATION regress_owner;
SET ROLE regress_owner;
CREATE FUNCTION regress_hidden.parsing(text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'parsed as %', current_user;
    RETURN true;
END $$;
CREATE DOMAIN regress_hidden.kinds AS text CHECK (regress_hidden.parsing(VALUE));
CREATE FUNCTION running(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE NOTICE 'run as % with %', current_user, current_setting('search_path');
    RETURN true;
END $$;
CREATE TABLE guarded (t_id int, kind text) PARTITION BY LIST (t_id);
CREATE TABLE guarded_1 PARTITION OF guarded FOR VALUES IN (1);
UPDATE t SET n = 0;
SELECT svc.keep_count('guarded', 't_id', 't', 'id', 'n', filter => 'kind = ANY (''{a}''::regress_hidden.kinds[]) AND running(kind)');
GRANT INSERT ON guarded, guarded_1 TO regress_writer;
SET ROLE regress_writer;
INSERT INTO guarded VALUES (1, 'a');
RESET ROLE;
-- nor does a superuser lend rights, not even by the partitions that he makes
ALTER TABLE guarded RENAME kind TO sort;
CREATE TABLE guarded_2 PARTITION OF guarded FOR VALUES IN (2);
INSERT INTO guarded_2 VALUES (2, 'a');
SELECT svc.recount('t', 'n');
TRUNCATE guarded_2;
CREATE TABLE guarded_3 (t_id int, sort text);
INSERT INTO guarded_3 VALUES (3, 'a');
ALTER TABLE guarded ATTACH PARTITION guarded_3 FOR VALUES IN (3);
SELECT id, n FROM t ORDER BY id;
-- who owns the source is known as it is now, also where a partition's triggers fire
TRUNCATE guarded_1;
INSERT INTO guarded_1 VALUES (1, 'a');
ALTER TABLE guarded OWNER TO regress_super;
TRUNCATE guarded_1;
ALTER TABLE guarded OWNER TO regress_owner;
SELECT svc.drop_count('t', 'n');
-- what others' writers run is not one's own to say, even in a part of one's table
SET ROLE regress_owner;
\set VERBOSITY default
SELECT svc.keep_count('guarded', 't_id', 't', 'id', 'n');
DROP TABLE guarded;

-- names that a filter uses stay while it does
RESET ROLE;
CREATE SCHEMA regress_names;
CREATE TYPE regress_names.mood AS ENUM ('good', 'so so');
CREATE TYPE regress_names.other AS ENUM ('good');
CREATE FUNCTION regress_names.weighs(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0';
CREATE FUNCTION regress_names.differs(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 <> $2';
CREATE OPERATOR regress_names.<!> (FUNCTION = regress_names.differs, LEFTARG = int, RIGHTARG = int);
GRANT USAGE ON SCHEMA regress_names TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE vote (t_id int, mood regress_names.mood, weight int);
SELECT svc.keep_count('vote', 't_id', 't', 'id', 'n',
    filter => 'mood = ''so so'' AND regress_names.weighs(weight) AND weight OPERATOR(regress_names.<!>) 7');
RESET ROLE;
ALTER SCHEMA regress_names RENAME TO regress_names_2;
ALTER TYPE regress_names.mood RENAME TO temper;
ALTER TYPE regress_names.mood SET SCHEMA public;
ALTER TYPE regress_names.mood RENAME VALUE 'so so' TO 'middling';
ALTER FUNCTION regress_names.weighs RENAME TO is_heavy;
ALTER FUNCTION regress_names.weighs SET SCHEMA public;
ALTER OPERATOR regress_names.<!> (int, int) SET SCHEMA public;
DROP FUNCTION regress_names.weighs;
DROP FUNCTION regress_names.differs CASCADE;
-- what a filter does not need is free
ALTER TYPE regress_names.mood RENAME VALUE 'good' TO 'fine';
ALTER TYPE regress_names.other RENAME TO mood_2;
DROP TYPE regress_names.mood_2;
-- also under a filter that is broken already, and for what goes with it
SET session_replication_role = replica;
ALTER FUNCTION regress_names.weighs RENAME TO is_heavy;
RESET session_replication_role;
CREATE TYPE regress_names.weight AS ENUM ();
ALTER TYPE regress_names.weight RENAME TO mass;
CREATE FUNCTION regress_names.mood() RETURNS int LANGUAGE sql AS 'SELECT 1';
DROP FUNCTION regress_names.mood;
ALTER TYPE regress_names.mood RENAME VALUE 'fine' TO 'good';
ALTER FUNCTION regress_names.is_heavy RENAME TO weighs;
INSERT INTO vote VALUES (1, 'so so', 1);
SET client_min_messages = error;
DROP SCHEMA regress_names CASCADE;
RESET client_min_messages;
INSERT INTO vote VALUES (1);

-- who applies changes that were counted elsewhere, or disables triggers, counts nothing;
-- svc.status says of triggers what is wrong with them, and svc.recount mends it
SET ROLE regress_owner;
CREATE TABLE held (t_id int) PARTITION BY LIST (t_id);
CREATE TABLE held_1 PARTITION OF held FOR VALUES IN (1);
SELECT svc.keep_count('held', 't_id', 't', 'id', 'n', filter => format('%L <> %L', repeat('a', 80), repeat('b', 80)));
RESET ROLE;
CREATE VIEW held_status AS SELECT state, detail, hint FROM svc.status() WHERE item = 'counter regress_count.t.n';
SET session_replication_role = replica;
INSERT INTO held VALUES (1);
RESET session_replication_role;
ALTER TABLE held ENABLE ALWAYS TRIGGER svc_keep_count_insert;
SET session_replication_role = replica;
INSERT INTO held VALUES (1);
RESET session_replication_role;
SELECT * FROM held_status;
SELECT n FROM t WHERE id = 1;
ALTER TABLE held_1 DISABLE TRIGGER svc_keep_count_insert;
INSERT INTO held_1 VALUES (1);
SELECT * FROM held_status;
ALTER TABLE held_1 ENABLE REPLICA TRIGGER svc_keep_count_insert;
SELECT * FROM held_status;
ALTER TABLE held_1 ENABLE TRIGGER svc_keep_count_insert;
SELECT n FROM t WHERE id = 1;
SELECT svc.recount('t', 'n');
SELECT n FROM t WHERE id = 1;
DROP TRIGGER svc_keep_count_delete ON held_1;
SELECT * FROM held_status;
DELETE FROM held_1;
SELECT svc.recount('t', 'n');
SELECT * FROM held_status;
-- the event triggers did not fire: the triggers name a column that is gone
SET session_replication_role = replica;
ALTER TABLE held RENAME t_id TO t_no;
SELECT * FROM held_status;
UPDATE svc.counter SET source_key = 't_no' WHERE source = 'held'::regclass;
RESET session_replication_role;
SELECT * FROM held_status;
SELECT svc.recount('t', 'n');
SELECT * FROM held_status;
-- a source that became a part of something
CREATE TABLE held_all (t_no int) PARTITION BY LIST (t_no);
ALTER TABLE held_all ATTACH PARTITION held DEFAULT;
SELECT * FROM held_status;
DROP VIEW held_status;
SELECT svc.drop_count('t', 'n');

-- partitions and children that are dropped with their rows
CREATE TABLE days (t_id int, day int) PARTITION BY LIST (day);
CREATE TABLE day_1 PARTITION OF days FOR VALUES IN (1);
CREATE TABLE day_2 PARTITION OF days FOR VALUES IN (2, 3) PARTITION BY LIST (day);
CREATE TABLE day_2a PARTITION OF day_2 FOR VALUES IN (2);
CREATE TABLE day_2b PARTITION OF day_2 FOR VALUES IN (3);
CREATE TABLE noted (LIKE t INCLUDING ALL);
INSERT INTO noted (id) VALUES (1), (2);
SELECT svc.keep_count('days', 't_id', 'noted', 'id', 'n');
INSERT INTO days VALUES (1, 1), (1, 1), (2, 1), (1, 2), (2, 3), (NULL, 3);
SELECT id, n FROM noted ORDER BY id;
BEGIN;
DROP TABLE day_1, no_such;
ROLLBACK;
DROP TABLE IF EXISTS day_1, no_such;
SELECT id, n FROM noted ORDER BY id;
BEGIN;
DROP TABLE day_2;
SELECT id, n FROM noted ORDER BY id;
ROLLBACK;
ALTER TYPE days RENAME ATTRIBUTE t_id TO noted_id CASCADE;
INSERT INTO days VALUES (1, 2);
DROP TABLE day_2a;
SELECT id, n FROM noted ORDER BY id;
CREATE TABLE day_4 () INHERITS (s);
DROP TABLE day_2b, days, day_4;
SELECT id, n FROM noted ORDER BY id;
DROP TABLE noted;

SET ROLE regress_owner;
UPDATE t SET n = 0;
SELECT svc.keep_count('s', 't_id', 't', 'id', 'n');

-- what a counter needs goes away
ALTER TABLE s DROP COLUMN t_id CASCADE;
INSERT INTO s DEFAULT VALUES;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 's'::regclass;
RESET ROLE;
ALTER TABLE hearts DROP COLUMN "how much";
INSERT INTO hearts (article) VALUES (1);
SELECT counter FROM svc.counters WHERE source = 'hearts'::regclass;
DROP TABLE regress_there.articles CASCADE;
INSERT INTO hearts (article) VALUES (1);
SELECT count(*) FROM svc.counters;

REVOKE EXECUTE ON FUNCTION svc.keep_count, svc.drop_count, svc.recount FROM regress_owner, regress_writer;
DROP TABLE st;
SET client_min_messages = warning;
DROP SCHEMA regress_count, regress_there, regress_hidden CASCADE;
SELECT count(*) FROM svc.counter;
DROP ROLE regress_writer, regress_owner, regress_super;
