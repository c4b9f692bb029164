-- contract.sql: what a service shows to others, and who reads it.

CREATE TABLE svc.entity (
    service  name NOT NULL,
    entity   name NOT NULL,
    view     regclass NOT NULL CONSTRAINT entity_view_key UNIQUE,
    relation regclass NOT NULL,
    key      name NOT NULL,
    columns  name[] NOT NULL,
    types    regtype[] NOT NULL,
    typmods  int[] NOT NULL,
    filter   text,
    CONSTRAINT entity_pkey PRIMARY KEY (service, entity)
);
COMMENT ON TABLE svc.entity IS
'Catalog: what is published, with the names and types of its columns when it was. Read svc.entities.';

CREATE TABLE svc.consumer (
    service    name NOT NULL,
    entity     name,
    consumer   name NOT NULL,
    database   name,
    granted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT consumer_key UNIQUE NULLS NOT DISTINCT (service, consumer, entity)
);
COMMENT ON TABLE svc.consumer IS
'Catalog: which service may read which entity; entity NULL: all, also those to come; database NULL: this one. Read svc.consumers.';

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.entity
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.entity
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.entity ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.entity', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''MEMBER'')) AND view IN (SELECT c.oid FROM pg_catalog.pg_class c) AND relation IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_has_role(c.relowner, ''MEMBER''))');
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.consumer
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.consumer
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.consumer ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.consumer', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''MEMBER''))');

GRANT INSERT ON svc.entity, svc.consumer TO PUBLIC;

CREATE VIEW svc.entities AS
SELECT e.service, e.entity, e.relation, e.key, e.columns,
       CASE WHEN pg_catalog.pg_has_role(s.owner, 'MEMBER') THEN e.filter END AS filter,
       'local'::text AS place
  FROM svc.entity e
  JOIN svc.service s ON s.service = e.service
  JOIN pg_catalog.pg_class v ON v.oid = e.view
UNION ALL
SELECT e.service, e.entity, e.relation, e.key, e.columns, NULL, 'foreign'
  FROM svc.remote_entity e
  JOIN pg_catalog.pg_class v ON v.oid = e.view;
COMMENT ON VIEW svc.entities IS
'What the services of this database publish, and those it is connected to, each as view <service>_api.<entity>. filter is shown to the service''s owner only. place: local, or foreign: relation is a foreign table.';

CREATE VIEW svc.consumers WITH (security_barrier) AS
SELECT c.service, c.entity, c.consumer, coalesce(c.database, pg_catalog.current_database()) AS database, c.granted_at
  FROM svc.consumer c
  JOIN svc.service s ON s.service = c.service
  LEFT JOIN svc.service o ON o.service = c.consumer
 WHERE pg_catalog.pg_has_role(s.reader, 'MEMBER')
    OR pg_catalog.pg_has_role(o.reader, 'MEMBER');
COMMENT ON VIEW svc.consumers IS
'Who was granted which contract (entity NULL: all, also those to come); each member of a service sees the rows that name it.';

GRANT SELECT ON svc.entities, svc.consumers TO PUBLIC;

CREATE FUNCTION svc.publish(service name, entity name, relation regclass, key name = 'id',
        columns name[] = NULL, filter text = NULL, replace boolean = false)
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_publish';
COMMENT ON FUNCTION svc.publish(name, name, regclass, name, name[], text, boolean) IS
'Publishes a table as view <service>_api.<entity>, owned by the service''s owner role. relation: a table or materialized view of the service. key: a column with a unique index of its own. columns: all by default; the key must be among them. filter: a condition on the table''s columns, without subqueries; it may call only functions that belong to a superuser and are immutable, or stable and of plain types (now()), since they run with the rights of whoever reads the view. replace: change an entity that is published; while it has consumers columns may be added, but none taken away or given another type.
Errors: 42704 no such service; 42501 not its owner, or code in the filter that may not run for others; 42710 already published; 55000 the relation is not the service''s, or its row security applies to the owner role; 42703 no such column; 42701 a column twice; 42830 the key is not unique; 22023 the key is not among the columns; 42P06, 42P07 schema or view are somebody else''s; 2BP01 consumers would break; 0A000 a subquery, a system column or a whole row in the filter; 42601, 42804 the filter is no condition.';

