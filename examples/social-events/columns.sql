-- Every table, column, constraint and index, in a form that does not tell where
-- they lie: the services' files and the monolith's migrations must give the
-- same.  Compare what it prints in both databases:
--
--   diff <(psql -X -d anigmaa -f columns.sql) <(psql -X -d anigmaa_monolith -f columns.sql)

\set QUIET on
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
SET search_path = user_service, event_service, post_service, ticket_service, public;

SELECT t.service, r.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid)
  FROM svc.tables t
  JOIN pg_class r ON r.oid = t.relation AND r.relkind = 'r'
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
 ORDER BY r.relname, a.attname;
SELECT r.relname, k.conname, pg_get_constraintdef(k.oid)
  FROM svc.tables t
  JOIN pg_class r ON r.oid = t.relation AND r.relkind = 'r'
  JOIN pg_constraint k ON k.conrelid = r.oid
 WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
 ORDER BY r.relname, k.conname;
SELECT r.relname, i.relname, regexp_replace(pg_get_indexdef(i.oid), ' ON \w+\.', ' ON ')
  FROM svc.tables t
  JOIN pg_class r ON r.oid = t.relation AND r.relkind = 'r'
  JOIN pg_index x ON x.indrelid = r.oid
  JOIN pg_class i ON i.oid = x.indexrelid
 ORDER BY r.relname, i.relname;
SELECT r.relname, g.tgname
  FROM svc.tables t
  JOIN pg_class r ON r.oid = t.relation AND r.relkind = 'r'
  -- a reference is what a foreign key is elsewhere
  JOIN pg_trigger g ON g.tgrelid = r.oid AND NOT g.tgisinternal AND g.tgfoid <> 'svc.check_reference'::regproc
 ORDER BY r.relname, g.tgname;
SELECT y.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
  FROM pg_type y
  JOIN pg_enum e ON e.enumtypid = y.oid
 GROUP BY y.typname
 ORDER BY y.typname;
