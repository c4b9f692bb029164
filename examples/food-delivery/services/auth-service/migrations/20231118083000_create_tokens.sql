-- +goose Up
-- Redis answers "is this token good?".  These tables are what it is filled
-- from when it comes back empty: a token that was revoked stays revoked.
CREATE TABLE refresh_tokens (
    id          UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash  CHAR(64) NOT NULL UNIQUE,
    replaced_by UUID REFERENCES refresh_tokens (id) ON DELETE SET NULL,
    device      VARCHAR(100),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at  TIMESTAMPTZ NOT NULL,
    revoked_at  TIMESTAMPTZ,
    CONSTRAINT refresh_tokens_expires_at_check CHECK (expires_at > created_at)
);

CREATE INDEX refresh_tokens_user_id_idx ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_replaced_by_idx ON refresh_tokens (replaced_by);
CREATE INDEX refresh_tokens_expires_at_idx ON refresh_tokens (expires_at);

-- JWTs that must not be accepted any more.  After expires_at nobody accepts
-- them anyway.
CREATE TABLE revoked_tokens (
    jti        UUID PRIMARY KEY,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    reason     VARCHAR(40) NOT NULL,
    revoked_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT revoked_tokens_reason_check
        CHECK (reason IN ('logout', 'password_changed', 'stolen', 'account_closed'))
);

CREATE INDEX revoked_tokens_user_id_idx ON revoked_tokens (user_id);
CREATE INDEX revoked_tokens_expires_at_idx ON revoked_tokens (expires_at);

-- +goose Down
DROP TABLE revoked_tokens;
DROP TABLE refresh_tokens;
