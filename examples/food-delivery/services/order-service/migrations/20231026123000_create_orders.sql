-- +goose Up
-- user_id, address_id and restaurant_id belong to other services: reference
-- ids, each with an index and without a foreign key
CREATE TABLE orders (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       UUID NOT NULL,
    address_id    UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    status        VARCHAR(20) NOT NULL DEFAULT 'placed',
    currency      CHAR(3) NOT NULL DEFAULT 'EUR',
    delivery_fee  INTEGER NOT NULL DEFAULT 0,
    note          TEXT,
    placed_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    delivered_at  TIMESTAMPTZ,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT orders_status_check
        CHECK (status IN ('placed', 'accepted', 'preparing', 'on_the_way', 'delivered', 'cancelled')),
    CONSTRAINT orders_delivered_at_check CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
    CONSTRAINT orders_delivery_fee_check CHECK (delivery_fee >= 0)
);

CREATE INDEX orders_user_id_idx ON orders (user_id, placed_at DESC);
CREATE INDEX orders_address_id_idx ON orders (address_id);
CREATE INDEX orders_restaurant_id_idx ON orders (restaurant_id, placed_at DESC);
CREATE INDEX orders_open_idx ON orders (placed_at) WHERE status NOT IN ('delivered', 'cancelled');

-- +goose Down
DROP TABLE orders;
