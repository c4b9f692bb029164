-- Ids of customers, products and variants in the cart service's tables.  They
-- were foreign keys when the shop was one database; now each is checked against
-- the contract of the service that it belongs to, wherever that lives.  Run as
-- the service.
--
-- cart_view is not here: it copies ids of cart_items, which were checked there.

SELECT svc.create_reference('carts', 'user_id', 'auth', 'users');
SELECT svc.create_reference('wishlists', 'user_id', 'auth', 'users', on_delete => 'delete');
SELECT svc.create_reference('saved_carts', 'user_id', 'auth', 'users', on_delete => 'delete');
SELECT svc.create_reference('cart_items', 'product_id', 'product', 'products');
SELECT svc.create_reference('cart_items', 'variant_id', 'product', 'product_variants');
SELECT svc.create_reference('wishlist_items', 'product_id', 'product', 'products', on_delete => 'delete');
