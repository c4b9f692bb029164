-- What the cart service need not do itself: numbers beside lists, the two
-- triggers that nobody wrote, and an end for carts put aside and for the log.

SELECT svc.keep_count('cart_items', 'cart_id', 'carts', 'id', 'item_count');
SELECT svc.keep_count('wishlist_items', 'wishlist_id', 'wishlists', 'id', 'item_count');
SELECT svc.keep_updated_at('wishlists');
SELECT svc.keep_updated_at('saved_carts');
SELECT svc.keep_rows('saved_carts', 'expires_at', keep => '0');
SELECT svc.keep_rows('reference_validation_log', 'validated_at', keep => '90 days');
