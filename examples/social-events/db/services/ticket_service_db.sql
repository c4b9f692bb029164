-- Ticket service: tickets, check-in, payments and refunds.
--
-- Runs in a database of its own, or with a search_path in a schema of its own.
-- user_id is a user of the user service, event_id an event of the event service.

CREATE EXTENSION IF NOT EXISTS "uuid-ossp";

-- This file is older than the others and still brings the function itself, as
-- all of them once did.  It is made in this service's schema, which comes
-- first in the search_path, so this service's triggers call this one.
CREATE OR REPLACE FUNCTION update_updated_at_column()
RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$ language 'plpgsql';

CREATE TABLE tickets (
    id              UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id         UUID NOT NULL,
    event_id        UUID NOT NULL,
    attendance_code CHAR(8) NOT NULL UNIQUE,
    price_paid      NUMERIC(10, 2) NOT NULL DEFAULT 0,
    currency        CHAR(3) NOT NULL DEFAULT 'EUR',
    status          VARCHAR(20) NOT NULL DEFAULT 'active',
    is_checked_in   BOOLEAN GENERATED ALWAYS AS (checked_in_at IS NOT NULL) STORED,
    checked_in_at   TIMESTAMP WITH TIME ZONE,
    purchased_at    TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT tickets_code_check CHECK (attendance_code ~ '^[A-Z0-9]{8}$'),
    CONSTRAINT tickets_price_check CHECK (price_paid >= 0),
    CONSTRAINT tickets_status_check CHECK (status IN ('active', 'used', 'cancelled', 'refunded', 'expired')),
    CONSTRAINT tickets_checked_in_check CHECK (checked_in_at IS NULL OR status IN ('active', 'used'))
);

CREATE INDEX idx_tickets_user_id ON tickets (user_id);
CREATE INDEX idx_tickets_event_id ON tickets (event_id, status);

CREATE TABLE ticket_transactions (
    id              UUID PRIMARY KEY DEFAULT uuid_generate_v4(),
    ticket_id       UUID NOT NULL REFERENCES tickets (id) ON DELETE RESTRICT,
    transaction_id  VARCHAR(100) NOT NULL UNIQUE,
    kind            VARCHAR(10) NOT NULL DEFAULT 'payment',
    refund_of       UUID REFERENCES ticket_transactions (id) ON DELETE RESTRICT,
    amount          NUMERIC(10, 2) NOT NULL,
    currency        CHAR(3) NOT NULL DEFAULT 'EUR',
    payment_method  VARCHAR(20) NOT NULL,
    status          VARCHAR(20) NOT NULL DEFAULT 'pending',
    refund_reason   VARCHAR(500),
    completed_at    TIMESTAMP WITH TIME ZONE,
    created_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT ticket_transactions_kind_check CHECK (kind IN ('payment', 'refund')),
    CONSTRAINT ticket_transactions_refund_check
        CHECK ((kind = 'refund') = (refund_of IS NOT NULL) AND (kind = 'refund' OR refund_reason IS NULL)),
    CONSTRAINT ticket_transactions_amount_check CHECK (amount >= 0),
    CONSTRAINT ticket_transactions_method_check
        CHECK (payment_method IN ('card', 'bank_transfer', 'e_wallet', 'cash', 'free')),
    CONSTRAINT ticket_transactions_status_check CHECK (status IN ('pending', 'success', 'failed')),
    CONSTRAINT ticket_transactions_completed_check CHECK ((status = 'success') = (completed_at IS NOT NULL))
);

CREATE INDEX idx_ticket_transactions_ticket_id ON ticket_transactions (ticket_id);
-- A payment is refunded once
CREATE UNIQUE INDEX ticket_transactions_refund_key ON ticket_transactions (refund_of)
    WHERE status <> 'failed';
CREATE INDEX idx_ticket_transactions_refund_of ON ticket_transactions (refund_of);

CREATE TRIGGER update_tickets_updated_at BEFORE UPDATE ON tickets
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_ticket_transactions_updated_at BEFORE UPDATE ON ticket_transactions
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
