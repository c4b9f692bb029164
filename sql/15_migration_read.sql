-- How files are read as migrations: by the rules of the tools, whose histories and checksums must fit ours.
SET client_min_messages = notice;
CREATE ROLE regress_reader;
SELECT svc.create_service('readings');
-- what is made of a folder; the format's settings, if any
CREATE FUNCTION pg_temp.read(files jsonb, format text DEFAULT 'auto')
    RETURNS TABLE (kind text, version text, description text, event text, script text, created_at bigint, undo boolean, transactional boolean, placeholders boolean) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM svc.load_migrations('readings', files => files, format => format);
    RETURN QUERY SELECT f.kind, f.version, f.description, f.event, f.script, f.created_at, f.has_undo, f.transactional, f.placeholders
      FROM svc.migration_file f ORDER BY f.position;
END $$;
-- names of files, each with a text that serves most formats
CREATE FUNCTION pg_temp.files(VARIADIC names text[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(n, E'-- +goose Up\nSELECT 1;') FROM unnest(names) n $$;
CREATE FUNCTION pg_temp.format(files jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM svc.load_migrations('readings', files => files);
    RETURN (SELECT format || ' ' || settings || COALESCE(' ' || substr(placeholders::text, 10), '') FROM svc.migration_source);
END $$;

\set SHOW_CONTEXT never
-- plain files: without digits first
SELECT kind, version, description, script FROM pg_temp.read('{"010_b.sql": "", "9 c.sql": "", "z.sql": "", "A_file.sql": "", "sub/011-d_e.SQL": "", "readme.txt": "", "99999999999999999999.sql": ""}');
SELECT * FROM pg_temp.read('{"1_a.sql": "", "sub/01_b.sql": ""}');

-- Flyway: names, order, and what it passes over
SELECT kind, version, description, script FROM pg_temp.read(pg_temp.files('V001__lf.sql', 'V2_1__x.sql', 'sub/V2.0.5__In_Sub_Dir.sql', 'V10__ten.SQL', 'V20240101120002.sql', 'V3__with__double.sql',
    'V4__.sql', 'B2_1__base.sql', 'U1__x.sql', 'R__.sql', 'R__view one.sql', 'R__View_one.sql', 'R__2view.sql', 'R__Äx.sql', 'R__b_two.sql', 'R__😀.sql', 'R__豈.sql',
    'V4_ok_single.sql', 'Vabc__x.sql', 'v3__x.sql', 'R1__x.sql', 'V1..2__x.sql', 'V.1__x.sql', 'V1.__x.sql', 'V__x.sql', 'x.sql', 'V5__x.txt', 'flyway.toml'), 'flyway');
SELECT kind, event, description, script FROM pg_temp.read(pg_temp.files('beforeMigrate.sql', 'beforeMigrate__b.sql', 'beforeMigrate__a.sql', 'beforeEachMigrate.sql', 'beforeEachMigrateStatement__x.sql',
    'afterMigrateApplied.sql', 'afterMigrate.sql', 'createSchema.sql', 'beforeMigrateX.sql', 'afterSomething.sql'), 'flyway');
-- Flyway: duplicates
SELECT * FROM pg_temp.read(pg_temp.files('V1__a.sql', 'sub/V1.0__b.sql'), 'flyway');
SELECT * FROM pg_temp.read(pg_temp.files('V01__a.sql', 'V1_00__b.sql'), 'flyway');
SELECT * FROM pg_temp.read(pg_temp.files('R__a.sql', 'sub/R__a.sql'), 'flyway');
SELECT * FROM pg_temp.read(pg_temp.files('afterMigrate__a.sql', 'sub/afterMigrate__a.sql'), 'flyway');
SELECT kind, version FROM pg_temp.read(pg_temp.files('V1__a.sql', 'B1__a.sql', 'U1__a.sql', 'R__a.sql', 'R__A.sql'), 'flyway');
-- Flyway: what it would take for a version, and we do not; what its table does not hold
SELECT * FROM pg_temp.read(pg_temp.files('V-5__neg.sql'), 'flyway');
SELECT * FROM pg_temp.read(pg_temp.files('V+6__pos.sql'), 'flyway');
SELECT * FROM pg_temp.read(pg_temp.files('Vlatest__x.sql'), 'flyway');
SELECT * FROM pg_temp.read(pg_temp.files('V1.' || repeat('0', 48) || '__x.sql'), 'flyway') WHERE version IS NULL;
SELECT * FROM pg_temp.read(pg_temp.files('V1.' || repeat('0', 49) || '__x.sql'), 'flyway');
-- Flyway: files of settings
SELECT kind, version, transactional, placeholders FROM pg_temp.read('{"V1__a.sql": "SELECT ${x};", "V1__a.sql.conf": "# no\nexecuteInTransaction=false\n", "V2__b.sql": "SELECT ${x};", "V2__b.sql.conf": "placeholderReplacement = FALSE\r\nencoding: utf-8", "V3__c.sql": "SELECT 1;", "V4__d.sql": "${x}", "V4__d.sql.conf": "executeInTransaction true"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "V1__a.sql.conf": "\nexecuteInTransaction=no"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "V1__a.sql.conf": "\n\nencoding=LATIN1"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "V1__a.sql.conf": "shouldExecute=false"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "V1__a.sql.conf": "what=ever"}');
SELECT pg_temp.format('{"V1__a.sql": "", "flyway.conf": "# a comment\n! another\nflyway.url = jdbc:postgresql://x/y\nflyway.password=secret\nflyway.table=history\nflyway.schemas=app, aux,app2\nflyway.defaultSchema = aux\n flyway.baselineOnMigrate = TRUE\nflyway.baselineVersion=1_0\nflyway.baselineDescription=From the \\old\\ days\nflyway.outOfOrder=false\nflyway.placeholders.who=me \\\n  and you\nflyway.placeholders.path=C:\\temp\\\nflyway.placeholders.Ünï=\"x\"\nflyway.sqlMigrationPrefix=V\nflyway.target=latest\n"}');
SELECT script, placeholders FROM pg_temp.read('{"V1__a.sql": "${x}", "V2__b.sql": "${x}", "V2__b.sql.conf": "placeholderReplacement=true", "conf/flyway.conf": "flyway.placeholderReplacement=false"}');
SELECT * FROM pg_temp.read('{"V4_x.sql": "", "V1__a.sql": "", "flyway.conf": "flyway.validateMigrationNaming=true"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "flyway.conf": "\nflyway.sqlMigrationPrefix=M"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "flyway.conf": "\nflyway.placeholders.x=${HOME}"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "flyway.conf": "flyway.outOfOrder=maybe"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "flyway.conf": "flyway.baselineVersion=one"}');
SELECT * FROM pg_temp.read('{"V1__a.sql": "", "flyway.conf": "", "conf/flyway.conf": ""}');

-- Flyway's checksums, as the tool computed them
CREATE FUNCTION pg_temp.checksum(file bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM svc.load_migrations('readings', files => jsonb_build_object('V1__x.sql', convert_from(file, 'UTF8')), format => 'flyway');
    RETURN (SELECT checksum FROM svc.migration_file);
END $$;
SELECT n, pg_temp.checksum(file) = expected AS agrees, expected FROM (VALUES
    (1, ''::bytea, '0'), (2, E'\n\r\n\n', '0'), (3, '\xEFBBBF', '0'),
    (4, 'SELECT 1;', '78787420'), (5, E'SELECT 1;\n', '78787420'), (6, E'SELECT 1;\r\n\r\n', '78787420'),
    (7, E'SELECT\n1;', '-713821291'), (8, E'SELECT 1; \n', '-1951047511'),
    (9, E'CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n', '-279898995'),
    (10, E'CREATE TABLE b (id int);\r\nINSERT INTO b VALUES (1);\r\n', '914031549'),
    (11, E'CREATE TABLE c (id int);\nINSERT INTO c VALUES (1);', '2124222125'),
    (12, '\xEFBBBF'::bytea || E'CREATE TABLE d (id int);\n', '-1416942565'),
    (13, E'\n\n  CREATE TABLE e (id int);\n\n\n\t\n', '2050810785'),
    (14, convert_to(E'CREATE TABLE f (t text DEFAULT ''héllo — 世界 😀'');\n', 'UTF8'), '-1914717730'),
    (15, E'CREATE TABLE g (id int);\rINSERT INTO g VALUES (1);\r', '-2039202644'),
    (16, E'SELECT 1;\x0BSELECT 2;\x0C\n', '62881012'),
    (17, convert_to(E'SELECT ''a\u2028b\u2029c\u0085d'';\n', 'UTF8'), '606058796'),
    (18, E'CREATE OR REPLACE VIEW v1 AS SELECT ''${flyway:defaultSchema}'' AS s;\n', '726024590'),
    (19, E'abc\ndef efg\nxyz', '989464445'), (20, E'abc\r\ndef efg\nxyz\r\n', '989464445'),
    (21, E'\n'::bytea || '\xEFBBBF' || 'SELECT 1;', '-1606921097')) v (n, file, expected) ORDER BY n;

-- Goose: names; only SQL files, and not in subfolders
SELECT version, description, script, undo, transactional FROM pg_temp.read('{"00001_create_users.sql": "-- +goose Up\n-- +goose Down\n", "20240101120000_b.sql": "-- +goose NO TRANSACTION\n-- +goose Up\n", "3_.sql": "-- +goose Up\n", "sub/4_x.sql": "", "5_x.SQL": "", "00006_code.go": "", "notes.txt": ""}');
SELECT * FROM pg_temp.read(pg_temp.files('1_a.sql', '0_b.sql'), 'goose');
SELECT * FROM pg_temp.read(pg_temp.files('-1_b.sql'), 'goose');
SELECT * FROM pg_temp.read(pg_temp.files('1_a.sql', 'seed.sql'));
SELECT * FROM pg_temp.read(pg_temp.files('1_a.sql', '00001_b.sql'));
SELECT version FROM pg_temp.read(pg_temp.files('9223372036854775807_a.sql', '7_gap.sql'));
SELECT * FROM pg_temp.read(pg_temp.files('9223372036854775808_a.sql'));
-- Goose: wrong annotations are found before anything is run; values are not needed yet
SELECT * FROM pg_temp.read('{"1_a.sql": "-- +goose Up\nSELECT 1;\n-- +goose Dwon\n"}');
SELECT * FROM pg_temp.read('{"1_a.sql": "-- +goose Up\nSELECT 1;\n", "2_b.sql": "-- +goose Up\n\nSELECT 2\n"}');
SELECT * FROM pg_temp.read('{"1_a.sql": "-- +goose Up\nSELECT 1;\n", "2_b.sql": "SELECT 2;\n"}');
SELECT version, undo, placeholders FROM pg_temp.read('{"1_a.sql": "-- +goose Up\n-- +goose ENVSUB ON\nSELECT ${X?};\nSELECT 1 $SEMICOLON\n-- +goose Down\n"}');
SELECT * FROM pg_temp.read(jsonb_build_object('1_a.sql', E'-- +goose Up\nSELECT ' || repeat('1', 4 * 1024 * 1024 - 8) || E';\n'));
SELECT version FROM pg_temp.read(jsonb_build_object('1_a.sql', E'-- +goose Up\nSELECT ' || repeat('1', 4 * 1024 * 1024 - 9) || E';\n'));

-- golang-migrate: names
SELECT kind, version, description, script FROM pg_temp.read(pg_temp.files('001_a.up.sql', '001_a.down.sql', '3_only_up.up.sql', '5_only_down.down.sql', '7_a.up.b.down.c.up.sql', '0_.up.sql', '8_x.up.',
    '9_x.UP.sql', '10-x.up.sql', 'x_y.up.sql', 'sub/11_x.up.sql', '12.up.sql', '13_x.sql'), 'golang-migrate');
SELECT * FROM pg_temp.read(pg_temp.files('1_a.up.sql', '01_b.up.sql'), 'golang-migrate');
SELECT * FROM pg_temp.read(pg_temp.files('1_a.down.sql', '01_b.down.sql', '1_a.up.sql'), 'golang-migrate');
SELECT * FROM pg_temp.read(pg_temp.files('18446744073709551615_a.up.sql'), 'golang-migrate');

-- Drizzle: a journal, whose order counts
SELECT pg_temp.format('{"meta/_journal.json": "{\"version\": \"7\", \"entries\": []}"}');
SELECT version, description, script, created_at FROM pg_temp.read('{"0000_puzzling_flatman.sql": "", "0001_test.sql": "", "zzz.sql": "", "meta/0000_snapshot.json": "{}",
    "meta/_journal.json": "{\"version\": \"7\", \"dialect\": \"postgresql\", \"entries\": [{\"idx\": 0, \"version\": \"7\", \"when\": 1700000000123, \"tag\": \"0001_test\", \"breakpoints\": true}, {\"idx\": 1, \"when\": 1600000000000, \"tag\": \"0000_puzzling_flatman\"}]}"}');
SELECT * FROM pg_temp.read('{"0000_a.sql": "", "meta/_journal.json": "{\"entries\": [{\"when\": 1, \"tag\": \"0001_b\"}]}"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\"entries\": [{\"when\": 1, \"tag\": \"a\"}, {\"when\": 2, \"tag\": \"a\"}]}"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\"entries\": [{\"when\": \"1\", \"tag\": \"a\"}]}"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\"entries\": [{\"when\": 1}]}"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\"entries\": [7]}"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\"entries\": {}}"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "[]"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\n \"entries\": [\n  secret\n"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\"entries\": [{\"when\": 1e30, \"tag\": \"a\"}]}"}');
SELECT * FROM pg_temp.read('{"a.sql": "", "meta/_journal.json": "{\"entries\": [{\"when\": 1.5, \"tag\": \"a\"}]}"}');
SELECT * FROM pg_temp.read('{"0000_a.sql": ""}', 'drizzle');
-- Drizzle: a folder for every migration
SELECT pg_temp.format('{"20240229235959_a/migration.sql": ""}');
SELECT version, description, script, created_at FROM pg_temp.read('{"20240229235959_second_one/migration.sql": "", "20240229235959_second_one/snapshot.json": "{}", "20230331141203_first/migration.sql": "", "20241301000000_month_13/migration.sql": "", "2024_x/migration.sql": "", "extra.sql": ""}');
SELECT * FROM pg_temp.read('{"20240229235959_a/migration.sql": "", "meta/_journal.json": "{}"}');

-- Drizzle's hashes, as the tool computed them; those of all formats but Flyway
CREATE FUNCTION pg_temp.hash(file bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM svc.load_migrations('readings', files => jsonb_build_object('1_x.sql', convert_from(file, 'UTF8')), format => 'plain');
    RETURN (SELECT checksum FROM svc.migration_file);
END $$;
SELECT n, pg_temp.hash(file) = expected AS agrees FROM (VALUES
    (1, convert_to(E'CREATE TABLE t1 (id int);\n--> statement-breakpoint\nCREATE TABLE t2 (id int);\n', 'UTF8'), 'ff418f3e90cff896999033d6021a277c7c47fc460aa0c92464ce94696f2d4453'),
    (2, E'CREATE TABLE t3 (id int);\r\n--> statement-breakpoint\r\nCREATE TABLE t4 (id int);\r\n', '0be07125dcf8198bbbf074fa30b36fd02b581fb5338f4fec85c4d86eeaeed21c'),
    (3, E'CREATE TABLE t5 (id int);--> statement-breakpoint\nCREATE TABLE t6 (id int)', '46d81282119f7c2a00226048b2bda48131272621973c34027635e815df824732'),
    (4, convert_to(E'COMMENT ON TABLE t5 IS ''héllo — 世界'';\n', 'UTF8'), '80d88847a06f6e975e01e8edef923a1cf2cdbdedebf1d18ba8cc42bcd3f4e2d1'),
    (5, E'CREATE TABLE t7 (id int); CREATE TABLE t8 (id int);\nINSERT INTO t7 VALUES (1);\n', '1b33a16f05d2c6c2bba4ba430773a2d9f8e601d80ec61f3714d78ab71787979c'),
    (6, E'-- just a comment\n', 'bb0ac12f4338585d6fd59f33a98009a4add16fca19637bd6982c0cf63514e1a5'),
    (7, E'CREATE TABLE t9 (id int);\n--> statement-breakpoint\n', '314392d566ace49d7614b9cbb9edcccfb51c6ed832d77183689fbad3067f3138'),
    (8, '\xEFBBBF'::bytea || E'SELECT 1;\n', '34b0bcbe990d70cd4adde7a8005ade4334f170e0625d767d78872a66515dec8a')) v (n, file, expected) ORDER BY n;

-- which format a folder is
SELECT pg_temp.format(pg_temp.files('V1__a.sql'));
SELECT pg_temp.format(pg_temp.files('R__a.sql'));
SELECT pg_temp.format(pg_temp.files('beforeMigrate.sql'));
SELECT pg_temp.format('{"flyway.conf": ""}');
SELECT pg_temp.format(pg_temp.files('00001_a.sql'));
SELECT pg_temp.format('{"00001_a.sql": "SELECT ''+goose'';"}');
SELECT pg_temp.format('{"1_a.up.sql": ""}');
SELECT pg_temp.format('{"1_a.sql": "", "1.sql.bak": ""}');
SELECT pg_temp.format('{"View.sql": "", "Readme.sql": "", "Backup.sql": ""}');
SELECT pg_temp.format('{"V1__a.sql": "", "1_b.sql": "-- +goose Up\n"}');
SELECT pg_temp.format('{"V1__a.sql": "", "1_b.up.sql": ""}');
SELECT pg_temp.format('{"1_b.up.sql": "-- +goose Up\n"}');
SELECT pg_temp.format('{"1_b.up.sql": "", "meta/_journal.json": ""}');
SELECT pg_temp.format('{"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 1;"}');
SELECT svc.load_migrations('readings', files => '{"1_a.sql": ""}', format => 'liquibase');

-- bytes that are no text: only a directory of the server can hold them
\getenv builddir PG_ABS_BUILDDIR
\set folder :builddir '/results/15_migration_read'
\! mkdir -p "$PG_ABS_BUILDDIR/results/15_migration_read" && cd "$PG_ABS_BUILDDIR/results/15_migration_read" && printf 'SELECT 1;\n\nSELECT 2\0' >1_zero.sql && chmod 755 .
SELECT svc.load_migrations('readings', directory => :'folder');
\! cd "$PG_ABS_BUILDDIR"/results/15_migration_read && rm 1_zero.sql && printf 'SELECT 1;\nSELECT "\351";\n' >2_latin.sql
SELECT svc.load_migrations('readings', directory => :'folder');
\! cd "$PG_ABS_BUILDDIR"/results/15_migration_read && rm 2_latin.sql && printf 'SELECT 1;' >"$(printf '3_\351.sql')"
SELECT svc.load_migrations('readings', directory => :'folder');
\! rm -r "$PG_ABS_BUILDDIR/results/15_migration_read"
\set SHOW_CONTEXT errors
-- texts: only statements of the file are shown, and places are those of the file
SELECT * FROM svc.read_migration('V1__x.sql', E'\uFEFF-- ${name}\nCREATE TABLE ${name} (id int);\n\n/* ; */ SELECT ''${ValuE}'' AS a, \n  2; COPY t FROM stdin;\n1;2\n\\.\nSELECT 3', variables => '{"NAME": "users", "value": "one\ntwo\n", "number": 1}');
SELECT * FROM svc.read_migration('V1__x.sql', E'SELECT ''${value}'';\nSELECT 1;\n SELEC 2;', variables => '{"value": "one\ntwo\n"}');
SELECT statement FROM svc.read_migration('V1__x.sql', E'SELECT ${n}, ''${t}'', ${b}, ''${flyway:filename}'', ''${empty}''', variables => '{"n": 1.50, "t": "${n}", "b": true, "empty": ""}');
SELECT * FROM svc.read_migration('V1__x.sql', E'SELECT 1;\n-- ${nobody}', variables => '{"value": "x"}');
SELECT * FROM svc.read_migration('V1__x.sql', E'SELECT 1;\n\nSELECT ''${flyway:workingDirectory}'';');
SELECT * FROM svc.read_migration('V1__x.sql', E'SELECT 1;\n\nSELECT ''${value;', variables => '{"value": "x"}');
SELECT line, transactional, statement FROM svc.read_migration('x.sql', E'BEGIN;CREATE INDEX CONCURRENTLY i ON t (a);\nVACUUM;REINDEX TABLE CONCURRENTLY t;\nALTER TYPE e ADD VALUE ''x'';COMMIT;');
SELECT * FROM svc.read_migration('x.sql', '');
SELECT * FROM svc.read_migration('x.sql', E'-- nothing\n;;\n');
SELECT * FROM svc.read_migration('x.sql', E'SELECT 1;\n\\d\nSELECT 2;');
SELECT * FROM svc.read_migration('1_x.down.sql', E'BEGIN;\nDROP TABLE a;\nCOMMIT;');
SELECT * FROM svc.read_migration('1_x.up.sql', E' \n\n');
SELECT * FROM svc.read_migration('U1__x.sql', E'DROP TABLE a;');
SELECT * FROM svc.read_migration('0000_x.sql', E'CREATE TABLE a (id int);--> statement-breakpoint\n\n-- c\nCREATE TABLE b (id int);\n--> statement-breakpoint\n');
SELECT * FROM svc.read_migration('0000_x.sql', E'SET standard_conforming_strings = off;--> statement-breakpoint\nSELECT ''\\'';'';', 'drizzle');
SELECT * FROM svc.read_migration('1_x.sql', E'-- +goose Up\n-- +goose NO TRANSACTION\nSELECT 1;\nVACUUM;\n-- +goose Down\nSELECT 2;\n');
SELECT * FROM svc.read_migration('1_x.sql', E'-- +goose Up\nSELECT 1;\nVACUUM;\n');
SELECT * FROM svc.read_migration('1_x.sql', E'-- +goose Up\n-- +goose ENVSUB ON\nSELECT ''${PART:0:1}'';', variables => '{"PART": "é"}');
SELECT * FROM svc.read_migration('1_x.sql', E'-- +goose Up\n-- +goose ENVSUB ON\nSELECT ''$é'';');
SELECT * FROM svc.read_migration('1_x.sql', E'-- +goose Up\n-- +goose ENVSUB ON\nSELECT ''${A:-' || repeat('${A:-', 100000), 'goose');
-- arguments
SELECT * FROM svc.read_migration(NULL, '');
SELECT * FROM svc.read_migration('x.sql', NULL);
SELECT * FROM svc.read_migration('x.sql', '', NULL);
SELECT * FROM svc.read_migration('x.sql', '', 'auto', NULL);
SELECT * FROM svc.read_migration('x.sql', '', 'rails');
SELECT * FROM svc.read_migration('x.sql', '', variables => '[]');
SELECT * FROM svc.read_migration('x.sql', '', variables => '{"a": null}');
SELECT * FROM svc.read_migration('x.sql', '', variables => '{"a": {"b": "c"}}');
-- anybody may
SET ROLE regress_reader;
SELECT statement FROM svc.read_migration('x.sql', 'SELECT 1');
RESET ROLE;

-- all of Goose's files (test/interop/goose_cases)
\getenv srcdir PG_ABS_SRCDIR
\set files `cd ":srcdir"/test/interop/goose_cases && for f in *.sql; do echo "$f $(base64 -w 0 "$f")"; done`
CREATE FUNCTION pg_temp.cases(which text) RETURNS TABLE (name text, direction text, number int, line int, statement text) LANGUAGE plpgsql AS $$
DECLARE
    row record;
BEGIN
    FOR row IN SELECT split_part(l, ' ', 1) AS f, convert_from(decode(split_part(l, ' ', 2), 'base64'), 'UTF8') AS t FROM regexp_split_to_table(current_setting('regress.files'), '\n') l WHERE l LIKE which || '%'
    LOOP
        BEGIN
            RETURN QUERY SELECT replace(row.f, '.sql', ''), r.direction, r.number, r.line, r.statement FROM svc.read_migration(row.f, row.t, 'goose', '{"NAME": "foo", "EMPTY": ""}') r;
        EXCEPTION WHEN OTHERS THEN
            RETURN QUERY SELECT replace(row.f, '.sql', ''), NULL, NULL::int, NULL::int, SQLSTATE || ' ' || SQLERRM;
        END;
    END LOOP;
END $$;
SELECT set_config('regress.files', :'files', false) IS NOT NULL AS set;
\pset format unaligned
\pset tuples_only on
SELECT * FROM pg_temp.cases('valid');
SELECT name, statement FROM pg_temp.cases('invalid');
\pset tuples_only off
\pset format aligned

SELECT svc.drop_service('readings');
DROP ROLE regress_reader;
