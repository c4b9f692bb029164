-- Generated columns that are not stored, which came with PostgreSQL 18: rows do
-- not hold them.  Before, the columns of this test are stored ones.
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END AS kind
\gset
CREATE TABLE regress_clubs (id int PRIMARY KEY, adults int, updated_at timestamptz);
CREATE TABLE regress_members (id int PRIMARY KEY, club int, age int, adult boolean GENERATED ALWAYS AS (age OPERATOR(pg_catalog.>=) 18) :kind,
                              next int GENERATED ALWAYS AS (club OPERATOR(pg_catalog.+) 1) :kind);
INSERT INTO regress_clubs VALUES (1), (2);
INSERT INTO regress_members VALUES (1, 1, 20), (2, 1, 10), (3, 2, 30);

-- a filter may use them
SELECT svc.keep_count('regress_members', 'club', 'regress_clubs', 'id', 'adults', filter => 'adult');
SELECT id, adults FROM regress_clubs ORDER BY id;
INSERT INTO regress_members VALUES (4, 2, 40), (5, 2, 5);
UPDATE regress_members SET age = 18 WHERE id = 2;
DELETE FROM regress_members WHERE id = 1;
SELECT id, adults FROM regress_clubs ORDER BY id;
ALTER TABLE regress_members RENAME COLUMN age TO years;
ALTER TABLE regress_members RENAME COLUMN adult TO grown_up;
UPDATE regress_members SET years = years - 10 WHERE id = 2;
SELECT id, adults FROM regress_clubs ORDER BY id;
SELECT svc.recount('regress_clubs');
TRUNCATE regress_members;
SELECT id, adults FROM regress_clubs ORDER BY id;
SELECT svc.drop_count('regress_clubs', 'adults');

-- times of tables that have them
ALTER TABLE regress_clubs ADD COLUMN many boolean GENERATED ALWAYS AS (adults OPERATOR(pg_catalog.>) 1) :kind;
SELECT svc.keep_updated_at('regress_clubs');
UPDATE regress_clubs SET adults = 2 WHERE id = 1;
SELECT id, adults, many, updated_at IS NOT NULL AS updated FROM regress_clubs ORDER BY id;

-- a key must be in the row
DO $$
BEGIN
    PERFORM svc.keep_count('regress_members', 'next', 'regress_clubs', 'id', 'adults');
    IF current_setting('server_version_num')::int >= 180000 THEN
        RAISE EXCEPTION 'rows are counted by a column that they do not hold';
    END IF;
EXCEPTION WHEN feature_not_supported THEN
    IF SQLERRM <> 'rows of "regress_members" cannot be counted by column "next"' THEN
        RAISE;
    END IF;
END
$$;
DROP TABLE regress_members, regress_clubs;

-- a reference does not see what is not stored
SET client_min_messages = warning;
SELECT svc.create_service('regress_far', schema => 'regress_far'), svc.create_service('regress_near', schema => 'regress_near');
CREATE TABLE regress_far.clubs (id int PRIMARY KEY);
ALTER TABLE regress_far.clubs OWNER TO regress_far_owner;
SELECT svc.publish('regress_far', 'clubs', 'regress_far.clubs'), svc.grant_contract('regress_far', 'regress_near');
CREATE TABLE regress_near.members (id int, club int GENERATED ALWAYS AS (id OPERATOR(pg_catalog.+) 1) :kind);
ALTER TABLE regress_near.members OWNER TO regress_near_owner;
CREATE FUNCTION pg_temp.declared() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM svc.create_reference('regress_near.members', 'club', 'regress_far', 'clubs');
    RETURN 'STORED';
EXCEPTION WHEN feature_not_supported THEN
    RETURN 'VIRTUAL';
END $$;
SELECT pg_temp.declared() = :'kind' AS refused_if_virtual;
SELECT svc.drop_service('regress_near', drop_objects => true), svc.drop_service('regress_far', drop_objects => true, force => true);
RESET client_min_messages;
