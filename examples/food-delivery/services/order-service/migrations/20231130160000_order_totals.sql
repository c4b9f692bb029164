-- +goose Up
ALTER TABLE orders ADD COLUMN total INTEGER NOT NULL DEFAULT 0;

-- +goose StatementBegin
CREATE FUNCTION set_order_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- the row lock keeps two lines that come at once from missing each other
    PERFORM 1 FROM orders WHERE id IN (OLD.order_id, NEW.order_id) ORDER BY id FOR NO KEY UPDATE;
    UPDATE orders o
       SET total = o.delivery_fee
                   + (SELECT coalesce(sum(i.line_total), 0) FROM order_items i WHERE i.order_id = o.id)
     WHERE o.id IN (OLD.order_id, NEW.order_id);
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER order_items_set_order_total
    AFTER INSERT OR UPDATE OR DELETE ON order_items
    FOR EACH ROW EXECUTE FUNCTION set_order_total();

UPDATE orders o
   SET total = o.delivery_fee
               + (SELECT coalesce(sum(i.line_total), 0) FROM order_items i WHERE i.order_id = o.id);

-- +goose Down
DROP TRIGGER order_items_set_order_total ON order_items;
DROP FUNCTION set_order_total();
ALTER TABLE orders DROP COLUMN total;
