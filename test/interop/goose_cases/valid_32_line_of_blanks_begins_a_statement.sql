-- +goose Up
   
-- kept
SELECT 1;
