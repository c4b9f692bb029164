-- +goose Up
CREATE TABLE menus (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    restaurant_id UUID NOT NULL REFERENCES restaurants (id) ON DELETE CASCADE,
    name          VARCHAR(100) NOT NULL,
    served_from   TIME,
    served_to     TIME,
    is_active     BOOLEAN NOT NULL DEFAULT true,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT menus_name_key UNIQUE (restaurant_id, name),
    CONSTRAINT menus_served_check CHECK (served_to > served_from)
);

-- +goose Down
DROP TABLE menus;
