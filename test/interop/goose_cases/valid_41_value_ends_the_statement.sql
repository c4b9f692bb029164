-- +goose Up
-- +goose ENVSUB ON
SELECT 1 ${UNSET:-;}
SELECT 2;
