-- right.sql: what the roles of services should be allowed, and what they are.
--
-- Rights are declared once, here: svc.grant_roles' levels, and the contracts.
-- The same rows say what to grant (missing) and what svc.check_grants reports.
-- None of the views is granted to anybody: C reads them as the extension's owner.

-- What each level may do with tables and the like (r) and sequences (S) of its
-- service, beyond the level below it
CREATE VIEW svc.level_privilege (relkind, level, privilege) AS
VALUES ('r', 'reader', 'SELECT'),
       ('r', 'writer', 'INSERT'), ('r', 'writer', 'UPDATE'), ('r', 'writer', 'DELETE'),
       ('r', 'owner', 'TRUNCATE'), ('r', 'owner', 'REFERENCES'), ('r', 'owner', 'TRIGGER'),
       ('S', 'reader', 'SELECT'), ('S', 'writer', 'USAGE'), ('S', 'owner', 'UPDATE');
COMMENT ON VIEW svc.level_privilege IS 'What the levels of membership may do, beyond the level below.';

-- The three roles of each service, lowest first
CREATE VIEW svc.service_role (service, level, rank, role) AS
SELECT s.service, l.level, l.rank,
       CASE l.level WHEN 'reader' THEN s.reader WHEN 'writer' THEN s.writer ELSE s.owner END
  FROM svc.service s
 CROSS JOIN (VALUES ('reader', 1), ('writer', 2), ('owner', 3)) l (level, rank);
COMMENT ON VIEW svc.service_role IS 'The owner, writer and reader role of each service.';

-- The roles that are a service's own: these three, the logins made for it, those
-- of its consumers elsewhere, and the one that reads services elsewhere for it
CREATE VIEW svc.own_role (service, role) AS
SELECT r.service, r.role FROM svc.service_role r
UNION ALL
SELECT m.service, m.role FROM svc.member m WHERE m.kind IN ('login', 'migrator')
UNION ALL
SELECT k.service, k.login FROM svc.link k
UNION ALL
SELECT DISTINCT c.consumer, c.link FROM svc.connection c;
COMMENT ON VIEW svc.own_role IS 'The three roles of each service, and the logins and links that were made for it.';

-- The schemas of each service.  Others may have schemas of the same names: one
-- counts only where it belongs to the service's owner role, or was adopted
-- (service_owns_schema in C).  The name of a contract schema is compared both
-- ways round, so that the one is found by the other's index.
CREATE VIEW svc.service_schema (service, schema, contract) AS
SELECT s.service, n.oid, false
  FROM svc.service s
  JOIN pg_catalog.pg_namespace n ON n.nspname = s.schema AND (n.nspowner = s.owner OR s.adopted_schema)
UNION ALL
SELECT s.service, n.oid, true
  FROM svc.service s
  JOIN pg_catalog.pg_namespace n ON n.nspname = (s.service || '_api')::name
   AND s.service = "left"(n.nspname::text, -4)::name AND n.nspowner = s.owner
 WHERE n.nspname IS DISTINCT FROM s.schema;
COMMENT ON VIEW svc.service_schema IS 'Each service''s own schema and its contract schema.';

-- The relations that a service's roles work with.  (A view of pg_class alone
-- could be written through, with its owner's rights.)
CREATE VIEW svc.service_relation (service, relation, relkind, schema) AS
SELECT svc.owner_of(c.oid), c.oid, CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END, c.relnamespace
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   AND c.relpersistence <> 't'
   AND svc.owner_of(c.oid) IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM svc.service_schema x WHERE x.schema = c.relnamespace AND x.contract)
   AND NOT EXISTS (SELECT 1 FROM svc.connection_schema x WHERE x.schema = c.relnamespace);
COMMENT ON VIEW svc.service_relation IS 'Relations of services, without those of contract schemas.';

-- Who may read which contract: the service's readers, its consumers' roles, and
-- the logins of consumers in other databases
CREATE VIEW svc.contract_reader (service, entity, role) AS
SELECT e.service, e.entity, r.role
  FROM svc.entity e
  JOIN svc.service_role r ON r.service = e.service AND r.level = 'reader'
UNION
SELECT e.service, e.entity, r.role
  FROM svc.entity e
  JOIN svc.consumer c ON c.service = e.service AND (c.entity IS NULL OR c.entity = e.entity)
  JOIN svc.service_role r ON r.service = c.consumer
