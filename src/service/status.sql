-- status.sql: one screen that says how things are.  Assembled last: it looks
-- at every module.

CREATE VIEW svc.service_problem (service, state, detail, hint) AS
SELECT s.service, 'error', pg_catalog.format('its %s role was dropped', r.level),
       'A superuser can put another role in its place; see the documentation of services.'
  FROM svc.service s
  JOIN svc.service_role r ON r.service = s.service
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles p WHERE p.oid = r.role)
UNION ALL
SELECT s.service, 'warning', 'it was restored by its own user, and no superuser has confirmed it',
       'As a superuser: SELECT svc.repair_settings()'
  FROM svc.service s
 WHERE NOT s.confirmed
UNION ALL
SELECT s.service, 'warning',
       pg_catalog.format('its owner role %I lacks rights on %s tables and functions of the extension', r.rolname, pg_catalog.count(*)),
       pg_catalog.format('UPDATE svc.service SET owner = owner WHERE service = %L', s.service)
  FROM svc.service s
  JOIN pg_catalog.pg_roles r ON r.oid = s.owner
  JOIN svc.owner_objects o
    ON NOT CASE o.class_id WHEN 'pg_catalog.pg_class'::pg_catalog.regclass
                THEN pg_catalog.has_table_privilege(s.owner, o.object_id, o.privilege)
                ELSE pg_catalog.has_function_privilege(s.owner, o.object_id, o.privilege) END
 GROUP BY s.service, r.rolname
UNION ALL
SELECT s.service, 'error', pg_catalog.format('its schema %I does not exist', s.schema),
       'Make it again, or forget the service with svc.drop_service.'
  FROM svc.service s
 WHERE s.schema IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = s.schema)
UNION ALL
SELECT s.service, c.state, pg_catalog.format(c.detail, n.nspname, o.rolname),
       pg_catalog.format('ALTER SCHEMA %I OWNER TO %I', n.nspname, w.rolname)
  FROM svc.service s
 CROSS JOIN LATERAL (VALUES (s.schema::text, 'error', 'schema %I belongs to role %I, so it is not the service''s any more'),
                            (s.service || '_api', 'warning', 'schema %I, which its contract needs, belongs to role %I')) c (name, state, detail)
  JOIN pg_catalog.pg_namespace n ON n.nspname::text = c.name
  JOIN pg_catalog.pg_roles w ON w.oid = s.owner
  LEFT JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
 WHERE NOT EXISTS (SELECT 1 FROM svc.service_schema x WHERE x.service = s.service AND x.schema = n.oid)
UNION ALL
SELECT s.service, 'warning', pg_catalog.format('%s belongs to role %I', i.object, o.rolname),
       pg_catalog.format('%s OWNER TO %I', i.alter, w.rolname)
  FROM svc.service s
  JOIN svc.service_schema x ON x.service = s.service
  JOIN pg_catalog.pg_class c ON c.relnamespace = x.schema AND c.relowner <> s.owner AND svc.owner_of(c.oid) = s.service
  JOIN svc.owned_object i ON i.class_id = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.object_id = c.oid
  JOIN pg_catalog.pg_roles o ON o.oid = i.owner
  JOIN pg_catalog.pg_roles w ON w.oid = s.owner
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT p.service, 'warning',
       pg_catalog.format('%s rights missing, %s not declared',
                         pg_catalog.count(*) FILTER (WHERE p.problem = 'missing'),
                         pg_catalog.count(*) FILTER (WHERE p.problem = 'extra')),
       'SELECT * FROM svc.check_grants()'
  FROM svc.grant_problem p
 GROUP BY p.service
UNION ALL
SELECT c.service, 'error', pg_catalog.format('%s problems with its contract', pg_catalog.count(*)),
       'SELECT * FROM svc.check_contracts()'
  FROM svc.check_contracts() c
 GROUP BY c.service;
COMMENT ON VIEW svc.service_problem IS 'What is wrong with each service.';

CREATE VIEW svc.service_status (rank, item, state, detail, hint, owner) AS
SELECT 2, 'service ' || s.service, coalesce(p.state, 'ok'),
       coalesce(p.detail,
                CASE s.form WHEN 'schema' THEN pg_catalog.format('schema %I', s.schema)
                            WHEN 'database' THEN pg_catalog.format('database %I, schema %I', pg_catalog.current_database(), s.schema)
                            ELSE 'logical' END),
       p.hint, NULL::pg_catalog.oid
  FROM svc.service s
  LEFT JOIN svc.service_problem p ON p.service = s.service
UNION ALL
SELECT 2, 'service ' || p.service, 'warning',
       CASE p.step WHEN 'drop' THEN pg_catalog.format('dropping it, in database %I, has not come to its end', p.database)
                   ELSE pg_catalog.format('making it, in database %I, has not come to its end: %s', p.database, p.step) END,
       CASE p.step WHEN 'drop' THEN pg_catalog.format('SELECT svc.drop_service(%L, drop_objects => true)', p.service)
                   ELSE 'Call svc.create_service again, or svc.drop_service(..., drop_objects => true).' END,
       NULL::pg_catalog.oid
  FROM svc.provisioning p;
