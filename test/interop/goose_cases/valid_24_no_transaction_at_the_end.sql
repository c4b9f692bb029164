-- +goose Up
VACUUM;
-- +goose no transaction
