-- Sample data of the user service.  Tables are named without a schema.  Ids are fixed
-- (a.. users; in the other files e.. events, b.. posts, c.. comments, d.. tickets);
-- no password has these hashes.
--
-- All sample data come after upkeep: no counter is given, each counts itself.

-- Ten users; settings, stats and privacy come with them
INSERT INTO users (id, email, username, password_hash, name, bio, location, interests, is_verified, is_email_verified, created_at)
SELECT ('a0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, v.username || '@example.org', v.username,
       '$2a$10$' || rpad(md5(v.username), 53, 'x'), v.name, v.bio, v.location, v.interests::text[], v.n <= 4, v.n <> 10,
       now() - v.age
  FROM (VALUES
        (1,  'ayu.lestari',   'Ayu Lestari',    'Runs things, and around them',   'Jakarta',    '{sports,outdoor}',      interval '500 days'),
        (2,  'budi_s',        'Budi Santoso',   'Jazz, mostly late',              'Jakarta',    '{music}',               interval '480 days'),
        (3,  'citra',         'Citra Dewi',     'Cooks for friends and theirs',   'Bandung',    '{food,social}',         interval '410 days'),
        (4,  'dimas.p',       'Dimas Prakoso',  NULL,                             'Jakarta',    '{technology,learning}', interval '300 days'),
        (5,  'eka',           'Eka Putri',      'Paints what moves',              'Yogyakarta', '{art}',                 interval '220 days'),
        (6,  'fajar',         'Fajar Nugroho',  NULL,                             'Bandung',    '{music,food}',          interval '150 days'),
        (7,  'gita.w',        'Gita Wulandari', 'New in town',                    'Jakarta',    '{social}',              interval '90 days'),
        (8,  'hendra',        'Hendra Wijaya',  NULL,                             'Surabaya',   '{sports,technology}',   interval '60 days'),
        (9,  'intan',         'Intan Permata',  'Will come if there is cake',     'Jakarta',    '{food,art}',            interval '30 days'),
        (10, 'joko99',        'Joko Susilo',    NULL,                             NULL,         '{}',                    interval '3 days')
       ) v (n, username, name, bio, location, interests, age);

UPDATE user_privacy SET profile_visibility = 'followers', allow_messages = 'nobody'
 WHERE user_id = (SELECT id FROM users WHERE username = 'eka');
UPDATE user_settings SET dark_mode = true, language = 'id'
 WHERE user_id IN (SELECT id FROM users WHERE location = 'Jakarta');

INSERT INTO follows (follower_id, following_id)
SELECT a.id, b.id
  FROM (VALUES
        ('budi_s', 'ayu.lestari'), ('citra', 'ayu.lestari'), ('dimas.p', 'ayu.lestari'), ('gita.w', 'ayu.lestari'),
        ('hendra', 'ayu.lestari'), ('ayu.lestari', 'budi_s'), ('fajar', 'budi_s'), ('gita.w', 'budi_s'),
        ('ayu.lestari', 'citra'), ('budi_s', 'citra'), ('intan', 'citra'), ('fajar', 'citra'),
        ('citra', 'eka'), ('intan', 'eka'), ('eka', 'intan'), ('dimas.p', 'hendra'), ('hendra', 'dimas.p')
       ) v (follower, followed)
  JOIN users a ON a.username = v.follower
  JOIN users b ON b.username = v.followed;

INSERT INTO invitations (inviter_id, invitee_email, invitation_code, status, accepted_by, accepted_at, expires_at)
SELECT i.id, v.email, v.code, v.status, a.id, now() - v.accepted, now() + v.remaining
  FROM (VALUES
        ('ayu.lestari', 'gita.w@example.org',  'AYU-0001', 'accepted', 'gita.w', interval '90 days', interval '-70 days'),
        ('ayu.lestari', 'hendra@example.org',  'AYU-0002', 'accepted', 'hendra', interval '60 days', interval '-40 days'),
        ('ayu.lestari', 'kiki@example.org',    'AYU-0003', 'pending',  NULL,     NULL,               interval '12 days'),
        ('citra',       'intan@example.org',   'CIT-0001', 'accepted', 'intan',  interval '30 days', interval '-5 days'),
        ('citra',       'lukman@example.org',  'CIT-0002', 'expired',  NULL,     NULL,               interval '-20 days'),
        ('budi_s',      'maya@example.org',    'BUD-0001', 'pending',  NULL,     NULL,               interval '25 days')
       ) v (inviter, email, code, status, accepted_by, accepted, remaining)
  JOIN users i ON i.username = v.inviter
  LEFT JOIN users a ON a.username = v.accepted_by;