UNION
SELECT e.service, e.entity, k.login
  FROM svc.entity e
  JOIN svc.consumer c ON c.service = e.service AND (c.entity IS NULL OR c.entity = e.entity)
  JOIN svc.link k ON k.service = c.service AND k.consumer = c.consumer AND k.left_at IS NULL;
COMMENT ON VIEW svc.contract_reader IS 'The roles that may read each entity of a contract.';

-- And who may read what connected services publish: the readers of those that
-- were granted it
CREATE VIEW svc.remote_reader (service, consumer, view, role) AS
SELECT e.service, c.consumer, v.oid, r.role
  FROM svc.remote_entity e
  JOIN pg_catalog.pg_class v ON v.oid = e.view
 CROSS JOIN LATERAL pg_catalog.unnest(e.consumers) c (consumer)
  JOIN svc.service_role r ON r.service = c.consumer AND r.level = 'reader';
COMMENT ON VIEW svc.remote_reader IS 'The roles that may read each entity of a connected service.';

-- Everything that is declared, and the relation for whose sake it is, NULL for a
-- service's own schemas.  So what concerns some relations is found from them; a
-- schema comes once for each relation in it.
CREATE VIEW svc.expected_right (service, class_id, object_id, role, privilege, relation) AS
SELECT r.service, 'pg_catalog.pg_class'::pg_catalog.regclass, r.relation, o.role, l.privilege, r.relation
  FROM svc.service_relation r
  JOIN svc.level_privilege l ON l.relkind = r.relkind
  JOIN svc.service_role o ON o.service = r.service AND o.level = l.level
UNION ALL
SELECT r.service, 'pg_catalog.pg_class'::pg_catalog.regclass, v.oid, r.role, 'SELECT', v.oid
  FROM svc.contract_reader r
  JOIN svc.entity e ON e.service = r.service AND e.entity = r.entity
  JOIN pg_catalog.pg_class v ON v.oid = e.view
UNION ALL
SELECT x.service, 'pg_catalog.pg_namespace'::pg_catalog.regclass, x.schema, o.role,
       CASE o.level WHEN 'reader' THEN 'USAGE' ELSE 'CREATE' END, NULL::pg_catalog.oid
  FROM svc.service_schema x
  JOIN svc.service_role o ON o.service = x.service AND o.level IN ('reader', 'owner')
UNION ALL
SELECT r.service, 'pg_catalog.pg_namespace'::pg_catalog.regclass, r.schema, o.role, 'USAGE', r.relation
  FROM svc.service_relation r
  JOIN svc.service_role o ON o.service = r.service AND o.level = 'reader'
UNION ALL
SELECT o.service, 'pg_catalog.pg_database'::pg_catalog.regclass, d.oid, o.role, 'CONNECT', NULL::pg_catalog.oid
  FROM svc.service_role o
  JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
 WHERE o.level = 'reader'
   AND EXISTS (SELECT 1 FROM svc.service s WHERE s.form = 'database')
UNION ALL
SELECT k.service, 'pg_catalog.pg_database'::pg_catalog.regclass, d.oid, k.login, 'CONNECT', NULL::pg_catalog.oid
  FROM svc.link k
  JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
 WHERE k.left_at IS NULL
UNION ALL
SELECT r.service, 'pg_catalog.pg_namespace'::pg_catalog.regclass, x.schema, r.role, 'USAGE', e.view::pg_catalog.oid
  FROM svc.contract_reader r
  JOIN svc.entity e ON e.service = r.service AND e.entity = r.entity
  JOIN svc.service_schema x ON x.service = r.service AND x.contract
UNION ALL
SELECT r.consumer, 'pg_catalog.pg_class'::pg_catalog.regclass, r.view, r.role, 'SELECT', r.view
  FROM svc.remote_reader r
UNION ALL
SELECT r.consumer, 'pg_catalog.pg_namespace'::pg_catalog.regclass, v.relnamespace, r.role, 'USAGE', r.view
  FROM svc.remote_reader r
  JOIN pg_catalog.pg_class v ON v.oid = r.view;
COMMENT ON VIEW svc.expected_right IS 'Rights on the database, schemas and relations that services'' roles should have.';

-- The access control lists of the database, schemas, relations, columns and
-- functions; only the entries that were granted to somebody other than the owner
CREATE VIEW svc.granted_right (class_id, object_id, column_id, schema, object_owner, grantee, privilege, grantable) AS
SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, 0, n.oid, n.nspowner,
       a.grantee, a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_namespace n
 CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
 WHERE a.grantee <> n.nspowner
