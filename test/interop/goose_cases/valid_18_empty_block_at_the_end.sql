-- +goose Up
SELECT 1;
-- +goose StatementBegin
-- nothing
-- +goose StatementEnd
