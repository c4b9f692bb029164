-- +goose Up
-- What the service need not do itself any more
ALTER TABLE orders ADD COLUMN item_count INTEGER NOT NULL DEFAULT 0,
    ADD CONSTRAINT orders_item_count_check CHECK (item_count <= 40);

SELECT svc.keep_updated_at('orders');
SELECT svc.keep_count('order_items', 'order_id', 'orders', 'id', 'item_count');

-- +goose Down
SELECT svc.drop_count('orders', 'item_count');
DROP TRIGGER svc_keep_updated_at ON orders;
ALTER TABLE orders DROP COLUMN item_count;
