-- +goose Up
/*! SET x = 1 */;
# SELECT 1;
