-- Sample data of the ticket service.  Users and events are looked up in the
-- contracts of their services.

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
  JOIN user_api.users u USING (username)
  JOIN event_api.events e ON e.id = ('e0000000-0000-4000-8000-' || lpad(v.event::text, 12, '0'))::uuid;

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
