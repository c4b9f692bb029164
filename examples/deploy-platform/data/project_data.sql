-- Four projects: their owners and members come from the contract of auth

INSERT INTO projects (id, owner_id, name, slug, repository_url, framework, is_archived)
SELECT v.n, u.id, v.name, v.slug, 'https://git.example.com/' || v.slug || '.git', v.framework, v.archived
  FROM (VALUES
        (21, 'anouk@example.com',  'Harbour Museum', 'harbour-museum', 'nextjs', false),
        (22, 'benoit@example.com', 'Ledger',         'ledger',         'nestjs', false),
        (23, 'benoit@example.com', 'Ledger docs',    'ledger-docs',    'hugo',   false),
        (24, 'dmitra@example.com', 'Old blog',       'old-blog',       NULL,     true)
       ) v (n, email, name, slug, framework, archived)
  JOIN auth_api.users u USING (email)
 ORDER BY v.n;
SELECT setval(pg_get_serial_sequence('projects', 'id'), 100);

INSERT INTO environments (id, project_id, name, branch, is_production)
SELECT v.n, p.id, v.name, v.branch, v.name = 'production'
  FROM (VALUES
        (31, 'harbour-museum', 'production', 'main'), (32, 'harbour-museum', 'staging', 'next'),
        (33, 'ledger', 'production', 'main'),         (34, 'ledger', 'staging', 'main'),
        (35, 'ledger', 'preview-42', 'invoices'),     (36, 'ledger-docs', 'production', 'main')
       ) v (n, slug, name, branch)
  JOIN projects p USING (slug)
 ORDER BY v.n;
SELECT setval(pg_get_serial_sequence('environments', 'id'), 100);

INSERT INTO environment_variables (environment_id, name, encrypted_value)
SELECT e.id, v.name, sha256(convert_to(e.id || v.name, 'UTF8'))
  FROM environments e
 CROSS JOIN (VALUES ('DATABASE_URL'), ('SESSION_SECRET')) v (name)
 WHERE e.name IN ('production', 'staging');

INSERT INTO project_members (project_id, user_id, access)
SELECT p.id, u.id, v.access
  FROM (VALUES
        ('harbour-museum', 'anouk', 'maintainer'), ('harbour-museum', 'dmitra', 'developer'),
        ('ledger', 'benoit', 'maintainer'),        ('ledger', 'dmitra', 'developer'), ('ledger', 'chika', 'viewer'),
        ('ledger-docs', 'benoit', 'maintainer'),   ('old-blog', 'dmitra', 'maintainer')
       ) v (slug, name, access)
  JOIN projects p USING (slug)
  JOIN auth_api.users u ON u.email = v.name || '@example.com';
