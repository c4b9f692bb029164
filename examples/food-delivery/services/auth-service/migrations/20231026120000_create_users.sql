-- +goose Up
CREATE TABLE users (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    email         VARCHAR(255) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    full_name     VARCHAR(150) NOT NULL,
    phone         VARCHAR(30),
    role          VARCHAR(20) NOT NULL DEFAULT 'customer',
    is_active     BOOLEAN NOT NULL DEFAULT true,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_email_check CHECK (email LIKE '%_@_%._%'),
    CONSTRAINT users_role_check CHECK (role IN ('customer', 'courier', 'restaurant', 'admin')),
    CONSTRAINT users_phone_check CHECK (phone ~ '^\+?[0-9 ()-]{5,30}$')
);

CREATE INDEX users_staff_idx ON users (role) WHERE role <> 'customer';

-- +goose Down
DROP TABLE users;
