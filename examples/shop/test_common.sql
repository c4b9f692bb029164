-- What test.sql and databases_test.sql know of the shop, and what they are written
-- with.  All of it is temporary.

-- The four services, with what each should have
CREATE TEMPORARY TABLE expected (service, login, tables) AS
SELECT v.service, (:'prefix' || v.login)::name, v.tables::name[]
  FROM (VALUES
        ('auth',      'auth_user',      '{user_profiles,user_sessions,users}'),
        ('cart',      'cart_user',      '{cart_items,cart_view,carts,reference_validation_log,saved_carts,wishlist_items,wishlists}'),
        ('product',   'product_user',   '{categories,product_images,product_inventory,product_variants,products}'),
        ('promotion', 'promotion_user', '{campaign_promo_codes,promo_analytics,promo_codes,promo_suggestions,promo_usage,promotion_campaigns,user_promo_eligibility}')
       ) v (service, login, tables);

-- What is published, and by whom it is read
CREATE TEMPORARY TABLE published (service, view, columns, readers) AS
SELECT split_part(v.view, '_api.', 1), v.view, v.columns, v.readers::text[]
  FROM (VALUES
        ('auth_api.users', 'id,username,email,role,is_active,is_verified', '{cart,promotion}'),
        ('cart_api.carts', 'id,user_id,status,item_count', '{promotion}'),
        ('product_api.categories', 'id,parent_id,name,slug', '{cart,promotion}'),
        ('product_api.product_images', 'id,product_id,url,alt_text', '{cart}'),
        ('product_api.product_inventory', 'product_id,available_quantity', '{cart}'),
        ('product_api.product_variants', 'id,product_id,sku,name,price_adjustment,stock_quantity', '{cart}'),
        ('product_api.products', 'id,category_id,sku,name,slug,brand,price,currency,status', '{cart,promotion}'),
        ('promotion_api.promo_codes', 'id,code,description,discount_type,discount_value,max_discount_amount,min_order_amount,product_ids,category_ids,expires_at', '{cart}')
       ) v (view, columns, readers);

-- Ids of other services: where they are, whose they are, and what becomes of rows
-- when they go
CREATE TEMPORARY TABLE referring (service, place, target) AS
VALUES ('cart', 'cart_items.product_id', ': product.products, report'),
       ('cart', 'cart_items.variant_id', ': product.product_variants, report'),
       ('cart', 'carts.user_id', ': auth.users, report'),
       ('cart', 'saved_carts.user_id', ': auth.users, delete'),
       ('cart', 'wishlist_items.product_id', ': product.products, delete'),
       ('cart', 'wishlists.user_id', ': auth.users, delete'),
       ('promotion', 'promo_codes.category_ids', ': product.categories, report'),
       ('promotion', 'promo_codes.created_by', ': auth.users, set_null'),
       ('promotion', 'promo_codes.product_ids', ': product.products, report'),
       ('promotion', 'promo_suggestions.user_id', ': auth.users, delete'),
       ('promotion', 'promo_usage.user_id', ': auth.users, keep'),
       ('promotion', 'user_promo_eligibility.user_id', ': auth.users, delete');

CREATE FUNCTION pg_temp.ok(passed boolean, description text) RETURNS text
    LANGUAGE sql AS $$SELECT CASE WHEN passed THEN 'ok' ELSE 'not ok' END || ' - ' || description$$;

-- What comes of a command in a session of a login: done, or the SQLSTATE.
-- Nothing of it stays, whatever comes of it.
CREATE FUNCTION pg_temp.outcome(login name, command text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', login);
    EXECUTE command;
    RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'UNDO0' THEN 'done' ELSE SQLSTATE END;
END$$;

-- What a client is told whose command is refused because of an id
CREATE FUNCTION pg_temp.violation(login name, command text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    at_schema text;
    at_table text;
    at_column text;
    constraint_name text;
    detail text;
BEGIN
    EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', login);
    EXECUTE command;
    RAISE 'it is not refused';
EXCEPTION WHEN raise_exception THEN
    RETURN SQLERRM;
WHEN foreign_key_violation THEN
    GET STACKED DIAGNOSTICS at_schema = SCHEMA_NAME, at_table = TABLE_NAME, at_column = COLUMN_NAME,
        constraint_name = CONSTRAINT_NAME, detail = PG_EXCEPTION_DETAIL;
    RETURN format('%s.%s.%s %s: %s', at_schema, at_table, at_column, constraint_name, detail);
END$$;

CREATE FUNCTION pg_temp.has_rows(schema name, relation name) RETURNS boolean
    LANGUAGE plpgsql AS $$
DECLARE
    found_one boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I)', schema, relation) INTO found_one;
    RETURN found_one;
END$$;

-- All rows of a relation, as one short value to compare
CREATE FUNCTION pg_temp.rows_of(relation text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    hash text;
BEGIN
    EXECUTE format('SELECT md5(string_agg(r::text, '','' ORDER BY r::text)) FROM %s r', relation) INTO hash;
    RETURN hash;
END$$;
