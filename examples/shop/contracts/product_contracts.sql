-- What the product service shows to others: what a cart line needs.  Prices that
-- only purchasing may know (cost_price) stay inside.

SELECT svc.publish('product', 'categories', 'categories',
                   columns => '{id,parent_id,name,slug}', filter => 'is_active');
SELECT svc.publish('product', 'products', 'products',
                   columns => '{id,category_id,sku,name,slug,brand,price,currency,status}');
SELECT svc.publish('product', 'product_variants', 'product_variants',
                   columns => '{id,product_id,sku,name,price_adjustment,stock_quantity}');
SELECT svc.publish('product', 'product_inventory', 'product_inventory', key => 'product_id',
                   columns => '{product_id,available_quantity}');
SELECT svc.publish('product', 'product_images', 'product_images',
                   columns => '{id,product_id,url,alt_text}', filter => 'is_primary');
SELECT svc.grant_contract('product', 'cart');
SELECT svc.grant_contract('product', 'promotion', 'products');
SELECT svc.grant_contract('product', 'promotion', 'categories');
