-- store.sql: migrations as the database keeps them.

-- Text that only the service's owners can read, though their roles have SELECT
-- on all tables of the catalog: the output function looks who asks

CREATE TYPE svc.private_text;

CREATE FUNCTION svc.private_text_in(value cstring) RETURNS svc.private_text
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'svc_private_text_in';
COMMENT ON FUNCTION svc.private_text_in(cstring) IS
'Input of svc.private_text: the name of a service (with \n for a newline and \\ for a backslash), a newline, and text. Errors: 22P02 another form.';

CREATE FUNCTION svc.private_text_out(value svc.private_text) RETURNS cstring
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'svc_private_text_out';
COMMENT ON FUNCTION svc.private_text_out(svc.private_text) IS
'Output of svc.private_text, for members of the owner role of the service that it names, and superusers. Errors: 42501 for anybody else.';

CREATE TYPE svc.private_text (
    INPUT = svc.private_text_in,
    OUTPUT = svc.private_text_out,
    INTERNALLENGTH = VARIABLE,
    STORAGE = extended
);
COMMENT ON TYPE svc.private_text IS
'Text of a service in the catalog, shown to members of its owner role and superusers only: what files of migrations and their errors say. No comparison, no binary form.';
REVOKE USAGE ON TYPE svc.private_text FROM PUBLIC;

-- Tables

CREATE TABLE svc.migration_source (
    service      name NOT NULL,
    format       text NOT NULL,
    settings     jsonb NOT NULL DEFAULT '{}',
    history      regclass,
    placeholders svc.private_text,
    CONSTRAINT migration_source_pkey PRIMARY KEY (service),
    CONSTRAINT migration_source_format_check CHECK (format IN ('plain', 'flyway', 'goose', 'drizzle', 'golang-migrate')),
    CONSTRAINT migration_source_settings_check CHECK (pg_catalog.jsonb_typeof(settings) = 'object')
);
COMMENT ON TABLE svc.migration_source IS
'Catalog: the format of a service''s migrations, what its flyway.conf or journal says, and the adopted history table of the tool that ran them before.';

CREATE TABLE svc.migration_file (
    service       name NOT NULL,
    script        text NOT NULL,
    kind          text NOT NULL,
    version       text,
    description   text NOT NULL,
    event         text,
    position      int NOT NULL,
    checksum      text NOT NULL,
    created_at    bigint NOT NULL,
    has_undo      boolean NOT NULL,
    transactional boolean,
    placeholders  boolean NOT NULL,
    size          bigint NOT NULL,
    present       boolean NOT NULL,
    loaded_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT migration_file_pkey PRIMARY KEY (service, script),
    CONSTRAINT migration_file_kind_check CHECK (kind IN ('versioned', 'repeatable', 'baseline', 'undo', 'callback')),
    CONSTRAINT migration_file_version_check CHECK ((version IS NULL) = (kind IN ('repeatable', 'callback'))),
    CONSTRAINT migration_file_event_check CHECK (event IS NOT NULL OR kind <> 'callback'),
    CONSTRAINT migration_file_size_check CHECK (size >= 0)
);
COMMENT ON TABLE svc.migration_file IS
'Catalog: the files of a service''s migrations, without their text. present: among those that were loaded last. Read svc.migrations(service).';

-- content: text that only the service's owners can read (svc.private_text)
CREATE TABLE svc.migration_content (
    service name NOT NULL,
    script  text NOT NULL,
    part    int NOT NULL,
    content svc.private_text NOT NULL,
    CONSTRAINT migration_content_pkey PRIMARY KEY (service, script, part)
);
COMMENT ON TABLE svc.migration_content IS
'Catalog: the text of a service''s migration files, in parts; empty with svc_ownership.migration_text off.';

CREATE TABLE svc.migration_history (
    service      name NOT NULL,
    attempt      int NOT NULL,
    action       text NOT NULL,
    outcome      text NOT NULL,
    kind         text NOT NULL,
    version      text,
    description  text NOT NULL,
    script       text NOT NULL,
    checksum     text,
    statement    int,
    statements   int,
    done_hash    text,
    sqlstate     text,
    error        svc.private_text,
    installed_by name NOT NULL,
    started_at   timestamptz,
    duration     interval,
    tool_key     bigint,
    CONSTRAINT migration_history_pkey PRIMARY KEY (service, attempt),
    CONSTRAINT migration_history_attempt_check CHECK (attempt > 0),
    CONSTRAINT migration_history_action_check CHECK (action IN ('apply', 'undo', 'baseline', 'delete')),
    CONSTRAINT migration_history_outcome_check CHECK (outcome IN ('running', 'success', 'failed', 'rolled back', 'abandoned')),
    CONSTRAINT migration_history_kind_check CHECK (kind IN ('versioned', 'repeatable', 'baseline', 'undo', 'callback')),
    CONSTRAINT migration_history_version_check CHECK ((version IS NULL) = (kind = 'repeatable'))
);
COMMENT ON TABLE svc.migration_history IS
'Catalog: every attempt at a migration. action: apply, undo, baseline, delete (its file is known to be gone). outcome: running, success, failed (half done, to be resumed), rolled back, abandoned (half done, to be started again). statement: how many of its statements are done. tool_key: the row in the adopted tool''s table. Read svc.migrations(service).';

