-- Four restaurants of three owners

INSERT INTO restaurants (id, owner_user_id, name, slug, cuisine, street, city, country, is_open,
                         delivery_fee, min_order, commission_rate, iban)
SELECT ('b0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
       ('a0000000-0000-4000-8000-' || lpad(owner::text, 12, '0'))::uuid,
       name, slug, cuisine, street, 'Berlin', 'DE', open, fee, minimum, rate, iban
  FROM (VALUES
        (1, 2, 'Forno Vecchio',  'forno-vecchio',  'pizza',      'Marktgasse 2',      true,  249, 1200, 0.150, 'DE02120300000000202051'),
        (2, 3, 'Lihua''s Kitchen', 'lihuas-kitchen', 'sichuan',  'Turmgasse 19',      true,  199, 1500, 0.180, 'DE02500105170137075030'),
        (3, 4, 'Chettinad House', 'chettinad-house', 'south indian', 'Uferweg 44',    true,  0,   2000, 0.150, 'DE02100500000054540402'),
        (4, 2, 'Piccolo',        'piccolo',        'pasta',      'Kastanienallee 9',  false, 299, 1000, 0.200, NULL)
       ) v (n, owner, name, slug, cuisine, street, open, fee, minimum, rate, iban)
 ORDER BY n;

INSERT INTO menus (id, restaurant_id, name, served_from, served_to, is_active)
SELECT ('c0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, r.id, v.name, v.served_from::time, v.served_to::time, v.active
  FROM (VALUES
        (1, 'forno-vecchio',   'Pizza',   NULL,    NULL,    true),
        (2, 'forno-vecchio',   'Lunch',   '11:30', '14:30', true),
        (3, 'lihuas-kitchen',  'Classics', NULL,   NULL,    true),
        (4, 'lihuas-kitchen',  'Hot pot', '17:00', '22:30', true),
        (5, 'chettinad-house', 'All day', NULL,    NULL,    true),
        (6, 'chettinad-house', 'Winter',  NULL,    NULL,    false),
        (7, 'piccolo',         'Pasta',   NULL,    NULL,    true)
       ) v (n, slug, name, served_from, served_to, active)
  JOIN restaurants r USING (slug)
 ORDER BY v.n;

-- Amounts are cents.  Two items are not to be had.
INSERT INTO items (id, menu_id, name, description, price, cost, is_vegetarian, is_available, allergens)
SELECT v.n, ('c0000000-0000-4000-8000-' || lpad(v.menu::text, 12, '0'))::uuid,
       v.name, v.description, v.price, v.cost, v.vegetarian, v.available, v.allergens::text[]
  FROM (VALUES
        ( 1, 1, 'Margherita',        'Tomato, mozzarella, basil',            950,  260, true,  true,  '{gluten,milk}'),
        ( 2, 1, 'Diavola',           'Tomato, mozzarella, spicy salami',    1150,  340, false, true,  '{gluten,milk}'),
        ( 3, 1, 'Quattro formaggi',  'Four cheeses, no tomato',             1250,  410, true,  true,  '{gluten,milk}'),
        ( 4, 1, 'Tartufo',           'Truffle cream, mushrooms',            1690,  620, true,  false, '{gluten,milk}'),
        ( 5, 2, 'Pizza al taglio',   'Two slices of the day',                690,  190, true,  true,  '{gluten,milk}'),
        ( 6, 2, 'Insalata mista',    NULL,                                   590,  150, true,  true,  '{}'),
        ( 7, 3, 'Mapo tofu',         'Silken tofu, Sichuan pepper',         1190,  280, false, true,  '{soy}'),
        ( 8, 3, 'Kung pao chicken',  'Peanuts, dried chillies',             1390,  390, false, true,  '{soy,peanut}'),
        ( 9, 3, 'Dan dan noodles',   'Minced pork, chilli oil',             1090,  250, false, true,  '{gluten,soy,sesame}'),
        (10, 3, 'Smashed cucumber',  'Garlic, black vinegar',                590,   90, true,  true,  '{soy}'),
        (11, 4, 'Hot pot for two',   'Half mild, half hot',                 3490, 1100, false, true,  '{soy,gluten}'),
        (12, 5, 'Masala dosa',       'Crisp rice crêpe, potato',            1050,  210, true,  true,  '{mustard}'),
        (13, 5, 'Chettinad chicken', 'Roasted spices, coconut',             1490,  420, false, true,  '{mustard}'),
        (14, 5, 'Idli sambar',       'Steamed rice cakes, lentil soup',      850,  140, true,  true,  '{}'),
        (15, 5, 'Filter coffee',     NULL,                                   350,   60, true,  true,  '{milk}'),
        (16, 6, 'Rasam',             'Pepper and tamarind soup',             550,   80, true,  true,  '{}'),
        (17, 7, 'Cacio e pepe',      'Pecorino, black pepper',              1190,  270, true,  true,  '{gluten,milk}'),
        (18, 7, 'Tagliatelle al ragù', 'Slowly cooked',                     1390,  380, false, false, '{gluten,egg,celery}')
       ) v (n, menu, name, description, price, cost, vegetarian, available, allergens)
 ORDER BY v.n;
SELECT setval(pg_get_serial_sequence('items', 'id'), 100);
