-- Every function of the extension, taken from the catalog, called with
-- arguments of every wrong kind.  None gives an internal error; called by
-- somebody who has EXECUTE on everything but owns nothing of what is named,
-- none changes anything.  A function with an argument type that has no values
-- here fails the test.
SELECT svc.create_service('regress_f', schema => 'regress_f', login => 'regress_f_user');
SELECT svc.create_service('regress_stranger', schema => 'regress_stranger');
SET client_min_messages = error;
CREATE TABLE regress_f.t (id int PRIMARY KEY, n int DEFAULT 0, updated_at timestamptz, name text);
CREATE INDEX ON regress_f.t (updated_at);
CREATE TABLE regress_f.source (t_id int, at timestamptz);
CREATE TABLE regress_f.part (id int) PARTITION BY LIST (id);
CREATE TABLE regress_f.part_1 PARTITION OF regress_f.part FOR VALUES IN (1);
CREATE VIEW regress_f.v AS SELECT * FROM regress_f.t;
CREATE MATERIALIZED VIEW regress_f.m AS SELECT * FROM regress_f.t;
CREATE SEQUENCE regress_f.s;
CREATE TYPE regress_f.composite AS (a int);
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
CREATE FOREIGN TABLE regress_f.f (id int) SERVER regress_server;
CREATE TEMPORARY TABLE regress_temp (id int PRIMARY KEY, updated_at timestamptz);
CREATE TABLE regress_f.gone (id int);
SELECT 'regress_f.gone'::regclass::oid AS gone
\gset
DROP TABLE regress_f.gone;
SELECT svc.publish('regress_f', 't', 'regress_f.t', columns => '{id}');
SELECT svc.grant_contract('regress_f', 'regress_far');
SELECT svc.keep_count('regress_f.source', 't_id', 'regress_f.t', 'id', 'n');
SELECT svc.keep_rows('regress_f.t', 'updated_at', '1 day');
SELECT svc.add_store('regress_f', 'x', 'redis');

