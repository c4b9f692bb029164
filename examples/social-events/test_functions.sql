-- What the checks are written with; temporary, like everything they make

CREATE FUNCTION pg_temp.ok(passed boolean, description text) RETURNS text
    LANGUAGE sql AS $$SELECT CASE WHEN $1 THEN 'ok' ELSE 'not ok' END || ' - ' || $2$$;

-- What comes of a command in a session of a role: done, or the SQLSTATE.
-- Nothing of it stays, whatever comes of it.
CREATE FUNCTION pg_temp.outcome(role name, command text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', role);
    EXECUTE command;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'done' ELSE SQLSTATE END;
END$$;

CREATE FUNCTION pg_temp.has_rows(relation regclass) RETURNS boolean
    LANGUAGE plpgsql AS $$
DECLARE
    found_one boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO found_one;
    RETURN found_one;
END$$;

-- Ids of the sample data: a 1 is the first user, e 4 the tasting
CREATE FUNCTION pg_temp.id(kind text, n int) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$SELECT ($1 || '0000000-0000-4000-8000-' || lpad($2::text, 12, '0'))::uuid$$;

-- How many rows of a table here name something that its service does not know
CREATE FUNCTION pg_temp.unknown(relation regclass, column_name name, contract text) RETURNS bigint
    LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s t WHERE %I IS NOT NULL AND NOT EXISTS (SELECT FROM %s c WHERE c.id = t.%2$I)',
                   relation, column_name, contract) INTO n;
    RETURN n;
END$$;
