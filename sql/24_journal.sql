-- The journal: what statements leave for a worker, seen from outside: what an
-- entry holds, that it lives and dies with its transaction, what happens at the
-- limit, that what was read goes, and who may see what.

-- nobody but svc.run_pending() reads it here
LOAD 'svc_ownership';
ALTER SYSTEM SET svc_ownership.max_workers = 0;
SELECT pg_reload_conf();
CREATE SCHEMA regress_j;
CREATE TABLE regress_j.t (id int PRIMARY KEY);
CREATE TABLE regress_j.u (id int PRIMARY KEY);
CREATE VIEW regress_j.unread AS
SELECT kind, relation, subject, bytes, cardinality(keys) AS n, keys FROM svc.journal_entries(5) ORDER BY number;

-- keys of any type, as they are
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[1, 2, 3]);
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY['a0000000-0000-4000-8000-000000000001']::uuid[]);
SELECT svc.journal_append('d', 'regress_j.t', 'id', ARRAY['x'' OR true --', NULL, 'ä', '']);
SELECT svc.journal_append('i', 'regress_j.u', 'id', '{}'::bigint[]);
SELECT svc.journal_append('i', 'regress_j.u', 'id', ARRAY[[1, 2], [3, 4]]);
SELECT * FROM regress_j.unread;
SELECT kind, relation, subject, entries, bytes, oldest <= now() AS oldest FROM svc.journal_pending ORDER BY 1, 2;
-- the oldest of them only; a row says that there are more
SELECT kind, relation, subject, entries FROM svc.journal_backlog(2) ORDER BY 1, 2;
SELECT count(*) FROM svc.journal_backlog(100);
SELECT * FROM svc.journal_backlog(0);

-- an entry is part of its transaction, and of its savepoint; a type may be gone when it is looked at
BEGIN;
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[4]);
ROLLBACK;
BEGIN;
CREATE TYPE regress_j.mood AS ENUM ('good');
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY['good']::regress_j.mood[]);
SAVEPOINT a;
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[5]);
ROLLBACK TO a;
SAVEPOINT b;
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[6]);
RELEASE b;
-- its own are not shown before it has ended
SELECT count(*) FROM regress_j.unread;
SELECT pid = pg_backend_pid() AS pid, gid, since = now() AS since FROM svc.journal_open;
COMMIT;
SELECT kind, n, keys FROM regress_j.unread OFFSET 5;
DROP TYPE regress_j.mood;
SELECT kind, n, keys FROM regress_j.unread OFFSET 5;

-- many keys are cut into entries of a megabyte; none is lost
SELECT svc.journal_append('i', 'regress_j.u', 'many', (SELECT array_agg(i::bigint) FROM generate_series(1, 300000) i));
SELECT svc.journal_append('i', 'regress_j.u', 'large', ARRAY[repeat('x', 3000000), 'y', repeat('z', 2000000)]);
SELECT subject, count(*), sum(cardinality(keys)), bool_and(keys[1] = first::text) AS in_order
  FROM (SELECT subject, keys, 1 + sum(cardinality(keys)) OVER (ORDER BY number) - cardinality(keys) AS first
          FROM svc.journal_entries(1000000) WHERE subject = 'many') e
 GROUP BY 1;
SELECT subject, bytes < 3100000 AS bytes, cardinality(keys) AS n FROM svc.journal_entries(1000000) WHERE subject = 'large' ORDER BY number;

-- writers turn to another generation when one has become large, and what was read is truncated
SELECT count(*) FROM generate_series(1, 60000) i, LATERAL svc.journal_append('i', 'regress_j.t', 'id', ARRAY[i, i + 1, i + 2, i + 3]) a;
-- whoever connects from now on has the new setting
ALTER SYSTEM SET svc_ownership.journal_limit = '64MB';
SELECT pg_reload_conf();
\c -
CALL svc.run_pending();
CALL svc.run_pending();
SELECT generation <> 0 AS turned FROM svc.journal_state;
SELECT count(*) FROM regress_j.unread;
SELECT sum(pg_relation_size(r)) FROM unnest('{svc.journal_0,svc.journal_1,svc.journal_2}'::regclass[]) r;

