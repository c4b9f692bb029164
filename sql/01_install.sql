-- The extension as an object: what CREATE EXTENSION makes, and the rules that
-- every object of it follows.  A new function or table that breaks one shows here.
CREATE EXTENSION svc_ownership;

SELECT library = sql AS same_version, server <> '' AS server FROM svc.version();

-- both schemas are members, so a dump does not create them again
SELECT n.nspname
  FROM pg_depend d JOIN pg_namespace n ON n.oid = d.objid
 WHERE d.classid = 'pg_namespace'::regclass AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'svc_ownership')
 ORDER BY 1;

-- svc_triggers holds one function and nothing else
SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'svc_triggers'::regnamespace;
SELECT count(*) FROM pg_class WHERE relnamespace = 'svc_triggers'::regnamespace;

CREATE TEMPORARY VIEW members AS
SELECT d.classid, d.objid
  FROM pg_depend d
 WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'svc_ownership');

-- no C function, trigger function or procedure has a setting attached, and no
-- function runs with its owner's rights
SELECT p.oid::regprocedure, p.proconfig, p.prosecdef
  FROM pg_proc p JOIN members m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
  JOIN pg_language l ON l.oid = p.prolang
 WHERE p.prosecdef OR (p.proconfig IS NOT NULL AND (l.lanname = 'c' OR p.prokind = 'p'));

-- C and SQL only
SELECT DISTINCT l.lanname
  FROM pg_proc p JOIN members m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
  JOIN pg_language l ON l.oid = p.prolang;

-- every object has a comment
SELECT pg_describe_object(m.classid, m.objid, 0)
  FROM members m
 WHERE m.classid IN ('pg_proc'::regclass, 'pg_namespace'::regclass)
   AND obj_description(m.objid, m.classid::regclass::name) IS NULL
    OR m.classid = 'pg_class'::regclass
   AND EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = m.objid AND c.relkind IN ('r', 'v'))
   AND obj_description(m.objid, 'pg_class') IS NULL;

-- every argument has a name
SELECT p.oid::regprocedure
  FROM pg_proc p JOIN members m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.pronargs > 0 AND (p.proargnames IS NULL OR '' = ANY (p.proargnames));

-- pg_upgrade refuses columns of these types
SELECT a.attrelid::regclass, a.attname
  FROM pg_attribute a JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = a.attrelid
 WHERE a.atttypid IN ('regproc'::regtype, 'regprocedure'::regtype, 'regnamespace'::regtype,
                      'regoper'::regtype, 'regoperator'::regtype, 'regconfig'::regtype,
                      'regdictionary'::regtype, 'regcollation'::regtype);

-- no sequences, and every table is guarded, whatever session_replication_role is, and dumped, but for what a restore puts aside
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'svc'::regnamespace AND c.relkind = 'S';
SELECT c.relname
  FROM pg_class c
 WHERE c.relnamespace = 'svc'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
   AND (NOT c.oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'svc_ownership')
             -- what is being done in this cluster means nothing in another one
             AND c.relname <> 'provisioning'
             -- the same holds of what is left for workers; a sweep finds it again
             AND c.relname !~ '^journal_'
             -- after a restore nobody knows what became of a reference
             AND c.relname NOT IN ('reference_state', 'reference_parked', 'reference_sweep', 'reference_violation', 'tombstone')
        OR (SELECT count(*) FROM pg_trigger t
             WHERE t.tgrelid = c.oid AND t.tgenabled = 'A' AND t.tgfoid = 'svc.guard_catalog()'::regprocedure) <> 2);

-- nothing can be written through a view, with its owner's rights (a trigger runs with the caller's)
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'svc'::regnamespace AND c.relkind = 'v' AND pg_relation_is_updatable(c.oid, false) <> 0;

-- what PUBLIC may do, in full
SELECT c.relname FROM pg_class c
 WHERE c.relnamespace = 'svc'::regnamespace AND c.relkind IN ('r', 'v')
   AND EXISTS (SELECT 1 FROM aclexplode(c.relacl) a WHERE a.grantee = 0)
 ORDER BY 1;
SELECT p.oid::regprocedure FROM pg_proc p
 WHERE p.pronamespace IN ('svc'::regnamespace, 'svc_triggers'::regnamespace)
   AND EXISTS (SELECT 1 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
 ORDER BY p.oid::regprocedure::text COLLATE "C";

-- what people's views begin with, in this order; more may follow behind
SELECT v.name, v.columns AS begins_with
  FROM (VALUES ('services', 'service form database schema owner writer reader team description'),
               ('tables', 'service relation how'),
               ('entities', 'service entity relation key columns filter place'),
               ('consumers', 'service entity consumer database granted_at'),
               ('stores', 'service store engine uri description'),
               ('migration_progress', 'pid service version script statement statements started elapsed blocked_by'),
               ('references_declared', 'reference relation column_name service entity mode on_missing on_unavailable on_delete'),
               ('reference_status', 'reference trigger pending oldest_pending journal_bytes needs_sweep tombstones last_error'),
               ('reference_violations', 'reference key rows state first_seen last_seen note'),
               ('reference_validation_log', 'at reference key state source detail'),
               ('workers', 'pid kind database state job started last_error lag blocked_by')) v (name, columns)
 WHERE (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = to_regclass('svc.' || v.name) AND a.attnum > 0) || ' ' LIKE v.columns || ' %' IS NOT TRUE;

-- the prefix of settings is ours
SET svc_ownership.no_such_setting = 1;
SHOW svc_ownership.provision_extensions;
SET svc_ownership.provision_extensions = 'a b';

-- one screen: everything is well
SELECT item, state, hint FROM svc.status() WHERE item <> 'preload';