CREATE FUNCTION svc.unpublish(service name, entity name, force boolean = false) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_unpublish';
COMMENT ON FUNCTION svc.unpublish(name, name, boolean) IS
'Drops an entity from a service''s contract. force: although services were granted it.
Errors: 42704 no such service or entity; 2BP01 it has consumers, or another object depends on the view; 42501 not the service''s owner.';

CREATE FUNCTION svc.grant_contract(service name, consumer name, entity name = NULL) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_grant_contract';
COMMENT ON FUNCTION svc.grant_contract(name, name, name) IS
'Lets the roles of service consumer read a service''s contract, and records it. consumer: may be in another database, or come later. entity: one entity; NULL (default): all, also those to come.
Errors: 42704 no such service or entity; 22023 consumer is the service itself; 42501 not the service''s owner.';

CREATE FUNCTION svc.revoke_contract(service name, consumer name, entity name = NULL) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_revoke_contract';
COMMENT ON FUNCTION svc.revoke_contract(name, name, name) IS
'Takes a contract back from a consumer. entity: one entity; NULL (default): everything that it was granted.
Errors: 42704 no such service, or it was not granted; 55000 the consumer was granted all entities, and one of them cannot be taken back alone; 42501 not the service''s owner.';

CREATE FUNCTION svc.check_contracts(OUT service name, OUT entity name, OUT problem text, OUT detail text,
        OUT consumers name[])
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_check_contracts';
COMMENT ON FUNCTION svc.check_contracts() IS
'Entities that are not what was published, of the services that the caller owns (a superuser: all); no row when all is well. problem: view missing, relation missing, relation not owned (by the service), view not owned (by its owner role), column missing, column type changed, key not unique, row security (its policies would run as the reader), unsafe code (in the view). consumers: who would break.';

CREATE FUNCTION svc.export_contract(service name) RETURNS text
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_export_contract';
COMMENT ON FUNCTION svc.export_contract(name) IS
'A script that makes a service''s contract as plain tables that everybody may read, so that a consumer can be tested without the service: schema, types, tables with their keys, no rows; a domain''s CHECK that calls a function is left out. It needs nothing of svc_ownership. service: of this database, or one that is connected.
Errors: 42704 no such service; 42501 not the service''s owner, nor a consumer''s; 55000 it publishes nothing, or a view is missing.';

-- What svc.export_contract writes: of the services here, and of those connected
CREATE VIEW svc.exported_entity (service, entity, view, key) AS
SELECT e.service, e.entity, e.view, e.key FROM svc.entity e
UNION ALL
SELECT e.service, e.entity, e.view, e.key FROM svc.remote_entity e;
COMMENT ON VIEW svc.exported_entity IS 'What svc.export_contract can write: entities of services here and of connected ones.';

-- Types that contracts use and that a fresh
-- database has not: those they are made of come first.
CREATE VIEW svc.contract_type (service, type, rank) AS
WITH RECURSIVE used (service, type, depth) AS (
    SELECT e.service, a.atttypid, 0
      FROM svc.exported_entity e
      JOIN pg_catalog.pg_attribute a ON a.attrelid = e.view AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT u.service, p.type, u.depth + 1
      FROM used u
      JOIN pg_catalog.pg_type t ON t.oid = u.type
     CROSS JOIN LATERAL (
           SELECT t.typelem WHERE t.typcategory = 'A' AND t.typelem <> 0
           UNION ALL
           SELECT t.typbasetype WHERE t.typtype = 'd'
           UNION ALL
           SELECT a.atttypid FROM pg_catalog.pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
           UNION ALL
           SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
           UNION ALL
           SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid) p (type)
     WHERE u.depth < 32
)
SELECT u.service, u.type, -pg_catalog.max(u.depth)
  FROM used u
  JOIN pg_catalog.pg_type t ON t.oid = u.type
 WHERE t.typnamespace <> 'pg_catalog'::pg_catalog.regnamespace
   AND NOT (t.typcategory = 'A' AND t.typelem <> 0)
   AND t.typtype <> 'm'
 GROUP BY u.service, u.type;
