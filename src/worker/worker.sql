-- worker.sql: work that is done after users' transactions, outside of them.

CREATE PROCEDURE svc.run_pending()
    LANGUAGE C AS 'MODULE_PATHNAME', 'svc_run_pending';
COMMENT ON PROCEDURE svc.run_pending() IS
'Does what is pending in this database, as its worker would, and returns when that is done: for servers without shared_preload_libraries, for tests, and for whoever does not want to wait for the worker. It runs in a background worker of its own, with the rights of the services that the work belongs to; work of all services is done. What fails is a WARNING, and stays pending. Where the worker, or another call, is at work it waits for that.
Errors: 25001 inside a transaction block or a function; 42501 not a member of any service''s owner role here; 53000 no background worker got free within svc_ownership.worker_wait; 55000 the extension is being changed; 25006 on a standby.';
REVOKE EXECUTE ON PROCEDURE svc.run_pending FROM PUBLIC;

CREATE FUNCTION svc.worker_states(OUT pid integer, OUT kind text, OUT database oid, OUT state text, OUT job text,
        OUT started timestamptz, OUT last_error text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'svc_worker_states';
COMMENT ON FUNCTION svc.worker_states() IS
'What the launcher and the workers of the cluster do; svc.workers shows it. No rows where the library is not preloaded. last_error is shown to members of pg_read_all_stats and of the database''s owner.';

CREATE VIEW svc.workers AS
SELECT w.pid, w.kind, d.datname AS database, w.state, w.job, w.started, w.last_error,
       NULL::interval AS lag,
       NULL::text AS blocked_by
  FROM svc.worker_states() w
  LEFT JOIN pg_catalog.pg_database d ON d.oid = w.database
UNION ALL
SELECT a.pid, 'runner', a.datname,
       CASE WHEN a.state = 'idle' THEN 'idle' ELSE 'working' END,
       CASE WHEN a.query LIKE E'/* svc.migrate\t%' THEN 'svc.migrate' ELSE a.query END,
       a.backend_start, NULL, NULL, NULL
  FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_type LIKE 'svc\_ownership %' AND a.backend_type NOT IN ('svc_ownership launcher', 'svc_ownership worker');
COMMENT ON VIEW svc.workers IS
'Background processes of the extension in the whole cluster: the launcher, workers, and databases whose last worker failed (no pid), with the last error until it went well; runners, which run statements for callers, of those whose activity the reader may see. lag: how old the oldest entry is that is not worked on yet, of this database; blocked_by: who keeps its newest entries from being read.';
GRANT SELECT ON svc.workers TO PUBLIC;
