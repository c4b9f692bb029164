-- Connections, as far as one database shows them: every wrong argument, the
-- producer's side (the login, what it may and what it is told), and a connection
-- through a foreign server of another wrapper, whose tables somebody made by hand.
-- test/tap/connection.pl has the other databases and servers.
SET jit = off;
SELECT svc.create_service('regress_shop', schema => 'regress_shop', login => 'regress_shop_user');
SELECT svc.create_service('regress_cart', schema => 'regress_cart', login => 'regress_cart_user', login_level => 'owner');
CREATE TABLE regress_shop.items (id int PRIMARY KEY, name text, price numeric(8,2), cost numeric);
ALTER TABLE regress_shop.items OWNER TO regress_shop_owner;
SELECT svc.publish('regress_shop', 'items', 'regress_shop.items', columns => '{id,name,price}');

-- wrong arguments
SELECT svc.connect(NULL, database => 'x', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'x');
SELECT svc.connect('x', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'x', consumer => 'regress_none');
SELECT svc.connect('x', database => 'x', consumer => NULL);
SELECT svc.connect('regress_shop', database => 'template1', consumer => 'regress_cart');
SELECT svc.connect('x', database => current_database(), consumer => 'regress_cart');
SELECT svc.connect('x', database => 'regress_no_database', consumer => 'regress_cart');
SELECT svc.connect('', database => 'template1', consumer => 'regress_cart');
SELECT svc.connect(repeat('x', 57), database => 'template1', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'template1', port => 5432, consumer => 'regress_cart');
SELECT svc.connect('x', database => 'template1', sslmode => 'disable', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'template1', username => 'u', password => 'p', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'template1', host => '127.0.0.1', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'template1', host => '127.0.0.1', username => 'u', consumer => 'regress_cart');
SELECT svc.connect('x', host => '127.0.0.1', username => 'u', password => 'p', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'd', host => '', username => 'u', password => 'p', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'd', host => 'h', port => 0, username => 'u', password => 'p', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'd', host => 'h', port => 65536, username => 'u', password => 'p', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'd', host => 'h', sslmode => 'maybe', username => 'u', password => 'p', consumer => 'regress_cart');
SELECT svc.connect('x', database => 'd', host => 'h', username => 'u', password => repeat('x', 10001), consumer => 'regress_cart');
SELECT svc.connect('x', server => 'regress_none', consumer => 'regress_cart');
SELECT svc.connect('x', server => 's', host => 'h', consumer => 'regress_cart');
SELECT svc.disconnect('x', 'regress_cart');
SELECT svc.disconnect('regress_shop', 'regress_cart');
SELECT svc.refresh_contract('x');
SELECT svc.rotate_link('x');
SELECT svc.connection_info('x');
SELECT svc.drop_link('x', 'y');
SELECT svc.drop_link('regress_shop', 'regress_far');
SELECT svc.link_requested();
SET ROLE regress_cart_owner;
SELECT svc.connect('x', database => 'template1');
SELECT svc.disconnect('x');
SELECT svc.rotate_link('x');
SELECT svc.refresh_contract('x');
SELECT svc.drop_link('regress_shop', 'regress_far');
SELECT svc.connection_info('regress_shop');
RESET ROLE;
SET ROLE regress_cart_user;
SELECT service, login, level, url ~ '^postgresql://regress_cart_user@.*:[0-9]+/' AS url,
       env ~ 'REGRESS_CART_DB_HOST=.*\nREGRESS_CART_DB_PORT=\d+\nREGRESS_CART_DB_NAME=.*\nREGRESS_CART_DB_USER=regress_cart_user\nREGRESS_CART_DB_URL=postgresql://' AS env
  FROM svc.connection_info('regress_cart');
RESET ROLE;
-- nothing is left of all that
SELECT service FROM svc.connection UNION ALL SELECT srvname FROM pg_foreign_server UNION ALL SELECT rolname FROM pg_roles WHERE rolname ~ '_link$';

