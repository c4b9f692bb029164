-- async.sql: keys that are checked after the transaction that brought them.

CREATE TABLE svc.reference_parked (
    reference name NOT NULL,
    keys      text[] NOT NULL,
    since     timestamptz NOT NULL,
    attempts  int NOT NULL,
    next_try  timestamptz NOT NULL,
    CONSTRAINT reference_parked_attempts_check CHECK (attempts >= 0)
);
COMMENT ON TABLE svc.reference_parked IS
'Catalog: keys of references that workers ask for again; attempts: how often they could not be asked; 0: they were missing, and wait for a second look. Not in dumps. Read svc.reference_status.';
CREATE INDEX reference_parked_next_try ON svc.reference_parked (next_try);
CREATE INDEX reference_parked_reference ON svc.reference_parked (reference);

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.reference_parked
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.reference_parked
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.reference_parked ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
