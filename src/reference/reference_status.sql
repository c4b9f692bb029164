-- reference_status.sql: how references are, for people.

-- The triggers that tables of this database that references lead to should have
CREATE VIEW svc.watch_trigger (reference, relation, name, state) AS
WITH RECURSIVE above (reference, relation) AS (
    SELECT p.reference, p.relation
      FROM (SELECT r.reference, CASE WHEN e.view IS NOT NULL THEN e.relation::pg_catalog.oid
                                     WHEN t.relkind IN ('r', 'p') THEN c.contract END
              FROM svc.reference r
              JOIN svc.reference_contract c ON c.reference = r.reference AND NOT c.is_foreign
              JOIN pg_catalog.pg_class t ON t.oid = c.contract
              LEFT JOIN svc.entity e ON e.view = c.contract
             WHERE r.on_delete <> 'keep') p (reference, relation)
    UNION
    SELECT a.reference, i.inhparent FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.relation
), family (reference, relation) AS (
    SELECT a.reference, a.relation FROM above a
    UNION
    SELECT f.reference, i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.relation
)
SELECT f.reference, f.relation::pg_catalog.regclass, k.name,
       CASE WHEN g.oid IS NULL THEN 'missing'
            WHEN g.tgenabled = 'D' THEN 'disabled'
            WHEN g.tgenabled IN ('A', k.made) THEN 'enabled'
            ELSE 'changed' END
  FROM family f
  JOIN pg_catalog.pg_class c ON c.oid = f.relation AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
 CROSS JOIN (VALUES ('svc_watch_update'::name, 'O'::"char"), ('svc_watch_delete', 'O'),
                    ('svc_watch_truncate', 'A'), ('svc_watch_applied', 'R')) k (name, made)
  LEFT JOIN pg_catalog.pg_trigger g ON g.tgrelid = f.relation AND g.tgname = k.name
   AND g.tgfoid = 'svc.watch_deletes'::pg_catalog.regproc;
COMMENT ON VIEW svc.watch_trigger IS
'The triggers that published tables and their parts should have, so that deleted keys are noticed, for each reference that leads there; state: enabled, disabled, missing, changed (it is enabled for other sessions than it is made for).';

-- What is wrong with a reference's triggers; kind: trigger of its own tables, watch of those it leads to
CREATE VIEW svc.reference_fault (reference, kind, relation, name, state) AS
SELECT DISTINCT ON (f.reference, f.kind) f.reference, f.kind, f.relation, f.name, f.state
  FROM (SELECT g.reference, 'trigger', g.relation, g.name, g.state FROM svc.reference_trigger g
        UNION ALL
        SELECT w.reference, 'watch', w.relation, w.name, w.state FROM svc.watch_trigger w) f (reference, kind, relation, name, state)
 ORDER BY f.reference, f.kind, pg_catalog.array_position(ARRAY['missing', 'disabled', 'changed', 'enabled'], f.state),
       f.relation::pg_catalog.text, f.name;
COMMENT ON VIEW svc.reference_fault IS
'Of each reference the trigger that is worst off, of its own tables (kind trigger) and of those that it leads to (kind watch); state: missing, disabled, changed, or enabled: all is well.';

-- The journal may be long: what is not among its oldest entries is not counted
CREATE VIEW svc.reference_status WITH (security_barrier) AS
WITH backlog AS (SELECT b.kind, b.relation, b.subject, b.entries, b.bytes, b.oldest FROM svc.journal_backlog(20000) b)
SELECT r.reference, g.state AS trigger,
       CASE WHEN j.entries IS NOT NULL OR NOT m.more THEN coalesce(j.entries, 0) + coalesce(k.entries, 0) END AS pending,
       least(j.oldest, k.oldest) AS oldest_pending,
       CASE WHEN j.entries IS NOT NULL OR NOT m.more THEN coalesce(j.bytes, 0) END AS journal_bytes,
       n.needs_sweep, coalesce(d.keys, 0) AS tombstones, x.last_error,
       x.last_error_at, x.swept_at, x.validated_at, w.state AS watch
  FROM svc.reference r
  JOIN pg_catalog.pg_class t ON t.oid = r.relation
  JOIN svc.reference_debt n ON n.reference = r.reference
 CROSS JOIN (SELECT pg_catalog.count(*) > 0 FROM backlog b WHERE b.kind = 'c' AND b.relation IS NULL) m (more)
  LEFT JOIN svc.reference_fault g ON g.reference = r.reference AND g.kind = 'trigger'
  LEFT JOIN svc.reference_fault w ON w.reference = r.reference AND w.kind = 'watch'
  LEFT JOIN svc.reference_state x ON x.reference = r.reference
  LEFT JOIN (SELECT b.relation, b.subject, pg_catalog.sum(b.entries)::bigint, pg_catalog.sum(b.bytes)::bigint, pg_catalog.min(b.oldest)
               FROM backlog b WHERE b.kind IN ('c', 'r') AND b.relation IS NOT NULL
              GROUP BY 1, 2) j (relation, subject, entries, bytes, oldest)
       ON j.relation = r.relation AND j.subject = r.reference
  LEFT JOIN (SELECT p.reference, pg_catalog.count(*), pg_catalog.min(p.since)
               FROM svc.reference_parked p GROUP BY 1) k (reference, entries, oldest) ON k.reference = r.reference
  LEFT JOIN (SELECT d.reference, pg_catalog.sum(d.key_count)::bigint FROM svc.tombstone d WHERE d.state <> 'settled' GROUP BY 1) d (reference, keys)
       ON d.reference = r.reference
  LEFT JOIN svc.service o ON o.service = svc.owner_of(r.relation)
  LEFT JOIN svc.service s ON s.service = r.service
 WHERE pg_catalog.pg_has_role(t.relowner, 'MEMBER')
    OR pg_catalog.pg_has_role(o.owner, 'MEMBER')
    OR pg_catalog.pg_has_role(s.owner, 'MEMBER');
