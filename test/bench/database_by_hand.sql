-- What svc.create_service('bench_hand', database => ...) would make, by hand
CREATE ROLE bench_hand_owner NOLOGIN;
CREATE ROLE bench_hand_writer NOLOGIN;
CREATE ROLE bench_hand_reader NOLOGIN;
CREATE ROLE bench_hand_user LOGIN PASSWORD 'correct horse';
GRANT bench_hand_reader TO bench_hand_writer;
GRANT bench_hand_writer TO bench_hand_owner;
GRANT bench_hand_owner TO bench_hand_user;
CREATE DATABASE bench_hand_db OWNER bench_hand_owner;
REVOKE CONNECT ON DATABASE bench_hand_db FROM PUBLIC;
GRANT CONNECT ON DATABASE bench_hand_db TO bench_hand_reader;
\connect bench_hand_db
CREATE EXTENSION svc_ownership;
ALTER SCHEMA public OWNER TO bench_hand_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO bench_hand_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE bench_hand_owner IN SCHEMA public GRANT SELECT ON TABLES TO bench_hand_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE bench_hand_owner IN SCHEMA public GRANT INSERT, UPDATE, DELETE ON TABLES TO bench_hand_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE bench_hand_owner IN SCHEMA public GRANT SELECT ON SEQUENCES TO bench_hand_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE bench_hand_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO bench_hand_writer;
ALTER ROLE bench_hand_owner IN DATABASE bench_hand_db SET search_path = public, svc_triggers;
ALTER ROLE bench_hand_user IN DATABASE bench_hand_db SET search_path = public, svc_triggers;
ALTER ROLE bench_hand_user IN DATABASE bench_hand_db SET role = bench_hand_owner;
