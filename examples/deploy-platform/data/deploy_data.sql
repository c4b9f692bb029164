-- Eight deployments: who and where come from the contracts of auth and project

INSERT INTO deployments (id, project_id, environment_id, triggered_by, commit_sha, status, error,
                         created_at, started_at, finished_at)
SELECT v.n, p.id, e.id, u.id, encode(substr(sha256(convert_to('commit ' || v.n, 'UTF8')), 1, 20), 'hex'),
       v.status, v.error, now() - v.age,
       CASE WHEN v.status <> 'queued' THEN now() - v.age + interval '4 seconds' END,
       CASE WHEN v.status NOT IN ('queued', 'building') THEN now() - v.age + interval '95 seconds' END
  FROM (VALUES
        (41, 'harbour-museum', 'production', 'anouk',  'superseded', NULL,                 interval '45 days'),
        (42, 'harbour-museum', 'production', 'dmitra', 'live',       NULL,                 interval '6 days'),
        (43, 'harbour-museum', 'staging',    'dmitra', 'failed',     'build failed',       interval '2 days'),
        (44, 'ledger',         'production', 'benoit', 'live',       NULL,                 interval '3 days'),
        (45, 'ledger',         'staging',    'dmitra', 'live',       NULL,                 interval '1 day'),
        (46, 'ledger',         'preview-42', 'dmitra', 'building',   NULL,                 interval '1 minute'),
        (47, 'ledger-docs',    'production', 'benoit', 'failed',     'health check: 502',  interval '50 days'),
        (48, 'ledger-docs',    'production', 'benoit', 'queued',     NULL,                 interval '10 seconds')
       ) v (n, slug, environment, name, status, error, age)
  JOIN project_api.projects p USING (slug)
  JOIN project_api.environments e ON e.project_id = p.id AND e.name = v.environment
  JOIN auth_api.users u ON u.email = v.name || '@example.com'
 ORDER BY v.n;
SELECT setval(pg_get_serial_sequence('deployments', 'id'), 1000);

-- Those of deployments 41 and 47 are older than 30 days
INSERT INTO deployment_logs (deployment_id, level, message, logged_at)
SELECT d.id, v.level, v.message, d.created_at + v.after
  FROM deployments d
 CROSS JOIN (VALUES ('info', 'cloning', interval '5 seconds'), ('info', 'building', interval '20 seconds')) v (level, message, after)
 WHERE d.started_at IS NOT NULL
UNION ALL
SELECT d.id, 'error', d.error, d.finished_at FROM deployments d WHERE d.status = 'failed'
UNION ALL
SELECT d.id, 'error', 'npm: missing script: build', d.finished_at FROM deployments d WHERE d.error = 'build failed'
 ORDER BY 1, 4;

INSERT INTO domains (environment_id, hostname, is_verified, certificate_expires_at)
SELECT e.id, v.hostname, v.verified, now() + v.rest
  FROM (VALUES
        ('harbour-museum', 'production', 'museum.example.org',      true,  interval '70 days'),
        ('ledger',         'production', 'ledger.example.com',      true,  interval '12 days'),
        ('ledger-docs',    'production', 'docs.ledger.example.com', false, NULL)
       ) v (slug, environment, hostname, verified, rest)
  JOIN project_api.projects p USING (slug)
  JOIN project_api.environments e ON e.project_id = p.id AND e.name = v.environment;