UNION ALL
SELECT 'pg_catalog.pg_database'::pg_catalog.regclass, d.oid, 0, NULL::pg_catalog.oid, d.datdba,
       a.grantee, a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_database d
 CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
 WHERE d.datname = pg_catalog.current_database()
   AND a.grantee <> d.datdba
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 0, c.relnamespace, c.relowner,
       a.grantee, a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_class c
 CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
 WHERE a.grantee <> c.relowner
UNION ALL
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, t.attnum, c.relnamespace, c.relowner,
       a.grantee, a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid
 CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
 WHERE a.grantee <> c.relowner
UNION ALL
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0, p.pronamespace, p.proowner,
       a.grantee, a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_proc p
 CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) a
 WHERE a.grantee <> p.proowner AND NOT (a.grantee = 0 AND NOT a.is_grantable);
COMMENT ON VIEW svc.granted_right IS 'Rights that were granted on the database, schemas, relations, columns and functions.';

-- This database, if it was made for one of its services
CREATE VIEW svc.owned_database (service, database_id, database) AS
SELECT s.service, d.oid, d.datname
  FROM svc.service s
  JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
 WHERE s.form = 'database' AND NOT s.adopted_database;
COMMENT ON VIEW svc.owned_database IS 'This database, if it was made for a service.';

-- Declared and not there.  A right counts as there when the role holds it
-- itself, by ownership or through a role it is a member of; PUBLIC does not
-- count, since what everybody may can be taken back at any time.  But it counts
-- for schemas that are not the service's, such as public, and for a database
-- that was adopted: nothing is granted there that is not needed.
CREATE VIEW svc.missing_right (service, class_id, object_id, role, privilege, relation) AS
SELECT e.service, e.class_id, e.object_id, e.role, e.privilege, e.relation
  FROM svc.expected_right e
  JOIN pg_catalog.pg_roles r ON r.oid = e.role
  LEFT JOIN pg_catalog.pg_class c
    ON e.class_id = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = e.object_id
  LEFT JOIN pg_catalog.pg_namespace n
    ON e.class_id = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND n.oid = e.object_id
  LEFT JOIN pg_catalog.pg_database d
    ON e.class_id = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.oid = e.object_id
  LEFT JOIN svc.service_schema x ON x.service = e.service AND x.schema = n.oid
 WHERE NOT pg_catalog.pg_has_role(e.role, coalesce(c.relowner, n.nspowner, d.datdba), 'USAGE')
   AND NOT EXISTS (
       SELECT 1
         FROM pg_catalog.aclexplode(coalesce(c.relacl, n.nspacl, d.datacl, pg_catalog.acldefault('d', d.datdba))) a
        WHERE a.privilege_type = e.privilege
          AND CASE a.grantee WHEN 0 THEN n.oid IS NOT NULL AND x.schema IS NULL
                                         OR d.oid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM svc.owned_database)
                             ELSE pg_catalog.pg_has_role(e.role, a.grantee, 'USAGE') END);
COMMENT ON VIEW svc.missing_right IS 'Rights that are declared and were not granted, or were taken away.';

-- What a role was declared is allowed to the roles above it, too
CREATE VIEW svc.allowed_right (class_id, object_id, role, privilege) AS
SELECT DISTINCT e.class_id, e.object_id, coalesce(higher.role, e.role), e.privilege
  FROM svc.expected_right e
  LEFT JOIN svc.service_role lower ON lower.role = e.role
  LEFT JOIN svc.service_role higher ON higher.service = lower.service AND higher.rank >= lower.rank;
COMMENT ON VIEW svc.allowed_right IS 'Rights that services'' roles may hold: what is declared, for the role and those above it.';

-- What the roles of services hold on relations and schemas, wherever that is; a
-- consumer elsewhere has its login
CREATE VIEW svc.held_right (service, class_id, object_id, role, privilege, adopted) AS
SELECT r.service, g.class_id, g.object_id, r.role, g.privilege, r.role = ANY (s.adopted_roles) OR NOT s.confirmed
  FROM svc.granted_right g
  JOIN svc.service_role r ON r.role = g.grantee
  JOIN svc.service s ON s.service = r.service
 WHERE g.column_id = 0
   AND g.class_id IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_namespace'::pg_catalog.regclass)
