-- +goose Up
SELECT 1;--not the end
SELECT 2;
