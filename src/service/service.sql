-- service.sql: services, what they own, and who acts for them.

-- Tables.  Keys are names, so that a dump can be loaded anywhere; roles and
-- relations are regrole and regclass, so that a rename loses nothing.  Names of
-- services follow by a trigger: foreign keys would fail in a parallel restore.

CREATE TABLE svc.service (
    service        name NOT NULL CONSTRAINT service_pkey PRIMARY KEY,
    form           text NOT NULL CONSTRAINT service_form_check CHECK (form IN ('database', 'schema', 'logical')),
    schema         name CONSTRAINT service_schema_key UNIQUE,
    owner          regrole NOT NULL CONSTRAINT service_owner_key UNIQUE,
    writer         regrole NOT NULL,
    reader         regrole NOT NULL,
    team           text,
    description    text,
    adopted_schema boolean NOT NULL DEFAULT false,
    adopted_roles  regrole[] NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    adopted_database boolean NOT NULL DEFAULT false,
    confirmed        boolean NOT NULL DEFAULT true,
    CONSTRAINT service_schema_check CHECK ((form = 'logical') = (schema IS NULL)),
    CONSTRAINT service_name_check CHECK (pg_catalog.octet_length(service::text) BETWEEN 1 AND 56)
);
COMMENT ON TABLE svc.service IS
'Catalog: one row a service of this database; not confirmed: its own user restored it, and nothing is done for it that its owner role could not do. Read svc.services.';

CREATE TABLE svc.member (
    service name NOT NULL,
    role    regrole NOT NULL,
    kind    text NOT NULL CONSTRAINT member_kind_check CHECK (kind IN ('login', 'migrator', 'creator', 'granted')),
    level   text NOT NULL CONSTRAINT member_level_check CHECK (level IN ('owner', 'writer', 'reader')),
    CONSTRAINT member_pkey PRIMARY KEY (service, role)
);
COMMENT ON TABLE svc.member IS
'Catalog: roles declared as members of a service; login and migrator were made by svc.create_service and have settings of their own; creator called it without being a superuser.';

CREATE TABLE svc.assignment (
    relation regclass NOT NULL CONSTRAINT assignment_pkey PRIMARY KEY,
    service  name NOT NULL
);
CREATE INDEX assignment_service_idx ON svc.assignment (service);
COMMENT ON TABLE svc.assignment IS 'Catalog: relations assigned to a service one by one. Read svc.tables.';

CREATE TABLE svc.store (
    service     name NOT NULL,
    store       name NOT NULL,
    engine      text NOT NULL,
    uri         text,
    description text,
    CONSTRAINT store_pkey PRIMARY KEY (service, store)
);
COMMENT ON TABLE svc.store IS 'Catalog: what services keep outside PostgreSQL. Read svc.stores.';

CREATE TABLE svc.provisioning (
    service     name NOT NULL CONSTRAINT provisioning_pkey PRIMARY KEY,
    database    name NOT NULL,
    database_id oid NOT NULL,
    step        text NOT NULL CONSTRAINT provisioning_step_check CHECK (step IN ('create database', 'fill database', 'drop')),
    roles       name[] NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE svc.provisioning IS
'Catalog: services in databases of their own that are being made or dropped from this database; step is written before it is tried. A row that stays is shown by svc.status(). Not in dumps.';

CREATE TABLE svc.pending (
    role     regrole NOT NULL,
    service  name NOT NULL,
    relation name NOT NULL,
    content  text[] NOT NULL
);
CREATE INDEX pending_service_idx ON svc.pending (service);
COMMENT ON TABLE svc.pending IS
'Catalog: rows that a role restored before the service that they are about; they get in when the same role restores the service.';
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.pending
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.pending
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.pending ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;

-- Only our own functions and superusers write these tables, but for rows of a
-- restore that give nobody anything (core/guard.c); a change of who owns what
-- reaches every session's map; an owner role may use the catalog.  A dump holds
-- the rows of the services that whoever dumps is an owner of.

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.service
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.service
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.service ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON svc.service
    FOR EACH STATEMENT EXECUTE FUNCTION svc.catalog_changed();
SELECT pg_catalog.pg_extension_config_dump('svc.service', 'WHERE pg_catalog.pg_has_role(owner, ''MEMBER'') AND owner IN (SELECT r.oid FROM pg_catalog.pg_roles r)');
CREATE TRIGGER owner_changed AFTER INSERT OR UPDATE OF owner OR DELETE ON svc.service
    FOR EACH ROW EXECUTE FUNCTION svc.service_changed();
CREATE TRIGGER name_changed AFTER UPDATE OF service ON svc.service
    FOR EACH ROW WHEN (OLD.service <> NEW.service) EXECUTE FUNCTION svc.service_cascade();
CREATE TRIGGER came AFTER INSERT ON svc.service
    FOR EACH ROW EXECUTE FUNCTION svc.service_cascade();
CREATE TRIGGER went AFTER DELETE ON svc.service
    FOR EACH ROW EXECUTE FUNCTION svc.service_cascade();
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.member
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.member
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.member ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.member', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''MEMBER'')) AND role IN (SELECT r.oid FROM pg_catalog.pg_roles r)');
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.assignment
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.assignment
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.assignment ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON svc.assignment
    FOR EACH STATEMENT EXECUTE FUNCTION svc.catalog_changed();