UNION ALL
SELECT k.consumer, g.class_id, g.object_id, k.login, g.privilege, false
  FROM svc.granted_right g
  JOIN svc.link k ON k.login = g.grantee
 WHERE g.column_id = 0
   AND g.class_id IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_namespace'::pg_catalog.regclass);
COMMENT ON VIEW svc.held_right IS 'Rights on relations and schemas that were granted to services'' own roles.';

-- Granted and not declared.  Logical services share their tables' schemas with
-- others, so only what is in the schemas of services counts.  A database that was
-- adopted stays as open as it was, and so does its schema.
CREATE VIEW svc.extra_right (service, class_id, object_id, column_id, grantee, privilege, grantable, declared) AS
SELECT x.service, g.class_id, g.object_id, g.column_id, g.grantee, g.privilege, g.grantable, a.role IS NOT NULL
  FROM svc.granted_right g
  JOIN svc.service_schema x ON x.schema = g.schema
  JOIN svc.service s ON s.service = x.service
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
  LEFT JOIN svc.allowed_right a
    ON a.class_id = g.class_id AND a.object_id = g.object_id
   AND a.role = g.grantee AND a.privilege = g.privilege
 WHERE (s.form <> 'logical' OR x.contract)
   AND g.grantee <> s.owner
   AND r.rolsuper IS NOT TRUE
   AND (svc.owner_of(g.object_id) = s.service
        OR g.class_id <> 'pg_catalog.pg_class'::pg_catalog.regclass)
   AND (a.role IS NULL OR g.grantable)
   AND NOT (s.adopted_database AND s.adopted_schema AND g.object_id = x.schema AND g.grantee = 0 AND g.privilege = 'USAGE')
UNION ALL
SELECT o.service, g.class_id, g.object_id, 0, g.grantee, g.privilege, g.grantable, a.role IS NOT NULL
  FROM svc.granted_right g
  JOIN svc.owned_database o ON o.database_id = g.object_id
  JOIN svc.service s ON s.service = o.service
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
  LEFT JOIN svc.allowed_right a
    ON a.class_id = g.class_id AND a.object_id = g.object_id
   AND a.role = g.grantee AND a.privilege = g.privilege
 WHERE g.class_id = 'pg_catalog.pg_database'::pg_catalog.regclass
   AND g.privilege <> 'TEMPORARY'
   AND g.grantee <> s.owner
   AND r.rolsuper IS NOT TRUE
   AND (a.role IS NULL OR g.grantable)
UNION ALL
-- what a connected service publishes counts as its first consumer's
SELECT n.consumer, g.class_id, g.object_id, g.column_id, g.grantee, g.privilege, g.grantable, a.role IS NOT NULL
  FROM svc.granted_right g
  JOIN svc.connection_schema x ON x.schema = g.schema
  JOIN (SELECT c.service, pg_catalog.min(c.consumer::text)::name FROM svc.connection c GROUP BY c.service) n (service, consumer)
    ON n.service = x.service
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
  LEFT JOIN svc.allowed_right a
    ON a.class_id = g.class_id AND a.object_id = g.object_id
   AND a.role = g.grantee AND a.privilege = g.privilege
 WHERE r.rolsuper IS NOT TRUE
   AND NOT EXISTS (SELECT 1 FROM svc.connection c WHERE c.service = x.service AND c.link = g.grantee)
   AND (a.role IS NULL OR g.grantable);
COMMENT ON VIEW svc.extra_right IS 'Rights in the schemas of services, and on the database of one, that nobody declared.';

-- Rights on objects that are yet to come
CREATE VIEW svc.expected_default (service, maker, schema, kind, role, privilege) AS
SELECT s.service, s.owner, x.schema, l.relkind, o.role, l.privilege
  FROM svc.service s
  JOIN svc.service_schema x ON x.service = s.service AND NOT x.contract
 CROSS JOIN svc.level_privilege l
  JOIN svc.service_role o ON o.service = s.service AND o.level = l.level
 WHERE l.level <> 'owner';
COMMENT ON VIEW svc.expected_default IS 'Default privileges of services'' owner roles in their schemas.';

CREATE VIEW svc.granted_default (maker, schema, kind, grantee, privilege) AS
SELECT d.defaclrole, d.defaclnamespace, d.defaclobjtype::text, a.grantee, a.privilege_type
  FROM pg_catalog.pg_default_acl d
 CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a
 WHERE a.grantee <> d.defaclrole;