-- values of each type: NULL, empty, huge, dropped, foreign, and those that look like SQL
CREATE TEMPORARY TABLE value (type regtype, literal text);
INSERT INTO value
SELECT 'name'::regtype, l FROM unnest(ARRAY[
        'NULL', '''''', 'repeat(''x'', 63)', 'repeat(''ä'', 31)', 'repeat(''x'', 57)', '''no_such''', '''regress_f''', '''regress_f_owner''', '''pg_read_all_data''',
        '''public''', '''svc''', '''id''', '''n''', '''t''', '''x''', '''regress_far''', 'E''a"b\''c\\d;--\n''', '''$1''', '''%s %n''', '''ctid''']) l
UNION ALL
SELECT 'text'::regtype, l FROM unnest(ARRAY[
        'NULL', '''''', 'repeat(''x'', 10001)', 'repeat(''('', 9000)', '''owner''', '''id = 1''', '''true) OR (true''', '''(SELECT 1)''', '''f(''', 'E''\''; DROP TABLE regress_f.t; --''',
        '''SELECT * FROM regress_f.v''', '''SELECT''', '''TRUNCATE regress_f.t; SELECT $1 + 1''', '''COPY regress_f.t FROM PROGRAM $$x$$''', 'E''\\x01\\u20ac'' ', '''xyz://a:b@c/''']) l
UNION ALL
SELECT 'regclass'::regtype, l FROM unnest(ARRAY[
        'NULL', '0', '4294967295', :'gone', '''regress_f.t''', '''regress_f.source''', '''regress_f.part''', '''regress_f.part_1''', '''regress_f.v''', '''regress_f.m''', '''regress_f.s''',
        '''regress_f.t_pkey''', '''regress_f.composite''', '''regress_f.f''', '''regress_temp''', '''pg_class''', '''pg_authid''', '''svc.service''', '''svc.services''', '''regress_f_api.t''',
        '(SELECT reltoastrelid FROM pg_class WHERE oid = ''pg_proc''::regclass)']) l
UNION ALL
SELECT 'regclass[]'::regtype, l FROM unnest(ARRAY[
        'NULL', '''{}''', '''{NULL}''', '''{0}''', '''{4294967295}''', '''{regress_f.t}''', '''{{regress_f.t},{regress_f.v}}''', '''{regress_f.t,regress_f.t}''', '''{pg_class}''',
        '''[5:6]={regress_f.t,regress_f.v}''', 'array_fill(''regress_f.t''::regclass, ARRAY[100001])']) l
UNION ALL
SELECT 'name[]'::regtype, l FROM unnest(ARRAY['NULL', '''{}''', '''{NULL}''', '''{""}''', '''{id}''', '''{id,id}''', '''{{id},{n}}''', '''{no_such}''', 'array_fill(''id''::name, ARRAY[2000])']) l
UNION ALL
SELECT 'text[]'::regtype, unnest(ARRAY['NULL', '''{}''', '''{NULL}''', '''{""}''', '''{SELECT 1}''', '''{{a},{b}}''', 'array_fill(''''::text, ARRAY[10001])'])
UNION ALL
SELECT '"char"'::regtype, unnest(ARRAY['NULL', '''''', '''c''', '''x'''])
UNION ALL
SELECT 'anyarray'::regtype, unnest(ARRAY['NULL', 'ARRAY[1]', '''{}''::uuid[]', '''{NULL,a}''::text[]', 'ARRAY[[1,2],[3,4]]', 'array_fill(1, ARRAY[100001])'])
UNION ALL
SELECT 'integer'::regtype, unnest(ARRAY['NULL', '0', '-1', '1', '2147483647'])
UNION ALL
SELECT 'jsonb'::regtype, unnest(ARRAY['NULL', '''[]''', '''{}''', '''{"": ""}''', '''{"001_x.sql": 1}''', '''{"001_x.sql": "SELECT 1"}''', '''"\u00e4"'''])
UNION ALL
SELECT t::regtype, l FROM unnest(ARRAY['cstring', 'svc.private_text']) t, unnest(ARRAY['NULL', '''''', '''no_such''', 'E''\nx''', 'E''\\''', 'E''regress_f\nx''', 'E''no_such\n''']) l
UNION ALL
SELECT 'boolean'::regtype, unnest(ARRAY['NULL', 'true', 'false'])
UNION ALL
SELECT 'timestamptz'::regtype, unnest(ARRAY['NULL', '''-infinity''', '''infinity''', '''2000-01-01'''])
UNION ALL
SELECT 'interval'::regtype, unnest(ARRAY['NULL', '''0''', '''-1 day''', '''178000000 years''', '''1 month -31 days''']);

CREATE TEMPORARY VIEW function AS
SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END AS verb, p.oid::regprocedure::text AS name, p.proargtypes::oid[] AS types, p.provariadic <> 0 AS variadic
  FROM pg_proc p
 WHERE p.pronamespace IN ('svc'::regnamespace, 'svc_triggers'::regnamespace);

-- argument types without values: none
SELECT f.name, t::regtype FROM function f, unnest(f.types) t WHERE NOT EXISTS (SELECT 1 FROM value v WHERE v.type = t);

-- the calls: each argument takes each value while the others have a middling one, then mixtures
CREATE TEMPORARY TABLE call (n serial, function text, statement text);
DO $$
DECLARE
    f record;
    args text[];
    base text[];
    v text;
BEGIN
    PERFORM setseed(0.20261121);
    FOR f IN SELECT * FROM function ORDER BY name COLLATE "C" LOOP
        base := ARRAY(SELECT CASE t::regtype WHEN 'name'::regtype THEN CASE i WHEN 1 THEN '''regress_f''' WHEN 2 THEN '''t''' ELSE '''id''' END
                                     WHEN 'text'::regtype THEN 'NULL' WHEN 'regclass'::regtype THEN '''regress_f.t'''
                                     WHEN 'regclass[]'::regtype THEN '''{regress_f.v}''' WHEN 'name[]'::regtype THEN 'NULL'
                                     WHEN 'text[]'::regtype THEN '''{SELECT 1}''' WHEN 'jsonb'::regtype THEN 'NULL' WHEN 'integer'::regtype THEN 'NULL'
                                     WHEN 'boolean'::regtype THEN 'false' WHEN 'timestamptz'::regtype THEN '''infinity''' WHEN '"char"'::regtype THEN '''c''' WHEN 'anyarray'::regtype THEN 'ARRAY[1]' ELSE '''1 day''' END
                        FROM unnest(f.types) WITH ORDINALITY u (t, i) ORDER BY i);
        FOR i IN 0 .. cardinality(f.types) LOOP
            FOR v IN SELECT literal FROM value WHERE i > 0 AND type = f.types[i - 1] UNION ALL SELECT NULL WHERE i = 0 LOOP
                args := base;
                IF i > 0 THEN
                    args[i] := v;
                END IF;
                INSERT INTO call (function, statement) SELECT f.name, concat(
                    f.verb, ' ', f.oid::regproc, '(', (SELECT string_agg(CASE WHEN f.variadic AND o = cardinality(args) THEN 'VARIADIC ' ELSE '' END
                        || a || '::' || f.types[o - 1]::regtype, ', ' ORDER BY o) FROM unnest(args) WITH ORDINALITY x (a, o)), ')');
            END LOOP;
        END LOOP;
        FOR k IN 1 .. CASE WHEN cardinality(f.types) > 1 THEN 60 ELSE 0 END LOOP
            args := ARRAY(SELECT (SELECT literal FROM value WHERE type = t ORDER BY random() + o * 0 LIMIT 1) FROM unnest(f.types) WITH ORDINALITY u (t, o) ORDER BY o);
            INSERT INTO call (function, statement) SELECT f.name, concat(
                f.verb, ' ', f.oid::regproc, '(', (SELECT string_agg(CASE WHEN f.variadic AND o = cardinality(args) THEN 'VARIADIC ' ELSE '' END
                    || a || '::' || f.types[o - 1]::regtype, ', ' ORDER BY o) FROM unnest(args) WITH ORDINALITY x (a, o)), ')');
        END LOOP;
    END LOOP;
END $$;
SELECT count(DISTINCT function) = (SELECT count(*) FROM function) AS all_functions, count(*) >= 2000 AS enough_calls FROM call;

-- what there is: our tables, roles, rights, settings, schemas, relations, triggers
CREATE FUNCTION pg_temp.fingerprint() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    parts text;
    t text;
    part text;
BEGIN
    FOREACH t IN ARRAY ARRAY['pg_authid', 'pg_auth_members', 'pg_db_role_setting', 'pg_namespace', 'pg_default_acl', 'pg_trigger', 'pg_proc', 'pg_extension', 'pg_event_trigger', 'pg_init_privs']
           || ARRAY(SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'svc'::regnamespace AND relkind = 'r' ORDER BY relname) LOOP
        EXECUTE format('SELECT md5(string_agg(x::text, chr(10) ORDER BY x::text)) FROM %s x', t) INTO part;
        parts := concat(parts, ' ', part);
    END LOOP;
    SELECT concat(parts, md5(string_agg(concat_ws(' ', relname, relnamespace, relowner, relacl, relkind, relnatts), chr(10) ORDER BY oid))) INTO parts
      FROM pg_class WHERE relpersistence <> 't';
    RETURN md5(parts);
END $$;

-- calls as a role; undone or not; the SQLSTATE of each
CREATE TEMPORARY TABLE outcome (n int, role text, state text, message text);
CREATE PROCEDURE pg_temp.call_all(role text, undo boolean) LANGUAGE plpgsql AS $$
DECLARE
    c record;
    state text;
    message text;
BEGIN
    FOR c IN SELECT * FROM call ORDER BY n LOOP
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', role);
            EXECUTE c.statement;
            IF undo THEN
                RAISE SQLSTATE 'UNDO1';
            END IF;
            state := 'ok';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
            state := CASE state WHEN 'UNDO1' THEN 'ok' ELSE state END;
        END;
        RESET ROLE;
        INSERT INTO outcome VALUES (c.n, role, state, message);
    END LOOP;
END $$;

CREATE ROLE regress_root SUPERUSER;
CREATE ROLE regress_stranger;
GRANT USAGE ON SCHEMA regress_f, regress_f_api TO regress_stranger;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA svc TO regress_stranger;
GRANT regress_stranger_owner TO regress_stranger;
GRANT ALL ON value, call, outcome TO regress_stranger;
SELECT pg_temp.fingerprint() AS before
\gset
CALL pg_temp.call_all('regress_stranger', false);
SELECT pg_temp.fingerprint() = :'before' AS nothing_changed;
CALL pg_temp.call_all('regress_root', true);
SELECT pg_temp.fingerprint() = :'before' AS nothing_changed;

-- no internal error, no crash, nothing that was not answered
SELECT o.role, o.state, o.message, c.statement FROM outcome o JOIN call c USING (n) WHERE o.state LIKE 'XX%';
SELECT role, count(*) = (SELECT count(*) FROM call) AS all_called, count(*) FILTER (WHERE state <> 'ok') > 0 AS refusals FROM outcome GROUP BY role ORDER BY role;
-- what a stranger may call at all with these
SELECT DISTINCT c.function COLLATE "C" FROM outcome o JOIN call c USING (n) WHERE o.role = 'regress_stranger' AND o.state = 'ok' ORDER BY 1;
SELECT count(*) AS calls FROM outcome
\gset
\echo calls: :calls

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA svc FROM regress_stranger;
SELECT svc.drop_service('regress_f', drop_objects => true, force => true);
SELECT svc.drop_service('regress_stranger', drop_objects => true);
DROP FOREIGN DATA WRAPPER regress_fdw CASCADE;
DROP OWNED BY regress_stranger;
DROP ROLE regress_stranger, regress_root;
