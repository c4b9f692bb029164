-- What was paid: the amounts come from the contract of the order service.
-- Order 4 was paid at the second try, order 11 is not decided, 12 is paid in cash.

INSERT INTO payments (id, order_id, amount, currency, method, status, provider, provider_ref, idempotency_key,
                      failure_code, created_at, updated_at)
SELECT ('e1000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid,
       o.id, o.total, o.currency, v.method, v.status,
       CASE v.method WHEN 'card' THEN 'stripe' WHEN 'paypal' THEN 'paypal' ELSE 'courier' END,
       CASE v.status WHEN 'succeeded' THEN 'ref_' || md5('payment-' || v.n) END,
       'order-' || right(o.id::text, 2) || '-' || v.attempt, v.failure, o.placed_at, o.placed_at
  FROM (VALUES
        ( 1,  1, 1, 'card',   'succeeded', NULL),
        ( 2,  2, 1, 'card',   'succeeded', NULL),
        ( 3,  3, 1, 'paypal', 'succeeded', NULL),
        ( 4,  4, 1, 'card',   'failed',    'insufficient_funds'),
        ( 5,  4, 2, 'card',   'succeeded', NULL),
        ( 6,  5, 1, 'card',   'succeeded', NULL),
        ( 7,  6, 1, 'paypal', 'succeeded', NULL),
        ( 8,  7, 1, 'card',   'succeeded', NULL),
        ( 9,  8, 1, 'card',   'succeeded', NULL),
        (10,  9, 1, 'card',   'succeeded', NULL),
        (11, 10, 1, 'paypal', 'succeeded', NULL),
        (12, 11, 1, 'card',   'pending',   NULL),
        (13, 12, 1, 'cash',   'pending',   NULL)
       ) v (n, order_no, attempt, method, status, failure)
  JOIN order_api.orders o ON o.id = ('d0000000-0000-4000-8000-' || lpad(v.order_no::text, 12, '0'))::uuid
 ORDER BY v.n;

-- Order 5 was cancelled and is paid back; order 2 came without its cucumber
INSERT INTO refunds (payment_id, amount, reason, status, provider_ref)
SELECT p.id, coalesce(v.amount, p.amount), v.reason, v.status, v.ref
  FROM (VALUES
        ( 6, NULL, 'order cancelled', 'failed',    NULL),
        ( 6, NULL, 'order cancelled', 'succeeded', 'refund_6'),
        ( 2, 590,  'item missing',    'succeeded', 'refund_2')
       ) v (n, amount, reason, status, ref)
  JOIN payments p ON p.id = ('e1000000-0000-4000-8000-' || lpad(v.n::text, 12, '0'))::uuid;
