-- Files of migrations come and are kept: what is new, changed, gone; who may read what they say.
SET client_min_messages = warning;
SELECT svc.create_service('regress_load', schema => 'regress_load', login => 'regress_load_user', login_level => 'owner', migrator => 'regress_load_mig');
SELECT svc.create_service('regress_peer', schema => 'regress_peer', login => 'regress_peer_user', login_level => 'owner');
CREATE ROLE regress_nobody;
RESET client_min_messages;
-- what is kept, without times
CREATE VIEW pg_temp.kept AS SELECT script, kind, version, description, position, left(checksum, 8) AS checksum, size, present FROM svc.migration_file WHERE service = 'regress_load';
CREATE VIEW pg_temp.texts AS SELECT script, part, content FROM svc.migration_content WHERE service = 'regress_load';

-- new, the same, changed, gone
SET SESSION AUTHORIZATION regress_load_user;
SELECT svc.load_migrations('regress_load', files => '{"001_a.sql": "SELECT 1;\n", "2_b.sql": "", "10_c.sql": "SELECT ''ä'';"}');
SELECT svc.load_migrations('regress_load', files => '{"001_a.sql": "SELECT 1;\n", "2_b.sql": "", "10_c.sql": "SELECT ''ä'';"}');
RESET SESSION AUTHORIZATION;
TABLE pg_temp.kept ORDER BY position;
TABLE pg_temp.texts ORDER BY 1, 2;
SELECT service, format, settings, history FROM svc.migration_source;
SELECT svc.load_migrations('regress_load', files => '{"001_a.sql": "SELECT 1;\r\n", "10_c.sql": "SELECT ''ä'';", "3_d.sql": "x"}');
TABLE pg_temp.kept ORDER BY position;
TABLE pg_temp.texts ORDER BY 1, 2;
-- nothing is written for what is known
SELECT array_agg(ROW(ctid, xmin)::text ORDER BY script) AS before FROM svc.migration_file
\gset
SELECT svc.load_migrations('regress_load', files => '{"001_a.sql": "SELECT 1;\r\n", "10_c.sql": "SELECT ''ä'';", "3_d.sql": "x"}');
SELECT array_agg(ROW(ctid, xmin)::text ORDER BY script) = :'before' AS untouched FROM svc.migration_file;
-- as long as nothing was run, another format and no files at all are fine
SELECT svc.load_migrations('regress_load', files => '{"V1__a.sql": "SELECT 1", "R__v.sql": "SELECT 2", "flyway.conf": "flyway.table=runs"}');
SELECT format, settings FROM svc.migration_source;
SELECT svc.load_migrations('regress_load', files => '{}');
TABLE pg_temp.kept;
TABLE pg_temp.texts;

-- a text of more than one part, cut between characters
SELECT svc.load_migrations('regress_load', files => jsonb_build_object('1_long.sql', 'x' || repeat('ä', 300000)));
SELECT part, octet_length(content::text) FROM pg_temp.texts ORDER BY part;
SELECT md5(string_agg(substr(content::text, length('regress_load') + 2), '' ORDER BY part)) = md5('x' || repeat('ä', 300000)) AS whole FROM pg_temp.texts;

-- what was run stays
SELECT svc.load_migrations('regress_load', files => '{"V1__a.sql": "SELECT 1", "U1__a.sql": "SELECT -1", "V2__b.sql": "SELECT 2", "U2__b.sql": "SELECT -2", "R__v.sql": "SELECT 3"}');
INSERT INTO svc.migration_history (service, attempt, action, outcome, kind, version, description, script, installed_by, error)
VALUES ('regress_load', 1, 'apply', 'success', 'versioned', '1', 'a', 'V1__a.sql', 'me', NULL),
       ('regress_load', 2, 'apply', 'success', 'repeatable', NULL, 'v', 'R__v.sql', 'me', NULL),
       ('regress_load', 3, 'apply', 'rolled back', 'versioned', '2', 'b', 'V2__b.sql', 'me', E'regress_load\ndivision by zero');