-- Nobody keeps a copy of such a row: who later owned a service of that name could read it
REVOKE USAGE ON TYPE svc.migration_source, svc.migration_content, svc.migration_history FROM PUBLIC;
-- pg_dump knows no rights of such types, and would complain of initial ones
DELETE FROM pg_catalog.pg_init_privs
 WHERE classoid = 'pg_catalog.pg_type'::pg_catalog.regclass
   AND objoid IN ('svc.migration_source'::pg_catalog.regtype, 'svc.migration_content'::pg_catalog.regtype, 'svc.migration_history'::pg_catalog.regtype);

-- Only our own functions and superusers write these tables, but for rows of a
-- restore by the service's own user.  Whoever dumps gets the rows whose text he
-- may read.

CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.migration_source
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.migration_source
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.migration_source ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.migration_source', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''USAGE'')) AND (history IS NULL OR history IN (SELECT c.oid FROM pg_catalog.pg_class c))');
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.migration_file
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.migration_file
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.migration_file ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.migration_file', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''USAGE''))');
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.migration_content
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.migration_content
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.migration_content ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.migration_content', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''USAGE''))');
CREATE TRIGGER guard_rows BEFORE INSERT OR UPDATE OR DELETE ON svc.migration_history
    FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON svc.migration_history
    FOR EACH STATEMENT EXECUTE FUNCTION svc.guard_catalog();
ALTER TABLE svc.migration_history ENABLE ALWAYS TRIGGER guard_rows, ENABLE ALWAYS TRIGGER guard_truncate;
SELECT pg_catalog.pg_extension_config_dump('svc.migration_history', 'WHERE service IN (SELECT s.service FROM svc.service s WHERE pg_catalog.pg_has_role(s.owner, ''USAGE''))');

-- The name of the service is part of its texts
CREATE FUNCTION svc.migration_renamed() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_migration_renamed';
COMMENT ON FUNCTION svc.migration_renamed() IS
'Trigger on catalog tables with texts of type svc.private_text: they become those of the service that the row names now.';
REVOKE EXECUTE ON FUNCTION svc.migration_renamed FROM PUBLIC;
CREATE TRIGGER renamed BEFORE UPDATE OF service ON svc.migration_source
    FOR EACH ROW WHEN (OLD.service <> NEW.service) EXECUTE FUNCTION svc.migration_renamed();
CREATE TRIGGER renamed BEFORE UPDATE OF service ON svc.migration_content
    FOR EACH ROW WHEN (OLD.service <> NEW.service) EXECUTE FUNCTION svc.migration_renamed();
CREATE TRIGGER renamed BEFORE UPDATE OF service ON svc.migration_history
    FOR EACH ROW WHEN (OLD.service <> NEW.service) EXECUTE FUNCTION svc.migration_renamed();

GRANT INSERT ON svc.migration_source, svc.migration_file, svc.migration_content, svc.migration_history TO PUBLIC;

-- Functions for owners

CREATE FUNCTION svc.load_migrations(service name, directory text, format text = 'auto') RETURNS int
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_load_migrations_directory';
COMMENT ON FUNCTION svc.load_migrations(name, text, text) IS
'Keeps the migrations of a directory of the server and its folders in the database, without running them; returns how many files are new or changed. What is not among them goes, unless it was run. service: of this database. directory: inside svc_ownership.migration_directory; for superusers, with that setting empty, any from the root. format: plain, flyway, goose, drizzle, golang-migrate, or auto, which finds out.
Errors: 42501 not the owner, not a member of pg_read_server_files, or outside of the setting; 42704 no such service here; 22023 a file or name that the format refuses, or no migrations though there is a history; 42809 a symbolic link, or no regular file; 58P01 no such directory; 22021 text that is not UTF-8; 54000 more than 100000 files, 16 folders deep or 1 GB.';

CREATE FUNCTION svc.load_migrations(service name, files jsonb, format text = 'auto') RETURNS int
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_load_migrations_files';
COMMENT ON FUNCTION svc.load_migrations(name, jsonb, text) IS
'Keeps migrations that the caller hands over in the database, without running them; returns how many files are new or changed. What is not among them goes, unless it was run. service: of this database. files: an object of names (with / for folders) and contents. format: plain, flyway, goose, drizzle, golang-migrate, or auto, which finds out.
Errors: 42501 not the owner; 42704 no such service here; 22023 no object of strings, a file or name that the format refuses, or no migrations though there is a history; 54000 more than 100000 files or 1 GB.';

REVOKE EXECUTE ON FUNCTION svc.load_migrations(name, text, text), svc.load_migrations(name, jsonb, text) FROM PUBLIC;
