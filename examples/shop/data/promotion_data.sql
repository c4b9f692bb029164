-- Promo codes and what came of them.  Ids of customers, products and
-- categories come from the contracts of their services.

INSERT INTO promo_codes (code, description, discount_type, discount_value, max_discount_amount, min_order_amount,
                         usage_limit, per_user_limit, product_ids, category_ids, is_active, starts_at, expires_at, created_by)
SELECT v.code, v.description, v.type, v.value, v.max_discount, v.min_order, v.usage_limit, v.per_user,
       ARRAY(SELECT p.id FROM product_api.products p WHERE p.sku = ANY (v.skus::text[]) ORDER BY p.id),
       ARRAY(SELECT c.id FROM product_api.categories c WHERE c.slug = ANY (v.categories::text[]) ORDER BY c.id),
       v.active, now() + v.start, now() + v.stop,
       (SELECT u.id FROM auth_api.users u WHERE u.username = 'amelie')
  FROM (VALUES
        (1, 'WELCOME10',  'Ten percent off the first order', 'percentage',    10,   50,   0,   NULL, 1, '{}', '{}',                   true,  interval '-300 days', NULL),
        (2, 'SPRING25',   'A quarter off jackets and shoes', 'percentage',    25,   80,   60,  500,  2, '{}', '{jackets,shoes}',      true,  interval '-20 days',  interval '25 days'),
        (3, 'FREESHIP',   'No shipping costs from 40 euros', 'free_shipping', 0,    NULL, 40,  NULL, 5, '{}', '{}',                   true,  interval '-60 days',  interval '60 days'),
        (4, 'BOOKS5',     'Five euros off any book',         'fixed_amount',  5,    NULL, 25,  100,  1, '{BOO-001,BOO-002,BOO-003}', '{}', true, interval '-10 days', interval '50 days'),
        (5, 'LASTTHREE',  'The first three customers only',  'fixed_amount',  50,   NULL, 200, 3,    1, '{}', '{laptops}',            true,  interval '-40 days',  interval '40 days'),
        (6, 'WINTER20',   'Last winter''s sale',             'percentage',    20,   100,  0,   1000, 1, '{}', '{}',                   true,  interval '-150 days', interval '-60 days'),
        (7, 'PARTNER15',  'Ended by the partner',            'percentage',    15,   NULL, 0,   NULL, 1, '{}', '{}',                   false, interval '-90 days',  interval '90 days'),
        (8, 'COMEBACK',   'We have missed you',              'fixed_amount',  15,   NULL, 50,  200,  1, '{}', '{}',                   true,  interval '-5 days',   interval '30 days'),
        (9, 'AUTUMN30',   'Not before autumn',               'percentage',    30,   120,  80,  400,  1, '{}', '{}',                   true,  interval '90 days',   interval '140 days')
       ) v (n, code, description, type, value, max_discount, min_order, usage_limit, per_user, skus, categories, active, start, stop)
 ORDER BY v.n;

INSERT INTO promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount, used_at)
SELECT c.id, u.id, ('c0000000-0000-4000-8000-' || lpad(v.cart::text, 12, '0'))::uuid, v.total, v.discount, now() - v.age
  FROM (VALUES
        (1,  'WELCOME10', 'chiara', 6,   189.00,  18.90, interval '20 days'),
        (2,  'WELCOME10', 'jamila', 7,   80.00,   8.00,  interval '3 days'),
        (3,  'WELCOME10', 'hanna',  101, 129.00,  12.90, interval '70 days'),
        (4,  'WELCOME10', 'farah',  102, 449.00,  44.90, interval '150 days'),
        (5,  'BOOKS5',    'jamila', 7,   80.00,   5.00,  interval '3 days'),
        (6,  'SPRING25',  'elif',   103, 248.00,  62.00, interval '9 days'),
        (7,  'SPRING25',  'elif',   104, 119.00,  29.75, interval '2 days'),
        (8,  'FREESHIP',  'hanna',  101, 129.00,  4.90,  interval '55 days'),
        (9,  'LASTTHREE', 'dmitri', 105, 1099.00, 50.00, interval '39 days'),
        (10, 'LASTTHREE', 'farah',  106, 1599.00, 50.00, interval '37 days'),
        (11, 'WINTER20',  'goran',  107, 59.90,   11.98, interval '100 days')
       ) v (n, code, username, cart, total, discount, age)
  JOIN promo_codes c USING (code)
  JOIN auth_api.users u USING (username)
 ORDER BY v.n;

