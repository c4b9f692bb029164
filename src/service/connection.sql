-- connection.sql: what this database is connected to, and what it found there.
--
-- Only the tables: views of services and contracts show their rows, and the
-- functions (connect.sql) stand on these views.

CREATE TABLE svc.connection (
    service      name NOT NULL,
    consumer     name NOT NULL,
    server       name NOT NULL,
    link         regrole NOT NULL,
    login        name,
    database     name,
    made_server  boolean NOT NULL,
    made_link    boolean NOT NULL,
    connected_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT connection_pkey PRIMARY KEY (service, consumer)
);
COMMENT ON TABLE svc.connection IS
'Catalog: services elsewhere that a service of this database reads; link: the role here that has the user mapping; login: the role there; database: where both are in one cluster. Read svc.services and svc.status().';

CREATE TABLE svc.remote_entity (
    service   name NOT NULL,
    entity    name NOT NULL,
    view      regclass NOT NULL CONSTRAINT remote_entity_view_key UNIQUE,
    relation  regclass NOT NULL,
    key       name NOT NULL,
    columns   name[] NOT NULL,
    types     regtype[] NOT NULL,
    typmods   int[] NOT NULL,
    consumers name[] NOT NULL,
    CONSTRAINT remote_entity_pkey PRIMARY KEY (service, entity)
);
COMMENT ON TABLE svc.remote_entity IS
'Catalog: what connected services publish, as it was when it was looked at last; relation: the foreign table below the view; consumers: who was granted it. Read svc.entities.';

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.connection
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.connection
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.connection ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON svc.connection
    FOR EACH STATEMENT EXECUTE FUNCTION svc.catalog_changed();
SELECT pg_catalog.pg_extension_config_dump('svc.connection', 'WHERE (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER) AND link IN (SELECT r.oid FROM pg_catalog.pg_roles r)');
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.remote_entity
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.remote_entity
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.remote_entity ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.remote_entity', 'WHERE (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER) AND view IN (SELECT c.oid FROM pg_catalog.pg_class c) AND relation IN (SELECT c.oid FROM pg_catalog.pg_class c)');
-- Only superusers make connections, so their rows are in superusers' dumps only;
-- the others' have the tables, too, as empty ones
GRANT INSERT ON svc.connection, svc.remote_entity TO PUBLIC;

-- The schemas of a connected service: views of its entities in <service>_api,
-- foreign tables below them in <service>_import.  As with a service's own
-- schemas the name proves nothing; only superusers make connections, so the
-- schema must be a superuser's (connection_of_schema in C).
CREATE VIEW svc.connection_schema (service, schema) AS
SELECT DISTINCT c.service, n.oid
  FROM svc.connection c
  JOIN pg_catalog.pg_namespace n ON n.nspname IN ((c.service || '_api')::name, (c.service || '_import')::name)
  JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner AND r.rolsuper;
COMMENT ON VIEW svc.connection_schema IS 'The schemas that hold what connected services publish.';
