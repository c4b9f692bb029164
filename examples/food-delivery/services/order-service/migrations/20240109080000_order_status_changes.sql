-- +goose Up
-- An order goes forward, or is cancelled before it is on the way
-- +goose StatementBegin
CREATE FUNCTION check_order_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    states CONSTANT text[] := '{placed,accepted,preparing,on_the_way,delivered}';
    was CONSTANT int := array_position(states, OLD.status::text);
    becomes CONSTANT int := array_position(states, NEW.status::text);
BEGIN
    IF OLD.status = 'cancelled'
       OR (NEW.status = 'cancelled' AND was >= 4)
       OR (NEW.status <> 'cancelled' AND becomes <> was + 1) THEN
        RAISE EXCEPTION 'an order that is % does not become %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', TABLE = 'orders', COLUMN = 'status';
    END IF;
    IF NEW.status = 'delivered' THEN
        NEW.delivered_at := coalesce(NEW.delivered_at, now());
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER orders_check_status
    BEFORE UPDATE OF status ON orders
    FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION check_order_status();

-- +goose Down
DROP TRIGGER orders_check_status ON orders;
DROP FUNCTION check_order_status();
