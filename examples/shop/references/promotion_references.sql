-- Ids of customers, products and categories in the promotion service's tables,
-- two of them in arrays.  Run as the service.
--
-- Uses of codes stay when the customer goes: they are accounted for.  Their
-- carts are not here at all: a cart goes, what it was bought with does not.

SELECT svc.create_reference('promo_codes', 'created_by', 'auth', 'users', on_delete => 'set_null');
SELECT svc.create_reference('promo_codes', 'product_ids', 'product', 'products');
SELECT svc.create_reference('promo_codes', 'category_ids', 'product', 'categories');
SELECT svc.create_reference('promo_usage', 'user_id', 'auth', 'users', on_delete => 'keep');
SELECT svc.create_reference('user_promo_eligibility', 'user_id', 'auth', 'users', on_delete => 'delete');
SELECT svc.create_reference('promo_suggestions', 'user_id', 'auth', 'users', on_delete => 'delete');
