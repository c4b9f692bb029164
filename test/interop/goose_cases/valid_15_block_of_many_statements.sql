-- +goose Up
-- +goose StatementBegin
SELECT 1;
SELECT 2;

SELECT 3;
-- +goose StatementEnd
-- +goose StatementBegin
SELECT 4;
-- +goose StatementEnd
