-- connect.sql: the consumer's side of connections.

CREATE FUNCTION svc.connect(service name, database name = NULL, host text = NULL, port int = NULL, sslmode text = NULL,
        username name = NULL, password text = NULL, server name = NULL, consumer name = svc.current_service())
    RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_connect';
COMMENT ON FUNCTION svc.connect(name, name, text, int, text, name, text, name, name) IS
'Makes the contract of a service in another database readable here, as <service>_api.<entity>: views over foreign tables in <service>_import, for the roles of consumer. The service must have granted its contract to consumer before. For superusers.
service: the other service. database: its database; alone: of this cluster. host, port (default 5432), sslmode (default verify-full, off loopback): its server. username, password: a role there that owns the service or is a superuser, used once to make the login <service>_for_<consumer> (the service''s other roles say how it begins); or that login itself. server: an existing foreign server instead; for one of another wrapper than postgres_fdw the foreign tables in <service>_import are published. consumer: the service here that reads it.
Errors: 22023 an argument is wrong, or the service is in this database; 22004 NULL; 42501 not a superuser, or the contract was not granted; 42704 no such service, consumer or server; 3D000 no such database; 42710 connected already, or a server or role is in the way; 42P06 a schema is in the way; 42622 name too long; 08001 cannot connect or log in; 2F003 the server there asks for no password; 55000 the extension is not there, or of another version; 58P01 postgres_fdw is not installed; 2BP01, 42703 and others that making the views raises.';

CREATE FUNCTION svc.disconnect(service name, consumer name = svc.current_service()) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_disconnect';
COMMENT ON FUNCTION svc.disconnect(name, name) IS
'Takes back what svc.connect made: views, foreign tables, user mapping, server and link role, as far as nobody else needs them, and the login there; a WARNING says what to do there if it cannot be reached. For superusers.
Errors: 42704 not connected; 2BP01 something depends on the views; 42501 not a superuser.';

CREATE FUNCTION svc.refresh_contract(service name) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_refresh_contract';
COMMENT ON FUNCTION svc.refresh_contract(name) IS
'Makes the views of a connected service what its contract is by now; a NOTICE tells each change. For superusers, and members of the consumer''s owner role.
Errors: 42704 not connected; 42501 not an owner of a consumer; 08001 cannot connect or log in; 55000 the extension is not there, of another version, or has no link for us; 2BP01 something depends on a view that must go.';

CREATE FUNCTION svc.rotate_link(service name) RETURNS void
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_rotate_link';
COMMENT ON FUNCTION svc.rotate_link(name) IS
'Gives the logins by which a connected service is read new passwords, there and here in one transaction. For superusers.
Errors: 42704 not connected, or the login is gone; 42501 not a superuser; 55000 the server was not made by us and has no login of ours; 08001 cannot connect or log in.';

CREATE FUNCTION svc.check_connections(OUT service name, OUT server name, OUT ok boolean, OUT duration interval, OUT detail text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_check_connections';
COMMENT ON FUNCTION svc.check_connections() IS
'Tries each connection of the services that the caller owns (a superuser: all), and compares what is published there with what is here. duration: how long it took. detail: what is wrong, and what to do.';

CREATE FUNCTION svc.connection_info(service name, OUT service name, OUT host text, OUT port int, OUT database name,
        OUT login name, OUT level text, OUT url text, OUT env text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_connection_info';
COMMENT ON FUNCTION svc.connection_info(name) IS
'Where a service is, and who logs in: a row a login; for a connected service the login of the consumer. host: as the caller reached it, else localhost. level: of membership. url: without a password. env: the same as lines of an env file, such as AUTH_DB_HOST=localhost.
Errors: 42704 no such service, nor connected; 42501 not the service''s owner, nor a consumer''s.';

REVOKE EXECUTE ON FUNCTION svc.connect, svc.disconnect, svc.refresh_contract, svc.rotate_link,
    svc.check_connections, svc.connection_info
    FROM PUBLIC;
