-- +goose up
SELECT 1;
-- +goose STATEMENTBEGIN
SELECT 2;
-- +goose statementend
-- +goose DOWN
SELECT 3;
