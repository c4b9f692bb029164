-- A dozen customers.  Ids are fixed; times are relative to now(), so that some
-- sessions are expired whenever this is loaded.  No password has these hashes.

INSERT INTO users (id, email, username, password_hash, role, is_active, is_verified,
                   failed_login_attempts, last_login_at, created_at, updated_at)
SELECT ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
       username || '@example.com', username,
       '$2b$12$' || rpad(md5(username), 53, 'x'),
       role, active, verified, failed,
       now() - seen, now() - age, now() - age
  FROM (VALUES
        ( 1, 'amelie',  'admin',    true,  true,  0, interval '2 hours',   interval '400 days'),
        ( 2, 'bashir',  'support',  true,  true,  0, interval '1 hour',    interval '390 days'),
        ( 3, 'chiara',  'customer', true,  true,  0, interval '20 minutes', interval '300 days'),
        ( 4, 'dmitri',  'customer', true,  true,  1, interval '3 days',    interval '250 days'),
        ( 5, 'elif',    'customer', true,  true,  0, interval '5 hours',   interval '200 days'),
        ( 6, 'farah',   'customer', true,  true,  0, interval '1 day',     interval '180 days'),
        ( 7, 'goran',   'customer', true,  false, 0, interval '12 days',   interval '120 days'),
        ( 8, 'hanna',   'customer', true,  true,  0, interval '30 minutes', interval '90 days'),
        ( 9, 'ivan',    'customer', false, true,  5, interval '60 days',   interval '85 days'),
        (10, 'jamila',  'customer', true,  true,  0, interval '4 days',    interval '40 days'),
        (11, 'kenji',   'customer', true,  false, 0, NULL,                 interval '10 days'),
        (12, 'lucia',   'customer', true,  true,  0, interval '8 hours',   interval '2 days')
       ) v (n, username, role, active, verified, failed, seen, age)
 ORDER BY n;

-- Six of sixteen are expired
INSERT INTO user_sessions (user_id, session_token, refresh_token_hash, ip_address, user_agent,
                           is_revoked, created_at, last_activity_at, expires_at)
SELECT u.id, 'session-' || lpad(v.n::text, 4, '0'), md5('refresh-' || v.n), v.ip::inet, v.agent,
       v.revoked, now() - v.age, now() - v.idle, now() - v.age + v.lifetime
  FROM (VALUES
        ( 1, 'amelie', '192.0.2.10',    'Firefox on Linux',   false, interval '2 hours',    interval '5 minutes',  interval '30 days'),
        ( 2, 'bashir', '192.0.2.11',    'Chrome on Windows',  false, interval '1 hour',     interval '1 minute',   interval '30 days'),
        ( 3, 'chiara', '198.51.100.7',  'Safari on iPhone',   false, interval '20 minutes', interval '1 minute',   interval '30 days'),
        ( 4, 'chiara', '198.51.100.8',  'Chrome on macOS',    false, interval '9 days',     interval '6 days',     interval '30 days'),
        ( 5, 'chiara', '198.51.100.7',  'Safari on iPhone',   false, interval '40 days',    interval '12 days',    interval '30 days'),
        ( 6, 'dmitri', '203.0.113.20',  'Chrome on Android',  false, interval '3 days',     interval '3 days',     interval '30 days'),
        ( 7, 'dmitri', '203.0.113.21',  'Firefox on Windows', false, interval '70 days',    interval '50 days',    interval '30 days'),
        ( 8, 'elif',   '2001:db8::5',   'Edge on Windows',    false, interval '5 hours',    interval '4 hours',    interval '30 days'),
        ( 9, 'farah',  '2001:db8::6',   'Chrome on Android',  true,  interval '1 day',      interval '20 hours',   interval '30 days'),
        (10, 'farah',  '2001:db8::6',   'Chrome on Android',  false, interval '26 hours',   interval '26 hours',   interval '1 day'),
        (11, 'goran',  '203.0.113.99',  'Firefox on Linux',   false, interval '12 days',    interval '12 days',    interval '7 days'),
        (12, 'hanna',  '198.51.100.33', 'Safari on iPad',     false, interval '30 minutes', interval '2 minutes',  interval '30 days'),
        (13, 'ivan',   '203.0.113.66',  'curl',               true,  interval '60 days',    interval '60 days',    interval '30 days'),
        (14, 'jamila', '198.51.100.44', 'Chrome on Windows',  false, interval '4 days',     interval '3 days',     interval '30 days'),
        (15, 'jamila', '198.51.100.44', 'Chrome on Windows',  false, interval '38 days',    interval '31 days',    interval '30 days'),
        (16, 'lucia',  '198.51.100.55', 'Firefox on Linux',   false, interval '8 hours',    interval '1 hour',     interval '30 days')
       ) v (n, username, ip, agent, revoked, age, idle, lifetime)
  JOIN users u USING (username)
 ORDER BY v.n;

