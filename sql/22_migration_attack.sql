-- The history table of a tool belongs to the service, which can change it once it is adopted.  Reading it must neither run
-- what the service wrote with the rights of who asks, nor take what it finds for what it was; and rows of the catalog that
-- a service's own user brings must not be such that nothing can read them.
\set VERBOSITY default
SET client_min_messages = notice;
SELECT svc.create_service('regress_mallory', schema => 'regress_mallory');
SET ROLE regress_mallory_owner;
SET search_path = regress_mallory;
CREATE TABLE flyway_schema_history (
    installed_rank INT NOT NULL PRIMARY KEY, version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL, checksum INTEGER, installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT pg_catalog.now(), execution_time INTEGER NOT NULL, success BOOLEAN NOT NULL);
INSERT INTO flyway_schema_history VALUES (1, '1', 'a', 'SQL', 'V1__a.sql', 0, 'x', now(), 1, true);
SELECT svc.adopt_history('regress_mallory', 'flyway');

-- undo of what no file is there of
CALL svc.undo_migrations('regress_mallory', '0');

-- columns of other types, and without what they must not be without
ALTER TABLE flyway_schema_history ALTER version TYPE bigint USING 123456;
SELECT version, state FROM svc.migrations('regress_mallory');
ALTER TABLE flyway_schema_history ALTER version TYPE varchar(50), ALTER type DROP NOT NULL;
UPDATE flyway_schema_history SET type = NULL;
SELECT version, state FROM svc.migrations('regress_mallory');
ALTER TABLE flyway_schema_history ALTER description DROP NOT NULL, ALTER script DROP NOT NULL, ALTER installed_by DROP NOT NULL;
UPDATE flyway_schema_history SET version = '1', type = 'SQL', description = NULL, script = NULL, installed_by = NULL;
SELECT version, description, state, script, installed_by FROM svc.migrations('regress_mallory');

