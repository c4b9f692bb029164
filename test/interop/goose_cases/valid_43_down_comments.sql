-- +goose Up
SELECT 1;
-- +goose Down
-- nothing to undo
