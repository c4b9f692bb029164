-- tombstone.sql: keys that a service deleted, until no reference to them is left.

CREATE TABLE svc.tombstone (
    id         uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid() CONSTRAINT tombstone_pkey PRIMARY KEY,
    reference  name NOT NULL
               CONSTRAINT tombstone_reference_fkey REFERENCES svc.reference ON UPDATE CASCADE ON DELETE CASCADE,
    keys       bytea,
    key_count  int NOT NULL,
    state      text NOT NULL DEFAULT 'new' CONSTRAINT tombstone_state_check CHECK (state IN ('new', 'waiting', 'settled')),
    deleted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    fence      xid8,
    acted_at   timestamptz,
    settled_at timestamptz,
    attempts   int NOT NULL DEFAULT 0,
    next_try   timestamptz,
    last_error text,
    CONSTRAINT tombstone_keys_check CHECK ((keys IS NULL) = (key_count = 0)),
    CONSTRAINT tombstone_fence_check CHECK ((fence IS NULL) = (state = 'new')),
    CONSTRAINT tombstone_settled_check CHECK ((settled_at IS NULL) = (state <> 'settled'))
);
CREATE INDEX tombstone_unsettled_idx ON svc.tombstone (reference) INCLUDE (key_count) WHERE state <> 'settled';
-- keys are read and written whole, and compressing ids gains nothing
ALTER TABLE svc.tombstone ALTER COLUMN keys SET STORAGE EXTERNAL;
COMMENT ON TABLE svc.tombstone IS
'Catalog: keys that a service deleted, for each reference to them (keys: an array as it is stored; NULL: which ones is not known). state: new; waiting until every transaction older than fence has ended; settled: no row refers to them, or each that does is a violation. Not dumped. Read svc.tombstones().';
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.tombstone
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.tombstone
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.tombstone ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER changed AFTER INSERT OR DELETE OR TRUNCATE ON svc.tombstone
    FOR EACH STATEMENT EXECUTE FUNCTION svc.catalog_changed();

CREATE FUNCTION svc.watch_deletes() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_watch_deletes';
COMMENT ON FUNCTION svc.watch_deletes() IS
'Trigger function on published tables that others refer to: notes keys that are deleted, changed or no longer shown; svc.create_reference makes its triggers. Arguments: key columns, then an empty one, then the columns that decide whether a row is shown. Errors: 39P01 a trigger of another kind; 55000 a column is gone.';

CREATE FUNCTION svc.watch_changed() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_watch_changed';
COMMENT ON FUNCTION svc.watch_changed() IS
'Trigger on svc.entity and svc.reference: makes, changes and drops the triggers of published tables that others refer to.';
REVOKE EXECUTE ON FUNCTION svc.watch_changed() FROM PUBLIC;
CREATE TRIGGER watched AFTER INSERT OR UPDATE OF relation, key, filter OR DELETE ON svc.entity
    FOR EACH ROW EXECUTE FUNCTION svc.watch_changed();
CREATE TRIGGER watched AFTER INSERT OR UPDATE OF service, entity, on_delete OR DELETE ON svc.reference
    FOR EACH ROW EXECUTE FUNCTION svc.watch_changed();

CREATE FUNCTION svc.tombstones(of_reference name = NULL, OUT reference name, OUT key text, OUT state text,
        OUT deleted_at timestamptz, OUT settled_at timestamptz, OUT attempts int, OUT last_error text)
    RETURNS SETOF record
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'svc_tombstones';
COMMENT ON FUNCTION svc.tombstones(name) IS
'Keys that a service deleted and that references may still hold, of the references that the caller may see (a member of the owner role of one of the two services; a superuser: all). of_reference: one reference; NULL (default): all. key: NULL where more were deleted than the journal could take. state: new, waiting (for transactions that were running), settled. attempts, last_error: of doing what on_delete says.
Errors: 42704 there is no such reference; 42501 not the caller''s.';
