-- +goose Up
-- +GOOSE Down
SELECT 1;
