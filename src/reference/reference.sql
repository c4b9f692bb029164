-- reference.sql: ids in one service's tables that belong to another service.

-- What is declared; dumped
CREATE TABLE svc.reference (
    reference      name NOT NULL CONSTRAINT reference_pkey PRIMARY KEY,
    relation       regclass NOT NULL,
    column_name    name NOT NULL,
    service        name NOT NULL,
    entity         name NOT NULL,
    mode           text NOT NULL CONSTRAINT reference_mode_check CHECK (mode IN ('default', 'statement', 'commit', 'async', 'observe', 'off')),
    on_missing     text NOT NULL CONSTRAINT reference_on_missing_check CHECK (on_missing IN ('reject', 'report')),
    on_unavailable text NOT NULL CONSTRAINT reference_on_unavailable_check CHECK (on_unavailable IN ('accept', 'reject')),
    on_delete      text NOT NULL CONSTRAINT reference_on_delete_check CHECK (on_delete IN ('report', 'set_null', 'delete', 'keep')),
    cache_ttl      interval NOT NULL,
    validator      text,
    validated      boolean NOT NULL,
    confirmed      boolean NOT NULL DEFAULT true,
    CONSTRAINT reference_name_check CHECK (pg_catalog.octet_length(reference::text) BETWEEN 1 AND 55)
);
COMMENT ON TABLE svc.reference IS
'Catalog: references; service and entity: whose keys column_name holds; mode default: by where the contract is; validator: a function''s signature; validated: the rows that were there when it was declared were checked; not confirmed: a user restored it, and nothing is done for it that its relation''s owner could not do. Read svc.references_declared.';
CREATE INDEX reference_relation_idx ON svc.reference (relation);
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.reference
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.reference
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.reference ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON svc.reference
    FOR EACH STATEMENT EXECUTE FUNCTION svc.catalog_changed();
SELECT pg_catalog.pg_extension_config_dump('svc.reference',
    'WHERE relation IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_has_role(c.relowner, ''MEMBER''))');

-- What became of it; not dumped: a reference without a row here needs a sweep
CREATE TABLE svc.reference_state (
    reference     name NOT NULL CONSTRAINT reference_state_pkey PRIMARY KEY
                  CONSTRAINT reference_state_reference_fkey REFERENCES svc.reference ON UPDATE CASCADE ON DELETE CASCADE,
    needs_sweep   boolean NOT NULL DEFAULT true,
    swept_at      timestamptz,
    validated_at  timestamptz,
    last_error    text,
    last_error_at timestamptz
);
COMMENT ON TABLE svc.reference_state IS
'Catalog: what is known of the rows of a reference; needs_sweep: some may hold keys that nobody checked. Not in dumps: without a row here, all may. Read svc.reference_status.';
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.reference_state
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.reference_state
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.reference_state ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;

GRANT INSERT ON svc.reference TO PUBLIC;

-- Keys that are asked for again; not dumped
CREATE TABLE svc.reference_parked (
    reference name NOT NULL
              CONSTRAINT reference_parked_reference_fkey REFERENCES svc.reference ON UPDATE CASCADE ON DELETE CASCADE,
    keys      text[] NOT NULL,
    since     timestamptz NOT NULL,
    attempts  int NOT NULL,
    next_try  timestamptz NOT NULL,
    asked     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT reference_parked_attempts_check CHECK (attempts >= 0)
);
COMMENT ON TABLE svc.reference_parked IS
'Catalog: keys of references that workers ask for again; attempts: how often they could not be asked; 0: they were missing, and wait for a second look; since: for how long they wait; asked: when the last attempt began. Not in dumps. Read svc.reference_status.';
CREATE INDEX reference_parked_next_try ON svc.reference_parked (next_try);
CREATE INDEX reference_parked_reference ON svc.reference_parked (reference);

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.reference_parked
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.reference_parked
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.reference_parked ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;

-- Trigger functions

