-- script.sql: what is made of a file.

CREATE FUNCTION svc.read_migration(
    file_name text, content text, format text DEFAULT 'auto', variables jsonb DEFAULT '{}',
    OUT direction text, OUT number int, OUT line int, OUT statement text, OUT transactional boolean
) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'svc_read_migration';
COMMENT ON FUNCTION svc.read_migration(text, text, text, jsonb) IS
'What is made of a migration''s file, without running it. Arguments: the file''s name, its text, its format (plain, flyway, goose, drizzle, golang-migrate, or auto: by name and text) and the values of its placeholders ({"name": "value"}). For Flyway and plain files a row is a statement; for the others it is what the tool sends to the server at once. direction: up or down; number: from 1 in each direction; line: where it begins in the file; transactional: can it run in a transaction block, NULL if PostgreSQL cannot read it. Anybody may call it. Errors: 22004 an argument is NULL; 22023 a format or variable that cannot be; 42601 a wrong annotation, or a statement that cannot be read, with file and line; 42P02 a placeholder without a value.';
