-- Five users beside the administrator of the first migration.  Times are
-- relative to now(), so that some tokens are expired whenever this is loaded.

INSERT INTO users (id, email, name, password_hash, role, is_active, email_verified, created_at, updated_at)
SELECT n, lower(name) || '@example.com', name, '$2b$12$' || rpad(md5(name), 53, 'x'),
       role, active, verified, now() - age, now() - age
  FROM (VALUES
        (11, 'Anouk',  'user',    true,  true,  interval '400 days'),
        (12, 'Benoit', 'user',    true,  true,  interval '380 days'),
        (13, 'Chika',  'support', true,  true,  interval '200 days'),
        (14, 'Dmitra', 'user',    true,  true,  interval '60 days'),
        (15, 'Ezra',   'user',    false, false, interval '20 days')
       ) v (n, name, role, active, verified, age)
 ORDER BY n;
SELECT setval(pg_get_serial_sequence('users', 'id'), 100);

INSERT INTO user_roles (user_id, role, granted_by)
SELECT u.id, v.role, a.id
  FROM (VALUES ('anouk', 'user'), ('anouk', 'billing'), ('benoit', 'user'), ('benoit', 'deployer'),
               ('chika', 'support'), ('dmitra', 'user'), ('dmitra', 'deployer'), ('ezra', 'user')) v (name, role)
  JOIN users u ON u.email = v.name || '@example.com'
  JOIN users a ON a.role = 'admin';

INSERT INTO user_preferences (user_id, theme, timezone, mail_on_success)
SELECT u.id, v.theme, v.timezone, v.success
  FROM (VALUES ('anouk', 'dark', 'Europe/Paris', false), ('benoit', 'light', 'Europe/Brussels', true),
               ('dmitra', 'system', 'Europe/Athens', false)) v (name, theme, timezone, success)
  JOIN users u ON u.email = v.name || '@example.com';

-- Two of five are expired
INSERT INTO api_tokens (user_id, name, token_hash, last_used_at, created_at, expires_at)
SELECT u.id, v.token, encode(sha256(convert_to(v.name || v.token, 'UTF8')), 'hex'), now() - v.idle,
       now() - v.age, now() - v.age + interval '90 days'
  FROM (VALUES
        ('anouk',  'laptop',  interval '10 days',  interval '1 hour'),
        ('benoit', 'laptop',  interval '85 days',  interval '2 days'),
        ('benoit', 'ci',      interval '30 days',  interval '5 minutes'),
        ('benoit', 'old ci',  interval '120 days', interval '31 days'),
        ('ezra',   'desktop', interval '91 days',  interval '91 days')
       ) v (name, token, age, idle)
  JOIN users u ON u.email = v.name || '@example.com'
 ORDER BY v.name, v.token;
