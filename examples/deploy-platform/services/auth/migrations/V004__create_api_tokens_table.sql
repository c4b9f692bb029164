-- Migration: tokens of the command line client
-- Rollback: DROP TABLE api_tokens;

CREATE TABLE api_tokens (
    id           SERIAL PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         VARCHAR(100) NOT NULL,
    token_hash   CHAR(64) NOT NULL UNIQUE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    created_at   TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at   TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT api_tokens_name_key UNIQUE (user_id, name)
);

CREATE INDEX idx_api_tokens_expires_at ON api_tokens (expires_at);
