-- Twelve orders.  Ids of others come from the contracts of auth and restaurant:
-- the order service cannot read their tables.  Names and prices are copied.

INSERT INTO orders (id, user_id, address_id, restaurant_id, status, currency, delivery_fee, note,
                    placed_at, delivered_at, created_at, updated_at)
SELECT ('d0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid,
       u.id, a.id, r.id, v.status, r.currency, r.delivery_fee, v.note,
       now() - v.age, CASE v.status WHEN 'delivered' THEN now() - v.age + interval '35 minutes' END,
       now() - v.age, now() - v.age
  FROM (VALUES
        ( 1, 'Greta Lindqvist', 'Home',   'forno-vecchio',   'delivered',  NULL,                  interval '40 days'),
        ( 2, 'Greta Lindqvist', 'Office', 'lihuas-kitchen',  'delivered',  'Chopsticks, please',  interval '33 days'),
        ( 3, 'Greta Lindqvist', 'Home',   'chettinad-house', 'delivered',  NULL,                  interval '12 days'),
        ( 4, 'Hugo Almeida',    'Home',   'forno-vecchio',   'delivered',  NULL,                  interval '10 days'),
        ( 5, 'Hugo Almeida',    'Home',   'lihuas-kitchen',  'cancelled',  NULL,                  interval '9 days'),
        ( 6, 'Ines Moreau',     'Home',   'chettinad-house', 'delivered',  'No coriander',        interval '7 days'),
        ( 7, 'Ines Moreau',     'Studio', 'lihuas-kitchen',  'delivered',  NULL,                  interval '3 days'),
        ( 8, 'Ines Moreau',     'Home',   'forno-vecchio',   'delivered',  NULL,                  interval '1 day'),
        ( 9, 'Greta Lindqvist', 'Home',   'lihuas-kitchen',  'on_the_way', NULL,                  interval '30 minutes'),
        (10, 'Hugo Almeida',    'Home',   'chettinad-house', 'preparing',  'Extra hot',           interval '20 minutes'),
        (11, 'Ines Moreau',     'Studio', 'forno-vecchio',   'accepted',   NULL,                  interval '10 minutes'),
        (12, 'Greta Lindqvist', 'Office', 'forno-vecchio',   'placed',     NULL,                  interval '2 minutes')
       ) v (n, customer, label, slug, status, note, age)
  JOIN auth_api.users u ON u.full_name = v.customer
  JOIN auth_api.addresses a ON a.user_id = u.id AND a.label = v.label
  JOIN restaurant_api.restaurants r ON r.slug = v.slug
 ORDER BY v.n;

INSERT INTO order_items (order_id, item_id, item_name, unit_price, quantity)
SELECT ('d0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, i.id, i.name, i.price, v.quantity
  FROM (VALUES
        ( 1, 'Margherita', 2), ( 1, 'Insalata mista', 1),
        ( 2, 'Mapo tofu', 1), ( 2, 'Dan dan noodles', 1), ( 2, 'Smashed cucumber', 2),
        ( 3, 'Masala dosa', 2), ( 3, 'Filter coffee', 2),
        ( 4, 'Diavola', 1), ( 4, 'Quattro formaggi', 1),
        ( 5, 'Hot pot for two', 1),
        ( 6, 'Chettinad chicken', 1), ( 6, 'Idli sambar', 2),
        ( 7, 'Kung pao chicken', 1), ( 7, 'Smashed cucumber', 1),
        ( 8, 'Margherita', 1), ( 8, 'Pizza al taglio', 1),
        ( 9, 'Dan dan noodles', 2), ( 9, 'Smashed cucumber', 1),
        (10, 'Chettinad chicken', 2),
        (11, 'Quattro formaggi', 1), (11, 'Insalata mista', 1),
        (12, 'Diavola', 3)
       ) v (n, item, quantity)
  JOIN restaurant_api.items i ON i.name = v.item
 ORDER BY v.n, i.id;