COMMENT ON VIEW svc.service_status IS 'The services'' rows of svc.status().';

-- What can be seen of connections without opening one
CREATE VIEW svc.connection_problem (service, consumer, detail) AS
SELECT c.service, c.consumer, 'its link was dropped'
  FROM svc.connection c
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles r WHERE r.oid = c.link)
UNION ALL
SELECT c.service, c.consumer, pg_catalog.format('its server %I does not exist', c.server)
  FROM svc.connection c
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_foreign_server f WHERE f.srvname = c.server)
UNION ALL
SELECT c.service, c.consumer, pg_catalog.format('its link %I has no user mapping', r.rolname)
  FROM svc.connection c
  JOIN pg_catalog.pg_roles r ON r.oid = c.link
  JOIN pg_catalog.pg_foreign_server f ON f.srvname = c.server
 WHERE c.login IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_user_mapping m WHERE m.umserver = f.oid AND m.umuser IN (r.oid, 0))
UNION ALL
SELECT c.service, c.consumer, pg_catalog.format('its database %I does not exist', c.database)
  FROM svc.connection c
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_database d WHERE d.datname = c.database)
   AND c.database IS NOT NULL
UNION ALL
SELECT c.service, c.consumer, pg_catalog.format('the view or foreign table of entity %I is gone', e.entity)
  FROM svc.connection c
  JOIN svc.remote_entity e ON e.service = c.service AND c.consumer = ANY (e.consumers)
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class v WHERE v.oid = e.view)
    OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class t WHERE t.oid = e.relation);
COMMENT ON VIEW svc.connection_problem IS 'What is wrong with each connection, as far as can be seen from here.';

CREATE VIEW svc.connection_status (rank, item, state, detail, hint, owner) AS
SELECT 2, pg_catalog.format('connection %s of %s', c.service, c.consumer),
       CASE WHEN p.detail IS NULL THEN 'ok' ELSE 'error' END,
       coalesce(p.detail, pg_catalog.format('%s entities through server %I',
                                            (SELECT pg_catalog.count(*) FROM svc.remote_entity e
                                              WHERE e.service = c.service AND c.consumer = ANY (e.consumers)),
                                            c.server)),
       CASE WHEN p.detail IS NULL THEN NULL
            ELSE 'svc.refresh_contract makes views again; else svc.disconnect, and svc.connect again.' END,
       s.owner::pg_catalog.oid
  FROM svc.connection c
  LEFT JOIN svc.service s ON s.service = c.consumer
  LEFT JOIN svc.connection_problem p ON p.service = c.service AND p.consumer = c.consumer;
COMMENT ON VIEW svc.connection_status IS 'The connections'' rows of svc.status().';

CREATE VIEW svc.event_trigger_status (rank, item, state, detail, hint, owner) AS
SELECT 1, 'event trigger ' || w.name,
       CASE WHEN e.evtenabled IN ('O', 'A') THEN 'ok' ELSE 'error' END,
       CASE WHEN e.evtname IS NULL THEN 'missing: ' || w.purpose || ' is not done'
            WHEN e.evtenabled IN ('O', 'A') THEN 'enabled: ' || w.purpose
            ELSE 'disabled: ' || w.purpose || ' is not done' END,
       CASE WHEN e.evtname IS NULL THEN 'Create the extension again.'
            WHEN e.evtenabled NOT IN ('O', 'A') THEN pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE', e.evtname) END,
       NULL::pg_catalog.oid
  FROM (VALUES ('svc_ownership_ddl', 'following renames and granting rights on new objects'),
               ('svc_ownership_drop', 'forgetting what was dropped'),
               ('svc_ownership_drop_table', 'taking rows of dropped partitions off counters')) w (name, purpose)
  LEFT JOIN pg_catalog.pg_event_trigger e ON e.evtname = w.name;
COMMENT ON VIEW svc.event_trigger_status IS 'The event triggers'' rows of svc.status().';

CREATE FUNCTION svc.version(OUT library text, OUT sql text, OUT server text)
    LANGUAGE C STABLE AS 'MODULE_PATHNAME', 'svc_version';
COMMENT ON FUNCTION svc.version() IS
'Versions of the loaded library, of the extension''s SQL objects in this database, and of the server.';

CREATE FUNCTION svc.status(OUT item text, OUT state text, OUT detail text, OUT hint text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_status';
COMMENT ON FUNCTION svc.status() IS
'How things are: library, preload, event triggers, each service, and the caller''s own counters and expiring tables, with what is wrong. state: ok, warning or error. hint: what to do, often a statement.';
