--
-- Code of others: it never runs with more rights than its owner has, not even
-- while a condition that holds it is parsed, and never with a reader's rights.
-- The probe says for whom it runs.
--
SET client_min_messages = notice;
\set VERBOSITY terse
SELECT svc.create_service('regress_mallory', schema => 'regress_mallory', login => 'regress_mallory_user', login_level => 'owner');
SELECT svc.create_service('regress_reads');
SET ROLE regress_mallory_owner;
SET search_path = regress_mallory, svc_triggers;
CREATE FUNCTION probe(int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'the probe runs as %', current_user;
    RETURN true;
END $$;
CREATE DOMAIN dom AS int CHECK (probe(VALUE));
CREATE TABLE t (id int PRIMARY KEY, n int, j json, updated_at timestamptz);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at = now(); RETURN NEW; END';
CREATE TRIGGER touch_it BEFORE UPDATE ON t FOR EACH ROW WHEN ('{1}'::dom[] IS NOT NULL)
    EXECUTE FUNCTION touch();
RESET ROLE;

-- triggers change their function and their arguments without being parsed again
SELECT * FROM svc.adopt_updated_at();
SET ROLE regress_mallory_owner;
ALTER TABLE t RENAME COLUMN updated_at TO changed_at;
SELECT tgname, tgenabled, tgnargs, tgfoid::regproc FROM pg_trigger WHERE tgrelid = 't'::regclass;
INSERT INTO t VALUES (1, 1);
UPDATE t SET n = 2;
SELECT changed_at IS NOT NULL AS touched FROM t;
ALTER TABLE t RENAME COLUMN changed_at TO updated_at;
RESET ROLE;
SELECT * FROM svc.restore_updated_at();

-- a filter is parsed for whoever gives it, and its view is made for the owner
SELECT svc.publish('regress_mallory', 'things', 't', filter => $$'{1}'::dom[] IS NOT NULL$$);
SELECT svc.grant_contract('regress_mallory', 'regress_reads');
SET ROLE regress_reads_reader;
SELECT id FROM regress_mallory_api.things;
RESET ROLE;
SELECT svc.publish('regress_mallory', 'things', 't', filter => $$'{1}'::dom[] IS NOT NULL AND n > 0$$, replace => true);

-- nothing in a contract runs code of others for its readers
SELECT svc.publish('regress_mallory', 'x', 't', filter => 'n::dom IS NOT NULL');
SELECT svc.publish('regress_mallory', 'x', 't', filter => 'probe(n)');
SELECT svc.publish('regress_mallory', 'x', 't', filter => $$('{' || n || '}')::text::dom[] IS NOT NULL$$);
SELECT svc.publish('regress_mallory', 'x', 't', filter => $$('(' || n || ')')::text::t IS NOT NULL$$);
SELECT svc.publish('regress_mallory', 'x', 't', filter => 'to_json(n) IS NOT NULL');
SELECT svc.publish('regress_mallory', 'x', 't', filter => $$table_to_xml('t', true, false, '') IS NOT NULL$$);
SELECT svc.publish('regress_mallory', 'x', 't', filter => 'concat(n) IS NOT NULL');
SELECT svc.publish('regress_mallory', 'x', 't', filter => $$updated_at IS NULL OR date_trunc('day', updated_at) <= CURRENT_DATE$$);
SELECT svc.unpublish('regress_mallory', 'x', force => true);

-- nor does row security
SET ROLE regress_mallory_owner;
CREATE POLICY p ON t USING (probe(n));
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
ALTER TABLE t FORCE ROW LEVEL SECURITY;
SELECT svc.publish('regress_mallory', 'x', 't');
SELECT entity, problem, detail FROM svc.check_contracts();
ALTER TABLE t NO FORCE ROW LEVEL SECURITY;
SELECT * FROM svc.check_contracts();
ALTER TABLE t DISABLE ROW LEVEL SECURITY;

-- a published view is not changed by ways that do not look like it
CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO regress_mallory_api.things
    DO INSTEAD SELECT id, n, j, updated_at FROM t WHERE probe(n);
CREATE RULE r AS ON INSERT TO regress_mallory_api.things DO INSTEAD NOTHING;
ALTER INDEX regress_mallory_api.things RENAME TO others;
ALTER TABLE regress_mallory_api.things RENAME TO others;
ALTER TYPE regress_mallory_api.things RENAME ATTRIBUTE n TO m;
CREATE TRIGGER g INSTEAD OF INSERT ON regress_mallory_api.things FOR EACH ROW EXECUTE FUNCTION touch();
RESET ROLE;
-- another role's rights to read with: said, and mended
BEGIN;
ALTER VIEW regress_mallory_api.things OWNER TO CURRENT_USER;
SELECT entity, problem FROM svc.check_contracts();
ALTER VIEW regress_mallory_api.things OWNER TO regress_mallory_owner;
SELECT entity, problem FROM svc.check_contracts();
ROLLBACK;
-- and what was changed behind our back is looked at without a crash
BEGIN;
ALTER EVENT TRIGGER svc_ownership_ddl DISABLE;
CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO regress_mallory_api.things
    DO INSTEAD SELECT id + 0 AS id, n, j, updated_at FROM t WHERE probe(n) ORDER BY id * 2;
SELECT entity, problem, detail FROM svc.check_contracts();
ROLLBACK;

-- conditions that are none
SELECT svc.publish('regress_mallory', 'x', 't', filter => '*');
SELECT svc.publish('regress_mallory', 'x', 't', filter => 't.*');
SELECT svc.publish('regress_mallory', 'x', 't', filter => 'count(*) > 1');
SELECT svc.publish('regress_mallory', 'x', 't', filter => 't IS NOT NULL');
SELECT svc.publish('regress_mallory', 'x', 't', filter => 'tableoid > 0');
SELECT svc.keep_count('t', 'n', 't', 'id', 'n', filter => '*');
SELECT svc.keep_count('t', 'n', 't', 'id', 'n', filter => 'num_nulls(t.*) > 1');

-- DDL inside a function that runs as the extension's owner is followed as any other
CREATE FUNCTION maintain(command text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE command; END';
GRANT EXECUTE ON FUNCTION maintain TO regress_mallory_owner;
SET ROLE regress_mallory_owner;
SELECT maintain('CREATE TABLE regress_mallory.made ()');
SELECT maintain('ALTER VIEW regress_mallory_api.things RENAME TO others');
SELECT maintain('DROP VIEW regress_mallory_api.things');
SELECT * FROM svc.check_grants();
SET svc_ownership.acting_as = 10;
RESET ROLE;
DROP FUNCTION maintain;
SELECT svc.revoke_contract('regress_mallory', 'regress_reads');
SELECT svc.drop_service('regress_mallory', drop_objects => true);
SELECT svc.drop_service('regress_reads');

-- a counter's target has triggers, which run as its owner: with the path of
-- their own schema, and not one that the writer of the source chose
SELECT svc.create_service('regress_shop', schema => 'regress_shop', login => 'regress_shop_user');
SET ROLE regress_shop_owner;
SET search_path = regress_shop;
CREATE TABLE products (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
CREATE TABLE likes (product_id int);
CREATE TABLE audit (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES ('changed'); RETURN NEW; END $$;
CREATE TRIGGER note AFTER UPDATE ON products FOR EACH ROW EXECUTE FUNCTION note();
INSERT INTO products VALUES (1);
SELECT svc.keep_count('likes', 'product_id', 'products', 'id', 'n');
SET ROLE regress_shop_user;
CREATE TEMP TABLE audit (what text);
GRANT INSERT ON pg_temp.audit TO PUBLIC;
CREATE FUNCTION pg_temp.steal() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'the thief runs as %', current_user; RETURN NULL; END $$;
CREATE TRIGGER steal BEFORE INSERT ON pg_temp.audit FOR EACH ROW EXECUTE FUNCTION pg_temp.steal();
SET search_path = pg_temp, public;
INSERT INTO regress_shop.likes VALUES (1), (1);
SHOW search_path;
SELECT id, n FROM regress_shop.products;
RESET ROLE;
SELECT count(*) FROM regress_shop.audit;
DROP TABLE pg_temp.audit;
DROP FUNCTION pg_temp.steal;
SELECT svc.drop_service('regress_shop', drop_objects => true);