COMMENT ON VIEW svc.contract_type IS 'Types other than the server''s own that contracts use.';

CREATE VIEW svc.contract_script (service, step, rank, statement) AS
SELECT e.service, 0, 0,
       pg_catalog.format(E'-- The contract of service %I as plain tables, for tests without the service\nCREATE SCHEMA %I;',
                         e.service, e.service || '_api')
  FROM svc.exported_entity e
 GROUP BY e.service
UNION
SELECT c.service, 1, 0, pg_catalog.format('CREATE SCHEMA IF NOT EXISTS %I;', n.nspname)
  FROM svc.contract_type c
  JOIN pg_catalog.pg_type t ON t.oid = c.type
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace AND n.nspname <> 'public'
UNION
SELECT c.service, 2, 0, pg_catalog.format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I;', x.extname, n.nspname)
  FROM svc.contract_type c
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = c.type AND d.deptype = 'e'
  JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
  JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
UNION ALL
SELECT c.service, 3, c.rank,
       CASE t.typtype
       WHEN 'e' THEN
           pg_catalog.format('CREATE TYPE %s AS ENUM (%s);', c.type::pg_catalog.regtype,
               (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)
                  FROM pg_catalog.pg_enum l WHERE l.enumtypid = c.type))
       WHEN 'd' THEN
           pg_catalog.format('CREATE DOMAIN %s AS %s%s%s;', c.type::pg_catalog.regtype,
               pg_catalog.format_type(t.typbasetype, t.typtypmod),
               CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END,
               (SELECT pg_catalog.string_agg(pg_catalog.format(' CONSTRAINT %I %s', k.conname, pg_catalog.pg_get_constraintdef(k.oid)), '' ORDER BY k.conname)
                  FROM pg_catalog.pg_constraint k
                 WHERE k.contypid = c.type AND k.contype = 'c'
                   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                                    WHERE d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid = k.oid
                                      AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)))
       WHEN 'r' THEN
           (SELECT pg_catalog.format('CREATE TYPE %s AS RANGE (subtype = %s, multirange_type_name = %s);',
                                     c.type::pg_catalog.regtype, r.rngsubtype::pg_catalog.regtype, r.rngmultitypid::pg_catalog.regtype)
              FROM pg_catalog.pg_range r WHERE r.rngtypid = c.type)
       ELSE
           pg_catalog.format('CREATE TYPE %s AS (%s);', c.type::pg_catalog.regtype,
               (SELECT pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
                  FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
       END
  FROM svc.contract_type c
  JOIN pg_catalog.pg_type t ON t.oid = c.type
 WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = c.type AND d.deptype = 'e')
UNION ALL
SELECT e.service, 4, 0,
       pg_catalog.format(E'CREATE TABLE %I.%I (\n%s,\n    PRIMARY KEY (%I)\n);', e.service || '_api', e.entity,
           (SELECT pg_catalog.string_agg(pg_catalog.format('    %I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), E',\n' ORDER BY a.attnum)
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = e.view AND a.attnum > 0 AND NOT a.attisdropped),
           e.key)
  FROM svc.exported_entity e
UNION ALL
SELECT e.service, 5, 0, pg_catalog.format('GRANT USAGE ON SCHEMA %I TO PUBLIC;', e.service || '_api')
  FROM svc.exported_entity e
 GROUP BY e.service
UNION ALL
SELECT e.service, 6, 0, pg_catalog.format('GRANT SELECT ON %I.%I TO PUBLIC;', e.service || '_api', e.entity)
  FROM svc.exported_entity e;
COMMENT ON VIEW svc.contract_script IS 'The statements of svc.export_contract, in the order of step, rank and text.';

REVOKE EXECUTE ON FUNCTION svc.publish, svc.unpublish, svc.grant_contract, svc.revoke_contract
    FROM PUBLIC;
