-- +goose Up
CREATE TABLE refunds (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    payment_id   UUID NOT NULL REFERENCES payments (id) ON DELETE RESTRICT,
    amount       INTEGER NOT NULL,
    reason       VARCHAR(200) NOT NULL,
    status       VARCHAR(20) NOT NULL DEFAULT 'pending',
    provider_ref VARCHAR(100) UNIQUE,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT refunds_amount_check CHECK (amount > 0),
    CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded', 'failed'))
);

CREATE INDEX refunds_payment_id_idx ON refunds (payment_id);

-- +goose Down
DROP TABLE refunds;