COMMENT ON VIEW svc.granted_default IS 'Default privileges that were granted to others.';

-- Memberships as the server has them.  Since 16 a membership has options, and
-- there is one a grantor, which a REVOKE must name unless it is the bootstrap
-- superuser, for whom superusers grant.  Before, there is one, which says all.
CREATE VIEW svc.membership (group_role, role, inherits, can_set, revoke) AS
SELECT m.roleid, m.member,
       coalesce((o.options ->> 'inherit_option')::boolean, true),
       coalesce((o.options ->> 'set_option')::boolean, true),
       pg_catalog.format('REVOKE %I FROM %I%s%s', g.rolname, r.rolname,
                         CASE WHEN o.options ? 'set_option' AND m.grantor <> 10
                              THEN ' GRANTED BY ' || pg_catalog.quote_ident(b.rolname) END,
                         CASE WHEN m.admin_option THEN ' CASCADE' END)
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
  JOIN pg_catalog.pg_roles r ON r.oid = m.member
  LEFT JOIN pg_catalog.pg_roles b ON b.oid = m.grantor
 CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(m)) o (options);
COMMENT ON VIEW svc.membership IS
'Memberships of roles: whether the member has the role''s rights, whether it can become the role, and the statement that ends it.';

-- A service's circle is its three roles and its declared members.
CREATE VIEW svc.expected_membership (service, group_role, role) AS
SELECT lower.service, lower.role, higher.role
  FROM svc.service_role lower
  JOIN svc.service_role higher ON higher.service = lower.service AND higher.rank = lower.rank + 1
UNION ALL
SELECT m.service, g.role, m.role
  FROM svc.member m
  JOIN svc.service_role g ON g.service = m.service AND g.level = m.level;
COMMENT ON VIEW svc.expected_membership IS 'Memberships that make up the circle of each service.';

-- Who is declared in one service is no stranger to another that its group role
-- is a member of.
CREATE VIEW svc.extra_membership (service, group_role, stranger, role, via) AS
WITH RECURSIVE circle (service, role) AS (
    SELECT r.service, r.role FROM svc.service_role r
    UNION
    SELECT m.service, m.role FROM svc.member m
    UNION
    SELECT k.service, k.login FROM svc.link k
    UNION
    SELECT c.consumer, c.link FROM svc.connection c
), allowed (group_role, role) AS (
    SELECT e.group_role, e.role FROM svc.expected_membership e
    UNION
    SELECT lower.role, e.role
      FROM svc.expected_membership e
      JOIN svc.service_role higher ON higher.role = e.group_role
      JOIN svc.service_role lower ON lower.service = higher.service AND lower.rank < higher.rank
    UNION
    -- since 16 whoever made a role is a member of it
    SELECT l.role, c.role
      FROM svc.member c
      JOIN svc.member l ON l.service = c.service
     WHERE c.kind = 'creator' AND c.level = 'owner'
), member (service, group_role, stranger, role, via) AS (
    SELECT c.service, c.role::oid, a.member, a.member, NULL::oid
      FROM circle c
      JOIN pg_catalog.pg_auth_members a ON a.roleid = c.role
     WHERE NOT EXISTS (SELECT 1 FROM allowed l
                        WHERE l.group_role = a.roleid AND l.role = a.member)
    UNION
    SELECT m.service, m.group_role, m.stranger, a.member, m.role
      FROM member m
      JOIN pg_catalog.pg_auth_members a ON a.roleid = m.role
)
SELECT m.service, m.group_role, m.stranger, m.role, m.via
  FROM member m
  JOIN pg_catalog.pg_roles r ON r.oid = m.role
 WHERE NOT r.rolsuper;
COMMENT ON VIEW svc.extra_membership IS
'Members of services'' roles that nobody declared; stranger: the role that was made a member, role: it or one of its own members, via: the role through which.';

-- Settings that owners, logins and migrators have in this database
CREATE VIEW svc.expected_setting (service, role, name, value) AS
SELECT s.service, r.role, 'search_path',
       pg_catalog.concat_ws(', ', pg_catalog.quote_ident(s.schema),
                            CASE WHEN s.schema = 'public' THEN NULL ELSE 'public' END, 'svc_triggers')
  FROM svc.service s
 CROSS JOIN LATERAL (
       SELECT s.owner AS role WHERE NOT s.owner = ANY (s.adopted_roles)
       UNION ALL
       SELECT m.role FROM svc.member m
        WHERE m.service = s.service AND m.kind IN ('login', 'migrator')) r
