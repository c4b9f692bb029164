-- sweep.sql: keys that are not valid, what was found out about keys, and looking at all rows.

-- Tables; not in dumps: what was found out is found out anew where they are restored

CREATE TABLE svc.reference_violation (
    reference    name NOT NULL,
    key_hash     bytea NOT NULL,
    key          text NOT NULL,
    rows         bigint,
    state        text NOT NULL CONSTRAINT reference_violation_state_check CHECK (state IN ('open', 'resolved', 'waived')),
    found        text NOT NULL CONSTRAINT reference_violation_found_check CHECK (found IN ('missing', 'deleted')),
    source       text NOT NULL,
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL,
    sweep        timestamptz,
    note         text,
    waived_until timestamptz,
    CONSTRAINT reference_violation_pkey PRIMARY KEY (reference, key_hash)
);
CREATE INDEX reference_violation_unresolved_idx ON svc.reference_violation (reference) WHERE state <> 'resolved';
COMMENT ON TABLE svc.reference_violation IS
'Catalog: keys that were found not to be valid. key_hash: of the whole key, of which key may be a beginning; source: who found it first; sweep: when the sweep was begun that counted the rows. Not in dumps. Read svc.reference_violations.';

CREATE TABLE svc.reference_log (
    at        timestamptz NOT NULL,
    reference name NOT NULL,
    key       text NOT NULL,
    state     text NOT NULL,
    source    text NOT NULL,
    detail    text
) PARTITION BY RANGE (at);
CREATE INDEX reference_log_idx ON svc.reference_log (reference, at);
COMMENT ON TABLE svc.reference_log IS
'Catalog: what was found out about keys, a partition a day (UTC), made when it is needed. Not in dumps. Read svc.reference_validation_log.';

CREATE TABLE svc.reference_sweep (
    reference name NOT NULL CONSTRAINT reference_sweep_pkey PRIMARY KEY,
    started   timestamptz NOT NULL,
    fence     xid8 NOT NULL,
    part      regclass,
    block     bigint NOT NULL,
    rows      bigint NOT NULL,
    seen      timestamptz NOT NULL,
    finished  timestamptz,
    owed      boolean NOT NULL,
    retry_at  timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE svc.reference_sweep IS
'Catalog: the last sweep of each reference and how far it got. fence: transactions before it had ended when it was begun; seen: when it got that far; owed: it replaces a journal that was full, and must be finished. Not in dumps. Read svc.reference_sweeps.';

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.reference_violation
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.reference_violation
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.reference_violation ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.reference_log
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.reference_log
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.reference_log ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.reference_sweep
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.reference_sweep
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.reference_sweep ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
