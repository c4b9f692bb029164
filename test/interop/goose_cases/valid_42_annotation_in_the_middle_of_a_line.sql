-- +goose Up
SELECT '-- +goose Down';