UNION ALL
SELECT s.service, m.role, 'role', o.rolname
  FROM svc.service s
  JOIN svc.member m ON m.service = s.service AND m.kind IN ('login', 'migrator') AND m.level = 'owner'
  JOIN pg_catalog.pg_roles o ON o.oid = s.owner;
COMMENT ON VIEW svc.expected_setting IS 'Settings in this database of the roles that svc.create_service made.';

CREATE VIEW svc.missing_setting (service, role, name, value) AS
SELECT e.service, e.role, e.name, e.value
  FROM svc.expected_setting e
  JOIN pg_catalog.pg_roles r ON r.oid = e.role
 WHERE NOT EXISTS (
       SELECT 1
         FROM pg_catalog.pg_db_role_setting d
         JOIN pg_catalog.pg_database b ON b.oid = d.setdatabase
        CROSS JOIN LATERAL pg_catalog.unnest(d.setconfig) c (line)
        WHERE b.datname = pg_catalog.current_database()
          AND d.setrole = e.role
          AND c.line = e.name || '=' || e.value);
COMMENT ON VIEW svc.missing_setting IS 'Settings of services'' roles that are gone or were changed.';

-- What has an owner in this database and is not dropped with something else,
-- and how ALTER ... OWNER TO names it.  What superusers made is known for
-- relations only: the server keeps no list of what the bootstrap superuser owns.
CREATE VIEW svc.owned_object (class_id, object_id, owner, schema, object, alter) AS
SELECT o.class_id, o.object_id, o.owner, i.schema, i.identity,
       pg_catalog.format('ALTER %s %s',
           CASE WHEN i.type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE'
                WHEN i.type = 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER'
                ELSE pg_catalog.upper(pg_catalog.regexp_replace(i.type, ' object$', '')) END,
           i.identity)
  FROM (SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid AS class_id, c.oid AS object_id, c.relowner AS owner
          FROM pg_catalog.pg_class c
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
           AND c.relpersistence <> 't'
           AND NOT (c.relkind = 'S' AND EXISTS (
                    SELECT 1 FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
                       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid <> 0))
        UNION ALL
        SELECT d.classid, d.objid, d.refobjid
          FROM pg_catalog.pg_shdepend d
         WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype = 'o'
           AND d.dbid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())
           AND d.classid NOT IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_extension'::pg_catalog.regclass,
                                 'pg_catalog.pg_default_acl'::pg_catalog.regclass, 'pg_catalog.pg_user_mapping'::pg_catalog.regclass)) o
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class_id, o.object_id, 0) i
 WHERE i.identity IS NOT NULL
   AND coalesce(i.schema, '') NOT LIKE 'pg\_temp%';
COMMENT ON VIEW svc.owned_object IS 'Objects with an owner of their own, and how ALTER ... OWNER TO names them.';

-- Names of objects as a GRANT wants them
CREATE VIEW svc.grantable_object (class_id, object_id, keyword, name) AS
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid,
       CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
       pg_catalog.format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, 'SCHEMA', pg_catalog.quote_ident(n.nspname)
  FROM pg_catalog.pg_namespace n
UNION ALL
SELECT 'pg_catalog.pg_database'::pg_catalog.regclass, d.oid, 'DATABASE', pg_catalog.quote_ident(d.datname)
  FROM pg_catalog.pg_database d
UNION ALL
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 'ROUTINE',
       pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace;
COMMENT ON VIEW svc.grantable_object IS 'How GRANT names databases, schemas, relations and functions.';

-- The database's own, and whom it lets in
CREATE VIEW svc.missing_database_setting (service, setting, fix) AS
SELECT s.service, 'svc_ownership.service',
       pg_catalog.format('ALTER DATABASE %I SET svc_ownership.service = %L', pg_catalog.current_database(), s.service)
  FROM svc.service s
  LEFT JOIN svc.service_database d
    ON d.service = s.service AND d.database = pg_catalog.current_database()
 WHERE s.form = 'database' AND d.service IS NULL;
COMMENT ON VIEW svc.missing_database_setting IS 'What a database does not say of itself, and should.';