-- code that waits for the end of the transaction of whoever reads
CREATE TABLE bait (i int);
CREATE FUNCTION probe(at text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '%: as %', at, current_user;
    INSERT INTO regress_mallory.bait VALUES (1);
    RETURN true;
END $$;
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'at the end: as %', current_user;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION later();
CREATE POLICY p ON flyway_schema_history USING (probe('policy'));
ALTER TABLE flyway_schema_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT version, state FROM svc.migrations('regress_mallory');
CALL svc.migrate('regress_mallory', files => '{"V1__a.sql": "", "V2__b.sql": ""}');
SET ROLE regress_mallory_owner;
ALTER TABLE flyway_schema_history DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
-- an index's constants are folded when somebody plans a query
CREATE FUNCTION folded(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM regress_mallory.probe('index'); RETURN 1; END $$;
ALTER TABLE bait DISABLE TRIGGER later;
SET client_min_messages = warning;
CREATE INDEX folds ON flyway_schema_history ((folded(1) + installed_rank));
RESET client_min_messages;
ALTER TABLE bait ENABLE TRIGGER later;
\c -
SET client_min_messages = notice;
SELECT version, state FROM svc.migrations('regress_mallory');
SELECT * FROM svc.repair_migrations('regress_mallory');
DROP INDEX regress_mallory.folds;

-- a plan does not look into a cast that the service wrote
SET ROLE regress_mallory_owner;
SET search_path = regress_mallory;
DROP TABLE flyway_schema_history;
CREATE TYPE pair AS (a int);
CREATE FUNCTION to_int(pair) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT ($1).a + regress_mallory.folded(1)';
CREATE CAST (pair AS int) WITH FUNCTION to_int(pair);
CREATE TABLE pairs (c pair);
RESET ROLE;
SELECT svc.create_service('regress_trent', schema => 'regress_trent');
GRANT regress_mallory_owner TO regress_trent_owner;
SELECT svc.load_migrations('regress_trent', '{"1_a.sql": "ALTER TABLE regress_mallory.pairs ALTER c TYPE int"}'::jsonb);
SELECT rewrites FROM svc.plan_migrations('regress_trent');

-- rows that nothing of ours writes
\set VERBOSITY terse
SET ROLE regress_trent_owner;
INSERT INTO svc.migration_file VALUES ('regress_trent', 'x', 'versioned', NULL, '', NULL, 2, '', 0, false, NULL, false, 0, true);
INSERT INTO svc.migration_file VALUES ('regress_trent', 'x', 'callback', NULL, '', NULL, 2, '', 0, false, NULL, false, 0, true);
INSERT INTO svc.migration_file VALUES ('regress_trent', 'x', 'versioned', '1', '', NULL, 2, '', 0, false, NULL, false, -1, true);
INSERT INTO svc.migration_history VALUES ('regress_trent', 1, 'apply', 'success', 'versioned', NULL, '', 'x', NULL, 1, 1, NULL, NULL, NULL, 'x');
INSERT INTO svc.migration_history VALUES ('regress_trent', 0, 'apply', 'success', 'versioned', '1', '', 'x', NULL, 1, 1, NULL, NULL, NULL, 'x');
INSERT INTO svc.migration_history VALUES ('regress_trent', 1, 'x', 'success', 'versioned', '1', '', 'x', NULL, 1, 1, NULL, NULL, NULL, 'x');

RESET ROLE;
SET client_min_messages = warning;
SELECT svc.drop_service('regress_trent', drop_objects => true);
SELECT svc.drop_service('regress_mallory', drop_objects => true);

-- placeholders of a flyway.conf are for the service's owners, as texts are; nobody keeps a copy of a row with texts, either
SELECT svc.create_service('regress_alice', schema => 'regress_alice');
SELECT svc.create_service('regress_eve', schema => 'regress_eve');
SELECT svc.load_migrations('regress_alice', '{"flyway.conf": "flyway.table=t\nflyway.placeholders.pw=hunter2\nflyway.password=hunter3", "R__a.sql": "SELECT ''${pw}''"}'::jsonb);
SELECT svc.load_migrations('regress_alice', '{"flyway.conf": "flyway.table=t\nflyway.placeholders.pw=hunter2\nflyway.password=hunter3", "R__a.sql": "SELECT ''${pw}''"}'::jsonb);
SET ROLE regress_alice_owner;
SELECT settings, placeholders FROM svc.migration_source;
CALL svc.migrate('regress_alice');
SET ROLE regress_eve_owner;
SELECT settings FROM svc.migration_source;
SELECT * FROM svc.migration_source;
CREATE TABLE regress_eve.copies AS SELECT c FROM svc.migration_content c;
CREATE TABLE regress_eve.copies AS SELECT s FROM svc.migration_source s;
RESET ROLE;
SELECT svc.alter_service('regress_alice', new_name => 'regress_alice_2');
SELECT placeholders FROM svc.migration_source;

-- a service whose name is a way to the folders of others
SELECT svc.create_service('regress_alice_2/secret');
SELECT svc.create_service('.');
SELECT current_setting('data_directory') AS directory \gset
CALL svc.migrate_all(:'directory', 'regress_no_such_folder/%s');
SELECT svc.drop_service('.');
SELECT svc.drop_service('regress_alice_2/secret');

-- a migration that drops its service, in its caller's transaction: the history is that of a service
SELECT svc.create_service('regress_bob', schema => 'regress_bob', login => 'regress_bob_user', login_level => 'owner');
SELECT svc.load_migrations('regress_bob', '{"1_a.sql": "SELECT svc.drop_service(''regress_bob'')"}'::jsonb);
SET SESSION AUTHORIZATION regress_bob_user;
SELECT svc.apply_migration('regress_bob', '1');
RESET SESSION AUTHORIZATION;
SELECT svc.drop_service('regress_bob', drop_objects => true);
SELECT svc.drop_service('regress_alice_2', drop_objects => true);
SELECT svc.drop_service('regress_eve', drop_objects => true);
