-- Sample data of the event service.  Users are looked up in the user service's
-- contract, wherever that service is.

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
  JOIN user_api.users u ON u.username = v.host;

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
  JOIN user_api.users u USING (username);

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
  JOIN user_api.users u USING (username);

INSERT INTO reviews (event_id, reviewer_id, rating, comment)
SELECT ('e0000000-0000-4000-8000-' || lpad(v.event::text, 12, '0'))::uuid, u.id, v.rating, v.comment
  FROM (VALUES
        (1, 'budi_s', 5, 'I ran. All of it.'), (1, 'gita.w', 4, 'Good breakfast'), (1, 'hendra', 4, NULL),
        (2, 'ayu.lestari', 5, 'The second set!'), (2, 'fajar', 3, 'Too loud near the bar')
       ) v (event, username, rating, comment)
  JOIN user_api.users u USING (username);
