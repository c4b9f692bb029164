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
WITH here (database, lag, blocked_by) AS (
    SELECT d.oid,
           pg_catalog.clock_timestamp() - (SELECT pg_catalog.min(b.oldest) FROM svc.journal_backlog(20000) b),
           (SELECT pg_catalog.string_agg(coalesce(o.pid::text, o.gid), ', ' ORDER BY o.since) FROM svc.journal_open o)
      FROM pg_catalog.pg_database d
     WHERE d.datname = pg_catalog.current_database()
), worker AS (
    SELECT w.pid, w.kind, w.database, w.state, w.job, w.started, w.last_error FROM svc.worker_states() w
)
SELECT w.pid, w.kind, d.datname AS database, w.state, w.job, w.started, w.last_error, h.lag, h.blocked_by
  FROM worker w
  LEFT JOIN pg_catalog.pg_database d ON d.oid = w.database
  LEFT JOIN here h ON h.database = w.database
UNION ALL
SELECT NULL, 'worker', pg_catalog.current_database(), 'pending', NULL, NULL, NULL, h.lag, h.blocked_by
  FROM here h
 WHERE h.lag IS NOT NULL AND NOT EXISTS (SELECT 1 FROM worker w WHERE w.database = h.database)
UNION ALL
SELECT a.pid, 'runner', a.datname,
       CASE WHEN a.state = 'idle' THEN 'idle' ELSE 'working' END,
       CASE WHEN a.query LIKE E'/* svc.migrate\t%' THEN 'svc.migrate' ELSE a.query END,
       a.backend_start, NULL, NULL, NULL
  FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_type LIKE 'svc\_ownership %' AND a.backend_type NOT IN ('svc_ownership launcher', 'svc_ownership worker');
COMMENT ON VIEW svc.workers IS
'Background processes of the extension in the whole cluster. kind: launcher; worker, one a database, also without pid where the last one failed or where work waits for one; runner, which runs statements for a caller, shown to those who may see its activity. state: of the launcher waiting or no free worker; of workers starting, working, idle, leaving, failed, pending; of runners working, idle. job: what is being done. last_error: of the database''s work, until it goes well. lag, blocked_by: of this database, how old the oldest entry of the journal is that waits for the worker, of what the reader may see, among the 20000 entries of the transactions that began to write first; and the processes or prepared transactions whose entries cannot be read yet.';
GRANT SELECT ON svc.workers TO PUBLIC;
