-- +goose Up
-- One account an address, however it is typed
-- +goose StatementBegin
DO $$
DECLARE
    twice text;
BEGIN
    SELECT string_agg(email, ', ') INTO twice
      FROM (SELECT lower(email) AS email FROM users GROUP BY lower(email) HAVING count(*) > 1) d;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'accounts must be merged first: %', twice;
    END IF;
    UPDATE users SET email = lower(email) WHERE email <> lower(email);
END
$$;
-- +goose StatementEnd
ALTER TABLE users DROP CONSTRAINT users_email_key;
CREATE UNIQUE INDEX users_email_lower_key ON users (lower(email));

-- +goose Down
DROP INDEX users_email_lower_key;
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);
