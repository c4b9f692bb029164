-- Migration: tokens are counted, and go when they have expired
-- Rollback: SELECT svc.drop_retention('api_tokens');
-- Rollback: SELECT svc.drop_count('users', 'token_count');
-- Rollback: ALTER TABLE users DROP COLUMN token_count;

ALTER TABLE users
    ADD COLUMN token_count INTEGER NOT NULL DEFAULT 0,
    ADD CONSTRAINT users_token_count_check CHECK (token_count <= 20);

SELECT svc.keep_count('api_tokens', 'user_id', 'users', 'id', 'token_count');
SELECT svc.keep_rows('api_tokens', 'expires_at', keep => '0');
