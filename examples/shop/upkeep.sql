-- What the services need not do themselves any more.  Every section runs as
-- the service whose tables it is about.

-- auth: sessions go when they expire, and show when they were last used
SET ROLE :"auth_owner";
SELECT svc.keep_updated_at('auth.user_sessions', 'last_activity_at');
SELECT svc.keep_rows('auth.user_sessions', 'expires_at', keep => '0');
RESET ROLE;

-- product: what a list of categories shows beside each name
SET ROLE :"product_owner";
SELECT svc.keep_count('product.products', 'category_id', 'product.categories', 'id', 'product_count',
                      filter => 'status = ''active''');
RESET ROLE;

-- cart: numbers beside lists, the two triggers that nobody wrote, and an end
-- for carts put aside and for the log
SET ROLE :"cart_owner";
SELECT svc.keep_count('cart.cart_items', 'cart_id', 'cart.carts', 'id', 'item_count');
SELECT svc.keep_count('cart.wishlist_items', 'wishlist_id', 'cart.wishlists', 'id', 'item_count');
SELECT svc.keep_updated_at('cart.wishlists');
SELECT svc.keep_updated_at('cart.saved_carts');
SELECT svc.keep_rows('cart.saved_carts', 'expires_at', keep => '0');
SELECT svc.keep_rows('cart.reference_validation_log', 'validated_at', keep => '90 days');
RESET ROLE;

-- promotion: usage_count stands under a CHECK, so this also keeps the limit
SET ROLE :"promotion_owner";
SELECT svc.keep_count('promotion.promo_usage', 'promo_code_id', 'promotion.promo_codes', 'id', 'usage_count');
SELECT svc.keep_count('promotion.campaign_promo_codes', 'campaign_id', 'promotion.promotion_campaigns', 'id', 'code_count');
SELECT svc.keep_rows('promotion.promo_suggestions', 'expires_at', keep => '0');
RESET ROLE;
