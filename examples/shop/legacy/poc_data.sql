-- The sample data, once more: the services got theirs from here.  It asks for
-- ids by the names of the services' contracts, which in the monolith are other
-- names of its tables, for as long as this runs.

CREATE SCHEMA auth_api;
CREATE VIEW auth_api.users AS SELECT * FROM users;
CREATE SCHEMA product_api;
CREATE VIEW product_api.categories AS SELECT * FROM categories;
CREATE VIEW product_api.products AS SELECT * FROM products;
CREATE VIEW product_api.product_variants AS SELECT * FROM product_variants;
CREATE VIEW product_api.product_inventory AS SELECT * FROM product_inventory;
CREATE VIEW product_api.product_images AS SELECT * FROM product_images WHERE is_primary;
CREATE SCHEMA cart_api;
CREATE VIEW cart_api.carts AS SELECT * FROM carts;

\ir ../data/auth_data.sql
\ir ../data/product_data.sql
\ir ../data/cart_data.sql
\ir ../data/promotion_data.sql

DROP SCHEMA auth_api, product_api, cart_api CASCADE;

-- Counted by a job of the monolith's, every night
UPDATE categories c SET product_count = (SELECT count(*) FROM products p WHERE p.category_id = c.id AND p.status = 'active');
UPDATE carts c SET item_count = (SELECT count(*) FROM cart_items i WHERE i.cart_id = c.id);
UPDATE wishlists w SET item_count = (SELECT count(*) FROM wishlist_items i WHERE i.wishlist_id = w.id);
UPDATE promo_codes c SET usage_count = (SELECT count(*) FROM promo_usage u WHERE u.promo_code_id = c.id);
UPDATE promotion_campaigns k SET code_count = (SELECT count(*) FROM campaign_promo_codes c WHERE c.campaign_id = k.id);
