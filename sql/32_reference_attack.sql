-- Whose code runs when references are declared, looked at and acted upon by
-- somebody with more rights than those who own the tables: a superuser here.
-- What waits for him in domains, triggers, policies, index expressions,
-- defaults, casts and validators of both services runs as the owner role of the
-- referencing one; and names and keys that look like SQL are names and keys.
-- What runs while rows are written is in 26_reference_check.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SET client_min_messages = warning;
SELECT svc.create_service('regress_product', schema => 'regress_product'), svc.create_service('regress_cart', schema => 'regress_cart');
CREATE SCHEMA regress_traps;
GRANT USAGE ON SCHEMA regress_traps TO PUBLIC;
CREATE TABLE regress_traps.hit (what text, who name);
GRANT INSERT ON regress_traps.hit TO PUBLIC;
CREATE FUNCTION regress_traps.step(what text) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO regress_traps.hit VALUES (what, current_user);
    RETURN true;
END $$;
-- index expressions want it so
CREATE FUNCTION regress_traps.quiet_step(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
BEGIN
    RETURN regress_traps.step(what);
END $$;
CREATE FUNCTION regress_traps.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM regress_traps.step('trigger of ' || TG_TABLE_NAME || ', ' || TG_WHEN || ' ' || TG_OP);
    RETURN coalesce(NEW, OLD);
END $$;
-- who stepped on what, and forget it
CREATE FUNCTION pg_temp.hits() RETURNS TABLE (what text, who text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT h.what, CASE WHEN r.rolsuper THEN 'A SUPERUSER' ELSE h.who::text END FROM regress_traps.hit h JOIN pg_roles r ON r.rolname = h.who ORDER BY 1, 2;
    DELETE FROM regress_traps.hit;
END $$;

-- the owner of the keys lays traps: an enum with casts, a domain, an index, a trigger
SET ROLE regress_product_owner;
CREATE TYPE regress_product.colour AS ENUM ('red', 'green', 'blue', 'grey');
CREATE FUNCTION regress_product.colour_text(regress_product.colour) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM regress_traps.step('cast to text'); RETURN enum_out($1); END$$;
CREATE CAST (regress_product.colour AS text) WITH FUNCTION regress_product.colour_text(regress_product.colour) AS ASSIGNMENT;
CREATE FUNCTION regress_product.text_colour(text) RETURNS regress_product.colour LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM regress_traps.step('cast from text'); RETURN enum_in($1::cstring, 'regress_product.colour'::regtype); END$$;
CREATE CAST (text AS regress_product.colour) WITH FUNCTION regress_product.text_colour(text) AS ASSIGNMENT;
CREATE DOMAIN regress_product.number AS int CHECK (regress_traps.step('domain of the key'));
CREATE TABLE regress_product.products (id regress_product.number PRIMARY KEY, colour regress_product.colour UNIQUE, name text DEFAULT regress_traps.step('default of the key''s table')::text);
INSERT INTO regress_product.products VALUES (1, 'red'), (2, 'green'), (3, 'blue'), (4, NULL);
CREATE INDEX ON regress_product.products (regress_traps.quiet_step('index of the key''s table'));
CREATE TRIGGER fire AFTER INSERT OR UPDATE OR DELETE ON regress_product.products FOR EACH ROW EXECUTE FUNCTION regress_traps.fire();
SELECT svc.publish('regress_product', 'products', 'regress_product.products'), svc.publish('regress_product', 'colours', 'regress_product.products', 'colour', '{colour}');
SELECT svc.grant_contract('regress_product', 'regress_cart');
GRANT USAGE ON SCHEMA regress_product TO PUBLIC;
-- and so does the one who refers to them
SET ROLE regress_cart_owner;
CREATE DOMAIN regress_cart.number AS int CHECK (regress_traps.step('domain of the column'));
CREATE TABLE regress_cart.items (id int PRIMARY KEY, product_id regress_cart.number, colour regress_product.colour,
    note boolean DEFAULT regress_traps.step('default of the column''s table'),
    size boolean GENERATED ALWAYS AS (regress_traps.quiet_step('generated column')) STORED);
CREATE TABLE regress_cart.wishes (id int, product_id int, colour regress_product.colour);
CREATE INDEX ON regress_cart.items (regress_traps.quiet_step('index of the column''s table'));
CREATE INDEX ON regress_cart.items (product_id) WHERE regress_traps.quiet_step('predicate of an index');
INSERT INTO regress_cart.items VALUES (1, 1, 'red'), (2, 2, 'green'), (5, NULL, 'red'), (9, 9, 'grey');
INSERT INTO regress_cart.wishes VALUES (1, 1, 'red'), (2, 2, 'green'), (9, 9, 'grey');
CREATE TRIGGER fire BEFORE INSERT OR UPDATE OR DELETE ON regress_cart.items FOR EACH ROW EXECUTE FUNCTION regress_traps.fire();
CREATE TRIGGER later AFTER INSERT OR UPDATE OR DELETE ON regress_cart.items FOR EACH STATEMENT EXECUTE FUNCTION regress_traps.fire();
ALTER TABLE regress_cart.items ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON regress_cart.items USING (regress_traps.step('policy of the column''s table'));
CREATE FUNCTION regress_cart.missing(keys int[]) RETURNS SETOF int LANGUAGE plpgsql AS
    $$BEGIN PERFORM regress_traps.step('validator'); RETURN QUERY SELECT k FROM unnest(keys) k WHERE k > 3; END$$;
CREATE FUNCTION regress_cart.missing_too(keys regress_product.colour[]) RETURNS SETOF regress_product.colour LANGUAGE plpgsql AS
    $$BEGIN PERFORM regress_traps.step('validator of colours'); END$$;
RESET ROLE;
DELETE FROM regress_traps.hit;

-- a superuser declares, looks, waives, changes, and asks beforehand
SELECT svc.create_reference('regress_cart.items', 'product_id', 'regress_product', 'products', on_delete => 'delete');
SELECT svc.create_reference('regress_cart.items', 'colour', 'regress_product', 'colours', on_delete => 'set_null');
SELECT svc.create_reference('regress_cart.wishes', 'product_id', 'regress_product', 'products', validator => 'regress_cart.missing(int[])');
SELECT svc.create_reference('regress_cart.wishes', 'colour', 'regress_product', 'colours', mode => 'commit', on_delete => 'set_null');
SELECT * FROM pg_temp.hits();
CALL svc.check_references();
CALL svc.validate_reference('items_colour_ref');
SELECT reference, key, state FROM svc.reference_violations ORDER BY 1, 2;
SELECT * FROM pg_temp.hits();
SELECT svc.waive_violation('items_colour_ref', 'grey', 'old'), svc.waive_violation('wishes_product_id_ref', '9', 'old');
SELECT svc.reopen_violation('items_colour_ref', 'grey');
SELECT * FROM svc.prevalidate('items_colour_ref', '{red,grey,NULL}'::regress_product.colour[]);
SELECT * FROM svc.prevalidate('wishes_product_id_ref', ARRAY[1, 9]);
SELECT svc.alter_reference('wishes_colour_ref', validator => 'regress_cart.missing_too(regress_product.colour[])'),
       svc.alter_reference('wishes_colour_ref', validator => '', mode => 'statement');
SELECT * FROM pg_temp.hits();
-- writes rows that are checked
INSERT INTO regress_cart.wishes VALUES (3, 3, 'blue');
INSERT INTO regress_cart.wishes VALUES (4, 3, 'grey');
INSERT INTO regress_cart.wishes VALUES (4, 4, 'red');
SELECT * FROM pg_temp.hits();
-- and what its service deletes is deleted there: by workers, whoever calls them
SET session_replication_role = replica;
DELETE FROM regress_product.products WHERE id = 4;
RESET session_replication_role;
SET ROLE regress_product_owner;
DROP TRIGGER fire ON regress_product.products;
DELETE FROM regress_product.products WHERE id <= 2;
RESET ROLE;
DELETE FROM regress_traps.hit;
CALL svc.run_pending();
SELECT * FROM pg_temp.hits();
SELECT id, product_id, colour FROM regress_cart.items ORDER BY 1;
SELECT reference, key, state, last_error FROM svc.tombstones() WHERE reference <> 'wishes_product_id_ref' ORDER BY 1, 2;
SELECT svc.drop_reference(reference) FROM svc.references_declared;
-- a policy for everybody, the owner too, is the owner role's business
ALTER TABLE regress_cart.items FORCE ROW LEVEL SECURITY;
ALTER TABLE regress_product.products ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_product_owner;
CREATE POLICY p ON regress_product.products USING (regress_traps.step('policy of the key''s table'));
RESET ROLE;
SELECT svc.create_reference('regress_cart.wishes', 'product_id', 'regress_product', 'products'),
       svc.create_reference('regress_cart.items', 'colour', 'regress_product', 'colours', on_delete => 'set_null');
DELETE FROM regress_traps.hit;
INSERT INTO regress_cart.wishes VALUES (5, 3, NULL);
INSERT INTO regress_cart.wishes VALUES (5, 5, NULL);
CALL svc.check_references();
SELECT key, state FROM svc.prevalidate('items_colour_ref', '{red,blue}'::regress_product.colour[]);
SELECT * FROM pg_temp.hits();
SELECT svc.drop_reference(reference) FROM svc.references_declared;
ALTER TABLE regress_product.products DISABLE ROW LEVEL SECURITY;
-- converts a foreign key
GRANT REFERENCES ON regress_product.products TO regress_cart_owner;
DELETE FROM regress_cart.items;
ALTER TABLE regress_cart.items ADD CONSTRAINT k FOREIGN KEY (colour) REFERENCES regress_product.products (colour) ON DELETE SET NULL;
DELETE FROM regress_traps.hit;
SELECT svc.convert_foreign_key('regress_cart.items', 'k');
SELECT * FROM pg_temp.hits();
SELECT svc.drop_reference('k');

-- Names and keys that look like SQL; what is declared with them works as any other
SET client_min_messages = notice;
CREATE TABLE regress_product.t (x text PRIMARY KEY);
\set service 'regress"; DROP TABLE regress_traps.hit; --''\\'
\set table 'ta"ble''; DROP TABLE regress_traps.hit; --'
\set column '"q" = 1; DROP TABLE regress_traps.hit; --'
\set entity 'en''ti"ty\\ $1 %s $$'
SELECT format('%I', :'column') AS qcolumn, format('%I.%I', :'table', :'table') AS qtable, format('%I', :'table') AS qschema, format('%I', 'regress_' || :'table') AS qtype \gset
SELECT svc.create_service(:'service', schema => :'table', role_prefix => 'regress_"x''');
CREATE TYPE :qschema.:qtype AS ENUM ('a', '''); DROP TABLE regress_traps.hit; --');
CREATE TABLE :qtable (:qcolumn :qschema.:qtype PRIMARY KEY, "x'y" text UNIQUE);
ALTER TABLE :qtable OWNER TO "regress_""x'_owner";
ALTER TYPE :qschema.:qtype OWNER TO "regress_""x'_owner";
SELECT svc.publish(:'service', :'entity', :'qtable'::regclass, :'column'), svc.publish(:'service', 'ünïcode ☃', :'qtable'::regclass, 'x''y', '{x''y}'), svc.grant_contract(:'service', 'regress_cart');
SELECT format('%s.%s', 'regress_cart', format('%I', :'table')) AS qsource \gset
CREATE TABLE :qsource (:qcolumn :qschema.:qtype, "ä'ö\" text, l text[]);
ALTER TABLE :qsource OWNER TO regress_cart_owner;
GRANT USAGE ON SCHEMA :qschema TO regress_cart_owner;
INSERT INTO :qtable VALUES ('''); DROP TABLE regress_traps.hit; --', '''); DROP TABLE regress_traps.hit; --');
SELECT svc.create_reference(:'qsource'::regclass, :'column', :'service', :'entity', name => 'r''"; DROP TABLE regress_traps.hit; --', on_delete => 'set_null'),
       svc.create_reference(:'qsource'::regclass, 'ä''ö\', :'service', 'ünïcode ☃', mode => 'commit', name => 'ö\''', on_delete => 'delete'),
       svc.create_reference(:'qsource'::regclass, 'l', :'service', 'ünïcode ☃');
SELECT reference, relation, column_name, service, entity, mode, trigger FROM svc.references_declared JOIN svc.reference_status USING (reference) ORDER BY 1;
INSERT INTO :qsource VALUES ('''); DROP TABLE regress_traps.hit; --', '''); DROP TABLE regress_traps.hit; --', '{"''); DROP TABLE regress_traps.hit; --"}');
INSERT INTO :qsource VALUES ('a', NULL, NULL);
INSERT INTO :qsource VALUES (NULL, ''' OR true; --', NULL);
INSERT INTO :qsource VALUES (NULL, NULL, '{"\" $1 %s \\"}');
SET session_replication_role = replica;
INSERT INTO :qsource VALUES ('a', ''' OR true; --', '{''''}');
RESET session_replication_role;
CALL svc.check_references();
SELECT reference, key, state FROM svc.reference_violations ORDER BY 1, 2;
SELECT svc.waive_violation('ö\''', ''' OR true; --', '''); --'), svc.reopen_violation('ö\''', ''' OR true; --');
SELECT * FROM svc.prevalidate('ö\''', ARRAY[''' OR true; --', '''); DROP TABLE regress_traps.hit; --']);
SELECT svc.alter_reference('ö\''', new_name => '$$');
ALTER TABLE :qsource RENAME COLUMN "ä'ö\" TO "\\";
ALTER TABLE :qsource RENAME TO "☃";
ALTER TABLE :qtable RENAME COLUMN "x'y" TO "y'x";
DELETE FROM :qtable;
CALL svc.run_pending();
SELECT reference, key, state, last_error FROM svc.tombstones() ORDER BY 1;
TABLE regress_cart."☃";
SELECT svc.alter_service(:'service', new_name => 'regress_"\''');
SELECT reference, service, trigger FROM svc.references_declared JOIN svc.reference_status USING (reference) ORDER BY 1;
SELECT svc.drop_reference(reference) FROM svc.references_declared;
SELECT count(*) FROM pg_trigger WHERE tgfoid::regproc::text ~ '^svc.(check_reference|watch_deletes)' AND NOT tgisinternal;
TABLE regress_traps.hit;

SET client_min_messages = error;
SELECT svc.drop_service('regress_cart', drop_objects => true, force => true);
SELECT svc.drop_service('regress_"\''', drop_objects => true, force => true);
SELECT svc.drop_service('regress_product', drop_objects => true, force => true);
DROP SCHEMA regress_traps CASCADE;
