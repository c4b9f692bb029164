-- The first lines

-- +goose Up
-- dropped;

   -- dropped, too
SELECT 1;
-- dropped at the end
