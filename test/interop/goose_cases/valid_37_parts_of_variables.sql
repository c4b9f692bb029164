-- +goose Up
-- +goose ENVSUB ON
SELECT '${NAME:1}', '${NAME:1:3}', '${NAME: -2}', '${NAME:1:-1}', '${NAME:9}', '${EMPTY:1:2}';
