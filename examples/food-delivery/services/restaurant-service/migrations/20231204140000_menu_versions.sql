-- +goose Up
-- Menus are cached in Redis under menu:<id>:<version>.  A change of the menu or
-- of one of its items moves the version, so nobody has to empty the cache.
ALTER TABLE menus ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- +goose StatementBegin
CREATE FUNCTION bump_menu_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE menus SET version = version + 1
     WHERE id IN (OLD.menu_id, NEW.menu_id);
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER items_bump_menu_version
    AFTER INSERT OR UPDATE OR DELETE ON items
    FOR EACH ROW EXECUTE FUNCTION bump_menu_version();

-- +goose Down
DROP TRIGGER items_bump_menu_version ON items;
DROP FUNCTION bump_menu_version();
ALTER TABLE menus DROP COLUMN version;
