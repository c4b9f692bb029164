-- upkeep.sql: what every service database repeats: timestamps, counters, retention.

-- Timestamps

CREATE FUNCTION svc_triggers.update_updated_at_column() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_update_updated_at_column';
COMMENT ON FUNCTION svc_triggers.update_updated_at_column() IS
'Trigger function, BEFORE UPDATE (or INSERT OR UPDATE), FOR EACH ROW: sets updated_at, or the columns that the trigger names as arguments, to now(). Columns are timestamptz, timestamp or date. Argument ''on change'': a row whose other columns did not change keeps its time.
Errors: 39P01 a trigger of another kind; 42703 no such column; 42804 a column of another type.';

CREATE FUNCTION svc.keep_updated_at(relation regclass, column_name name = 'updated_at') RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_keep_updated_at';
COMMENT ON FUNCTION svc.keep_updated_at(regclass, name) IS
'Makes trigger svc_keep_<column> that sets a column to now() whenever a row is updated. relation: a table. column_name: timestamptz, timestamp or date.
Errors: 42501 not the owner of the table; 42703 no such column; 42804 a column of another type; 42710 it is kept already.';

CREATE TABLE svc.adopted_trigger (
    relation regclass NOT NULL,
    trigger  name NOT NULL,
    function text NOT NULL,
    CONSTRAINT adopted_trigger_pkey PRIMARY KEY (relation, trigger)
);
COMMENT ON TABLE svc.adopted_trigger IS
'Catalog: triggers that svc.adopt_updated_at swapped, and the function that each called before.';
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.adopted_trigger
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.adopted_trigger
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.adopted_trigger ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.adopted_trigger',
    'WHERE relation IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_has_role(c.relowner, ''MEMBER''))');

