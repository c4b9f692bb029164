-- Carts, wishlists and carts put aside.  The ids of customers, products and
-- variants come from the contracts of their services, as the cart service
-- itself must ask for them: it cannot read their tables.

INSERT INTO carts (id, user_id, session_id, status, created_at, updated_at)
SELECT ('c0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid,
       u.id, v.session_id, v.status, now() - v.age, now() - v.age
  FROM (VALUES
        (1, 'chiara', NULL,             'active',    interval '1 hour'),
        (2, 'elif',   NULL,             'active',    interval '5 hours'),
        (3, 'hanna',  NULL,             'active',    interval '30 minutes'),
        (4, 'lucia',  NULL,             'active',    interval '1 day'),
        (5, NULL,     'guest-7f3a9c',   'active',    interval '2 hours'),
        (6, 'chiara', NULL,             'converted', interval '20 days'),
        (7, 'jamila', NULL,             'converted', interval '3 days'),
        (8, 'dmitri', NULL,             'abandoned', interval '45 days')
       ) v (n, username, session_id, status, age)
  LEFT JOIN auth_api.users u USING (username)
 ORDER BY v.n;

INSERT INTO cart_items (cart_id, product_id, variant_id, quantity, unit_price)
SELECT ('c0000000-0000-4000-8000-' || lpad(v.cart::text, 12, '0'))::uuid,
       p.id, x.id, v.quantity, p.price + coalesce(x.price_adjustment, 0)
  FROM (VALUES
        (1, 1, 'PHO-001', 'PHO-001-BLK', 1), (2, 1, 'AUD-002', NULL,          1),
        (3, 2, 'KIT-002', NULL,          2), (4, 2, 'BOO-003', NULL,          1),
        (5, 2, 'KIT-001', NULL,          1), (6, 3, 'JAC-001', 'JAC-001-M',   1),
        (7, 3, 'JAC-001', 'JAC-001-L',   1), (8, 3, 'SHO-001', 'SHO-001-40',  1),
        (9, 4, 'SHI-001', 'SHI-001-M',   3), (10, 5, 'LAP-001', 'LAP-001-1TB', 1),
        (11, 6, 'AUD-001', NULL,         1), (12, 7, 'BOO-001', NULL,         1),
        (13, 7, 'BOO-002', NULL,         1), (14, 8, 'AUD-003', NULL,         1)
       ) v (n, cart, sku, variant, quantity)
  JOIN product_api.products p USING (sku)
  LEFT JOIN product_api.product_variants x ON x.sku = v.variant
 ORDER BY v.n;

-- The read model of the carts that can still be shown
INSERT INTO cart_view (cart_item_id, cart_id, user_id, product_id, variant_id, product_sku, product_name,
                       variant_name, image_url, unit_price, quantity, stock_quantity)
SELECT i.id, c.id, c.user_id, i.product_id, i.variant_id, p.sku, p.name, x.name, m.url,
       i.unit_price, i.quantity, coalesce(x.stock_quantity, s.available_quantity)
  FROM cart_items i
  JOIN carts c ON c.id = i.cart_id AND c.status = 'active'
  JOIN product_api.products p ON p.id = i.product_id
  LEFT JOIN product_api.product_variants x ON x.id = i.variant_id
  LEFT JOIN product_api.product_inventory s ON s.product_id = p.id
  LEFT JOIN product_api.product_images m ON m.product_id = p.id
 ORDER BY i.id;

INSERT INTO wishlists (id, user_id, name, is_public)
SELECT ('b0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, u.id, v.name, v.is_public
  FROM (VALUES
        (1, 'chiara', 'Birthday',  true),
        (2, 'chiara', 'Some day',  false),
        (3, 'farah',  'Wishlist',  false),
        (4, 'kenji',  'Kitchen',   true)
       ) v (n, username, name, is_public)
  JOIN auth_api.users u USING (username)
 ORDER BY v.n;

INSERT INTO wishlist_items (wishlist_id, product_id, note, priority)
SELECT ('b0000000-0000-4000-8000-' || lpad(v.list::text, 12, '0'))::uuid, p.id, v.note, v.priority
  FROM (VALUES
        (1, 'AUD-001', 'in black, please', 5), (1, 'SHO-001', NULL, 3), (1, 'BOO-002', NULL, 2),
        (2, 'LAP-002', 'when the old one breaks', 1),
        (3, 'JAC-001', NULL, 4), (3, 'FUR-002', NULL, 3),
        (4, 'KIT-001', NULL, 5), (4, 'KIT-003', NULL, 5), (4, 'KIT-002', 'for the office', 2)
       ) v (list, sku, note, priority)
  JOIN product_api.products p USING (sku);

-- Two of five are past their time; one is kept for good
INSERT INTO saved_carts (id, user_id, name, items, total_amount, share_token, expires_at, created_at, updated_at)
SELECT ('d0000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid, u.id, v.name,
       jsonb_build_array(jsonb_build_object('product_id', p.id, 'quantity', v.quantity)),
       p.price * v.quantity, v.token, now() + v.remaining, now() - v.age, now() - v.age
  FROM (VALUES
        (1, 'dmitri', 'For the new flat', 'FUR-001', 2, NULL,           interval '-3 days',   interval '93 days'),
        (2, 'elif',   'Gifts',            'BOO-003', 4, 'share-gifts',  interval '-1 hour',   interval '31 days'),
        (3, 'elif',   'Team order',       'AUD-002', 8, 'share-team',   interval '20 days',   interval '10 days'),
        (4, 'farah',  'Later',            'LAP-001', 1, NULL,           interval '89 days',   interval '1 day'),
        (5, 'lucia',  'Every month',      'KIT-002', 1, NULL,           NULL,                 interval '2 days')
       ) v (n, username, name, sku, quantity, token, remaining, age)
  JOIN auth_api.users u USING (username)
  JOIN product_api.products p USING (sku)
 ORDER BY v.n;

-- What the service noted when it asked others about ids; the last two are
-- older than ../upkeep/cart_upkeep.sql keeps them
INSERT INTO reference_validation_log (reference_type, reference_id, referencing, status,
                                      response_time_ms, error_message, validated_at)
SELECT v.type, v.id, v.referencing, v.status, v.ms, v.error, now() - v.age
  FROM (VALUES
        ('product',    '1',     'cart_items.product_id',     'valid',       4,    NULL,                   interval '1 hour'),
        ('variant',    '1',     'cart_items.variant_id',     'valid',       3,    NULL,                   interval '1 hour'),
        ('user',       'a0000000-0000-4000-8000-000000000003', 'carts.user_id', 'valid', 6, NULL,         interval '1 hour'),
        ('product',    '999',   'cart_items.product_id',     'missing',     5,    NULL,                   interval '2 days'),
        ('promo_code', 'SPRNG', 'carts.promo_code',          'missing',     9,    NULL,                   interval '8 days'),
        ('product',    '6',     'wishlist_items.product_id', 'unavailable', 2000, 'no answer in 2 s',     interval '30 days'),
        ('user',       'a0000000-0000-4000-8000-000000000004', 'carts.user_id', 'valid', 7, NULL,         interval '100 days'),
        ('product',    '8',     'cart_items.product_id',     'valid',       5,    NULL,                   interval '120 days')
       ) v (type, id, referencing, status, ms, error, age);
