-- Up +goose
SELECT 1;
-- Down +goose --
SELECT 2;
