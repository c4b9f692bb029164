-- The monolith's own database, as it was before there were services: the same
-- tables, all in one schema, with the foreign keys that lead from one service's
-- tables to another's.  Run as poc_user, which makes and owns everything.

-- The monolith brings the function itself
CREATE FUNCTION update_updated_at_column()
RETURNS TRIGGER AS $$
DECLARE
    column_name TEXT := coalesce(TG_ARGV[0], 'updated_at');
BEGIN
    RETURN jsonb_populate_record(NEW, jsonb_build_object(column_name, CURRENT_TIMESTAMP));
END;
$$ LANGUAGE plpgsql;

\ir ../init/auth_db_init.sql
\ir ../init/product_db_init.sql
\ir ../init/cart_db_init.sql
\ir ../init/promotion_db_init.sql

-- What became reference ids when the services got databases of their own.  The
-- other tables keep carts and users that are gone, and never had a foreign key.
ALTER TABLE carts ADD FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE cart_items ADD FOREIGN KEY (product_id) REFERENCES products (id);
ALTER TABLE cart_items ADD FOREIGN KEY (variant_id) REFERENCES product_variants (id);
ALTER TABLE wishlists ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE wishlist_items ADD FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE;
ALTER TABLE saved_carts ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE promo_codes ADD FOREIGN KEY (created_by) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE promo_usage ADD FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE user_promo_eligibility ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE promo_suggestions ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE promo_suggestions ADD FOREIGN KEY (cart_id) REFERENCES carts (id) ON DELETE CASCADE;
