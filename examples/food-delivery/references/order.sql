-- Whose ids the order service holds.  Run by its own login, when it is connected
-- to auth and restaurant.  No migration: each service's database can be made and
-- tested alone, and a contract must be there before one can refer to it.
SELECT svc.create_reference('orders', 'user_id', 'auth', 'users');
SELECT svc.create_reference('orders', 'address_id', 'auth', 'addresses', on_delete => 'keep');
SELECT svc.create_reference('orders', 'restaurant_id', 'restaurant', 'restaurants');
SELECT svc.create_reference('order_items', 'item_id', 'restaurant', 'items', on_delete => 'keep');
