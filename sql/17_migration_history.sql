-- What was run and what is to come: the states of Flyway's info for every case, its verdicts, repair and baseline,
-- and the history tables of the tools, adopted, followed and written as they write them.
SET client_min_messages = warning;
SELECT svc.create_service('regress_h', schema => 'regress_h', login => 'regress_h_user', login_level => 'owner');
SELECT svc.create_service('regress_o', schema => 'regress_o', login => 'regress_o_user', login_level => 'owner');
CREATE ROLE regress_nobody;

-- the table that Flyway makes
CREATE FUNCTION pg_temp.make_flyway() RETURNS void LANGUAGE sql AS $$
CREATE TABLE regress_h.flyway_schema_history (
    installed_rank INT NOT NULL, version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL, checksum INTEGER, installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT now(), execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL);
ALTER TABLE regress_h.flyway_schema_history ADD CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank);
CREATE INDEX flyway_schema_history_s_idx ON regress_h.flyway_schema_history (success);
ALTER TABLE regress_h.flyway_schema_history OWNER TO regress_h_owner;
$$;
SELECT pg_temp.make_flyway();

-- A case: files (all empty, so that their checksum is 0) and rows of Flyway's table, each a word:
-- version or "R", type but for SQL after a colon, "!" failed, "~" another checksum, "=name" another description.
-- The result: what svc.migrations and svc.validate_migrations say.
CREATE FUNCTION pg_temp.look(files text, history text, OUT states text, OUT problems text) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM svc.migration_history WHERE service = 'regress_h';
    DELETE FROM svc.migration_content WHERE service = 'regress_h';
    DELETE FROM svc.migration_file WHERE service = 'regress_h';
    DELETE FROM svc.migration_source WHERE service = 'regress_h';
    TRUNCATE regress_h.flyway_schema_history;
    PERFORM svc.load_migrations('regress_h', (SELECT jsonb_object_agg(f || '__m.sql', '') FROM unnest(string_to_array(files, ' ')) f), 'flyway')
      WHERE files <> '';
    INSERT INTO regress_h.flyway_schema_history
    SELECT n, CASE WHEN w[1] <> 'R' THEN w[1] END, COALESCE(w[5], 'm'), COALESCE(w[2], 'SQL'), 'x', CASE WHEN w[4] IS NULL THEN 0 ELSE 1 END,
           'tool', '2026-01-01', 7, w[3] IS NULL
      FROM regexp_split_to_table(NULLIF(history, ''), ' ') WITH ORDINALITY AS r(word, n),
           regexp_match(word, '^([0-9.R]*)(?::(\w+))?(!)?(~)?(?:=(\w+))?$') AS w;
    PERFORM svc.adopt_history('regress_h', 'flyway');
    states := (SELECT string_agg(COALESCE(m.version, 'R') || ' ' || m.state, ', ' ORDER BY m.n)
                 FROM svc.migrations('regress_h') WITH ORDINALITY AS m(version, description, kind, state, script, checksum, installed_by,
                      installed_at, duration, attempts, statement, statements, error, n));
    problems := (SELECT string_agg(COALESCE(v.version, 'R') || ' ' || v.problem, ', ') FROM svc.validate_migrations('regress_h') v);
END $$;

-- every state, and the order of the lines
CREATE TEMP TABLE cases (n serial, what text, files text, history text);
INSERT INTO cases (what, files, history) VALUES
    ('nothing run', 'V1 V2 R', ''),
    ('all run', 'V1 V2 R', '1 2 R'),
    ('versions are numbers', 'V001 V2.0 V10', '1 2 10.0'),
    ('below what is run', 'V1 V2 V3', '1 3'),
    ('run late', 'V1 V2 V3', '1 3 2'),
    ('twice', 'V1 V2', '1 2 2'),
    ('changed', 'V1 V2', '1~ 2'),
    ('renamed', 'V1 V2', '1=other 2'),
    ('changed and renamed, at the baseline', 'V1 V2 V3', '2:BASELINE 3'),
    ('file gone', 'V1 V3', '1 2 3'),
    ('later than all files', 'V1', '1 2'),
    ('no files', '', '1 2 R'),
    ('failed', 'V1 V2', '1 2!'),
    ('failed, file gone', 'V1 V3', '1 2!'),
    ('failed, later than all files', 'V1', '1 2!'),
    ('baseline', 'V1 V2 V3', '2:BASELINE'),
    ('baseline and one more', 'V1 V2 V3', '2:BASELINE 3'),
    ('a schema that Flyway made', 'V1', 'R:SCHEMA 1'),
    ('repeatable changed', 'V1 R', '1 R~'),
    ('repeatable run again', 'V1 R', '1 R~ R'),
    ('repeatable run again, and changed', 'V1 R', '1 R R~'),
    ('repeatable gone', 'V1', '1 R'),
    ('repeatable gone, run twice', 'V1', '1 R~ R'),
    ('repeatable failed', 'V1 R', '1 R!'),
    ('deleted', 'V1 V2', '1 2 2:DELETE'),
    ('deleted and run again', 'V1 V2', '1 2 2:DELETE 2'),
    ('deleted below a later one', 'V1 V2 V3', '1 2 3 2:DELETE'),
    ('deleted, file gone', 'V1', '1 2 2:DELETE'),
    ('a deletion of nothing', 'V1', '1 5:DELETE'),
    ('a deletion that failed', 'V1 V2', '1 2 2:DELETE!'),
    ('repeatable deleted', 'V1 R', '1 R R:DELETE'),
    ('repeatable deleted, and run again', 'V1 R', '1 R R:DELETE R'),
    ('undone by the paid edition', 'V1 V2', '1 2 2:UNDO_SQL'),
    ('Java', 'V1 V2', '1 2:JDBC'),
    ('B file, nothing run', 'V1 B2 V2 V3', ''),
    ('B file, something run', 'V1 B2 V2 V3', '1'),
    ('B files, nothing run', 'V1 B1 B2 V3', ''),
    ('B file, run', 'V1 B2 V2 V3', '2:SQL_BASELINE'),
    ('B file, run, and another', 'B2 V3 B4', '2:SQL_BASELINE 3'),
    ('undo scripts and callbacks', 'V1 U1 V2 U2', '1');
\pset format unaligned
SELECT what || ': ' || files || ' / ' || history AS "case", l.* FROM cases, pg_temp.look(files, history) l ORDER BY n;
