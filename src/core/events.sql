-- events.sql: the event triggers.  Assembled last: from here on they fire.

CREATE EVENT TRIGGER svc_ownership_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE VIEW', 'CREATE MATERIALIZED VIEW',
                 'CREATE SEQUENCE', 'CREATE FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA', 'CREATE SCHEMA',
                 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER SEQUENCE',
                 'ALTER FOREIGN TABLE', 'ALTER INDEX', 'ALTER TYPE', 'ALTER SCHEMA', 'CREATE RULE', 'CREATE TRIGGER')
    EXECUTE FUNCTION svc.on_ddl();

CREATE EVENT TRIGGER svc_ownership_drop ON sql_drop
    EXECUTE FUNCTION svc.on_drop();
