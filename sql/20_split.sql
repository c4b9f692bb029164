--
-- Where statements end: what looks like an end and is none, COPY's data, the
-- lines of psql, and the places of errors.  Each case was once a file that a
-- migration tool cut in the wrong place.
--
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
PREPARE split(text) AS
    SELECT number, line, replace(statement, E'\r', '^M') FROM svc.read_migration('1.sql', $1);

-- nothing to run
EXECUTE split('');
EXECUTE split(E' \n\t');
EXECUTE split('-- only a comment; it says');
EXECUTE split('/* a comment /* in a comment; */ ; */');
EXECUTE split(' ; ;; -- ');
EXECUTE split(E'\uFEFF');

-- ends of files and lines
EXECUTE split('SELECT 1');
EXECUTE split(E'\uFEFFSELECT 1;\r\nSELECT\r\n2;\r\n\r\n-- the end\r\nSELECT 3');
EXECUTE split(E'SELECT 1 -- no; end\n; SELECT /* ; */ 2;;\n\nSELECT 3 /* ; ');
EXECUTE split(E'SELECT 1 -- no; end\n; SELECT /* ; */ 2;;\n\nSELECT 3 /* ; */');
EXECUTE split(E'SELECT 1;\rSELECT 2 -- a comment\r;SELECT 3');

