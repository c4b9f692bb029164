-- +goose Up
SELECT 1 -- no end;
+ 1;
