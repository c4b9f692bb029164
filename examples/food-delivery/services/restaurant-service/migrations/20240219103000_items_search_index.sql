-- +goose NO TRANSACTION
-- +goose Up
-- Built beside running orders
CREATE INDEX CONCURRENTLY IF NOT EXISTS items_search_idx ON items
    USING gin (to_tsvector('simple', name || ' ' || coalesce(description, '')));

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS items_search_idx;