INSERT INTO promotion_campaigns (name, slug, description, campaign_type, status, budget, spent, audience, starts_at, ends_at)
SELECT v.name, v.slug, v.description, v.type, v.status, v.budget, v.spent, v.audience::jsonb, now() + v.start, now() + v.stop
  FROM (VALUES
        (1, 'Welcome',      'welcome',      'Everybody''s first order',       'welcome',  'active',   5000.00, 84.70, '{"orders": 0}',             interval '-300 days', interval '365 days'),
        (2, 'Spring',       'spring',       'Jackets, shoes and laptops',     'seasonal', 'active',   8000.00, 191.75, '{"country": ["DE", "FR"]}', interval '-40 days', interval '40 days'),
        (3, 'Come back',    'come-back',    'Nothing bought for three months', 'win_back', 'active',  1000.00, 0,     '{"idle_days": 90}',         interval '-5 days',   interval '30 days'),
        (4, 'Winter sale',  'winter-sale',  'Last winter',                    'clearance', 'finished', 3000.00, 11.98, '{}',                       interval '-150 days', interval '-60 days'),
        (5, 'Autumn',       'autumn',       'Being planned',                  'seasonal', 'draft',    NULL,    0,     '{}',                        interval '90 days',   interval '140 days')
       ) v (n, name, slug, description, type, status, budget, spent, audience, start, stop)
 ORDER BY v.n;

INSERT INTO campaign_promo_codes (campaign_id, promo_code_id, priority)
SELECT k.id, c.id, v.priority
  FROM (VALUES
        ('welcome', 'WELCOME10', 1), ('welcome', 'FREESHIP', 2),
        ('spring', 'SPRING25', 1), ('spring', 'LASTTHREE', 2), ('spring', 'FREESHIP', 3),
        ('come-back', 'COMEBACK', 1), ('winter-sale', 'WINTER20', 1), ('autumn', 'AUTUMN30', 1)
       ) v (slug, code, priority)
  JOIN promotion_campaigns k USING (slug)
  JOIN promo_codes c USING (code);

INSERT INTO user_promo_eligibility (user_id, promo_code_id, is_eligible, reason, remaining_uses, valid_until)
SELECT u.id, c.id, v.eligible, v.reason, v.remaining, now() + v.valid
  FROM (VALUES
        ('dmitri', 'COMEBACK',  true,  'nothing bought for three months', 1, interval '30 days'),
        ('goran',  'COMEBACK',  true,  'nothing bought for three months', 1, interval '30 days'),
        ('chiara', 'WELCOME10', false, 'used already',                    0, NULL),
        ('jamila', 'WELCOME10', false, 'used already',                    0, NULL),
        ('kenji',  'WELCOME10', true,  'first order',                     1, NULL),
        ('lucia',  'WELCOME10', true,  'first order',                     1, NULL),
        ('elif',   'SPRING25',  false, 'used twice',                      0, interval '25 days')
       ) v (username, code, eligible, reason, remaining, valid)
  JOIN auth_api.users u USING (username)
  JOIN promo_codes c USING (code);

-- A week of two codes, aggregated per day
INSERT INTO promo_analytics (promo_code_id, day, views, attempts, redemptions, revenue, discount_total)
SELECT c.id, current_date - d.n, 40 + 7 * d.n * v.factor, 3 + d.n % 3, d.n % 2,
       (d.n % 2) * v.revenue, (d.n % 2) * v.discount
  FROM (VALUES ('WELCOME10', 1, 129.00, 12.90), ('SPRING25', 2, 119.00, 29.75)) v (code, factor, revenue, discount)
  JOIN promo_codes c USING (code)
 CROSS JOIN generate_series(0, 6) d (n);

-- Two of six are past their time
INSERT INTO promo_suggestions (user_id, cart_id, promo_code_id, score, reason, accepted_at, created_at, expires_at)
SELECT u.id, k.id, c.id, v.score, v.reason, now() - v.accepted, now() - interval '8 days', now() + v.remaining
  FROM (VALUES
        (1, 'hanna',  'SPRING25',  0.920, 'a jacket in the cart',   NULL,              interval '30 days'),
        (2, 'elif',   'FREESHIP',  0.810, '44 euros in the cart',   interval '1 hour', interval '30 days'),
        (3, 'elif',   'BOOKS5',    0.405, 'a book in the cart',     NULL,              interval '30 days'),
        (4, 'lucia',  'WELCOME10', 0.990, 'first order',            NULL,              interval '30 days'),
        (5, 'dmitri', 'COMEBACK',  0.700, 'away for long',          NULL,              interval '-1 day'),
        (6, 'goran',  'COMEBACK',  0.650, 'away for long',          NULL,              interval '-2 hours')
       ) v (n, username, code, score, reason, accepted, remaining)
  JOIN auth_api.users u USING (username)
  JOIN promo_codes c USING (code)
  LEFT JOIN cart_api.carts k ON k.user_id = u.id AND k.status = 'active'
 ORDER BY v.n;