-- What is missing besides rights, in the order in which it is mended
CREATE VIEW svc.missing_other (step, service, object, role, privilege, fix) AS
SELECT 1, e.service, pg_catalog.quote_ident(g.rolname), e.role, 'MEMBER',
       pg_catalog.format('GRANT %I TO %I%s', g.rolname, r.rolname,
                         -- one that has not all of it can only be since 16
                         CASE WHEN h.is_member
                              THEN ' WITH SET TRUE, INHERIT ' || pg_catalog.upper(r.rolinherit::text) END)
  FROM svc.expected_membership e
  JOIN pg_catalog.pg_roles g ON g.oid = e.group_role
  JOIN pg_catalog.pg_roles r ON r.oid = e.role
 CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) > 0, pg_catalog.bool_or(m.can_set), pg_catalog.bool_or(m.inherits)
         FROM svc.membership m
        WHERE m.group_role = e.group_role AND m.role = e.role) h (is_member, can_set, inherits)
 WHERE NOT h.is_member OR NOT h.can_set OR NOT h.inherits AND r.rolinherit
UNION ALL
SELECT 2, e.service, 'default privileges in schema ' || pg_catalog.quote_ident(n.nspname), e.role, e.privilege,
       pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON %s TO %I', k.rolname, n.nspname,
                         e.privilege, CASE e.kind WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END, r.rolname)
  FROM svc.expected_default e
  JOIN pg_catalog.pg_namespace n ON n.oid = e.schema
  JOIN pg_catalog.pg_roles k ON k.oid = e.maker
  JOIN pg_catalog.pg_roles r ON r.oid = e.role
 WHERE NOT EXISTS (SELECT 1 FROM svc.granted_default g
                    WHERE g.maker = e.maker AND g.schema = e.schema AND g.kind = e.kind
                      AND g.grantee = e.role AND g.privilege = e.privilege)
UNION ALL
SELECT 3, m.service, 'database ' || pg_catalog.quote_ident(pg_catalog.current_database()), m.role, 'SET ' || m.name,
       pg_catalog.format('ALTER ROLE %I IN DATABASE %I SET %s = %s', r.rolname, pg_catalog.current_database(), m.name,
                         CASE m.name WHEN 'role' THEN pg_catalog.quote_literal(m.value) ELSE m.value END)
  FROM svc.missing_setting m
  JOIN pg_catalog.pg_roles r ON r.oid = m.role
UNION ALL
SELECT 3, m.service, 'database ' || pg_catalog.quote_ident(pg_catalog.current_database()), NULL, 'SET ' || m.setting, m.fix
  FROM svc.missing_database_setting m;
COMMENT ON VIEW svc.missing_other IS 'Memberships, default privileges and settings that services lack, with the statement that makes each.';

-- Everything that differs, with the statement that mends it
CREATE VIEW svc.grant_problem (service, object, role, privilege, problem, via, fix) AS
SELECT DISTINCT m.service, o.name, m.role, m.privilege, 'missing', NULL::oid,
       pg_catalog.format('GRANT %s ON %s %s TO %I', m.privilege, o.keyword, o.name, r.rolname)
  FROM svc.missing_right m
  JOIN svc.grantable_object o ON o.class_id = m.class_id AND o.object_id = m.object_id
  JOIN pg_catalog.pg_roles r ON r.oid = m.role
UNION ALL
SELECT m.service, m.object, m.role, m.privilege, 'missing', NULL::oid, m.fix
  FROM svc.missing_other m
UNION ALL
SELECT e.service, o.name || coalesce('.' || pg_catalog.quote_ident(t.attname), ''), u.role,
       e.privilege || CASE WHEN e.grantable THEN ' WITH GRANT OPTION' ELSE '' END, 'extra', u.via,
       pg_catalog.format('REVOKE %s%s%s ON %s %s FROM %s%s',
                         CASE WHEN e.declared THEN 'GRANT OPTION FOR ' ELSE '' END, e.privilege,
                         ' (' || pg_catalog.quote_ident(t.attname) || ')', o.keyword, o.name,
                         coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'),
                         CASE WHEN e.grantable THEN ' CASCADE' ELSE '' END)
  FROM svc.extra_right e
  JOIN svc.grantable_object o ON o.class_id = e.class_id AND o.object_id = e.object_id
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = e.grantee
  LEFT JOIN pg_catalog.pg_attribute t ON e.column_id <> 0 AND t.attrelid = e.object_id AND t.attnum = e.column_id
 CROSS JOIN LATERAL (
       WITH RECURSIVE holder (role, via) AS (
           SELECT e.grantee, NULL::oid
           UNION
           SELECT a.member, h.role
             FROM holder h
             JOIN pg_catalog.pg_auth_members a ON a.roleid = h.role
             JOIN pg_catalog.pg_roles p ON p.oid = a.member AND NOT p.rolsuper)
       SELECT h.role, h.via
         FROM holder h
        WHERE h.via IS NULL
           OR NOT EXISTS (SELECT 1 FROM svc.allowed_right l
                           WHERE l.class_id = e.class_id AND l.object_id = e.object_id
                             AND l.privilege = e.privilege AND pg_catalog.pg_has_role(h.role, l.role, 'USAGE'))) u
