-- +goose Up
SELECT
-- kept

1;
