-- Sample data of the post service.  Users are looked up in the user service's
-- contract; the ids of events are known.

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
  JOIN user_api.users u USING (username);

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
  JOIN user_api.users u USING (username);

INSERT INTO likes (user_id, likeable_type, likeable_id)
SELECT u.id, v.type, ((CASE v.type WHEN 'post' THEN 'b' ELSE 'c' END) || '0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid
  FROM (VALUES
        ('post', 1, '{budi_s,citra,gita.w,hendra,dimas.p}'), ('post', 2, '{ayu.lestari,fajar}'), ('post', 3, '{budi_s}'),
        ('post', 4, '{intan,fajar}'), ('post', 6, '{citra,intan}'), ('post', 7, '{hendra}'),
        ('comment', 1, '{ayu.lestari,budi_s}'), ('comment', 3, '{gita.w}'), ('comment', 8, '{dimas.p,hendra}')
       ) v (type, n, usernames)
  JOIN user_api.users u ON u.username = ANY (v.usernames::text[]);

INSERT INTO reposts (user_id, post_id, quote_content)
SELECT u.id, ('b0000000-0000-4000-8000-' || lpad(v.post::text, 12, '0'))::uuid, v.quote
  FROM (VALUES ('ayu.lestari', 2, 'I will be there'), ('fajar', 2, NULL), ('hendra', 8, NULL)) v (username, post, quote)
  JOIN user_api.users u USING (username);

INSERT INTO bookmarks (user_id, post_id)
SELECT u.id, ('b0000000-0000-4000-8000-' || lpad(v.post::text, 12, '0'))::uuid
  FROM (VALUES ('gita.w', 2), ('intan', 4), ('hendra', 7), ('hendra', 8)) v (username, post)
  JOIN user_api.users u USING (username);

INSERT INTO shares (user_id, post_id, platform)
SELECT u.id, ('b0000000-0000-4000-8000-' || lpad(v.post::text, 12, '0'))::uuid, v.platform
  FROM (VALUES ('budi_s', 2, 'link'), ('fajar', 2, 'message'), ('citra', 4, 'external')) v (username, post, platform)
  JOIN user_api.users u USING (username);