-- strings and names
EXECUTE split($$SELECT 'it''s; one', "a; ""name", 'x'
'; goes on';SELECT E'\';', N';', b'0', U&'\003b;', U&"!003b;" UESCAPE '!'; SELECT e'\'; -- '$$);
EXECUTE split('SELECT $a$; $b$; $a$, $$;$$, $ä$;$ä$; SELECT $1; SELECT a$1, 1');
EXECUTE split('SELECT ''ä€😀;'', "ö;" AS ü; SELECT a@-1, @ -1, 1--2;
+3; SELECT 4');
EXECUTE split('SET standard_conforming_strings = off; SELECT ''\''; --'';
SET standard_conforming_strings TO ''yes''; SELECT ''\''; SELECT 1;
SET SESSION standard_conforming_strings = 0; SELECT ''\''''; RESET ALL; SELECT ''\''; SELECT 2');

-- semicolons inside of a statement
EXECUTE split('CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; DELETE FROM u;); SELECT 2');
EXECUTE split('CREATE FUNCTION f(a int DEFAULT (1)) RETURNS int LANGUAGE sql
BEGIN ATOMIC
  SELECT CASE WHEN true THEN CASE a WHEN 1 THEN 2 END END;
  SELECT 1 AS end; SELECT x.end, x.begin FROM x; SELECT 1 end; SELECT 2 case;
  SELECT begin atomic FROM t; SELECT (CASE WHEN true THEN (SELECT 1 AS end) END) AS case;
  SELECT xmlelement(NAME end);
END;
SELECT 1');
EXECUTE split('create or replace procedure "begin"() begin atomic end; SELECT 1 AS create');
EXECUTE split('SELECT begin atomic FROM t; SELECT 1; SELECT 2 end; BEGIN; SELECT 3; END; SELECT 4');
EXECUTE split('CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$; DO $$ BEGIN NULL; END $$');
EXECUTE split('CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT 1; SELECT 1');
EXECUTE split('PREPARE TRANSACTION ''a;b''; PREPARE p AS SELECT (ARRAY[1, $1])[1:2]; EXECUTE p(1)');

-- COPY: its data ends where psql says
EXECUTE split(E'COPY t FROM stdin;\n1\t/* it''s; $$\n\\N\t\\\\.\n\\.\n\nSELECT 1');
EXECUTE split(E'COPY t (a) FROM stdin (FORMAT csv); -- the data\r\n"a\r\n\\.\r\nSELECT 1;\r\n');
EXECUTE split(E'COPY t FROM stdin;\n1\n2\n');
EXECUTE split(E'COPY t FROM stdin;\n\\.');
EXECUTE split('COPY t FROM stdin');
EXECUTE split(E'COPY t FROM stdin;\n\\. \n \\.\n\\..\n\\.\n;SELECT 1');
EXECUTE split(E'COPY t FROM ''/file''; COPY t FROM PROGRAM ''x''; COPY t TO stdout; COPY (SELECT 1) TO stdout; SELECT 1');
EXECUTE split(E'COPY t FROM stdin; SELECT 1;\n\\.\n');

-- psql's lines: those that pg_dump writes
EXECUTE split(E'\\restrict 1abc''"$$\nSELECT 1;\n\\unrestrict 1abc''"$$\n');
EXECUTE split(E'SELECT 1;\n\\restrict');
EXECUTE split(E'SELECT 1;\n\\connect other\nSELECT 2');
EXECUTE split(E'SELECT 1 \\gset\n');
EXECUTE split(E'SELECT 1;\n\\.\n');
EXECUTE split(E'  \\i');
EXECUTE split('\');
EXECUTE split('\ä');
EXECUTE split('SELECT :name');

-- places
EXECUTE split(E'SELECT 1;\nSELECT ''ä€'', FROM x');
EXECUTE split(E'\uFEFFSELEC 1');
EXECUTE split(E'SELECT 1;\r\n\r\n  CREATE TABEL t ();');
EXECUTE split(E'SELECT 1; SELECT (2;\nSELECT 3;');
EXECUTE split(E'SELECT 1) ; SELECT 2');
EXECUTE split(E'SELECT 1;\nSELECT ''it;\nSELECT 2;\nSELECT 3;');
EXECUTE split('SELECT "it');
EXECUTE split(E'SELECT 1;\n /* it /* */ SELECT 2;');
EXECUTE split('SELECT $a$ it $b$');
EXECUTE split('SELECT ""');
EXECUTE split('SELECT 1a');
EXECUTE split(E'SELECT ''ä'',\n E''ä\\uD800''');
EXECUTE split(E'SELECT 1 FROM t\nWHERE ''' || repeat('ä', 200) || ''' x');
EXECUTE split(E'CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC\n  SELECT 1; SELEC 2;\nEND; SELECT 1');
EXECUTE split('CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;');
EXECUTE split('INSERT INTO t');
EXECUTE split(E'SELECT 1;;\n;SELECT FROM FROM;');

-- A warning of the parser comes once, and with its place
SET client_min_messages = notice;
\set SHOW_CONTEXT always
EXECUTE split(E'SELECT 1;\nSELECT ' || repeat('x', 70));
EXECUTE split(E'SET standard_conforming_strings = off;\nSELECT ''\\''''');

-- The lexer sees 64 kB at once: whatever lies on the border is what it is
CREATE TEMP TABLE trap (n int GENERATED ALWAYS AS IDENTITY, text text);
INSERT INTO trap (text) VALUES
    ('SELECT ''a''''; b'', "c;""", 12345.6789e-10, a <> b, x::text, $1, ''x'''),
    ('SELECT $body$ ; $bod$ ; $body$, $$;$$, E''\'';\\'', U&''\0061;'''),
    (E'SELECT /* ; /* ; */ ; */ 1 -- ;\n, ''a''\n  ''b;'' -- ;\n , ''ä€😀;''');
SELECT t.n, count(*)
    FROM trap t, generate_series(65536 - length(t.text) - 12, 65536) AS padding,
        LATERAL (SELECT array_agg(m.statement ORDER BY m.number) AS statements, array_agg(m.line ORDER BY m.number) AS lines
            FROM svc.read_migration('1.sql', 'SELECT 0;' || repeat(' ', padding) || t.text || E';\nSELECT 2') m) AS split
    WHERE statements = ARRAY['SELECT 0', t.text, 'SELECT 2']
        AND lines = ARRAY[1, 1, 2 + length(t.text) - length(replace(t.text, E'\n', ''))]
    GROUP BY 1 ORDER BY 1;
SELECT t.n, min(length(t.text)) + 13 AS all_of_them FROM trap t GROUP BY 1 ORDER BY 1;
