-- +goose Up
CREATE TABLE addresses (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label        VARCHAR(40) NOT NULL DEFAULT 'Home',
    street       VARCHAR(200) NOT NULL,
    city         VARCHAR(100) NOT NULL,
    postcode     VARCHAR(20) NOT NULL,
    country      CHAR(2) NOT NULL,
    latitude     NUMERIC(9, 6),
    longitude    NUMERIC(9, 6),
    instructions TEXT,
    is_default   BOOLEAN NOT NULL DEFAULT false,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT addresses_label_key UNIQUE (user_id, label),
    CONSTRAINT addresses_country_check CHECK (country = upper(country)),
    CONSTRAINT addresses_position_check
        CHECK (latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180)
);

-- At most one address is where an order goes without asking
CREATE UNIQUE INDEX addresses_default_key ON addresses (user_id) WHERE is_default;

-- +goose Down
DROP TABLE addresses;
