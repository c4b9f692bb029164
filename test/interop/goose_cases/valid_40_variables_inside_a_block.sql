-- +goose Up
-- +goose StatementBegin
-- +goose ENVSUB ON
SELECT '$NAME';
-- +goose ENVSUB OFF
SELECT '$NAME';
-- +goose StatementEnd