CREATE FUNCTION svc.adopt_updated_at(OUT relation regclass, OUT trigger name, OUT function text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_adopt_updated_at';
COMMENT ON FUNCTION svc.adopt_updated_at() IS
'Swaps PL/pgSQL triggers whose function does nothing but set columns to now() for update_updated_at_column(), on all tables that the caller owns, and lists them with the function they called. Triggers keep name, events, condition and state; functions stay.';

CREATE FUNCTION svc.restore_updated_at(OUT relation regclass, OUT trigger name, OUT function text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_restore_updated_at';
COMMENT ON FUNCTION svc.restore_updated_at() IS
'Undoes svc.adopt_updated_at on all tables that the caller owns, and lists the triggers with the function they call again. A function that is gone is a WARNING, and its trigger stays.';

-- Counters

CREATE TABLE svc.counter (
    target         regclass NOT NULL,
    counter        name NOT NULL,
    target_key     name NOT NULL,
    source         regclass NOT NULL,
    source_key     name NOT NULL,
    filter         text,
    filter_columns name[] NOT NULL DEFAULT '{}',
    as_superuser   boolean NOT NULL,
    CONSTRAINT counter_pkey PRIMARY KEY (target, counter)
);
COMMENT ON TABLE svc.counter IS
'Catalog: counters that are kept, and so may be changed with the rights of the target''s owner.';
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.counter
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.counter
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.counter ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON svc.counter
    FOR EACH STATEMENT EXECUTE FUNCTION svc.catalog_changed();
SELECT pg_catalog.pg_extension_config_dump('svc.counter',
    'WHERE target IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_has_role(c.relowner, ''MEMBER'')) AND source IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_has_role(c.relowner, ''MEMBER''))');

CREATE FUNCTION svc.count_changes() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_count_changes';
COMMENT ON FUNCTION svc.count_changes() IS
'Trigger function that keeps counters; svc.keep_count makes its triggers. Arguments, five a counter: key column, target table, its key column, counter column, filter or empty. Errors: 39P01 a trigger of another kind; 55000 the target or a column is gone.';

CREATE FUNCTION svc.keep_count(source regclass, source_key name, target regclass, target_key name,
        counter name, filter text = NULL)
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_keep_count';
COMMENT ON FUNCTION svc.keep_count(regclass, name, regclass, name, name, text) IS
'Keeps column counter of each row of target equal to the number of rows of source whose source_key is the row''s target_key, and counts once now. Source writers wait meanwhile. Keys are the same if they are the same to target_key; both may be of any integer type. filter: only rows that meet this condition count; on source''s columns, without subqueries, immutable. It is parsed as source''s owner and runs as whoever changes rows; for TRUNCATE, ATTACH and recounts as source''s owner with search_path pg_catalog. The counter changes at the end of each statement, with the rights of target''s owner. A partitioned source brings its partitions along, also later ones. Its triggers fire where rows are changed first, not where replication applies them.
Errors: 22004 an argument is NULL; 42501 not the owner of both tables and of all parts of source, or a superuser''s target and no superuser calls; 42703 no such column; 42804 column types do not fit; 42830 target_key is not unique; 42P17 the filter is not immutable; 42710 the counter is kept already; 42809, 42P16 not ordinary tables, or source is a part of another; 428C9 a generated counter; 0A000 a subquery, system column or whole row in the filter, or a virtual generated source_key. Later, DDL that takes away a name in the filter: 2BP01.';

CREATE FUNCTION svc.drop_count(target regclass, counter name) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_drop_count';
COMMENT ON FUNCTION svc.drop_count(regclass, name) IS
'Stops keeping a counter; the column stays as it is. Errors: 42704 there is no such counter; 42501 not the owner of target.';

CREATE FUNCTION svc.recount(relation regclass, counter name = NULL) RETURNS bigint
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_recount';
COMMENT ON FUNCTION svc.recount(regclass, name) IS
'Counts again, and mends what is wrong, also triggers of sources that the caller owns; returns the number of rows that were. relation: a target or a source. counter: one counter, or NULL (default) for all of the relation. Source writers wait meanwhile. Errors: 42704 there is no such counter; 42501 not the owner of the target.';

-- Retention

CREATE TABLE svc.retention (
    relation   regclass NOT NULL CONSTRAINT retention_pkey PRIMARY KEY,
    age_column name NOT NULL,
    keep       interval NOT NULL
);
COMMENT ON TABLE svc.retention IS 'Catalog: tables whose rows expire. Read svc.retentions.';
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.retention
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.retention
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.retention ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON svc.retention
    FOR EACH STATEMENT EXECUTE FUNCTION svc.catalog_changed();
SELECT pg_catalog.pg_extension_config_dump('svc.retention',
    'WHERE relation IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_has_role(c.relowner, ''MEMBER''))');

CREATE FUNCTION svc.keep_rows(relation regclass, age_column name, keep interval) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_keep_rows';
COMMENT ON FUNCTION svc.keep_rows(regclass, name, interval) IS
'Declares for how long the rows of a table are kept; called again it changes that. age_column: timestamptz, timestamp or date, with an index that begins with it. keep: rows whose age_column is before now() - keep are deleted; ''0'' for a column such as expires_at. A worker deletes them from time to time; svc.expire_now does at once.
Errors: 22004, 22023 keep is NULL, below zero or above 1000 years; 42501 not the owner of the table; 42703 no such column; 42804 a column of another type; 55000 no index; 42809, 42P16 not an ordinary table.';

CREATE FUNCTION svc.drop_retention(relation regclass) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_drop_retention';
COMMENT ON FUNCTION svc.drop_retention(regclass) IS
'Keeps all rows of a table from now on. Errors: 42704 its rows do not expire; 42501 not the owner of the table.';

CREATE FUNCTION svc.expire_now(of_relation regclass = NULL, OUT relation regclass, OUT deleted bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_expire_now';
COMMENT ON FUNCTION svc.expire_now(regclass) IS
'Deletes the rows that have expired, oldest first, as each table''s owner, also those that its policies hide, in the caller''s transaction. of_relation: one table, or NULL (default) for all that the caller owns. Rows that others have locked are left for the next time; a table that fails is a WARNING and stays as it was.
Errors: 42704 its rows do not expire; 42501 not the owner of the table.';

GRANT INSERT ON svc.adopted_trigger, svc.counter, svc.retention TO PUBLIC;

-- For people

CREATE VIEW svc.counters WITH (security_barrier) AS
SELECT c.target, c.counter, c.target_key, c.source, c.source_key, c.filter
  FROM svc.counter c
  JOIN pg_catalog.pg_class t ON t.oid = c.target
  JOIN pg_catalog.pg_class s ON s.oid = c.source
 WHERE pg_catalog.pg_has_role(t.relowner, 'MEMBER');
COMMENT ON VIEW svc.counters IS 'Counters that are kept in tables that the reader owns.';

CREATE VIEW svc.retentions WITH (security_barrier) AS
SELECT r.relation, r.age_column, r.keep
  FROM svc.retention r
  JOIN pg_catalog.pg_class c ON c.oid = r.relation
 WHERE pg_catalog.pg_has_role(c.relowner, 'MEMBER');
COMMENT ON VIEW svc.retentions IS 'Tables that the reader owns whose rows expire.';

GRANT SELECT ON svc.counters, svc.retentions TO PUBLIC;

CREATE VIEW svc.counter_problem (target, counter, detail, hint) AS
WITH RECURSIVE part (source, relation) AS (
    SELECT DISTINCT c.source::pg_catalog.oid, c.source::pg_catalog.oid FROM svc.counter c
    UNION
    SELECT p.source, i.inhrelid
      FROM part p
      JOIN pg_catalog.pg_inherits i ON i.inhparent = p.relation
      JOIN pg_catalog.pg_class r ON r.oid = i.inhrelid AND r.relkind IN ('r', 'p') AND r.relpersistence <> 't'
)
SELECT c.target, c.counter,
       CASE WHEN g.oid IS NULL THEN pg_catalog.format('trigger %s of %s is missing', k.name, r.relation)
            WHEN g.tgenabled NOT IN ('O', 'A') THEN pg_catalog.format('trigger %s of %s is disabled', k.name, r.relation)
            ELSE pg_catalog.format('trigger %s of %s counts something else', k.name, r.relation) END,
       CASE WHEN g.tgenabled NOT IN ('O', 'A')
            THEN pg_catalog.format('ALTER TABLE %s ENABLE TRIGGER %I; ', r.relation, k.name) ELSE '' END
       || pg_catalog.format('SELECT svc.recount(%L, %L)', c.target, c.counter)
  FROM svc.counter c
  JOIN pg_catalog.pg_class t ON t.oid = c.target
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  JOIN (SELECT part.source, part.relation::pg_catalog.regclass FROM part) r ON r.source = c.source
 CROSS JOIN (VALUES ('svc_keep_count_insert'), ('svc_keep_count_update'),
                    ('svc_keep_count_delete'), ('svc_keep_count_truncate')) k (name)
  LEFT JOIN pg_catalog.pg_trigger g ON g.tgrelid = r.relation AND g.tgname = k.name
   AND g.tgfoid = (SELECT f.oid FROM pg_catalog.pg_proc f
                    WHERE f.proname = 'count_changes' AND f.pronamespace = (SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = 'svc'))
 WHERE g.oid IS NULL OR g.tgenabled NOT IN ('O', 'A')
    -- its arguments, each with a zero byte behind it, stand among those of the trigger
    OR pg_catalog.position('\x00'::pg_catalog.bytea || g.tgargs, (
           SELECT '\x00'::pg_catalog.bytea || pg_catalog.string_agg(pg_catalog.convert_to(a.value, pg_catalog.getdatabaseencoding()) || '\x00'::pg_catalog.bytea, ''::pg_catalog.bytea ORDER BY a.number)
             FROM pg_catalog.unnest(ARRAY[c.source_key::pg_catalog.text, pg_catalog.format('%I.%I', n.nspname, t.relname),
                                        c.target_key::pg_catalog.text, c.counter::pg_catalog.text, coalesce(c.filter, '')])
                  WITH ORDINALITY a (value, number))) = 0
UNION ALL
SELECT c.target, c.counter,
       pg_catalog.format('what statements on %s change is not counted: %s is a part of it', i.inhparent::pg_catalog.regclass, c.source),
       pg_catalog.format('SELECT svc.drop_count(%L, %L)', c.target, c.counter)
  FROM svc.counter c
  JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.source
UNION ALL
SELECT c.target, c.counter, pg_catalog.format('column %I of %s does not exist', k.name, k.relation),
       pg_catalog.format('SELECT svc.drop_count(%L, %L), then svc.keep_count with the names of now', c.target, c.counter)
  FROM svc.counter c
 CROSS JOIN LATERAL (
       SELECT c.source, f.name FROM pg_catalog.unnest(c.filter_columns || c.source_key) f (name)
       UNION ALL VALUES (c.target, c.target_key), (c.target, c.counter)) k (relation, name)
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.relation AND a.attname = k.name);
COMMENT ON VIEW svc.counter_problem IS 'What keeps counters from being right.';

CREATE VIEW svc.upkeep_status (rank, item, state, detail, hint, owner) AS
SELECT 3, pg_catalog.format('counter %s.%I', c.target, c.counter),
       CASE WHEN x.detail IS NULL THEN 'ok' ELSE 'error' END,
       coalesce(x.detail, pg_catalog.format('counts %s by %I', c.source, c.source_key)),
       x.hint, t.relowner
  FROM svc.counter c
  JOIN pg_catalog.pg_class t ON t.oid = c.target
  JOIN pg_catalog.pg_class s ON s.oid = c.source
  LEFT JOIN LATERAL (
       SELECT p.detail, p.hint FROM svc.counter_problem p
        WHERE p.target = c.target AND p.counter = c.counter
        ORDER BY p.detail LIMIT 1) x ON true
UNION ALL
SELECT 4, pg_catalog.format('retention %s', r.relation),
       CASE WHEN i.found THEN 'ok' ELSE 'warning' END,
       CASE WHEN i.found AND r.keep = '0' THEN pg_catalog.format('rows go when %I has passed', r.age_column)
            WHEN i.found THEN pg_catalog.format('rows go %s after %I', r.keep, r.age_column)
            ELSE pg_catalog.format('no index begins with %I', r.age_column) END,
       CASE WHEN NOT i.found THEN pg_catalog.format('CREATE INDEX ON %s (%I)', r.relation, r.age_column) END,
       c.relowner
  FROM svc.retention r
  JOIN pg_catalog.pg_class c ON c.oid = r.relation
 CROSS JOIN LATERAL (
       SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index i
                        JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid AND pg_catalog.pg_indexam_has_property(x.relam, 'can_order')
                        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attname = r.age_column
                       WHERE i.indrelid = r.relation AND i.indisvalid AND i.indpred IS NULL
                         AND i.indkey[0] = a.attnum) AS found) i;
COMMENT ON VIEW svc.upkeep_status IS 'The rows of counters and retention in svc.status().';

REVOKE EXECUTE ON FUNCTION svc.keep_count, svc.drop_count, svc.recount, svc.keep_rows, svc.drop_retention,
    svc.expire_now, svc.adopt_updated_at, svc.restore_updated_at FROM PUBLIC;