INSERT INTO user_profiles (user_id, first_name, last_name, phone, date_of_birth, shipping_address,
                           language, currency, newsletter, created_at, updated_at)
SELECT u.id, v.first_name, v.last_name, v.phone, v.born::date,
       jsonb_build_object('street', v.street, 'city', v.city, 'postcode', v.postcode, 'country', v.country),
       v.language, v.currency, v.newsletter, u.created_at, u.created_at
  FROM (VALUES
        ('amelie', 'Amelie', 'Laurent',    '+33 1 99 00 12 01', '1985-02-11', '4 rue des Lilas',     'Lyon',      '69001',  'FR', 'fr', 'EUR', false),
        ('bashir', 'Bashir', 'Haddad',     '+49 30 2312 5002',  '1990-07-30', 'Gartenweg 17',        'Berlin',    '10115',  'DE', 'de', 'EUR', false),
        ('chiara', 'Chiara', 'Conti',      '+39 06 5555 0103',  '1992-11-02', 'Via Roma 88',         'Roma',      '00184',  'IT', 'it', 'EUR', true),
        ('dmitri', 'Dmitri', 'Petrov',     '+359 2 555 0104',   '1979-05-19', 'ul. Rila 3',          'Sofia',     '1000',   'BG', 'bg', 'EUR', false),
        ('elif',   'Elif',   'Yilmaz',     '+90 212 555 0105',  '1996-09-09', 'Bahar Sokak 21',      'Istanbul',  '34360',  'TR', 'tr', 'EUR', true),
        ('farah',  'Farah',  'El Amrani',  '+212 522 555 106',  '1988-01-25', '12 avenue Hassan II', 'Casablanca', '20000', 'MA', 'fr', 'EUR', true),
        ('goran',  'Goran',  'Novak',      NULL,                '2000-03-14', 'Ilica 200',           'Zagreb',    '10000',  'HR', 'hr', 'EUR', false),
        ('hanna',  'Hanna',  'Lindqvist',  '+46 8 555 0108',    '1994-12-01', 'Storgatan 5',         'Uppsala',   '753 20', 'SE', 'sv', 'EUR', true),
        ('ivan',   'Ivan',   'Horvat',     NULL,                NULL,         'Trg 1',               'Split',     '21000',  'HR', 'hr', 'EUR', false),
        ('jamila', 'Jamila', 'Okafor',     '+44 20 7946 0110',  '1991-06-06', '77 Mill Lane',        'Leeds',     'LS1 1AA', 'GB', 'en', 'GBP', true),
        ('kenji',  'Kenji',  'Mori',       '+81 3 5555 0111',   '1983-10-17', '2-4-8 Sakura',        'Osaka',     '530-0001', 'JP', 'ja', 'EUR', false),
        ('lucia',  'Lucia',  'Fernandez',  '+34 91 555 01 12',  '1998-08-23', 'Calle Mayor 41',      'Madrid',    '28013',  'ES', 'es', 'EUR', true)
       ) v (username, first_name, last_name, phone, born, street, city, postcode, country, language, currency, newsletter)
  JOIN users u USING (username);
