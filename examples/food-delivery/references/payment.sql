-- Whose ids the payment service holds.  Run by its own login, when it is connected
-- to order.
SELECT svc.create_reference('payments', 'order_id', 'order', 'orders');