CREATE FUNCTION svc.check_reference() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_check_reference';
COMMENT ON FUNCTION svc.check_reference() IS
'Trigger function of references, AFTER INSERT and AFTER UPDATE, FOR EACH STATEMENT, with transition tables; svc.create_reference makes its triggers. Arguments: service that owns the keys, column, contract, its key column, mode, name of the reference, validator or empty. Errors: 23503 a key is missing; SV001 keys could not be looked up, and on_unavailable is reject; 39P01 a trigger of another kind; 55000 the column is gone, or nobody may look the keys up.';

CREATE FUNCTION svc.check_reference_row() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_check_reference_row';
COMMENT ON FUNCTION svc.check_reference_row() IS
'Trigger function of references of mode commit: a deferrable constraint trigger, AFTER INSERT OR UPDATE OF the column, FOR EACH ROW; svc.create_reference makes it. Arguments and errors: as of svc.check_reference.';

-- References follow services: one with another name, and one that goes

CREATE FUNCTION svc.reference_follows_service() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_reference_follows_service';
COMMENT ON FUNCTION svc.reference_follows_service() IS
'Trigger on svc.service: writes a service''s new name into references to it, and ends the references of the tables of a service that goes.';
CREATE TRIGGER references_follow AFTER UPDATE OF service ON svc.service
    FOR EACH ROW WHEN (OLD.service <> NEW.service) EXECUTE FUNCTION svc.reference_follows_service();
CREATE TRIGGER references_go BEFORE DELETE ON svc.service
    FOR EACH ROW EXECUTE FUNCTION svc.reference_follows_service();

-- Declaring

CREATE FUNCTION svc.create_reference(relation regclass, column_name name, service name, entity name,
        mode text = NULL, on_missing text = 'reject', on_unavailable text = NULL, on_delete text = 'report',
        cache_ttl interval = NULL, name name = NULL, validator text = NULL)
    RETURNS name
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_create_reference';
COMMENT ON FUNCTION svc.create_reference(regclass, name, name, name, text, text, text, text, interval, name, text) IS
'Declares that a column holds keys of another service''s entity, and has them checked from now on; returns the reference''s name. relation: a table of a service, with all its partitions and children. column_name: of the type of the key, or an array of it. service, entity: the contract <service>_api.<entity>, which the referencing service must be granted. mode: statement (at the end of each statement), commit (at the end of the transaction), async (by a worker), observe (checked and reported, never rejected), off; NULL or default: statement while the contract is in this database, async while it is elsewhere. on_missing: reject, or report (accept, and record a violation). on_unavailable: when keys cannot be looked up: accept (NULL; the worker checks later) or reject. on_delete: when the key is deleted: report, set_null, delete, keep. cache_ttl: how long a key of a foreign contract is valid once found (60 s; at most a day). name: <table>_<column>_ref by default. validator: the name or the signature of a function f(key[]) RETURNS SETOF key that returns the missing ones, asked in place of the contract. Rows that are there already are not checked: CALL svc.validate_reference. A NOTICE where on_delete changes rows and no index finds them.
Errors: 42501 not the owner of the table with all its parts, or of its service, or the service may not read the contract; 42703 no such column; 42704 no such service or entity; 42710 the name is taken, or the column refers there already; 42622 the name is too long; 42804 types do not fit; 42883 the key''s type has no equality, or no such validator; 42725 validators of that name differ in their arguments; 42P13 the validator has another signature; 0A000 a composite key, a virtual column, or an action on arrays; 22023 no such mode or policy, set_null for a column that is not null, or the table is the service''s own; 42809, 42P16 not an ordinary table, or a part of another; 55000 the table belongs to no service, its owner role is a superuser, the contract has no key, or the mode needs shared_preload_libraries.';

