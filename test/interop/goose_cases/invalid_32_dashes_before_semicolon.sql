-- +goose Up
SELECT 1 --;
;x
