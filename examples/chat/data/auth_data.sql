-- Eight accounts.  Ids are fixed; times are relative to now().  No password has
-- these hashes.

INSERT INTO auth.users (id, email, username, password_hash, is_active, is_verified, last_login_at, created_at, updated_at)
SELECT ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
       username || '@example.com', username, '$argon2id$v=19$m=65536,t=3,p=4$' || md5(username),
       active, verified, now() - seen, now() - age, now() - age
  FROM (VALUES
        (1, 'aiko',   true,  true,  interval '5 minutes',  interval '300 days'),
        (2, 'bilal',  true,  true,  interval '1 hour',     interval '280 days'),
        (3, 'carmen', true,  true,  interval '20 minutes', interval '200 days'),
        (4, 'dana',   true,  true,  interval '2 days',     interval '150 days'),
        (5, 'eero',   true,  true,  interval '3 hours',    interval '90 days'),
        (6, 'femi',   false, true,  interval '60 days',    interval '80 days'),
        (7, 'gwen',   true,  false, NULL,                  interval '2 days'),
        (8, 'hasan',  true,  true,  interval '1 day',      interval '30 days')
       ) v (n, username, active, verified, seen, age)
 ORDER BY n;

-- Three of nine are expired, two are revoked
INSERT INTO auth.refresh_tokens (user_id, token_hash, device, ip_address, created_at, expires_at, revoked_at)
SELECT u.id, encode(sha256(convert_to('refresh-' || v.n, 'UTF8')), 'hex'), v.device, v.ip::inet,
       now() - v.age, now() - v.age + interval '14 days', CASE WHEN v.revoked THEN now() - v.age / 2 END
  FROM (VALUES
        (1, 'aiko',   'Chrome on Linux',   '192.0.2.10',   interval '1 day',   false),
        (2, 'aiko',   'App on Android',    '192.0.2.11',   interval '8 days',  false),
        (3, 'bilal',  'Firefox on macOS',  '198.51.100.2', interval '3 hours', false),
        (4, 'bilal',  'Firefox on macOS',  '198.51.100.2', interval '6 days',  true),
        (5, 'carmen', 'App on iPhone',     '2001:db8::3',  interval '2 hours', false),
        (6, 'dana',   'Edge on Windows',   '203.0.113.4',  interval '20 days', false),
        (7, 'eero',   'App on Android',    '203.0.113.5',  interval '10 days', false),
        (8, 'femi',   'Chrome on Windows', '203.0.113.6',  interval '70 days', true),
        (9, 'hasan',  'App on iPhone',     '2001:db8::8',  interval '15 days', false)
       ) v (n, username, device, ip, age, revoked)
  JOIN auth.users u USING (username)
 ORDER BY v.n;
