-- core.sql: the two schemas, and what the whole extension stands on.
--
-- Schema svc is what people call, always written out; svc_triggers holds one
-- function and is what services get at the end of their search_path.

CREATE SCHEMA svc;
CREATE SCHEMA svc_triggers;
COMMENT ON SCHEMA svc IS 'svc_ownership: services and what they own; always write the schema out';
COMMENT ON SCHEMA svc_triggers IS 'svc_ownership: trigger functions that migration files call without a schema';
GRANT USAGE ON SCHEMA svc, svc_triggers TO PUBLIC;

-- Triggers on the catalog tables, and event triggers (made last, in
-- events.sql).  Nobody calls them otherwise.

CREATE FUNCTION svc.guard_catalog() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_guard_catalog';
COMMENT ON FUNCTION svc.guard_catalog() IS
'Trigger on catalog tables: lets through the extension''s own functions and superusers, and of others the rows of a restore that give no power that is not there without them. Errors: 42501 anything else; 25001 a restore at another isolation level than READ COMMITTED; 54000 a value is too long.';

CREATE FUNCTION svc.catalog_changed() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_catalog_changed';
COMMENT ON FUNCTION svc.catalog_changed() IS
'Trigger on catalog tables: makes every session forget what it remembers of them, one message a statement.';

CREATE FUNCTION svc.service_changed() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_service_changed';
COMMENT ON FUNCTION svc.service_changed() IS
'Trigger on svc.service: opens the catalog to a service''s owner role, and closes it when the service goes or gets another.';

CREATE FUNCTION svc.service_cascade() RETURNS trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_service_cascade';
COMMENT ON FUNCTION svc.service_cascade() IS
'Trigger on svc.service: renames the service in the other catalog tables, or deletes it there; what its own user restored before it gets in.';

CREATE FUNCTION svc.on_ddl() RETURNS event_trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_on_ddl';
COMMENT ON FUNCTION svc.on_ddl() IS
'Event trigger on ddl_command_end: follows renames, moves, partitions and grants, grants rights on new objects, protects contracts. Errors: 55000 a published view was altered.';

CREATE FUNCTION svc.on_drop() RETURNS event_trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_on_drop';
COMMENT ON FUNCTION svc.on_drop() IS
'Event trigger on sql_drop: forgets what was dropped, protects contracts. Errors: 2BP01 a published view was named by DROP.';

CREATE FUNCTION svc.on_drop_table() RETURNS event_trigger
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_on_drop_table';
COMMENT ON FUNCTION svc.on_drop_table() IS
'Event trigger on ddl_command_start of DROP TABLE: takes the rows of dropped partitions and children off counters; and of DROP EXTENSION: waits for who writes.';

REVOKE EXECUTE ON FUNCTION svc.guard_catalog, svc.catalog_changed, svc.service_changed, svc.service_cascade, svc.on_ddl, svc.on_drop, svc.on_drop_table
    FROM PUBLIC;
