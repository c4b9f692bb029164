-- +goose Up
-- order_id belongs to the order service: a reference id without a foreign key.
-- One attempt a row; at most one of an order succeeds.
CREATE TABLE payments (
    id              UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        UUID NOT NULL,
    amount          INTEGER NOT NULL,
    currency        CHAR(3) NOT NULL DEFAULT 'EUR',
    method          VARCHAR(20) NOT NULL,
    status          VARCHAR(20) NOT NULL DEFAULT 'pending',
    provider        VARCHAR(40) NOT NULL,
    provider_ref    VARCHAR(100),
    idempotency_key VARCHAR(100) NOT NULL UNIQUE,
    failure_code    VARCHAR(60),
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT payments_provider_ref_key UNIQUE (provider, provider_ref),
    CONSTRAINT payments_amount_check CHECK (amount > 0),
    CONSTRAINT payments_method_check CHECK (method IN ('card', 'paypal', 'cash')),
    CONSTRAINT payments_status_check CHECK (status IN ('pending', 'succeeded', 'failed')),
    CONSTRAINT payments_failure_code_check CHECK ((status = 'failed') = (failure_code IS NOT NULL))
);

CREATE INDEX payments_order_id_idx ON payments (order_id);
CREATE UNIQUE INDEX payments_order_id_succeeded_key ON payments (order_id) WHERE status = 'succeeded';
CREATE INDEX payments_pending_idx ON payments (created_at) WHERE status = 'pending';

-- +goose Down
DROP TABLE payments;
