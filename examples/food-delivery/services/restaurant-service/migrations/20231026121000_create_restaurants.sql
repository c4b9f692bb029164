-- +goose Up
CREATE TABLE restaurants (
    id              UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_user_id   UUID NOT NULL,
    name            VARCHAR(150) NOT NULL,
    slug            VARCHAR(160) NOT NULL UNIQUE,
    cuisine         VARCHAR(60) NOT NULL,
    street          VARCHAR(200) NOT NULL,
    city            VARCHAR(100) NOT NULL,
    country         CHAR(2) NOT NULL,
    currency        CHAR(3) NOT NULL DEFAULT 'EUR',
    is_open         BOOLEAN NOT NULL DEFAULT true,
    delivery_fee    INTEGER NOT NULL DEFAULT 0,
    min_order       INTEGER NOT NULL DEFAULT 0,
    commission_rate NUMERIC(4, 3) NOT NULL DEFAULT 0.150,
    iban            VARCHAR(34),
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT restaurants_slug_check CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    CONSTRAINT restaurants_amounts_check CHECK (delivery_fee >= 0 AND min_order >= 0),
    CONSTRAINT restaurants_commission_rate_check CHECK (commission_rate BETWEEN 0 AND 0.5)
);

COMMENT ON COLUMN restaurants.owner_user_id IS 'a user of the auth service';
COMMENT ON COLUMN restaurants.delivery_fee IS 'in cents, as all amounts';

CREATE INDEX restaurants_owner_user_id_idx ON restaurants (owner_user_id);
CREATE INDEX restaurants_open_idx ON restaurants (city, cuisine) WHERE is_open;

-- +goose Down
DROP TABLE restaurants;
