-- +goose Up
SELECT 'one;
two;
';
