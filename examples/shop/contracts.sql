-- What each service shows to the others, and to whom.  Every section runs as
-- the service that publishes: an owner needs nobody's help for its contract.

-- auth: who somebody is, never how he proves it
SET ROLE :"auth_owner";
SELECT svc.publish('auth', 'users', 'auth.users',
                   columns => '{id,username,email,role,is_active,is_verified}');
SELECT svc.grant_contract('auth', 'cart');
SELECT svc.grant_contract('auth', 'promotion');
RESET ROLE;

-- product: what a cart line shows.  Prices that only purchasing may know
-- (cost_price) stay inside.
SET ROLE :"product_owner";
SELECT svc.publish('product', 'categories', 'product.categories',
                   columns => '{id,parent_id,name,slug}', filter => 'is_active');
SELECT svc.publish('product', 'products', 'product.products',
                   columns => '{id,category_id,sku,name,slug,brand,price,currency,status}');
SELECT svc.publish('product', 'product_variants', 'product.product_variants',
                   columns => '{id,product_id,sku,name,price_adjustment,stock_quantity}');
SELECT svc.publish('product', 'product_inventory', 'product.product_inventory', key => 'product_id',
                   columns => '{product_id,available_quantity}');
SELECT svc.publish('product', 'product_images', 'product.product_images',
                   columns => '{id,product_id,url,alt_text}', filter => 'is_primary');
SELECT svc.grant_contract('product', 'cart');
SELECT svc.grant_contract('product', 'promotion', 'products');
SELECT svc.grant_contract('product', 'promotion', 'categories');
RESET ROLE;

-- cart: whose cart it is, for the promotion service
SET ROLE :"cart_owner";
SELECT svc.publish('cart', 'carts', 'cart.carts', columns => '{id,user_id,status,item_count}');
SELECT svc.grant_contract('cart', 'promotion');
RESET ROLE;

-- promotion: the codes that a customer can use today
SET ROLE :"promotion_owner";
SELECT svc.publish('promotion', 'promo_codes', 'promotion.promo_codes',
                   columns => '{id,code,description,discount_type,discount_value,max_discount_amount,min_order_amount,product_ids,category_ids,expires_at}',
                   filter => 'is_active AND starts_at <= now() AND (expires_at IS NULL OR expires_at > now())
                              AND (usage_limit IS NULL OR usage_count < usage_limit)');
SELECT svc.grant_contract('promotion', 'cart');
RESET ROLE;