UNION ALL
SELECT x.service, 'default privileges in schema ' || pg_catalog.quote_ident(n.nspname), g.grantee, g.privilege, 'extra', NULL::oid,
       pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I REVOKE %s ON %s FROM %s', k.rolname, n.nspname,
                         g.privilege, CASE g.kind WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' ELSE 'TABLES' END,
                         coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'))
  FROM svc.granted_default g
  JOIN svc.service_schema x ON x.schema = g.schema
  JOIN svc.service s ON s.service = x.service
  JOIN pg_catalog.pg_namespace n ON n.oid = g.schema
  JOIN pg_catalog.pg_roles k ON k.oid = g.maker
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
 WHERE g.grantee <> s.owner
   AND NOT EXISTS (SELECT 1
                     FROM svc.service_role o
                     JOIN svc.service_role lower ON lower.service = o.service AND lower.rank <= o.rank
                     JOIN svc.level_privilege l ON l.level = lower.level
                    WHERE o.service = s.service AND o.role = g.grantee
                      AND l.relkind = g.kind AND l.privilege = g.privilege AND NOT x.contract)
UNION ALL
SELECT e.service, pg_catalog.quote_ident(g.rolname), e.role, 'MEMBER', 'extra', e.via, m.revoke
  FROM svc.extra_membership e
  JOIN pg_catalog.pg_roles g ON g.oid = e.group_role
  JOIN svc.membership m ON m.group_role = e.group_role AND m.role = e.stranger
UNION ALL
SELECT s.service, i.object, m.role, 'OWNER', 'extra', NULL::oid,
       pg_catalog.format('%s OWNER TO %I', i.alter, o.rolname)
  FROM svc.service s
  JOIN svc.member m ON m.service = s.service AND m.kind IN ('login', 'migrator')
  JOIN pg_catalog.pg_roles o ON o.oid = s.owner
  JOIN svc.owned_object i ON i.owner = m.role;
COMMENT ON VIEW svc.grant_problem IS 'What svc.check_grants() reports, for all services.';

CREATE FUNCTION svc.check_grants(OUT service name, OUT object text, OUT role name, OUT privilege text,
        OUT problem text, OUT via name, OUT fix text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_check_grants';
COMMENT ON FUNCTION svc.check_grants() IS
'Rights that differ from what was declared, of the services that the caller owns (a superuser: all); no row when nothing differs. problem: missing or extra; a logical service has missing ones only. privilege: of an object, MEMBER of a role, OWNER of an object that a login owns, or SET of a setting in this database. via: the role through which an extra right is held. fix: a statement that mends it.';

-- What a service's owner role may do with the catalog itself: read the tables
-- (pg_dump must) and call the functions that PUBLIC may not call, but for
-- making new services.
CREATE VIEW svc.owner_objects (class_id, object_id, privilege, keyword, name) AS
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, 'SELECT', 'TABLE', pg_catalog.format('svc.%I', c.relname)
  FROM pg_catalog.pg_class c
 WHERE c.oid IN (SELECT pg_catalog.unnest(e.extconfig) FROM pg_catalog.pg_extension e WHERE e.extname = 'svc_ownership')
UNION ALL
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 'EXECUTE', 'ROUTINE', p.oid::pg_catalog.regprocedure::text
  FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'svc'::pg_catalog.regnamespace
   AND p.proname NOT IN ('create_service', 'repair_settings', 'journal_append', 'journal_entries')
   AND p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
   AND NOT pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE');
COMMENT ON VIEW svc.owner_objects IS 'What of the extension is granted to services'' owner roles.';
