-- Ten people.  Ids are fixed; times are relative to now(), so that some tokens
-- are expired whenever this is loaded.  No password has these hashes.

INSERT INTO users (id, email, password_hash, full_name, phone, role, is_active, created_at, updated_at)
SELECT ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
       lower(split_part(full_name, ' ', 1)) || '@example.com',
       '$2a$12$' || rpad(md5(full_name), 53, 'x'),
       full_name, phone, role, active, now() - age, now() - age
  FROM (VALUES
        ( 1, 'Ada Nkemelu',      '+49 30 2312 5101', 'admin',      true,  interval '500 days'),
        ( 2, 'Bruno Sartori',    '+39 06 9926 1202', 'restaurant', true,  interval '420 days'),
        ( 3, 'Chen Lihua',       '+49 30 2312 5103', 'restaurant', true,  interval '410 days'),
        ( 4, 'Divya Raman',      '+49 30 2312 5104', 'restaurant', true,  interval '300 days'),
        ( 5, 'Emil Forsberg',    '+46 8 465 0105',   'courier',    true,  interval '200 days'),
        ( 6, 'Fatou Diallo',     '+33 1 9900 1206',  'courier',    true,  interval '150 days'),
        ( 7, 'Greta Lindqvist',  '+49 40 6696 9107', 'customer',   true,  interval '140 days'),
        ( 8, 'Hugo Almeida',     NULL,               'customer',   true,  interval '90 days'),
        ( 9, 'Ines Moreau',      '+33 1 9900 1209',  'customer',   true,  interval '30 days'),
        (10, 'Jonas Weber',      NULL,               'customer',   false, interval '10 days')
       ) v (n, full_name, phone, role, active, age)
 ORDER BY n;

INSERT INTO addresses (id, user_id, label, street, city, postcode, country, latitude, longitude, instructions, is_default)
SELECT ('ad000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid,
       u.id, v.label, v.street, v.city, v.postcode, 'DE', v.latitude, v.longitude, v.instructions, v.is_default
  FROM (VALUES
        (1, 'greta@example.com', 'Home',    'Gartenweg 17',      'Berlin',  '10115', 52.532000, 13.384700, 'Second yard, bell at the left', true),
        (2, 'greta@example.com', 'Office',  'Turmgasse 3',       'Berlin',  '10179', 52.511900, 13.416600, NULL,                            false),
        (3, 'greta@example.com', 'Parents', 'Am Deich 40',       'Hamburg', '20457', 53.541100, 9.984500,  'Leave it at the door',          false),
        (4, 'hugo@example.com',  'Home',    'Lindenstrasse 8',   'Berlin',  '10969', 52.503600, 13.395400, NULL,                            true),
        (5, 'ines@example.com',  'Home',    'Kastanienallee 81', 'Berlin',  '10435', 52.538700, 13.409500, 'Fourth floor, no lift',         true),
        (6, 'ines@example.com',  'Studio',  'Uferweg 12',        'Berlin',  '10997', 52.501200, 13.446000, NULL,                            false),
        (7, 'jonas@example.com', 'Home',    'Ringstrasse 5',     'Berlin',  '12105', 52.445100, 13.384000, NULL,                            true)
       ) v (n, email, label, street, city, postcode, latitude, longitude, instructions, is_default)
  JOIN users u USING (email)
 ORDER BY v.n;

-- Three of eight are expired; one was revoked, one replaced by its successor
INSERT INTO refresh_tokens (id, user_id, token_hash, device, created_at, expires_at, revoked_at)
SELECT ('f0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid,
       u.id, encode(sha256(convert_to('refresh-' || v.n, 'UTF8')), 'hex'), v.device,
       now() - v.age, now() - v.age + interval '30 days',
       CASE WHEN v.revoked THEN now() - v.age / 2 END
  FROM (VALUES
        (1, 'ada@example.com',   'Firefox on Linux',  interval '3 hours',  false),
        (2, 'emil@example.com',  'Courier app 4.2',   interval '1 day',    false),
        (3, 'greta@example.com', 'Safari on iPhone',  interval '6 hours',  false),
        (4, 'greta@example.com', 'Safari on iPhone',  interval '20 days',  true),
        (5, 'hugo@example.com',  'Chrome on Android', interval '2 days',   false),
        (6, 'hugo@example.com',  'Chrome on Android', interval '45 days',  false),
        (7, 'ines@example.com',  'Firefox on macOS',  interval '31 days',  false),
        (8, 'jonas@example.com', 'Chrome on Windows', interval '60 days',  true)
       ) v (n, email, device, age, revoked)
  JOIN users u USING (email)
 ORDER BY v.n;
UPDATE refresh_tokens SET replaced_by = 'f0000000-0000-4000-8000-000000000003'
 WHERE id = 'f0000000-0000-4000-8000-000000000004';

-- JWTs live for an hour: two of four need not be kept any more
INSERT INTO revoked_tokens (jti, user_id, reason, revoked_at, expires_at)
SELECT ('e0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid,
       u.id, v.reason, now() - v.age, now() - v.age + interval '1 hour'
  FROM (VALUES
        (1, 'greta@example.com', 'logout',           interval '20 minutes'),
        (2, 'hugo@example.com',  'password_changed', interval '5 minutes'),
        (3, 'hugo@example.com',  'stolen',           interval '3 hours'),
        (4, 'jonas@example.com', 'account_closed',   interval '9 days')
       ) v (n, email, reason, age)
  JOIN users u USING (email)
 ORDER BY v.n;