SELECT pg_catalog.pg_extension_config_dump('svc.assignment', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''MEMBER'')) AND relation IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_has_role(c.relowner, ''MEMBER''))');
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.provisioning
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.provisioning
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.provisioning ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.store
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.store
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.store ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.store', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''MEMBER''))');

GRANT INSERT ON svc.service, svc.member, svc.assignment, svc.store TO PUBLIC;

-- Functions for everybody

CREATE FUNCTION svc.owner_of(relation regclass) RETURNS name
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'svc_owner_of';
COMMENT ON FUNCTION svc.owner_of(regclass) IS
'The service that owns a relation, or NULL. relation: any relation. A partition belongs with its partitioned table, an index or owned sequence with its table; else the assignment counts, else the service of the schema, else the parent table.';

CREATE FUNCTION svc.how_owned(relation regclass) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'svc_how_owned';
COMMENT ON FUNCTION svc.how_owned(regclass) IS
'How a relation belongs to its service: assigned (by svc.assign), schema (it lies in the service''s schema), or NULL. relation: any relation.';

CREATE FUNCTION svc.current_service() RETURNS name
    LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'svc_current_service';
COMMENT ON FUNCTION svc.current_service() IS
'The only service of this database, else the one whose role the current user is a member of (a superuser is a member of none). Errors: 42704 no service here; 55000 none or several fit, with their list.';

