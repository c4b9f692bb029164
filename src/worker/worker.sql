-- worker.sql: work that is done after users' transactions, outside of them.

CREATE PROCEDURE svc.run_pending()
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_run_pending';
COMMENT ON PROCEDURE svc.run_pending() IS
'Does what is pending in this database, as its worker would, and returns when that is done: for servers without shared_preload_libraries, for tests, and for whoever does not want to wait for the worker. It runs in a background worker of its own, with the rights of the services that the work belongs to; work of all services is done. What fails is a WARNING, and stays pending. Where the worker, or another call, is at work it waits for that.
Errors: 25001 inside a transaction block or a function; 42501 not a member of any service''s owner role here; 53000 no background worker got free within svc_ownership.worker_wait; 55000 the extension is being changed; 25006 on a standby.';
REVOKE EXECUTE ON PROCEDURE svc.run_pending FROM PUBLIC;
