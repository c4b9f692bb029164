-- What the shop sells: a tree of categories, 20 products, variants, stock and
-- pictures.  Ids come in the order of the rows; other files look them up by
-- slug or sku.

INSERT INTO categories (name, slug, description, sort_order)
VALUES ('Electronics', 'electronics', 'Phones, computers and sound', 1),
       ('Home',        'home',        'Kitchen and furniture',       2),
       ('Clothing',    'clothing',    'For outside and inside',      3),
       ('Books',       'books',       'Paper only',                  4);

INSERT INTO categories (parent_id, name, slug, sort_order)
SELECT p.id, v.name, v.slug, v.sort_order
  FROM (VALUES
        ('electronics', 'Phones',    'phones',         1),
        ('electronics', 'Laptops',   'laptops',        2),
        ('electronics', 'Audio',     'audio',          3),
        ('home',        'Kitchen',   'kitchen',        1),
        ('home',        'Furniture', 'furniture',      2),
        ('clothing',    'Jackets',   'jackets',        1),
        ('clothing',    'Shoes',     'shoes',          2),
        ('clothing',    'Shirts',    'shirts',         3),
        ('books',       'Computing', 'computing',      1),
        ('books',       'Cooking',   'cooking',        2)
       ) v (parent, name, slug, sort_order)
  JOIN categories p ON p.slug = v.parent
 ORDER BY p.sort_order, v.sort_order;

INSERT INTO products (category_id, sku, name, slug, description, brand, price, compare_at_price,
                      cost_price, weight_grams, status, attributes, tags)
SELECT c.id, v.sku, v.name,
       lower(regexp_replace(v.name, '[^A-Za-z0-9]+', '-', 'g')),
       v.description, v.brand, v.price, v.compare_at, round(v.price * 0.6, 2), v.grams, v.status,
       v.attributes::jsonb, v.tags::text[]
  FROM (VALUES
        ( 1, 'phones',    'PHO-001', 'Nordlys 5 Phone',      'Six-inch screen, two days of battery',      'Nordlys',   449.00, 499.00,  178, 'active',   '{"storage_gb": 128, "color": "black"}', '{phone,5g}'),
        ( 2, 'phones',    'PHO-002', 'Nordlys 5 Pro Phone',  'The larger one, with a better camera',      'Nordlys',   699.00, NULL,    205, 'active',   '{"storage_gb": 256, "color": "blue"}',  '{phone,5g,camera}'),
        ( 3, 'phones',    'PHO-003', 'Brisa Mini Phone',     'Fits every pocket',                         'Brisa',     279.00, NULL,    132, 'active',   '{"storage_gb": 64}',                    '{phone,small}'),
        ( 4, 'laptops',   'LAP-001', 'Kestrel 14 Laptop',    'Light laptop with a quiet keyboard',        'Kestrel',  1099.00, 1249.00, 1280, 'active',  '{"ram_gb": 16, "inches": 14}',          '{laptop,light}'),
        ( 5, 'laptops',   'LAP-002', 'Kestrel 16 Laptop',    'For long days and large pictures',          'Kestrel',  1599.00, NULL,   1890, 'active',   '{"ram_gb": 32, "inches": 16}',          '{laptop}'),
        ( 6, 'audio',     'AUD-001', 'Fjord Headphones',     'Over the ear, shuts the office out',        'Fjord',     189.00, 229.00,  254, 'active',   '{"wireless": true}',                    '{headphones,wireless}'),
        ( 7, 'audio',     'AUD-002', 'Fjord Buds',           'In the ear, with a case that charges them', 'Fjord',      99.00, NULL,     48, 'active',   '{"wireless": true}',                    '{headphones,small}'),
        ( 8, 'audio',     'AUD-003', 'Kammer Bookshelf Speakers', 'A pair, oak',                          'Kammer',    349.00, NULL,   6400, 'archived', '{"wireless": false}',                   '{speakers}'),
        ( 9, 'kitchen',   'KIT-001', 'Cast Iron Pan 28 cm',  'Heavy, and good for a lifetime',            'Formera',    59.90, NULL,   3100, 'active',   '{"diameter_cm": 28}',                   '{pan,iron}'),
        (10, 'kitchen',   'KIT-002', 'Espresso Pot',         'For three cups on the stove',               'Tazza',      34.50, 39.90,   620, 'active',   '{"cups": 3}',                           '{coffee}'),
        (11, 'kitchen',   'KIT-003', 'Chef Knife 20 cm',     'Forged, with an ash handle',                'Formera',    89.00, NULL,    210, 'active',   '{"blade_cm": 20}',                      '{knife}'),
        (12, 'furniture', 'FUR-001', 'Oak Side Table',       'Round, oiled oak',                          'Holz & Sohn', 149.00, NULL, 5400, 'active',   '{"material": "oak"}',                   '{table}'),
        (13, 'furniture', 'FUR-002', 'Reading Lamp',         'Turns to where the book is',                'Lumen',      79.00, 95.00,  1900, 'active',   '{"watts": 7}',                          '{lamp}'),
        (14, 'jackets',   'JAC-001', 'Rain Jacket',          'Waterproof, packs into its pocket',         'Regn',      129.00, NULL,    340, 'active',   '{"material": "recycled nylon"}',        '{outdoor}'),
        (15, 'shoes',     'SHO-001', 'Trail Shoes',          'Grip on wet stone',                         'Regn',      119.00, 139.00,  580, 'active',   '{"sole": "rubber"}',                    '{outdoor,running}'),
        (16, 'shirts',    'SHI-001', 'Linen Shirt',          'For warm days',                             'Cala',       49.00, NULL,    190, 'active',   '{"material": "linen"}',                 '{summer}'),
        (17, 'computing', 'BOO-001', 'Queries by Hand',      'Databases explained with pencil and paper', 'Kernel Press', 38.00, NULL, 720, 'active',   '{"pages": 412}',                        '{book}'),
        (18, 'computing', 'BOO-002', 'Small Services',       'When to split a system, and when not to',   'Kernel Press', 42.00, NULL, 650, 'active',   '{"pages": 356}',                        '{book}'),
        (19, 'cooking',   'BOO-003', 'Soups of the Coast',   'Sixty soups, from clear to thick',          'Marea',      29.00, NULL,    980, 'active',   '{"pages": 224}',                        '{book,coffee}'),
        (20, 'laptops',   'LAP-003', 'Kestrel 13 Laptop',    'Not announced yet',                         'Kestrel',   899.00, NULL,   1050, 'draft',    '{"ram_gb": 8, "inches": 13}',           '{laptop,light}')
       ) v (n, category, sku, name, description, brand, price, compare_at, grams, status, attributes, tags)
  JOIN categories c ON c.slug = v.category
 ORDER BY v.n;

