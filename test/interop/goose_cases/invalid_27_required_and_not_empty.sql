-- +goose Up
-- +goose ENVSUB ON
SELECT '${NAME:?must be there}';
