-- Sample data for one database, whichever way it is laid out: tables are named
-- without a schema.  Ids are fixed (a.. users, e.. events, b.. posts,
-- c.. comments, d.. tickets); no password has these hashes.
--
-- It comes after upkeep.sql: no counter is given here, each counts itself.

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

-- Seven events; the tasting (4) has room for three, and three are coming
INSERT INTO events (id, host_id, title, description, category, status, privacy, start_time, end_time,
                    location_name, location_address, location, max_attendees, price, currency, tags)
SELECT ('e0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, u.id, v.title, v.description,
       v.category::event_category, v.status::event_status, v.privacy,
       now() + v.start, now() + v.start + v.length, v.place, v.address,
       ST_SetSRID(ST_MakePoint(v.longitude, v.latitude), 4326)::geography, v.room, v.price, 'IDR', v.tags::text[]
  FROM (VALUES
        (1, 'ayu.lestari', 'Sunday run around the park', 'Five slow kilometres, then breakfast', 'sports', 'completed', 'public',
            interval '-20 days', interval '2 hours', 'Gelora park', 'Jl. Pintu Satu, Jakarta', 106.8019, -6.2183, NULL, 0, '{running}'),
        (2, 'budi_s', 'Jazz in the back room', 'Trio, two sets', 'music', 'completed', 'public',
            interval '-6 days', interval '4 hours', 'The Back Room', 'Jl. Kemang Raya 11, Jakarta', 106.8136, -6.2607, 60, 75000, '{jazz,live}'),
        (3, 'dimas.p', 'Databases and coffee', 'Bring a query that puzzles you', 'technology', 'upcoming', 'public',
            interval '5 days', interval '3 hours', 'Kopi Utara', 'Jl. Sabang 20, Jakarta', 106.8247, -6.1871, 25, 0, '{sql,coffee}'),
        (4, 'citra', 'Tasting: seven sambals', 'From mild to memorable', 'food', 'upcoming', 'public',
            interval '9 days', interval '3 hours', 'Citra''s kitchen', 'Jl. Dago 55, Bandung', 107.6135, -6.8852, 3, 150000, '{sambal}'),
        (5, 'eka', 'Sketching the old town', 'Paper is there', 'art', 'upcoming', 'followers',
            interval '14 days', interval '5 hours', 'Kota Tua', 'Taman Fatahillah, Jakarta', 106.8133, -6.1352, 15, 50000, '{sketching}'),
        (6, 'hendra', 'Night ride', 'Cancelled because of rain', 'outdoor', 'cancelled', 'public',
            interval '1 day', interval '3 hours', 'Tugu Pahlawan', 'Surabaya', 112.7378, -7.2458, 40, 0, '{cycling}'),
        (7, 'budi_s', 'Vinyl listening evening', 'Still looking for a room', 'music', 'draft', 'private',
            interval '40 days', interval '3 hours', 'to be announced', NULL, 106.8456, -6.2088, 20, 100000, '{}')
       ) v (n, host, title, description, category, status, privacy, start, length, place, address, longitude, latitude, room, price, tags)
  JOIN users u ON u.username = v.host;

INSERT INTO event_attendees (event_id, user_id, status)
SELECT ('e0000000-0000-4000-8000-' || lpad(v.event::text, 12, '0'))::uuid, u.id, v.status::attendee_status
  FROM (VALUES
        (1, 'budi_s', 'confirmed'), (1, 'gita.w', 'confirmed'), (1, 'hendra', 'confirmed'), (1, 'dimas.p', 'cancelled'),
        (2, 'ayu.lestari', 'confirmed'), (2, 'fajar', 'confirmed'), (2, 'gita.w', 'confirmed'), (2, 'citra', 'cancelled'),
        (3, 'hendra', 'confirmed'), (3, 'ayu.lestari', 'pending'), (3, 'joko99', 'pending'),
        (4, 'fajar', 'confirmed'), (4, 'intan', 'confirmed'), (4, 'budi_s', 'confirmed'), (4, 'gita.w', 'waitlisted'),
        (5, 'intan', 'confirmed'), (5, 'citra', 'pending'),
        (6, 'dimas.p', 'cancelled')
       ) v (event, username, status)
  JOIN users u USING (username);

INSERT INTO event_images (event_id, image_url, caption, order_index)
SELECT e.id, format('https://img.events.example/%s/%s.webp', e.id, k.n), e.title, k.n
  FROM events e
 CROSS JOIN generate_series(0, 1) k (n)
 WHERE e.status <> 'draft' AND (k.n = 0 OR e.price > 0);

INSERT INTO event_qna (event_id, user_id, question, answer, answered_by, answered_at, upvotes)
SELECT e.id, u.id, v.question, v.answer, CASE WHEN v.answer IS NOT NULL THEN e.host_id END,
       CASE WHEN v.answer IS NOT NULL THEN now() - interval '1 day' END, v.upvotes
  FROM (VALUES
        (2, 'fajar',  'Is there parking?',                  'Behind the house, until ten.', 3),
        (3, 'joko99', 'Do I need a laptop?',                'Paper is enough.',             5),
        (3, 'hendra', 'Will it be recorded?',               NULL,                           1),
        (4, 'gita.w', 'Is anything without shrimp paste?',  'Three of seven.',              2),
        (4, 'intan',  'May I bring my mother?',             NULL,                           0)
       ) v (event, username, question, answer, upvotes)
  JOIN events e ON e.id = ('e0000000-0000-4000-8000-' || lpad(v.event::text, 12, '0'))::uuid
  JOIN users u USING (username);

INSERT INTO reviews (event_id, reviewer_id, rating, comment)
SELECT ('e0000000-0000-4000-8000-' || lpad(v.event::text, 12, '0'))::uuid, u.id, v.rating, v.comment
  FROM (VALUES
        (1, 'budi_s', 5, 'I ran. All of it.'), (1, 'gita.w', 4, 'Good breakfast'), (1, 'hendra', 4, NULL),
        (2, 'ayu.lestari', 5, 'The second set!'), (2, 'fajar', 3, 'Too loud near the bar')
       ) v (event, username, rating, comment)
  JOIN users u USING (username);

-- Ten posts, of all types and for all eyes
INSERT INTO posts (id, author_id, content, type, visibility, event_id, attached_event_id, poll, hashtags, mentions, created_at)
SELECT ('b0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, u.id, v.content, v.type::post_type, v.visibility::post_visibility,
       ('e0000000-0000-4000-8000-' || lpad(v.event::text, 12, '0'))::uuid,
       ('e0000000-0000-4000-8000-' || lpad(v.attached::text, 12, '0'))::uuid,
       v.poll::jsonb, v.hashtags::text[], v.mentions::text[], now() - v.age
  FROM (VALUES
        (1,  'ayu.lestari', 'Eleven runners, one dog, no rain.',      'text_with_images', 'public',    1,    NULL, NULL, '{running}', '{}',       interval '19 days'),
        (2,  'budi_s',      'Two sets on Friday. Come early.',        'text_with_event',  'public',    NULL, 2,    NULL, '{jazz}',    '{}',       interval '12 days'),
        (3,  'gita.w',      'First concert in this city!',            'text',             'public',    2,    NULL, NULL, '{}',        '{budi_s}', interval '5 days'),
        (4,  'citra',       'Which one should I make hotter?',        'poll',             'public',    4,    NULL,
             '{"options": ["matah", "terasi", "ijo"], "closes_in_days": 7}', '{sambal}', '{}',       interval '4 days'),
        (5,  'citra',       'Seven sambals, three chairs.',           'text_with_event',  'followers', NULL, 4,    NULL, '{sambal}',  '{}',       interval '3 days'),
        (6,  'eka',         'Studies for the old town',               'text_with_images', 'followers', 5,    NULL, NULL, '{}',        '{}',       interval '2 days'),
        (7,  'dimas.p',     'Why is this plan a nested loop?',        'text',             'public',    NULL, NULL, NULL, '{sql}',     '{hendra}', interval '2 days'),
        (8,  'dimas.p',     'Coffee is on me for the best answer.',   'text_with_event',  'public',    NULL, 3,    NULL, '{sql}',     '{}',       interval '1 day'),
        (9,  'hendra',      'It rains. Next month then.',             'text',             'public',    6,    NULL, NULL, '{}',        '{}',       interval '10 hours'),
        (10, 'joko99',      'Note to myself: buy paper.',             'text',             'private',   NULL, NULL, NULL, '{}',        '{}',       interval '1 hour')
       ) v (n, username, content, type, visibility, event, attached, poll, hashtags, mentions, age)
  JOIN users u USING (username);

INSERT INTO post_images (post_id, image_url, order_index)
SELECT p.id, format('https://img.events.example/posts/%s/%s.webp', p.id, k.n), k.n
  FROM posts p
 CROSS JOIN generate_series(0, 2) k (n)
 WHERE p.type = 'text_with_images';

-- Comments, and answers to them, and an answer to an answer
INSERT INTO comments (id, post_id, author_id, parent_comment_id, content)
SELECT ('c0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid,
       ('b0000000-0000-4000-8000-' || lpad(v.post::text, 12, '0'))::uuid, u.id,
       ('c0000000-0000-4000-8000-' || lpad(v.parent::text, 12, '0'))::uuid, v.content
  FROM (VALUES
        (1, 1, 'gita.w',      NULL, 'The dog was the fastest.'),
        (2, 1, 'ayu.lestari', 1,    'He trains more than we do.'),
        (3, 1, 'budi_s',      2,    'And he does not talk on the hills.'),
        (4, 1, 'hendra',      1,    'Whose is he?'),
        (5, 2, 'fajar',       NULL, 'How early?'),
        (6, 2, 'budi_s',      5,    'Half past seven.'),
        (7, 4, 'intan',       NULL, 'Matah. Always matah.'),
        (8, 7, 'hendra',      NULL, 'No statistics on the join column?'),
        (9, 7, 'dimas.p',     8,    'You were right.')
       ) v (n, post, username, parent, content)
  JOIN users u USING (username);

INSERT INTO likes (user_id, likeable_type, likeable_id)
SELECT u.id, v.type, ((CASE v.type WHEN 'post' THEN 'b' ELSE 'c' END) || '0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid
  FROM (VALUES
        ('post', 1, '{budi_s,citra,gita.w,hendra,dimas.p}'), ('post', 2, '{ayu.lestari,fajar}'), ('post', 3, '{budi_s}'),
        ('post', 4, '{intan,fajar}'), ('post', 6, '{citra,intan}'), ('post', 7, '{hendra}'),
        ('comment', 1, '{ayu.lestari,budi_s}'), ('comment', 3, '{gita.w}'), ('comment', 8, '{dimas.p,hendra}')
       ) v (type, n, usernames)
  JOIN users u ON u.username = ANY (v.usernames::text[]);

INSERT INTO reposts (user_id, post_id, quote_content)
SELECT u.id, ('b0000000-0000-4000-8000-' || lpad(v.post::text, 12, '0'))::uuid, v.quote
  FROM (VALUES ('ayu.lestari', 2, 'I will be there'), ('fajar', 2, NULL), ('hendra', 8, NULL)) v (username, post, quote)
  JOIN users u USING (username);

INSERT INTO bookmarks (user_id, post_id)
SELECT u.id, ('b0000000-0000-4000-8000-' || lpad(v.post::text, 12, '0'))::uuid
  FROM (VALUES ('gita.w', 2), ('intan', 4), ('hendra', 7), ('hendra', 8)) v (username, post)
  JOIN users u USING (username);

INSERT INTO shares (user_id, post_id, platform)
SELECT u.id, ('b0000000-0000-4000-8000-' || lpad(v.post::text, 12, '0'))::uuid, v.platform
  FROM (VALUES ('budi_s', 2, 'link'), ('fajar', 2, 'message'), ('citra', 4, 'external')) v (username, post, platform)
  JOIN users u USING (username);

-- Tickets for events that cost something; one was given back
INSERT INTO tickets (id, user_id, event_id, attendance_code, price_paid, currency, status, checked_in_at, purchased_at)
SELECT ('d0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, u.id, e.id, v.code, e.price, e.currency, v.status,
       now() - v.checked_in, now() - v.bought
  FROM (VALUES
        (1, 'ayu.lestari', 2, 'JAZZ0001', 'used',     interval '6 days', interval '11 days'),
        (2, 'fajar',       2, 'JAZZ0002', 'used',     interval '6 days', interval '10 days'),
        (3, 'gita.w',      2, 'JAZZ0003', 'active',   NULL,              interval '9 days'),
        (4, 'citra',       2, 'JAZZ0004', 'refunded', NULL,              interval '11 days'),
        (5, 'fajar',       4, 'SAMB0001', 'active',   NULL,              interval '2 days'),
        (6, 'intan',       4, 'SAMB0002', 'active',   NULL,              interval '2 days'),
        (7, 'budi_s',      4, 'SAMB0003', 'active',   NULL,              interval '1 day'),
        (8, 'intan',       5, 'SKET0001', 'active',   NULL,              interval '1 day')
       ) v (n, username, event, code, status, checked_in, bought)
  JOIN users u USING (username)
  JOIN events e ON e.id = ('e0000000-0000-4000-8000-' || lpad(v.event::text, 12, '0'))::uuid;

INSERT INTO ticket_transactions (ticket_id, transaction_id, amount, currency, payment_method, status, completed_at, created_at)
SELECT t.id, 'PAY-' || t.attendance_code, t.price_paid, t.currency,
       CASE t.attendance_code WHEN 'JAZZ0003' THEN 'cash' WHEN 'SAMB0001' THEN 'e_wallet' WHEN 'SKET0001' THEN 'bank_transfer' ELSE 'card' END,
       CASE t.attendance_code WHEN 'SKET0001' THEN 'pending' ELSE 'success' END,
       CASE t.attendance_code WHEN 'SKET0001' THEN NULL ELSE t.purchased_at END, t.purchased_at
  FROM tickets t;
INSERT INTO ticket_transactions (ticket_id, transaction_id, amount, currency, payment_method, status, created_at)
SELECT t.id, 'TRY-' || t.attendance_code, t.price_paid, t.currency, 'card', 'failed', t.purchased_at - interval '5 minutes'
  FROM tickets t WHERE t.attendance_code = 'SAMB0001';
INSERT INTO ticket_transactions (ticket_id, transaction_id, kind, refund_of, amount, currency, payment_method, status, refund_reason, completed_at)
SELECT t.id, 'REF-' || t.attendance_code, 'refund', p.id, p.amount, p.currency, p.payment_method, 'success', 'Could not come', now() - interval '7 days'
  FROM tickets t
  JOIN ticket_transactions p ON p.ticket_id = t.id AND p.kind = 'payment'
 WHERE t.status = 'refunded';
