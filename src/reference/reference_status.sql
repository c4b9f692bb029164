-- reference_status.sql: how references are, for people.

CREATE VIEW svc.reference_status WITH (security_barrier) AS
SELECT r.reference,
       (SELECT g.state FROM svc.reference_trigger g WHERE g.reference = r.reference
         ORDER BY pg_catalog.array_position(ARRAY['missing', 'disabled', 'changed', 'enabled'], g.state) LIMIT 1) AS trigger,
       coalesce(j.entries, 0) + coalesce(k.entries, 0) AS pending, least(j.oldest, k.oldest) AS oldest_pending,
       coalesce(j.bytes, 0) AS journal_bytes,
       b.needs_sweep, coalesce(d.keys, 0) AS tombstones, x.last_error,
       x.last_error_at, x.swept_at, x.validated_at
  FROM svc.reference r
  JOIN pg_catalog.pg_class t ON t.oid = r.relation
  JOIN svc.reference_debt b ON b.reference = r.reference
  LEFT JOIN svc.reference_state x ON x.reference = r.reference
  LEFT JOIN (SELECT p.relation, p.subject, pg_catalog.sum(p.entries)::bigint, pg_catalog.sum(p.bytes)::bigint, pg_catalog.min(p.oldest)
               FROM svc.journal_pending p WHERE p.kind IN ('c', 'r')
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
'How references are, of services that the reader owns. trigger: enabled, or what is wrong with one of its triggers: disabled, missing, changed. needs_sweep: some rows may hold keys that nobody checked, as after a restore, or since triggers were enabled or made by somebody: a worker sweeps it, or CALL svc.check_references. tombstones: deleted keys that rows may still hold.';

GRANT SELECT ON svc.reference_status TO PUBLIC;

CREATE VIEW svc.references_status (rank, item, state, detail, hint, owner) AS
SELECT 5, pg_catalog.format('reference %I', r.reference),
       CASE WHEN g.relation IS NOT NULL THEN 'error' WHEN c.contract IS NULL OR b.needs_sweep THEN 'warning' ELSE 'ok' END,
       CASE WHEN g.relation IS NOT NULL THEN pg_catalog.format('trigger %I of %s is %s', g.name, g.relation, g.state)
            WHEN c.contract IS NULL THEN pg_catalog.format('%I.%I is not there: keys cannot be looked up', r.service || '_api', r.entity)
            WHEN b.needs_sweep THEN pg_catalog.format('some rows of %s may hold keys that nobody checked', r.relation)
            ELSE pg_catalog.format('%s (%I) refers to %I of service "%s", mode %s', r.relation, r.column_name, r.entity, r.service,
                                   CASE WHEN r.mode <> 'default' THEN r.mode WHEN c.is_foreign THEN 'async' ELSE 'statement' END) END,
       CASE WHEN g.state = 'disabled' THEN pg_catalog.format('ALTER TABLE %s ENABLE TRIGGER %I', g.relation, g.name)
            WHEN g.relation IS NOT NULL THEN pg_catalog.format('SELECT svc.alter_reference(%L)', r.reference)
            WHEN c.contract IS NULL THEN pg_catalog.format('svc.publish or svc.connect makes it; SELECT svc.drop_reference(%L) ends the reference', r.reference)
            WHEN b.needs_sweep THEN pg_catalog.format('CALL svc.check_references(%L)', r.reference) END,
       t.relowner
  FROM svc.reference r
  JOIN pg_catalog.pg_class t ON t.oid = r.relation
  JOIN svc.reference_debt b ON b.reference = r.reference
  LEFT JOIN svc.reference_contract c ON c.reference = r.reference
  LEFT JOIN LATERAL (
       SELECT k.relation, k.name, k.state FROM svc.reference_trigger k
        WHERE k.reference = r.reference AND k.state <> 'enabled'
        ORDER BY pg_catalog.array_position(ARRAY['missing', 'disabled', 'changed'], k.state), k.relation::pg_catalog.text, k.name
        LIMIT 1) g ON true;
COMMENT ON VIEW svc.references_status IS 'The rows of references in svc.status().';
