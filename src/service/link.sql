-- link.sql: the producer's side of connections: the logins that services in other
-- databases read a contract with, and what is asked and told through them.

CREATE TABLE svc.link (
    service  name NOT NULL,
    consumer name NOT NULL,
    login    regrole NOT NULL CONSTRAINT link_login_key UNIQUE,
    database name,
    address  text,
    made_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    left_at  timestamptz,
    CONSTRAINT link_pkey PRIMARY KEY (service, consumer)
);
COMMENT ON TABLE svc.link IS
'Catalog: logins that services elsewhere read a contract with; database: the consumer''s; address: from where it asked, NULL: the same cluster; left_at: it disconnected, and the login can do nothing any more. Read svc.consumers.';

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.link
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.link
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.link ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.link', 'WHERE (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER) AND login IN (SELECT r.oid FROM pg_catalog.pg_roles r)');
-- A superuser's dump has rows; the others' have the table, too, as an empty one
GRANT INSERT ON svc.link TO PUBLIC;

-- Seen from other databases, through foreign tables.  What a login of a
-- consumer may know: its own link, and the entities it was granted; a row
-- without an entity where there is none.  Domains are told as the types they
-- stand on: what their CHECKs call would run with the rights of who reads.
CREATE VIEW svc.link_contract (protocol, version, service, consumer, login, entity, key, columns, types)
    WITH (security_barrier) AS
SELECT 1, x.extversion, k.service, k.consumer, r.rolname, e.entity, e.key, e.columns,
       ARRAY(WITH RECURSIVE base (type, typmod, n) AS (
                 SELECT t.type::pg_catalog.oid, t.typmod, t.n
                   FROM ROWS FROM (pg_catalog.unnest(e.types), pg_catalog.unnest(e.typmods)) WITH ORDINALITY t (type, typmod, n)
                 UNION ALL
                 SELECT p.typbasetype, p.typtypmod, b.n
                   FROM base b
                   JOIN pg_catalog.pg_type p ON p.oid = b.type AND p.typtype = 'd')
             SELECT pg_catalog.format_type(b.type, b.typmod)
               FROM base b
               JOIN pg_catalog.pg_type p ON p.oid = b.type AND p.typtype <> 'd'
              ORDER BY b.n)
  FROM svc.link k
  JOIN pg_catalog.pg_extension x ON x.extname = 'svc_ownership'
  JOIN pg_catalog.pg_roles r ON r.oid = k.login
  JOIN svc.service s ON s.service = k.service
  LEFT JOIN (svc.entity e JOIN pg_catalog.pg_class v ON v.oid = e.view)
    ON e.service = k.service
   AND EXISTS (SELECT 1 FROM svc.consumer c
                WHERE c.service = k.service AND c.consumer = k.consumer
                  AND (c.entity IS NULL OR c.entity = e.entity))
 WHERE k.left_at IS NULL
   AND (r.rolname = CURRENT_USER OR pg_catalog.pg_has_role(s.owner, 'MEMBER'));
COMMENT ON VIEW svc.link_contract IS
'What a consumer in another database is told of a contract: read through its login, or by the service''s owner. protocol: what this view and svc.link_request look like.';

-- Asked from other databases, through foreign tables: svc.connect, svc.rotate_link
-- and svc.disconnect insert here.  A view, so that nothing is kept.
CREATE VIEW svc.link_request (action, service, consumer, database, verifier, login) AS
SELECT NULL::text, NULL::name, NULL::name, NULL::name, NULL::text, NULL::name
 WHERE false;
COMMENT ON VIEW svc.link_request IS
'Insert: asks for the login of a consumer in another database. action: make (the service''s owner may; returns login), rotate (gives it another password; also the login itself) or leave (the login itself: takes its rights away). verifier: the SCRAM verifier of its password.';

CREATE FUNCTION svc.link_requested() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_link_requested';
COMMENT ON FUNCTION svc.link_requested() IS
'Trigger on svc.link_request: makes, rotates or gives up a consumer''s login. Errors: 42704 no such service or link; 42501 not the service''s owner nor the login itself, or the contract was not granted to the consumer; 42710 the consumer is connected from elsewhere, or a role of the name exists; 22023 no such action, or no verifier.';
CREATE TRIGGER request INSTEAD OF INSERT ON svc.link_request
    FOR EACH ROW EXECUTE FUNCTION svc.link_requested();

GRANT SELECT ON svc.link_contract TO PUBLIC;
GRANT SELECT, INSERT ON svc.link_request TO PUBLIC;

CREATE FUNCTION svc.drop_link(service name, consumer name) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_drop_link';
COMMENT ON FUNCTION svc.drop_link(name, name) IS
'Drops the login by which a consumer in another database reads a service''s contract; in the service''s own database, where svc.disconnect could not do it.
Errors: 42704 no such service or link; 42501 not the service''s owner.';

REVOKE EXECUTE ON FUNCTION svc.drop_link, svc.link_requested FROM PUBLIC;