SELECT svc.load_migrations('regress_load', files => '{"V3__c.sql": "SELECT 3"}');
SELECT script, present FROM pg_temp.kept ORDER BY 1;
SELECT script FROM pg_temp.texts ORDER BY 1;
SELECT svc.load_migrations('regress_load', files => '{"V3__c.sql": "SELECT 3", "V1__a.sql": "SELECT 1"}');
SELECT script, present FROM pg_temp.kept ORDER BY 1;
SELECT svc.load_migrations('regress_load', files => '{}');
SELECT svc.load_migrations('regress_load', files => '{"1_a.sql": "SELECT 1"}', format => 'plain');
-- auto: what was run says which rules
SELECT svc.load_migrations('regress_load', files => '{"V3__c.sql": "SELECT 3", "V1__a.sql": "SELECT 1", "1_extra.up.sql": "SELECT 1"}');
SELECT format FROM svc.migration_source;

-- without texts
SET svc_ownership.migration_text = off;
SELECT svc.load_migrations('regress_load', files => '{"V3__c.sql": "SELECT 3", "V1__a.sql": "SELECT 1"}');
TABLE pg_temp.texts;
SELECT script, present FROM pg_temp.kept ORDER BY 1;
RESET svc_ownership.migration_text;
SELECT svc.load_migrations('regress_load', files => '{"V3__c.sql": "SELECT 3", "V1__a.sql": "SELECT 1"}');
TABLE pg_temp.texts ORDER BY 1;
SET SESSION AUTHORIZATION regress_load_user;
SET svc_ownership.migration_text = off;
RESET SESSION AUTHORIZATION;

-- what is refused
SELECT svc.load_migrations('regress_load', files => NULL);
SELECT svc.load_migrations('regress_load', directory => NULL);
SELECT svc.load_migrations(NULL, files => '{}');
SELECT svc.load_migrations('regress_load', files => '{}', format => NULL);
SELECT svc.load_migrations('regress_load', files => '{}', format => 'liquibase');
SELECT svc.load_migrations('regress_load', files => '[]');
SELECT svc.load_migrations('regress_load', files => '"V1__a.sql"');
SELECT svc.load_migrations('regress_load', files => 'null');
SELECT svc.load_migrations('regress_load', files => '{"V1__a.sql": {"V2__b.sql": "SELECT 1"}}');
SELECT svc.load_migrations('regress_load', files => '{"V1__a.sql": null}');
SELECT svc.load_migrations('regress_load', files => '{"": "SELECT 1"}');
SELECT svc.load_migrations('regress_load', files => jsonb_build_object(repeat('x', 1001), ''));
SELECT svc.load_migrations('regress_load', files => (SELECT jsonb_object_agg('V' || i || '__x.sql', '') FROM generate_series(1, 100001) i));
SELECT svc.load_migrations('regress_load', '{"V1__a.sql": "SELECT 1"}');
SELECT svc.load_migrations('regress_load', ' {"V1__a.sql": "SELECT 1"}', 'flyway');
SELECT svc.load_migrations('regress_load', 'relative');
SELECT svc.load_migrations('regress_load', '');
SELECT svc.load_migrations('regress_load', '/tmp/../etc');
SELECT svc.load_migrations('regress_load', '/no/such/directory');
SELECT svc.load_migrations('regress_load', repeat('/x', 2001));
SET svc_ownership.migration_directory = 'relative';
SET svc_ownership.migration_directory = '/no/such';
SELECT svc.load_migrations('regress_load', '.');
SELECT svc.load_migrations('regress_load', '/no/such_other');
SELECT svc.load_migrations('regress_load', '/elsewhere');
RESET svc_ownership.migration_directory;
BEGIN READ ONLY;
SELECT svc.load_migrations('regress_load', files => '{}');
ROLLBACK;
-- who may
SET ROLE regress_nobody;
SELECT svc.load_migrations('regress_load', files => '{}');
RESET ROLE;
SET SESSION AUTHORIZATION regress_peer_user;
SELECT svc.load_migrations('regress_load', files => '{}');
SELECT svc.load_migrations('regress_nowhere', files => '{}');
SELECT svc.load_migrations('regress_peer', '/tmp');
SELECT svc.load_migrations('regress_peer', '.');
SET svc_ownership.migration_directory = '/tmp';
RESET SESSION AUTHORIZATION;

