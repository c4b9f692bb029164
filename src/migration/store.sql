-- store.sql: migrations as the database keeps them.

CREATE TABLE svc.migration_source (
    service   name NOT NULL,
    format    text NOT NULL,
    settings  jsonb NOT NULL DEFAULT '{}',
    history   regclass,
    CONSTRAINT migration_source_pkey PRIMARY KEY (service)
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
    CONSTRAINT migration_file_pkey PRIMARY KEY (service, script)
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
    CONSTRAINT migration_history_pkey PRIMARY KEY (service, attempt)
);
COMMENT ON TABLE svc.migration_history IS
'Catalog: every attempt at a migration. action: apply, undo, baseline, delete (its file is known to be gone). outcome: running, success, failed (half done, to be resumed), rolled back, abandoned (half done, to be started again). statement: how many of its statements are done. tool_key: the row in the adopted tool''s table. Read svc.migrations(service).';