-- at the limit an entry says that everything is to be swept, one a transaction and subject
SELECT svc.journal_append('i', 'regress_j.u', 'large', ARRAY[repeat('x', 300000)]);
ALTER SYSTEM SET svc_ownership.journal_limit = '64kB';
SELECT pg_reload_conf();
\c -
BEGIN;
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[1]), svc.journal_append('i', 'regress_j.t', 'id', ARRAY[2]),
       svc.journal_append('i', 'regress_j.t', 'other', ARRAY[2]), svc.journal_append('d', 'regress_j.t', 'id', ARRAY[2]);
COMMIT;
BEGIN;
SAVEPOINT a;
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[1]);
ROLLBACK TO a;
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[1]);
SAVEPOINT b;
SELECT svc.journal_append('i', 'regress_j.u', 'id', ARRAY[1]);
RELEASE b;
SELECT svc.journal_append('i', 'regress_j.u', 'id', ARRAY[1]);
COMMIT;
SELECT kind, relation, subject, bytes, keys FROM regress_j.unread OFFSET 1;
CALL svc.run_pending();
CALL svc.run_pending();
ALTER SYSTEM RESET svc_ownership.journal_limit;
SELECT pg_reload_conf();
\c -
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[1]);

-- who may see it, and who not
CREATE ROLE regress_j_owner;
CREATE ROLE regress_j_stranger;
CREATE ROLE regress_j_monitor IN ROLE pg_monitor;
ALTER TABLE regress_j.t OWNER TO regress_j_owner;
SELECT svc.journal_append('i', 'regress_j.u', 'id', ARRAY[1]);
SET ROLE regress_j_owner;
SELECT relation, subject, entries FROM svc.journal_pending;
SELECT * FROM svc.journal_entries();
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[1]);
SELECT * FROM svc.journal_0;
SET ROLE regress_j_stranger;
SELECT relation, subject, entries FROM svc.journal_pending;
SELECT * FROM svc.journal_open;
SET ROLE regress_j_monitor;
SELECT relation, subject, entries FROM svc.journal_pending ORDER BY 1;
SELECT * FROM svc.journal_open;
RESET ROLE;
-- functions look themselves who calls
GRANT EXECUTE ON FUNCTION svc.journal_entries, svc.journal_append TO regress_j_stranger;
SET ROLE regress_j_stranger;
SELECT * FROM svc.journal_entries();
SELECT svc.journal_append('i', 'pg_class', 'id', ARRAY[1]);
RESET ROLE;

-- what is wrong
SELECT svc.journal_append('x', 'regress_j.t', 'id', ARRAY[1]);
SELECT svc.journal_append('', 'regress_j.t', 'id', ARRAY[1]);
SELECT svc.journal_append(NULL, 'regress_j.t', 'id', ARRAY[1]);
SELECT svc.journal_append('i', NULL, 'id', ARRAY[1]);
SELECT svc.journal_append('i', 'regress_j.t', NULL, ARRAY[1]);
SELECT * FROM svc.journal_entries(-1);
SELECT * FROM svc.journal_entries(NULL);
BEGIN READ ONLY;
SELECT svc.journal_append('i', 'regress_j.t', 'id', ARRAY[1]);
ROLLBACK;

REVOKE EXECUTE ON FUNCTION svc.journal_entries, svc.journal_append FROM regress_j_stranger;
CALL svc.run_pending();
DROP SCHEMA regress_j CASCADE;
DROP ROLE regress_j_owner, regress_j_stranger, regress_j_monitor;
ALTER SYSTEM RESET svc_ownership.max_workers;
SELECT pg_reload_conf();