-- the producer's side: a login is asked for
SET ROLE regress_shop_owner;
INSERT INTO svc.link_request (action, service, consumer, database, verifier)
VALUES ('make', 'regress_shop', 'regress_far', 'far_db', 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVka2V5c3RvcmVka2V5c3RvcmVka2V5c3RvcmVk:c2VydmVya2V5c2VydmVya2V5c2VydmVya2V5c2VydmU=');
SELECT svc.grant_contract('regress_shop', 'regress_far');
INSERT INTO svc.link_request (action, service, consumer, database, verifier) VALUES ('make', 'regress_shop', 'regress_far', 'far_db', 'clear text');
INSERT INTO svc.link_request (action, service, consumer) VALUES ('make', 'regress_shop', 'regress_far');
INSERT INTO svc.link_request (action, service, consumer) VALUES ('make', 'regress_shop', NULL);
INSERT INTO svc.link_request (action, service, consumer) VALUES ('make', 'regress_none', 'regress_far');
INSERT INTO svc.link_request (action, service, consumer) VALUES ('nothing', 'regress_shop', 'regress_far');
INSERT INTO svc.link_request (action, service, consumer) VALUES (NULL, 'regress_shop', 'regress_far');
INSERT INTO svc.link_request (action, service, consumer) VALUES ('rotate', 'regress_shop', 'regress_far');
RESET ROLE;
SET ROLE regress_cart_owner;
INSERT INTO svc.link_request (action, service, consumer) VALUES ('make', 'regress_shop', 'regress_far');
RESET ROLE;
CREATE ROLE regress_shop_for_regress_far;
SET ROLE regress_shop_owner;
\set verifier 'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$c3RvcmVka2V5c3RvcmVka2V5c3RvcmVka2V5c3RvcmU=:c2VydmVya2V5c2VydmVya2V5c2VydmVya2V5c2VydmU='
INSERT INTO svc.link_request (action, service, consumer, database, verifier) VALUES ('make', 'regress_shop', 'regress_far', 'far_db', :'verifier');
RESET ROLE;
DROP ROLE regress_shop_for_regress_far;
SET ROLE regress_shop_owner;
INSERT INTO svc.link_request (action, service, consumer, database, verifier) VALUES ('make', 'regress_shop', 'regress_far', 'far_db', :'verifier') RETURNING login;
RESET ROLE;
SELECT rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolpassword = :'verifier' AS password FROM pg_authid WHERE rolname = 'regress_shop_for_regress_far';
SELECT service, consumer, login, database, address IS NULL AS here, left_at FROM svc.link;
SELECT service, entity, consumer, database FROM svc.consumers;
SELECT * FROM svc.check_grants();
-- again from the same place: another password; from elsewhere: refused while that is there
INSERT INTO svc.link_request (action, service, consumer, database, verifier) VALUES ('make', 'regress_shop', 'regress_far', 'far_db', :'verifier') RETURNING login;
UPDATE svc.link SET database = current_database();
INSERT INTO svc.link_request (action, service, consumer, database, verifier) VALUES ('make', 'regress_shop', 'regress_far', 'far_db', :'verifier') RETURNING login;
UPDATE svc.link SET database = 'far_db';

-- what the login may, and what it is told
SET ROLE regress_shop_for_regress_far;
SELECT * FROM regress_shop_api.items;
SELECT * FROM regress_shop.items;
UPDATE regress_shop_api.items SET price = 0;
SELECT * FROM svc.link_contract;
SELECT * FROM svc.link;
INSERT INTO svc.link_request (action, service, consumer, verifier) VALUES ('make', 'regress_shop', 'regress_far', :'verifier');
INSERT INTO svc.link_request (action, service, consumer, verifier) VALUES ('rotate', 'regress_shop', 'regress_far', :'verifier') RETURNING login;
INSERT INTO svc.link_request (action, service, consumer) VALUES ('drop', 'regress_shop', 'regress_far');
RESET ROLE;
SET ROLE regress_cart_owner;
SELECT * FROM svc.link_contract;
INSERT INTO svc.link_request (action, service, consumer, verifier) VALUES ('rotate', 'regress_shop', 'regress_far', :'verifier');
INSERT INTO svc.link_request (action, service, consumer) VALUES ('leave', 'regress_shop', 'regress_far');
RESET ROLE;
-- published, granted and revoked later
SET ROLE regress_shop_owner;
CREATE DOMAIN regress_shop.amount AS numeric(6,1) CHECK (VALUE > 0);
CREATE DOMAIN regress_shop.small AS regress_shop.amount CHECK (VALUE < 10);
CREATE TYPE regress_shop.color AS ENUM ('red', 'green');
CREATE TABLE regress_shop.parts (id uuid PRIMARY KEY, n regress_shop.small, c regress_shop.color, tags varchar(5)[]);
SELECT svc.publish('regress_shop', 'parts', 'regress_shop.parts');
RESET ROLE;
SET ROLE regress_shop_for_regress_far;
SELECT count(*) FROM regress_shop_api.parts;
SELECT entity, key, columns, types FROM svc.link_contract ORDER BY entity;
RESET ROLE;
SELECT * FROM svc.check_grants();
GRANT SELECT ON regress_shop.items TO regress_shop_for_regress_far;
GRANT regress_shop_for_regress_far TO regress_cart_user;
REVOKE SELECT ON regress_shop_api.parts FROM regress_shop_for_regress_far;
SELECT service, object, role, privilege, problem, fix FROM svc.check_grants();
SELECT fix FROM svc.check_grants()
\gexec
SELECT * FROM svc.check_grants();
SET ROLE regress_shop_owner;
SELECT svc.revoke_contract('regress_shop', 'regress_far');
SELECT svc.grant_contract('regress_shop', 'regress_far', 'items');
RESET ROLE;
SET ROLE regress_shop_for_regress_far;
SELECT count(*) FROM regress_shop_api.parts;
SELECT count(*) FROM regress_shop_api.items;
-- it gives itself up
INSERT INTO svc.link_request (action, service, consumer) VALUES ('leave', 'regress_shop', 'regress_far') RETURNING login;
SELECT count(*) FROM regress_shop_api.items;
RESET ROLE;
SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = 'regress_shop_for_regress_far';
SELECT service, consumer, left_at IS NOT NULL AS left FROM svc.link;
SELECT * FROM svc.check_grants();
-- and comes again
INSERT INTO svc.link_request (action, service, consumer, database, verifier) VALUES ('make', 'regress_shop', 'regress_far', 'far_db', :'verifier') RETURNING login;
SET ROLE regress_shop_for_regress_far;
SELECT count(*) FROM regress_shop_api.items;
RESET ROLE;
-- a consumer that is connected keeps the service from going; names that are too long are cut
SET ROLE regress_shop_owner;
SELECT svc.revoke_contract('regress_shop', 'regress_far');
SELECT svc.drop_service('regress_shop');
SELECT svc.drop_link('regress_shop', 'regress_far');
SELECT svc.grant_contract('regress_shop', rpad('regress_', 56, 'y'));
INSERT INTO svc.link_request (action, service, consumer, database, verifier) VALUES ('make', 'regress_shop', rpad('regress_', 56, 'y'), 'far_db', :'verifier') RETURNING login;
RESET ROLE;
SELECT rolname FROM pg_roles WHERE rolname ~ '_for_';
BEGIN;
SELECT svc.drop_service('regress_shop', force => true);
SELECT rolname FROM pg_roles WHERE rolname ~ '_for_';
SELECT * FROM svc.link;
ROLLBACK;
SELECT svc.drop_link('regress_shop', rpad('regress_', 56, 'y'));
SELECT svc.revoke_contract('regress_shop', rpad('regress_', 56, 'y'));

-- a server of another wrapper: somebody makes the foreign tables
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
SELECT svc.connect('regress_api', server => 'regress_server', consumer => 'regress_cart');
SELECT nspname FROM pg_namespace WHERE nspname ~ '^regress_api';
SELECT svc.disconnect('regress_api', 'regress_cart');
SELECT nspname FROM pg_namespace WHERE nspname ~ '^regress_api';
CREATE SCHEMA regress_api_import;
CREATE FOREIGN TABLE regress_api_import.users (name text, id uuid, "a ""b" varchar(3)) SERVER regress_server OPTIONS (item '/users/{id}');
CREATE FOREIGN TABLE regress_api_import.codes (code text, label text) SERVER regress_server;
CREATE FOREIGN TABLE regress_api_import.things (n int, number int) SERVER regress_server OPTIONS (key 'number');
SELECT svc.connect('regress_api', server => 'regress_server', username => 'u', password => 'p', consumer => 'regress_cart');
SELECT svc.connect('regress_api', server => 'regress_server', consumer => 'regress_cart');
SELECT umoptions FROM pg_user_mappings WHERE srvname = 'regress_server';
SELECT service, form, schema FROM svc.services ORDER BY 1;
SELECT * FROM svc.entities WHERE place = 'foreign' ORDER BY entity;
SELECT service, server, ok, detail FROM svc.check_connections();
SELECT item, state, detail FROM svc.status() WHERE item ~ '^connection';
SELECT * FROM svc.check_grants();
SELECT relname, relowner::regrole, replace(relacl::text, 'xtm/', 'xt/') AS relacl FROM pg_class WHERE relnamespace IN ('regress_api_import'::regnamespace, 'regress_api_api'::regnamespace) ORDER BY relkind, relname;
SELECT nspname, nspacl FROM pg_namespace WHERE nspname ~ '^regress_api' ORDER BY 1;
SELECT svc.owner_of('regress_api_api.users'), svc.how_owned('regress_api_import.users');
SELECT service, relation FROM svc.tables WHERE service = 'regress_api' ORDER BY relation::text;
SELECT * FROM svc.owners_of_query('SELECT name FROM regress_api_api.users');
SELECT svc.connection_info('regress_api');
\t on
\pset format unaligned
SELECT svc.export_contract('regress_api');
\t off
\pset format aligned
SET ROLE regress_cart_user;
EXPLAIN (COSTS OFF) SELECT name FROM regress_api_api.users;
SELECT svc.export_contract('regress_api') <> '' AS export;
SELECT service, ok FROM svc.check_connections();
RESET ROLE;
SET ROLE regress_shop_owner;
SELECT svc.export_contract('regress_api');
SELECT service, ok FROM svc.check_connections();
SELECT svc.refresh_contract('regress_api');
SELECT svc.connection_info('regress_api');
RESET ROLE;
SET ROLE regress_shop_user;
SELECT name FROM regress_api_api.users;
RESET ROLE;

-- its views are kept as they are, its name is taken
DROP VIEW regress_api_api.users;
ALTER VIEW regress_api_api.users RENAME TO x;
ALTER SCHEMA regress_api_api RENAME TO x;
ALTER SCHEMA regress_api_import RENAME TO x;
CREATE TRIGGER t INSTEAD OF INSERT ON regress_api_api.users FOR EACH ROW EXECUTE FUNCTION svc.guard_catalog();
SELECT svc.assign('regress_cart', 'regress_api_api.users');
SELECT svc.create_service('regress_api', schema => 'regress_api_x');
SELECT svc.alter_service('regress_shop', new_name => 'regress_api');
SELECT svc.create_service('regress_x', schema => 'regress_api_api', adopt => true);
SELECT svc.drop_service('regress_cart');
SELECT svc.rotate_link('regress_api');
-- rights that nobody declared
GRANT SELECT ON regress_api_api.users TO PUBLIC;
GRANT regress_cart_link TO regress_shop_user;
REVOKE SELECT ON regress_api_api.codes FROM regress_cart_reader;
SELECT service, object, role, privilege, problem, fix FROM svc.check_grants() ORDER BY object;
SELECT fix FROM svc.check_grants() ORDER BY object
\gexec
SELECT * FROM svc.check_grants();

-- what changes there
ALTER FOREIGN TABLE regress_api_import.things ADD COLUMN more text;
CREATE FOREIGN TABLE regress_api_import.news (id int) SERVER regress_server;
DROP FOREIGN TABLE regress_api_import.codes CASCADE;
SELECT service, ok, detail FROM svc.check_connections();
SELECT item, state, detail, hint FROM svc.status() WHERE item ~ '^connection';
SET ROLE regress_cart_user;
SELECT svc.refresh_contract('regress_api');
RESET ROLE;
SELECT entity, key, columns FROM svc.entities WHERE place = 'foreign' ORDER BY entity;
SELECT service, ok, detail FROM svc.check_connections();
SELECT * FROM svc.check_grants();
-- something depends on a view that must go
CREATE VIEW regress_cart.names AS SELECT name FROM regress_api_api.users;
ALTER FOREIGN TABLE regress_api_import.users ALTER COLUMN "a ""b" TYPE varchar(4);
SELECT svc.refresh_contract('regress_api');
SELECT svc.disconnect('regress_api', 'regress_cart');
DROP VIEW regress_cart.names;
SELECT svc.refresh_contract('regress_api');

-- a second consumer; the first goes; the other is renamed
SELECT svc.connect('regress_api', server => 'regress_other', consumer => 'regress_shop');
CREATE SERVER regress_other FOREIGN DATA WRAPPER regress_wrapper;
SELECT svc.connect('regress_api', server => 'regress_other', consumer => 'regress_shop');
SELECT svc.connect('regress_api', server => 'regress_server', consumer => 'regress_shop');
SET ROLE regress_shop_user;
EXPLAIN (COSTS OFF) SELECT name FROM regress_api_api.users;
RESET ROLE;
SELECT svc.disconnect('regress_api', 'regress_cart');
SET ROLE regress_cart_user;
EXPLAIN (COSTS OFF) SELECT name FROM regress_api_api.users;
RESET ROLE;
SELECT svc.alter_service('regress_shop', new_name => 'regress_store');
SELECT consumers FROM svc.remote_entity WHERE entity = 'users';
SELECT service, ok, detail FROM svc.check_connections();
SELECT * FROM svc.check_grants();
SELECT relname, relowner::regrole FROM pg_class WHERE relnamespace = 'regress_api_api'::regnamespace AND relkind = 'v' ORDER BY relname;
SELECT svc.disconnect('regress_api', 'regress_store');
SELECT nspname FROM pg_namespace WHERE nspname ~ '^regress_api';
SELECT rolname FROM pg_roles WHERE rolname ~ '_link$';
\set VERBOSITY terse
DROP SCHEMA regress_api_import CASCADE;
\set VERBOSITY default
-- a link that could do more than read
CREATE ROLE regress_cart_link LOGIN;
SELECT svc.connect('regress_api', server => 'regress_server', consumer => 'regress_cart');
ALTER ROLE regress_cart_link NOLOGIN;
SELECT svc.connect('regress_api', server => 'regress_server', consumer => 'regress_cart');
SELECT svc.disconnect('regress_api', 'regress_cart');
SELECT rolname FROM pg_roles WHERE rolname ~ '_link$';
DROP ROLE regress_cart_link;
-- a schema in the way
CREATE SCHEMA regress_api_api;
SELECT svc.connect('regress_api', server => 'regress_server', consumer => 'regress_cart');
DROP SCHEMA regress_api_api;

\set VERBOSITY terse
DROP FOREIGN DATA WRAPPER regress_wrapper CASCADE;
SELECT svc.drop_service('regress_cart', drop_objects => true);
SELECT svc.drop_service('regress_store', drop_objects => true);