CREATE FUNCTION svc.owners_of_query(query text, OUT relation regclass, OUT service name, OUT team text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_owners_of_query';
COMMENT ON FUNCTION svc.owners_of_query(text) IS
'The relations that a query names or reaches through views, each with its service and team (NULL: none). query: one or more statements, not run; $1 and the like are allowed. Errors: 22004 query is NULL; those of parsing (42601, 42P01, ...); 54000 longer than 1 MB.';

-- Views for everybody

-- Which database is whose, as the databases themselves say
CREATE VIEW svc.service_database (service, database_id, database) AS
SELECT pg_catalog.substr(c.line, pg_catalog.length('svc_ownership.service=') + 1)::name, d.oid, d.datname
  FROM pg_catalog.pg_db_role_setting x
  JOIN pg_catalog.pg_database d ON d.oid = x.setdatabase
 CROSS JOIN LATERAL pg_catalog.unnest(x.setconfig) c (line)
 WHERE x.setrole = 0
   AND c.line LIKE 'svc\_ownership.service=%';
COMMENT ON VIEW svc.service_database IS 'Databases of the cluster that belong to one service each.';

CREATE VIEW svc.services AS
SELECT s.service, s.form, pg_catalog.current_database() AS database, s.schema,
       o.rolname AS owner, w.rolname AS writer, r.rolname AS reader, s.team, s.description
  FROM svc.service s
  LEFT JOIN pg_catalog.pg_roles o ON o.oid = s.owner
  LEFT JOIN pg_catalog.pg_roles w ON w.oid = s.writer
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.reader
UNION ALL
SELECT d.service, 'database', d.database, NULL, NULL, NULL, NULL, NULL, NULL
  FROM svc.service_database d
 WHERE d.database <> pg_catalog.current_database()
   AND NOT EXISTS (SELECT 1 FROM svc.connection c WHERE c.service = d.service)
UNION ALL
SELECT c.service, 'remote', pg_catalog.min(coalesce(c.database::text, o.option_value))::name, NULL, NULL, NULL, NULL, NULL, NULL
  FROM svc.connection c
  LEFT JOIN pg_catalog.pg_foreign_server f ON f.srvname = c.server
  LEFT JOIN LATERAL pg_catalog.pg_options_to_table(f.srvoptions) o ON o.option_name = 'dbname'
 GROUP BY c.service;
COMMENT ON VIEW svc.services IS
'The services of this database: form (database, schema, logical), place, roles, team; those that it is connected to (remote); and the services that have other databases of the cluster, of which only the database is known here.';

CREATE VIEW svc.tables WITH (security_barrier) AS
SELECT svc.owner_of(c.oid) AS service, c.oid::pg_catalog.regclass AS relation, svc.how_owned(c.oid) AS how
  FROM pg_catalog.pg_class c
  LEFT JOIN svc.assignment a ON a.relation = c.oid
 WHERE (c.relkind IN ('r', 'p', 'f') OR a.relation IS NOT NULL)
   AND c.relpersistence <> 't'
   AND svc.owner_of(c.oid) IS NOT NULL;
COMMENT ON VIEW svc.tables IS
'The tables of services, and other relations that were assigned; how: assigned, or schema (by the schema it lies in).';

CREATE VIEW svc.stores WITH (security_barrier) AS
SELECT t.service, t.store, t.engine, t.uri, t.description
  FROM svc.store t
  JOIN svc.service s ON s.service = t.service
 WHERE pg_catalog.pg_has_role(s.reader, 'MEMBER');
COMMENT ON VIEW svc.stores IS
'What services keep outside PostgreSQL (MongoDB, Redis, ...); each member of a service sees its own.';

GRANT SELECT ON svc.services, svc.tables, svc.stores TO PUBLIC;

-- Provisioning: for superusers, and for those a superuser grants it to

CREATE FUNCTION svc.create_service(service name, database name = NULL, schema name = NULL,
        owner name = NULL, role_prefix name = NULL,
        login name = NULL, password text = NULL, login_level text = 'writer',
        migrator name = NULL, migrator_password text = NULL,
        extensions name[] = '{}', team text = NULL, description text = NULL,
        adopt boolean = false, if_not_exists boolean = false)
    RETURNS text
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_create_service';
COMMENT ON FUNCTION svc.create_service(name, name, name, name, name, name, text, text, name, text, name[], text, text, boolean, boolean) IS
'Makes a service: its roles <prefix>_owner, _writer and _reader, its database or schema (neither given: a logical service, whose tables are assigned one by one), its login, and registers it. Returns created, finished (an earlier call did not come to its end), adopted (something existing was taken over) or unchanged.
service: at most 56 bytes. database: made with this extension in it, owned by the owner role, closed to PUBLIC; needs CREATEDB and CREATEROLE, and cannot be undone by the caller''s transaction, of which there must be none. schema: made, and owned by the owner role; default in a database of its own: public, which then belongs to it. owner: name of the owner role instead of <prefix>_owner. role_prefix: instead of the service''s name. login: role that the service''s processes connect as; password: clear text or a SCRAM verifier; login_level: owner, writer (default) or reader. migrator, migrator_password: a second login, of level owner, for tools. extensions: made in the service''s database where missing. team, description: text, at most 10000 bytes. adopt: take over roles, a database and a schema that exist; changes and removes nothing of them. if_not_exists: a registered service is left as it is.
Errors: 22004, 22023, 42602 an argument is wrong; 42622 a name is too long; 42939 a name is reserved; 42710 the service or a role exists; 42P04, 42P06 the database, the schema or <service>_api exists; 3F000 nothing to adopt; 42501 rights are missing, a superuser would become a service''s role, or the name was promised contracts; 0A000 an extension is not on the server; 25001 with database inside a transaction block or a function; 55000 it was begun in another database, is being dropped, or the database to adopt is a template or allows no connections; 55006 the template database is in use; 53000 no background worker got free within svc_ownership.worker_wait; 57000 the worker ended: call again.';

CREATE FUNCTION svc.alter_service(service name, new_name name = NULL, owner name = NULL,
        team text = NULL, description text = NULL)
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_alter_service';
COMMENT ON FUNCTION svc.alter_service(name, name, name, text, text) IS
'Changes a service; what is not given stays. new_name: renames it and its contract schema; roles and schema keep their names; a name to which contracts were granted in advance needs a superuser. owner: an existing role that becomes its owner role and takes over what the old one owns in the service''s schemas, and its rights there (needs a superuser). team, description: an empty text removes it.
Errors: 42704 no such service or role; 42501 not its owner, or the name was promised contracts; 42710 the name is taken, or the role is another service''s; 42P06 <new_name>_api exists and is not the owner role''s; 42622 name too long; 22023 nothing to change.';

CREATE FUNCTION svc.drop_service(service name, drop_objects boolean = false,
        if_exists boolean = false, force boolean = false, database name = NULL)
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_drop_service';
COMMENT ON FUNCTION svc.drop_service(name, boolean, boolean, boolean, name) IS
'Forgets a service, in this database or in another one of the cluster. drop_objects: also drops its database (called from another one), its schema, its contract schema and its roles, except those that were adopted; without it they stay. if_exists: no error if there is none. force: consumers that are not in the service''s database are not asked, and references into the service wait until another one publishes the same: its contract schema is dropped for that. database: where it is; NULL (default): here, or in the one database that says it is this service''s.
Errors: 22023 there are several, and database was not given; 42704 no such service; 2BP01 others depend on it, with their list; 42501 rights are missing; 25001 for another database inside a transaction block or a function; 55006 its database is in use, or is this one; 55000 it is not finished, and drop_objects was not given; 53000 no background worker got free; 57000 the worker ended: call again.';

-- For a service's owner

CREATE FUNCTION svc.grant_role(service name, role name, level text) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_grant_role';
COMMENT ON FUNCTION svc.grant_role(name, name, text) IS
'Makes a role a declared member of a service, or changes its level. level: owner (needs ADMIN OPTION on the owner role), writer or reader.
Errors: 42704 no such service or role, or its role of this level was dropped; 22023 no such level; 42501 rights are missing, or the role is another service''s; 0LP01 the role is one of the service''s own.';

CREATE FUNCTION svc.revoke_role(service name, role name) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_revoke_role';
COMMENT ON FUNCTION svc.revoke_role(name, name) IS
'Ends a role''s membership in a service, whoever granted it, and what the role granted further; the role itself stays.
Errors: 42704 no such service or role, or not a declared member; 42501 not the service''s owner.';

CREATE FUNCTION svc.assign(service name, VARIADIC relations regclass[]) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_assign';
COMMENT ON FUNCTION svc.assign(name, regclass[]) IS
'Assigns tables, views and materialized views to a service, and grants its roles their rights on them; takes no right away. USAGE on the schema they lie in is granted where the caller may grant it; else a NOTICE tells, and svc.check_grants() lists it. A partitioned table brings its partitions along. relations: at most 100000.
Errors: 42704 no such service; 42P01 no such relation; 42501 not the owner of the service or of a relation, or a system catalog; 42710 already assigned; 42809 not a table or view, a partition, or a foreign table; 42P16 a temporary table; 55000 an extension''s table.';

CREATE FUNCTION svc.release(VARIADIC relations regclass[]) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_release';
COMMENT ON FUNCTION svc.release(regclass[]) IS
'Ends the assignment of relations to their services, and takes back the rights of the roles that svc.create_service made for the service. relations: at most 100000.
Errors: 42704 not assigned; 42501 not the owner of the service.';

CREATE FUNCTION svc.add_store(service name, store name, engine text, uri text = NULL, description text = NULL)
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_add_store';
COMMENT ON FUNCTION svc.add_store(name, name, text, text, text) IS
'Records what a service keeps elsewhere; nothing is ever contacted. engine: such as mongodb or redis. uri: where, without a password.
Errors: 42704 no such service; 42710 the store exists; 22023 the uri holds a password; 42501 not the service''s owner.';

CREATE FUNCTION svc.drop_store(service name, store name) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_drop_store';
COMMENT ON FUNCTION svc.drop_store(name, name) IS
'Forgets a store. Errors: 42704 no such service or store; 42501 not the service''s owner.';

CREATE FUNCTION svc.repair_settings() RETURNS int
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_repair_settings';
COMMENT ON FUNCTION svc.repair_settings() IS
'Sets again what this database and its services'' roles in it had as settings, and a dump of one database does not carry (pg_dump without -C, a restore under another name, CREATE DATABASE ... TEMPLATE); closes the database of a service to PUBLIC again; confirms services that their own users restored. Returns how many statements that took; 0: nothing was missing.
Errors: 42501 not a superuser.';

REVOKE EXECUTE ON FUNCTION svc.repair_settings, svc.create_service, svc.alter_service, svc.drop_service,
    svc.grant_role, svc.revoke_role, svc.assign, svc.release, svc.add_store, svc.drop_store
    FROM PUBLIC;
