-- +goose Up
-- +goose StatementBegin
DO $$ BEGIN
-- +goose is a bird
END $$;
-- +goose StatementEnd