INSERT INTO product_variants (product_id, sku, name, options, price_adjustment, stock_quantity)
SELECT p.id, v.product || '-' || v.suffix, v.name, v.options::jsonb, v.adjustment, v.stock
  FROM (VALUES
        ( 1, 'PHO-001', 'BLK', 'Black',   '{"color": "black"}',  0,      14),
        ( 2, 'PHO-001', 'WHT', 'White',   '{"color": "white"}',  0,      9),
        ( 3, 'PHO-002', '256', '256 GB',  '{"storage_gb": 256}', 0,      6),
        ( 4, 'PHO-002', '512', '512 GB',  '{"storage_gb": 512}', 110.00, 2),
        ( 5, 'LAP-001', '512', '512 GB',  '{"ssd_gb": 512}',     0,      5),
        ( 6, 'LAP-001', '1TB', '1 TB',    '{"ssd_gb": 1024}',    120.00, 3),
        ( 7, 'JAC-001', 'S',   'Small',   '{"size": "S"}',       0,      7),
        ( 8, 'JAC-001', 'M',   'Medium',  '{"size": "M"}',       0,      12),
        ( 9, 'JAC-001', 'L',   'Large',   '{"size": "L"}',       0,      0),
        (10, 'SHO-001', '40',  'Size 40', '{"size": 40}',        0,      4),
        (11, 'SHO-001', '42',  'Size 42', '{"size": 42}',        0,      8),
        (12, 'SHO-001', '44',  'Size 44', '{"size": 44}',        0,      3),
        (13, 'SHI-001', 'M',   'Medium',  '{"size": "M"}',       0,      20),
        (14, 'SHI-001', 'L',   'Large',   '{"size": "L"}',       5.00,   16)
       ) v (n, product, suffix, name, options, adjustment, stock)
  JOIN products p ON p.sku = v.product
 ORDER BY v.n;

-- Products with variants have what their variants have; two are sold out
INSERT INTO product_inventory (product_id, quantity, reserved_quantity, reorder_level, last_restocked_at)
SELECT p.id, coalesce(v.stock, s.quantity), s.reserved, s.reorder_level, now() - make_interval(days => p.id::int)
  FROM (VALUES
        ('PHO-001', NULL, 2, 5), ('PHO-002', NULL, 1, 5), ('PHO-003', 31, 0, 5),
        ('LAP-001', NULL, 1, 3), ('LAP-002', 4,    0, 3), ('LAP-003', 0,  0, 3),
        ('AUD-001', 22,   3, 5), ('AUD-002', 75,   5, 20), ('AUD-003', 0, 0, 0),
        ('KIT-001', 40,   1, 10), ('KIT-002', 55,  2, 10), ('KIT-003', 18, 0, 5),
        ('FUR-001', 6,    0, 2), ('FUR-002', 11,   1, 4), ('JAC-001', NULL, 1, 5),
        ('SHO-001', NULL, 0, 5), ('SHI-001', NULL, 0, 10), ('BOO-001', 120, 2, 20),
        ('BOO-002', 64,   0, 20), ('BOO-003', 47, 0, 10)
       ) s (sku, quantity, reserved, reorder_level)
  JOIN products p USING (sku)
  LEFT JOIN (SELECT product_id, sum(stock_quantity)::int AS stock
               FROM product_variants GROUP BY product_id) v ON v.product_id = p.id
 ORDER BY p.id;

-- Two pictures a product, the first of which lists and carts show; books have one
INSERT INTO product_images (product_id, url, alt_text, sort_order, is_primary)
SELECT p.id, format('https://img.shop.example/%s/%s.webp', p.slug, k.n),
       p.name || CASE k.n WHEN 1 THEN '' ELSE ', another view' END, k.n, k.n = 1
  FROM products p
 CROSS JOIN generate_series(1, 2) k (n)
 WHERE k.n = 1 OR p.sku NOT LIKE 'BOO-%'
 ORDER BY p.id, k.n;