COMMENT ON VIEW svc.reference_status IS
'How references are, of services that the reader owns. trigger: enabled, or what is wrong with one of its triggers: disabled, missing, changed. watch: the same of the triggers that notice deleted keys, on the tables that it leads to; NULL: deleted keys are not noticed (on_delete keep, a contract elsewhere). pending: how many statements wrote keys that a worker has still to check; of the 20000 oldest entries of the journal: NULL where there are more, and none of the reference''s is among them. needs_sweep: some rows may hold keys that nobody checked, as after a restore, or since triggers were enabled or made by somebody: a worker sweeps it, or CALL svc.check_references. tombstones: deleted keys that rows may still hold.';

GRANT SELECT ON svc.reference_status TO PUBLIC;

CREATE VIEW svc.references_status (rank, item, state, detail, hint, owner) AS
SELECT 5, pg_catalog.format('reference %I', r.reference),
       CASE WHEN g.relation IS NOT NULL THEN 'error' WHEN c.contract IS NULL OR b.needs_sweep THEN 'warning' ELSE 'ok' END,
       CASE WHEN g.relation IS NOT NULL THEN pg_catalog.format('trigger %I of %s is %s', g.name, g.relation, g.state)
            WHEN c.contract IS NULL THEN pg_catalog.format('%I.%I is not there: keys cannot be looked up', r.service || '_api', r.entity)
            WHEN b.needs_sweep THEN pg_catalog.format('some rows of %s may hold keys that nobody checked', r.relation)
            ELSE pg_catalog.format('%s (%I) refers to %I of service "%s", mode %s', r.relation, r.column_name, r.entity, r.service,
                                   CASE WHEN r.mode <> 'default' THEN r.mode WHEN c.is_foreign THEN 'async' ELSE 'statement' END) END,
       CASE WHEN g.state = 'disabled' OR g.state = 'changed' AND g.kind = 'watch'
            THEN pg_catalog.format('ALTER TABLE %s ENABLE %sTRIGGER %I', g.relation,
                                   CASE g.name WHEN 'svc_watch_truncate' THEN 'ALWAYS ' WHEN 'svc_watch_applied' THEN 'REPLICA ' END, g.name)
            WHEN g.relation IS NOT NULL THEN pg_catalog.format('SELECT svc.alter_reference(%L)', r.reference)
            WHEN c.contract IS NULL THEN pg_catalog.format('svc.publish or svc.connect makes it; SELECT svc.drop_reference(%L) ends the reference', r.reference)
            WHEN b.needs_sweep THEN pg_catalog.format('CALL svc.check_references(%L)', r.reference) END,
       t.relowner
  FROM svc.reference r
  JOIN pg_catalog.pg_class t ON t.oid = r.relation
  JOIN svc.reference_debt b ON b.reference = r.reference
  LEFT JOIN svc.reference_contract c ON c.reference = r.reference
  LEFT JOIN (SELECT DISTINCT ON (f.reference) f.reference, f.kind, f.relation, f.name, f.state
               FROM svc.reference_fault f WHERE f.state <> 'enabled' ORDER BY f.reference, f.kind) g ON g.reference = r.reference;
COMMENT ON VIEW svc.references_status IS 'The rows of references in svc.status().';
