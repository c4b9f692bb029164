-- events.sql: the event triggers.  Assembled last: from here on they fire.

CREATE EVENT TRIGGER svc_ownership_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE VIEW', 'CREATE MATERIALIZED VIEW',
                 'CREATE SEQUENCE', 'CREATE FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA', 'CREATE SCHEMA',
                 'CREATE RULE', 'CREATE TRIGGER',
                 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER SEQUENCE',
                 'ALTER FOREIGN TABLE', 'ALTER INDEX', 'ALTER SCHEMA',
                 -- names that filters of counters use
                 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER OPERATOR',
                 'ALTER COLLATION', 'ALTER EXTENSION',
                 -- by which references are known
                 'ALTER TRIGGER',
                 -- by which keys can be asked for that could not be
                 'GRANT')
    EXECUTE FUNCTION svc.on_ddl();

CREATE EVENT TRIGGER svc_ownership_drop ON sql_drop
    EXECUTE FUNCTION svc.on_drop();

-- While the rows can still be counted; and before the extension's tables are locked
CREATE EVENT TRIGGER svc_ownership_drop_table ON ddl_command_start
    WHEN TAG IN ('DROP TABLE', 'DROP EXTENSION')
    EXECUTE FUNCTION svc.on_drop_table();
