-- +goose Up and away
SELECT 1;