-- owner roles read the tables, but of texts only their own
SET SESSION AUTHORIZATION regress_peer_user;
SELECT svc.load_migrations('regress_peer', files => '{"V1__a.sql": "SELECT ''of peer''"}');
SELECT * FROM svc.migration_content WHERE service = 'regress_peer';
SELECT service, script, part FROM svc.migration_content ORDER BY 1, 2;
SELECT content FROM svc.migration_content WHERE service = 'regress_load';
SELECT error FROM svc.migration_history;
SELECT content::text || '' FROM svc.migration_content;
SELECT to_jsonb(c) FROM svc.migration_content c;
SELECT c FROM svc.migration_content c;
SELECT array_agg(content) FROM svc.migration_content;
SELECT format('%s', content), concat(content), quote_literal(content) FROM svc.migration_content;
SELECT string_agg(content::text, '') FROM svc.migration_content;
-- whether its own row comes first is a matter of chance
\o /dev/null
COPY svc.migration_content TO STDOUT;
\o
COPY svc.migration_content TO STDOUT (FORMAT binary);
SELECT min(content) FROM svc.migration_content;
SELECT DISTINCT content FROM svc.migration_content;
SELECT content::bytea FROM svc.migration_content;
CREATE TABLE regress_peer.stolen AS SELECT content FROM svc.migration_content;
CREATE TABLE regress_peer.stolen (content svc.private_text);
CREATE DOMAIN regress_peer.stolen AS svc.private_text;
CREATE FUNCTION regress_peer.stolen(svc.private_text) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE CAST (svc.private_text AS text) WITHOUT FUNCTION;
CREATE CAST (svc.private_text AS text) WITH INOUT;
CREATE TRIGGER renamed BEFORE UPDATE ON regress_peer.stolen FOR EACH ROW EXECUTE FUNCTION svc.migration_renamed();
-- values begin with random bytes: comparing whole rows tells nothing of them
SELECT count(*) FROM svc.migration_content a JOIN svc.migration_content b ON a *= b AND a.service = 'regress_load';
SELECT count(*) FROM svc.migration_content a WHERE a *= ROW(service, script, part, E'regress_load\nSELECT 1'::svc.private_text) AND service = 'regress_load';
-- and cannot be relabelled
INSERT INTO svc.migration_content SELECT 'regress_peer', 'copy', part, content FROM svc.migration_content WHERE service = 'regress_load';
UPDATE svc.migration_content SET service = 'regress_peer' WHERE service = 'regress_load';
RESET SESSION AUTHORIZATION;
-- the form of a value
SELECT 'no newline'::svc.private_text;
SELECT E'\nno name'::svc.private_text;
SELECT E'a\\x\nno such escape'::svc.private_text;
SELECT (repeat('x', 64) || E'\nlong name')::svc.private_text;
SELECT E'a\\n\\\\b\n\nof a service that is not there'::svc.private_text;
SELECT svc.private_text_out(svc.private_text_in(E'a\n'));
SET ROLE regress_nobody;
SELECT E'a\nof a service that is not there'::svc.private_text;
RESET ROLE;
SELECT svc.migration_renamed();

-- the service gets another name, and its texts with it
SELECT svc.alter_service('regress_load', new_name => E'regress_l\n\\o');
SELECT service, script, content FROM svc.migration_content ORDER BY 2, 1;
SELECT service, error FROM svc.migration_history WHERE error IS NOT NULL;
SELECT format, (SELECT count(*) FROM svc.migration_file f WHERE f.service = s.service) AS files FROM svc.migration_source s ORDER BY 1, 2;
SELECT svc.alter_service(E'regress_l\n\\o', new_name => 'regress_load');
SET ROLE regress_load_owner;
SELECT script, content FROM svc.migration_content WHERE service = 'regress_load' ORDER BY 1;

-- a tool's table that was adopted, and is dropped
CREATE TABLE regress_load.runs (n int, m int);
RESET ROLE;
UPDATE svc.migration_source SET history = 'regress_load.runs' WHERE service = 'regress_load';
ALTER TABLE regress_load.runs DROP COLUMN m;
ALTER TABLE regress_load.runs RENAME TO ran;
SELECT history FROM svc.migration_source WHERE service = 'regress_load';
SET ROLE regress_load_owner;
DROP TABLE regress_load.ran;
RESET ROLE;
SELECT history FROM svc.migration_source WHERE service = 'regress_load';

-- the service goes, and everything with it
SELECT svc.drop_service('regress_load', drop_objects => true), svc.drop_service('regress_peer', drop_objects => true);
SELECT (SELECT count(*) FROM svc.migration_source), (SELECT count(*) FROM svc.migration_file), (SELECT count(*) FROM svc.migration_content), (SELECT count(*) FROM svc.migration_history);
DROP ROLE regress_nobody;
