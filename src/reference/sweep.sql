-- sweep.sql: keys that are not valid, what was found out about keys, and looking at all rows.

-- Tables; not in dumps: what was found out is found out anew where they are restored

CREATE TABLE svc.reference_violation (
    reference    name NOT NULL CONSTRAINT reference_violation_reference_fkey
                 REFERENCES svc.reference ON UPDATE CASCADE ON DELETE CASCADE,
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
    reference name NOT NULL CONSTRAINT reference_sweep_pkey PRIMARY KEY
              CONSTRAINT reference_sweep_reference_fkey REFERENCES svc.reference ON UPDATE CASCADE ON DELETE CASCADE,
    started   timestamptz NOT NULL,
    fence     xid8 NOT NULL,
    part      regclass,
    block     bigint NOT NULL,
    file      oid,
    rows      bigint NOT NULL,
    seen      timestamptz NOT NULL,
    finished  timestamptz,
    owed      boolean NOT NULL,
    retry_at  timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE svc.reference_sweep IS
'Catalog: the last sweep of each reference and how far it got. fence: transactions before it had ended when it was begun; file: of part, as long as block is one of it; seen: when it got that far; owed: it replaces a journal that was full, and must be finished. Not in dumps. Read svc.reference_sweeps.';

-- What a sweep has taken over and not done yet is still to be done
CREATE VIEW svc.reference_debt (reference, needs_sweep) AS
SELECT r.reference, coalesce(t.needs_sweep, true) OR coalesce(w.owed AND w.finished IS NULL, false)
  FROM svc.reference r
  LEFT JOIN svc.reference_state t ON t.reference = r.reference
  LEFT JOIN svc.reference_sweep w ON w.reference = r.reference;
COMMENT ON VIEW svc.reference_debt IS
'Which references need a sweep: nobody has begun one, or one that was begun is not finished.';

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

-- For people: members of the owner roles of the two services only, since keys of others are not public

CREATE VIEW svc.reference_reader (reference, readable) AS
SELECT r.reference,
       EXISTS (SELECT 1 FROM svc.service s
                WHERE s.service IN (r.service, svc.owner_of(r.relation))
                  AND pg_catalog.pg_has_role(s.owner, 'MEMBER'))
       OR EXISTS (SELECT 1 FROM pg_catalog.pg_roles u WHERE u.rolname = current_user AND u.rolsuper)
  FROM svc.reference r
  JOIN pg_catalog.pg_class c ON c.oid = r.relation;
COMMENT ON VIEW svc.reference_reader IS 'Which references'' keys the reader may see.';

CREATE VIEW svc.reference_violations WITH (security_barrier) AS
SELECT v.reference, v.key, v.rows,
       CASE WHEN v.state = 'waived' AND v.waived_until <= pg_catalog.now() THEN 'open' ELSE v.state END AS state,
       v.first_seen, v.last_seen, v.note, v.found, v.source, v.waived_until
  FROM svc.reference_violation v
  JOIN svc.reference_reader r ON r.reference = v.reference
 WHERE r.readable;
COMMENT ON VIEW svc.reference_violations IS
'Keys of references that are not there, for members of the owner roles of the two services: rows: how many hold the key, as a sweep counted them last (NULL: none has yet); state: open, resolved (the key is valid, or no row holds it any more), waived; note: why it was waived; found: missing, or deleted (it was there once); source: who found it first.';

CREATE VIEW svc.reference_validation_log WITH (security_barrier) AS
SELECT l.at, l.reference, l.key, l.state, l.source, l.detail
  FROM svc.reference_log l
  JOIN svc.reference_reader r ON r.reference = l.reference
 WHERE r.readable;
COMMENT ON VIEW svc.reference_validation_log IS
'What was found out about keys of references, for members of the owner roles of the two services: each that was not valid or that changed, and a sample of the valid ones (svc_ownership.reference_log_sample); kept for svc_ownership.log_retention. state: valid, missing, deleted, stale, unknown, waived; source: worker, sweep or statement.';

CREATE VIEW svc.reference_sweeps WITH (security_barrier) AS
SELECT w.reference,
       CASE WHEN w.finished IS NOT NULL THEN 'finished' ELSE 'unfinished' END AS state,
       CASE WHEN w.finished IS NULL THEN w.part END AS relation,
       CASE WHEN w.finished IS NULL AND w.block >= 0 THEN w.block END AS block,
       w.rows, w.started, w.seen, w.finished
  FROM svc.reference_sweep w
  JOIN svc.reference_reader r ON r.reference = w.reference
 WHERE r.readable;
COMMENT ON VIEW svc.reference_sweeps IS
'The last sweep of each reference, for members of the owner roles of the two services: relation and block: how far it got (8 kB each; NULL: the rows that came meanwhile are left); rows: looked at; seen: when it got that far. An unfinished one goes on with the next call.';

GRANT SELECT ON svc.reference_violations, svc.reference_validation_log, svc.reference_sweeps TO PUBLIC;

-- Looking

CREATE PROCEDURE svc.validate_reference(name name)
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_validate_reference';
COMMENT ON PROCEDURE svc.validate_reference(name) IS
'Looks up the keys of all rows of a reference, range by range in transactions of its own, and marks it validated if all are there. Goes on where a call that did not finish stopped, if that was less than a day ago. name: a reference. Errors: 23503 keys are not there; svc.reference_violations lists them; SV001 the contract could not be asked; 25001 inside a transaction block or a function; 42704 no such reference; 42501 not the owner of the referencing service; 25006 on a standby.';

CREATE PROCEDURE svc.check_references(name name = NULL)
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_check_references';
COMMENT ON PROCEDURE svc.check_references(name) IS
'Looks up the keys of all rows, as svc.validate_reference does, and opens, sees again and resolves violations; says in a NOTICE what is violated. name: a reference, or NULL (default) for all of services that the caller owns, but for those of mode off; one that cannot be checked is a WARNING, and the others are. Errors: SV001 a contract could not be asked; 25001 inside a transaction block or a function; 42704 no such reference; 42501 not the owner of the referencing service; 25006 on a standby.';

CREATE FUNCTION svc.prevalidate(name name, ids anyarray, OUT key text, OUT state text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE ROWS 100 AS 'MODULE_PATHNAME', 'svc_prevalidate';
COMMENT ON FUNCTION svc.prevalidate(name, anyarray) IS
'What is known of keys before they are written: a row for each, in their order: valid, missing, deleted, or unknown (they could not be looked up). NULL is valid. Keys of a contract elsewhere are waited for as long as svc_ownership.reference_budget says. ids: of the type of the key; at most 100000. For whoever may insert or update the column. Errors: 22004 an argument is NULL; 42704 no such reference; 42501 no right to write the column; 42804 ids of another type; 54000 too many.';

CREATE FUNCTION svc.waive_violation(reference name, key text, reason text, until timestamptz = NULL) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_waive_violation';
COMMENT ON FUNCTION svc.waive_violation(name, text, text, timestamptz) IS
'Accepts that a key is not there: its violation counts no more, for svc.validate_reference neither; new rows with the key are checked as before. key: as svc.reference_violations shows it. reason: shown as its note. until: when it is open again; NULL (default): for as long as rows hold the key and it is not there. Errors: 22004 an argument is NULL; 22023 until has passed; 42704 no such reference or violation; 42501 not the owner of the referencing service.';

CREATE FUNCTION svc.reopen_violation(reference name, key text) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_reopen_violation';
COMMENT ON FUNCTION svc.reopen_violation(name, text) IS
'Takes back what svc.waive_violation accepted. Errors: 22004 an argument is NULL; 42704 no such reference or waived violation; 42501 not the owner of the referencing service.';

REVOKE EXECUTE ON ROUTINE svc.validate_reference, svc.check_references, svc.waive_violation, svc.reopen_violation FROM PUBLIC;
