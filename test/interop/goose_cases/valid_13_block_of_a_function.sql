-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    -- one
    RETURN 1;
END;
$$;
-- +goose StatementEnd
SELECT f();
-- +goose Down
DROP FUNCTION f();
