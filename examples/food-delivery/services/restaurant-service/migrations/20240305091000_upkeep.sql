-- +goose Up
-- What the service need not do itself any more
ALTER TABLE menus ADD COLUMN item_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE restaurants ADD COLUMN menu_count INTEGER NOT NULL DEFAULT 0;

SELECT svc.keep_updated_at('restaurants');
SELECT svc.keep_updated_at('menus');
SELECT svc.keep_updated_at('items');
SELECT svc.keep_count('items', 'menu_id', 'menus', 'id', 'item_count', filter => 'is_available');
SELECT svc.keep_count('menus', 'restaurant_id', 'restaurants', 'id', 'menu_count', filter => 'is_active');

-- +goose Down
SELECT svc.drop_count('restaurants', 'menu_count');
SELECT svc.drop_count('menus', 'item_count');
DROP TRIGGER svc_keep_updated_at ON items;
DROP TRIGGER svc_keep_updated_at ON menus;
DROP TRIGGER svc_keep_updated_at ON restaurants;
ALTER TABLE restaurants DROP COLUMN menu_count;
ALTER TABLE menus DROP COLUMN item_count;