CREATE FUNCTION svc.alter_reference(name name, mode text = NULL, on_missing text = NULL, on_unavailable text = NULL,
        on_delete text = NULL, cache_ttl interval = NULL, validator text = NULL, new_name name = NULL)
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_alter_reference';
COMMENT ON FUNCTION svc.alter_reference(name, text, text, text, text, interval, text, name) IS
'Changes a reference: what is NULL stays as it is; the other arguments are those of svc.create_reference. validator: empty to ask the contract again. new_name: at most 55 bytes. Rows that were written while mode was off are not checked: the reference needs a sweep.
Errors: 42704 there is no such reference; 42501 not the owner of its table and of its service; 22023, 0A000, 42725, 42883, 42P13, 55000 as of svc.create_reference; 42710 the new name is taken; 42622 it is too long.';

CREATE FUNCTION svc.drop_reference(name name, if_exists boolean = false) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_drop_reference';
COMMENT ON FUNCTION svc.drop_reference(name, boolean) IS
'Ends a reference: its keys are not checked any more, and what was found out about them is forgotten. if_exists: a NOTICE where there is none. Errors: 42704 there is no such reference; 42501 not the owner of its table and of its service.';

-- For people

-- Where references lead: the contract, its key column, and whether it reads from
-- elsewhere; contract NULL: there is none now
CREATE VIEW svc.reference_contract (reference, contract, key, is_foreign) AS
WITH RECURSIVE named (reference, contract) AS (
    SELECT r.reference, c.oid
      FROM svc.reference r
      LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = (r.service || '_api')::name
      LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = r.entity
), below (contract, relation) AS (
    SELECT n.contract, n.contract FROM named n
    UNION
    SELECT b.contract, d.refobjid
      FROM below b
      JOIN pg_catalog.pg_rewrite w ON w.ev_class = b.relation
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT n.reference, n.contract, coalesce(e.key, m.key, k.attname), m.key IS NOT NULL OR f.contract IS NOT NULL
  FROM named n
  LEFT JOIN svc.entity e ON e.view = n.contract
  LEFT JOIN svc.remote_entity m ON m.view = n.contract
  LEFT JOIN pg_catalog.pg_constraint p ON p.conrelid = n.contract AND p.contype = 'p' AND pg_catalog.cardinality(p.conkey) = 1
  LEFT JOIN pg_catalog.pg_attribute k ON k.attrelid = p.conrelid AND k.attnum = p.conkey[1]
  LEFT JOIN (SELECT DISTINCT b.contract FROM below b JOIN pg_catalog.pg_foreign_table x ON x.ftrelid = b.relation) f (contract)
       ON f.contract = n.contract;
COMMENT ON VIEW svc.reference_contract IS 'The contract that each reference looks keys up in, its key column, and whether it reads from elsewhere.';

CREATE VIEW svc.references_declared WITH (security_barrier) AS
SELECT r.reference, r.relation, r.column_name, r.service, r.entity,
       CASE WHEN r.mode <> 'default' THEN r.mode WHEN c.is_foreign THEN 'async' ELSE 'statement' END AS mode,
       r.on_missing, r.on_unavailable, r.on_delete, r.cache_ttl, r.validator, r.validated,
       r.mode AS declared_mode
  FROM svc.reference r
  JOIN pg_catalog.pg_class t ON t.oid = r.relation
  LEFT JOIN svc.reference_contract c ON c.reference = r.reference
  LEFT JOIN svc.service o ON o.service = svc.owner_of(r.relation)
  LEFT JOIN svc.service s ON s.service = r.service
 WHERE pg_catalog.pg_has_role(t.relowner, 'MEMBER')
    OR pg_catalog.pg_has_role(o.reader, 'MEMBER')
    OR pg_catalog.pg_has_role(s.reader, 'MEMBER');
COMMENT ON VIEW svc.references_declared IS
'References from and to the services of which the reader is a member. mode: in effect now; declared_mode: as declared, default where the contract''s place decides. validated: the rows that were there when it was declared were checked.';

-- The triggers that references should have, and how they are
CREATE VIEW svc.reference_trigger (reference, relation, name, state) AS
WITH RECURSIVE part (reference, relation) AS (
    SELECT r.reference, r.relation::pg_catalog.oid FROM svc.reference r
    UNION
    SELECT p.reference, i.inhrelid
      FROM part p
      JOIN pg_catalog.pg_inherits i ON i.inhparent = p.relation
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
)
SELECT r.reference, p.relation::pg_catalog.regclass, k.name,
       CASE WHEN g.oid IS NULL THEN 'missing'
            WHEN g.tgenabled NOT IN ('O', 'A') THEN 'disabled'
            WHEN a.written[1:3] || a.written[5:7] <> a.expected[1:3] || a.expected[5:7]
              OR a.written[4] <> ALL (ARRAY[a.expected[4], '']) THEN 'changed'
            ELSE 'enabled' END
  FROM svc.reference r
  JOIN part p ON p.reference = r.reference
  LEFT JOIN svc.reference_contract c ON c.reference = r.reference
 CROSS JOIN LATERAL (
       VALUES ((r.reference || '_insert')::name, 'check_reference'::name), ((r.reference || '_update')::name, 'check_reference'),
              (CASE WHEN r.mode = 'commit' THEN r.reference END, 'check_reference_row')) k (name, function)
  LEFT JOIN pg_catalog.pg_trigger g ON g.tgrelid = p.relation AND g.tgname = k.name
   AND g.tgfoid = (SELECT f.oid FROM pg_catalog.pg_proc f
                    WHERE f.proname = k.function AND f.pronamespace = (SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = 'svc'))
 CROSS JOIN LATERAL (
       -- arguments have a zero byte behind them; the key is looked for again where it is not there
       SELECT pg_catalog.string_to_array(pg_catalog.encode(g.tgargs, 'escape'), '\000'),
              (SELECT pg_catalog.array_agg(pg_catalog.encode(pg_catalog.convert_to(v.value, pg_catalog.getdatabaseencoding()), 'escape') ORDER BY v.number)
                 FROM pg_catalog.unnest(ARRAY[r.service::pg_catalog.text, r.column_name, pg_catalog.format('%I.%I', r.service || '_api', r.entity),
                                            c.key, r.mode, r.reference, coalesce(r.validator, '')])
                      WITH ORDINALITY v (value, number))) a (written, expected)
 WHERE k.name IS NOT NULL;
COMMENT ON VIEW svc.reference_trigger IS 'The triggers that references should have on each of their relations; state: enabled, disabled, missing, changed.';

GRANT SELECT ON svc.references_declared TO PUBLIC;

CREATE FUNCTION svc.convert_foreign_key(relation regclass, constraint_name name, service name = NULL, entity name = NULL,
        mode text = NULL, on_delete text = NULL, name name = NULL)
    RETURNS name
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_convert_foreign_key';
COMMENT ON FUNCTION svc.convert_foreign_key(regclass, name, name, name, text, text, name) IS
'Makes a reference of a foreign key, with the data in place; returns its name. A NOTICE says what changes. relation: the table that has the foreign key. constraint_name: a foreign key of one column. service, entity: what is published of the referenced table with the referenced column as its key; found where there is one only. mode: as of svc.create_reference; NULL: commit if the foreign key is deferrable, else default. on_delete: NULL: delete for CASCADE, set_null for SET NULL, else report: a reference keeps no key from being deleted. name: the foreign key''s, if no other reference has it. A foreign key that is NOT VALID becomes a reference whose rows are not checked. Both tables are locked until the transaction ends.
Errors: 42704 no such constraint; 42809 not a foreign key, or one of a partition; 0A000 several columns; 55000 the referenced table is not published with that key; 22023 published several times, or both tables are of one service; and those of svc.create_reference.';

REVOKE EXECUTE ON FUNCTION svc.reference_follows_service FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION svc.create_reference, svc.alter_reference, svc.drop_reference, svc.convert_foreign_key FROM PUBLIC;
