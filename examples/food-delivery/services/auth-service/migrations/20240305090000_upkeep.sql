-- +goose Up
-- What the service need not do itself any more
ALTER TABLE users ADD COLUMN address_count INTEGER NOT NULL DEFAULT 0,
    ADD CONSTRAINT users_address_count_check CHECK (address_count <= 10);

SELECT svc.keep_updated_at('users');
SELECT svc.keep_updated_at('addresses');
SELECT svc.keep_count('addresses', 'user_id', 'users', 'id', 'address_count');
SELECT svc.keep_rows('refresh_tokens', 'expires_at', keep => '0');
SELECT svc.keep_rows('revoked_tokens', 'expires_at', keep => '0');

-- +goose Down
SELECT svc.drop_retention('revoked_tokens');
SELECT svc.drop_retention('refresh_tokens');
SELECT svc.drop_count('users', 'address_count');
DROP TRIGGER svc_keep_updated_at ON addresses;
DROP TRIGGER svc_keep_updated_at ON users;
ALTER TABLE users DROP COLUMN address_count;
