-- +goose Up
-- +goose ENVSUB ON
SELECT '\$NAME $$NAME \\$NAME $(NAME)'; -- 5$
