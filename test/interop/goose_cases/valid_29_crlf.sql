-- +goose Up
SELECT 1,
  2;
-- +goose Down
SELECT 3;
