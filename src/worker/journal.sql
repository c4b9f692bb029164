-- journal.sql: what transactions leave for a worker to do later.
--
-- Nothing of it is dumped: entries are about transactions of this cluster.  What
-- a restored database does not know any more, a sweep finds.

-- Entries: three generations, of which one is written; one that everybody has
-- read is truncated.  Rows are neither updated nor deleted, so there is nothing
-- to vacuum, and a vacuum would only be in the way of the truncation.

CREATE TABLE svc.journal_0 (
    number   bigint NOT NULL,
    xid      xid8 NOT NULL,
    kind     "char" NOT NULL,
    relation oid NOT NULL,
    subject  name NOT NULL,
    added_at timestamptz NOT NULL,
    keys     bytea
) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
ALTER TABLE svc.journal_0 ALTER COLUMN keys SET STORAGE EXTERNAL;
CREATE TABLE svc.journal_1 (LIKE svc.journal_0 INCLUDING STORAGE)
    WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
CREATE TABLE svc.journal_2 (LIKE svc.journal_0 INCLUDING STORAGE)
    WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
CREATE INDEX journal_0_index ON svc.journal_0 (xid, number);
CREATE INDEX journal_1_index ON svc.journal_1 (xid, number);
CREATE INDEX journal_2_index ON svc.journal_2 (xid, number);
COMMENT ON TABLE svc.journal_0 IS
'Catalog: entries of the journal, one of three generations. Read svc.journal_pending, or svc.journal_entries().';
COMMENT ON TABLE svc.journal_1 IS
'Catalog: entries of the journal, one of three generations. Read svc.journal_pending, or svc.journal_entries().';
COMMENT ON TABLE svc.journal_2 IS
'Catalog: entries of the journal, one of three generations. Read svc.journal_pending, or svc.journal_entries().';

-- Which generation is written.  Its row is there again after a restore.

CREATE TABLE svc.journal_state (
    generation smallint NOT NULL,
    since      timestamptz NOT NULL
);
COMMENT ON TABLE svc.journal_state IS 'Catalog: the generation of the journal that gets new entries.';
INSERT INTO svc.journal_state VALUES (0, pg_catalog.now());

-- How far each consumer has come: the row with the greatest move

CREATE TABLE svc.journal_cursor (
    consumer name NOT NULL,
    move     bigint NOT NULL,
    read     pg_snapshot NOT NULL,
    reading  pg_snapshot,
    reached  bigint NOT NULL,
    moved_at timestamptz NOT NULL
);
CREATE INDEX journal_cursor_index ON svc.journal_cursor (consumer, move);
COMMENT ON TABLE svc.journal_cursor IS
'Catalog: how far consumers of the journal have come, in the row with the greatest move. Consumed are the entries of the transactions that read shows, and of those that reading shows the ones up to number reached.';

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.journal_0
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.journal_0
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.journal_0 ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.journal_1
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.journal_1
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.journal_1 ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.journal_2
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.journal_2
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.journal_2 ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.journal_state
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.journal_state
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.journal_state ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.journal_cursor
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.journal_cursor
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.journal_cursor ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;

-- For people

CREATE FUNCTION svc.journal_append(kind "char", relation regclass, subject name, keys anyarray) RETURNS boolean
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_journal_append';
COMMENT ON FUNCTION svc.journal_append("char", regclass, name, anyarray) IS
'Superusers only: appends keys to the journal as a statement would, so that they are looked at again; false if the journal has reached svc_ownership.journal_limit, and everything will be swept instead. kind: c (subject is a reference, keys are to be checked), r (accepted though not valid), d and i (relation is published, subject its key column, keys may be gone or back). keys: NULL: sweep everything.
Errors: 42501 not a superuser; 22004 an argument is NULL; 22023 no such kind; 25006 the server cannot be written to.';

CREATE FUNCTION svc.journal_entries(max_keys int = 10, OUT number bigint, OUT xid xid8, OUT kind "char",
        OUT relation regclass, OUT subject name, OUT added_at timestamptz, OUT bytes bigint, OUT keys text[])
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_journal_entries';
COMMENT ON FUNCTION svc.journal_entries(int) IS
'Superusers only: entries of the journal that were not consumed yet. number: entries of one row are in this order. bytes: of all keys; Without bytes and keys: the journal was full, and everything will be swept. max_keys: how many keys of each entry are shown (default 10).
Errors: 42501 not a superuser; 22004, 22023 max_keys is NULL or negative.';

CREATE FUNCTION svc.journal_backlog(max_entries int = NULL, OUT kind "char", OUT relation regclass, OUT subject name,
        OUT entries bigint, OUT bytes bigint, OUT oldest timestamptz)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_journal_backlog';
COMMENT ON FUNCTION svc.journal_backlog(int) IS
'How much the journal holds that was not consumed yet, of relations whose owner the caller is a member of; members of pg_monitor see all. Read svc.journal_pending. max_entries: look at so many entries at most, of all kinds and relations, those of the transactions that began to write first; for each kind of which there may be more there is a row that has nothing else. NULL (default): at all.
Errors: 22023 max_entries is not positive.';

CREATE VIEW svc.journal_pending AS
SELECT b.kind, b.relation, b.subject, b.entries, b.bytes, b.oldest
  FROM svc.journal_backlog() b;
COMMENT ON VIEW svc.journal_pending IS
'What a worker has yet to do, by what it is about. kind: c keys to be checked, r keys that were accepted though not valid, d keys that may be gone from relation, i keys that may be back. subject: the reference, or the key column. oldest: when the first of these statements began. For members of the owner of relation, and of pg_monitor.';

-- Whose entries cannot be read yet: whoever has written some holds such a lock.
-- A prepared transaction has no pid; its locks name it by its transaction id.
CREATE VIEW svc.journal_open (pid, gid, since) AS
SELECT o.pid, p.gid, coalesce(p.prepared, a.xact_start)
  FROM (SELECT DISTINCT l.pid, l.virtualtransaction
          FROM pg_catalog.pg_locks l
         WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted
           AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
           AND l.relation IN ('svc.journal_0'::pg_catalog.regclass, 'svc.journal_1'::pg_catalog.regclass, 'svc.journal_2'::pg_catalog.regclass)) o
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = o.pid
  LEFT JOIN pg_catalog.pg_locks x ON x.pid IS NULL AND o.pid IS NULL
   AND x.locktype = 'transactionid' AND x.virtualtransaction = o.virtualtransaction
  LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid;
COMMENT ON VIEW svc.journal_open IS
'Transactions that have appended to the journal and have not ended: a worker sees what they wrote when they have. pid, or gid of a prepared transaction; since: when it began, or was prepared. For members of pg_monitor.';

GRANT SELECT ON svc.journal_pending TO PUBLIC;
GRANT SELECT ON svc.journal_open TO pg_monitor;
REVOKE EXECUTE ON FUNCTION svc.journal_append, svc.journal_entries FROM PUBLIC;
