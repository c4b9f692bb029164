-- Checks what install.sql made: psql -X -d shop -f test.sql, as a superuser.
-- It prints a plan and one line a check, "ok - ..." or "not ok - ...", and
-- changes nothing: everything it tries is rolled back.

\set QUIET on
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
\if :{?prefix}
\else
  \set prefix ''
\endif
\ir names.sql
SET client_min_messages = warning;
BEGIN;

\ir test_common.sql

-- What comes of a command (%I.%I: the table) tried on every table of the other services
CREATE FUNCTION pg_temp.outcomes_elsewhere(service text, login name, command text) RETURNS text[]
    LANGUAGE sql AS $$
SELECT array_agg(DISTINCT pg_temp.outcome($2, format($3, e.service, t.name)))
  FROM expected e
 CROSS JOIN LATERAL unnest(e.tables) t (name)
 WHERE e.service <> $1$$;

-- The services of this database: the cluster may have others of these names
CREATE TEMPORARY VIEW services AS SELECT * FROM svc.services WHERE database = current_database();

\echo 1..132

-- Services and tables

SELECT pg_temp.ok(array_agg(service ORDER BY service) = '{auth,cart,product,promotion}', 'there are four services')
  FROM services;
SELECT pg_temp.ok(bool_and(s.form = 'schema' AND s.schema = s.service AND s.owner = :'prefix' || s.service || '_owner'
                           AND s.team IS NOT NULL AND s.description IS NOT NULL),
                  'each has a schema of its name, an owner role, a team and a description')
  FROM services s;
SELECT pg_temp.ok((SELECT array_agg(c.relname ORDER BY c.relname)
                     FROM svc.tables t JOIN pg_class c ON c.oid = t.relation
                    WHERE t.service = e.service) = e.tables,
                  format('%s has the tables %s', e.service, array_to_string(e.tables, ', ')))
  FROM expected e ORDER BY e.service;
SELECT pg_temp.ok((SELECT bool_and(c.relowner = to_regrole(s.owner::text))
                     FROM pg_class c
                     JOIN services s ON s.service = e.service AND c.relnamespace = to_regnamespace(s.schema::text)
                    WHERE c.relkind IN ('r', 'v', 'S')),
                  format('everything in schema %s belongs to its owner role', e.service))
  FROM expected e ORDER BY e.service;
SELECT pg_temp.ok(count(*) = 0, 'every table has a primary key' || coalesce(', but not ' || string_agg(t.relation::text, ', '), ''))
  FROM svc.tables t
 WHERE NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.relation AND i.indisprimary);
SELECT pg_temp.ok(count(*) = 0, 'no foreign key leaves its service')
  FROM pg_constraint k
 WHERE k.contype = 'f' AND svc.owner_of(k.conrelid) IS DISTINCT FROM svc.owner_of(k.confrelid);
SELECT pg_temp.ok(count(*) = 0, 'every foreign key has an index' || coalesce(', but not ' || string_agg(k.conname, ', '), ''))
  FROM pg_constraint k
 WHERE k.contype = 'f' AND svc.owner_of(k.conrelid) IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1]);
SELECT pg_temp.ok(count(*) = 14 AND bool_and(EXISTS (SELECT 1 FROM pg_index i
                                                      WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum)),
                  'every id that belongs to another service has an index')
  FROM pg_attribute a
  JOIN svc.tables t ON t.relation = a.attrelid
 WHERE t.service IN ('cart', 'promotion')
   AND (a.attname IN ('user_id', 'product_id', 'variant_id') OR (t.service = 'promotion' AND a.attname = 'cart_id'));
SELECT pg_temp.ok(bool_and(EXISTS (SELECT 1 FROM pg_trigger g
                                    WHERE g.tgrelid = a.attrelid AND g.tgenabled = 'O'
                                      AND g.tgfoid = 'svc_triggers.update_updated_at_column()'::regprocedure
                                      AND g.tgtype & 19 = 19)),
                  format('all %s updated_at columns have a trigger of svc_triggers', count(*)))
  FROM pg_attribute a
  JOIN svc.tables t ON t.relation = a.attrelid
 WHERE a.attname = 'updated_at';
SELECT pg_temp.ok(bool_and(pg_temp.has_rows(e.service, t.name)), 'every table has rows')
  FROM expected e
 CROSS JOIN LATERAL unnest(e.tables) t (name);

-- Logins: what they are

SELECT pg_temp.ok(r.rolcanlogin AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls),
                  format('%s may log in and nothing else', e.login))
  FROM expected e LEFT JOIN pg_roles r ON r.rolname = e.login ORDER BY e.service;
SELECT pg_temp.ok(d.setconfig @> ARRAY['role=' || s.owner, format('search_path=%s, public, svc_triggers', s.schema)],
                  format('%s works as its owner role, in its schema', e.login))
  FROM expected e
  JOIN services s USING (service)
  LEFT JOIN pg_db_role_setting d ON d.setrole = to_regrole(e.login::text)
        AND d.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY e.service;
SELECT pg_temp.ok(bool_and(pg_has_role(e.login, r.role, 'MEMBER') = (s.service = e.service)),
                  format('%s is a member of its own service''s roles and of no other''s', e.login))
  FROM expected e
 CROSS JOIN services s
 CROSS JOIN LATERAL (VALUES (s.owner), (s.writer), (s.reader)) r (role)
 GROUP BY e.service, e.login ORDER BY e.service;

-- Logins: what they can do

SELECT pg_temp.ok(bool_and(pg_temp.outcome(e.login, format(c.command, e.service, t.name)) = 'done'),
                  format('%s reads, writes and truncates its own tables', e.login))
  FROM expected e
 CROSS JOIN LATERAL unnest(e.tables) t (name)
 CROSS JOIN (VALUES ('SELECT * FROM %I.%I'), ('DELETE FROM %I.%I WHERE false'),
                    ('TRUNCATE %I.%I CASCADE')) c (command)
 GROUP BY e.service, e.login ORDER BY e.service;
SELECT pg_temp.ok(pg_temp.outcome(e.login, format('CREATE TABLE %I.more (id int)', e.service)) = 'done',
                  format('%s makes tables in its own schema', e.login))
  FROM expected e ORDER BY e.service;
SELECT pg_temp.ok(pg_temp.outcomes_elsewhere(e.service, e.login, 'SELECT * FROM %I.%I') = '{42501}',
                  format('%s reads no table of another service', e.login))
  FROM expected e ORDER BY e.service;
SELECT pg_temp.ok(pg_temp.outcomes_elsewhere(e.service, e.login, c.command) = '{42501}',
                  format('%s does no %s there', e.login, split_part(c.command, ' ', 1)))
  FROM expected e
 CROSS JOIN (VALUES ('DELETE FROM %I.%I'), ('INSERT INTO %I.%I DEFAULT VALUES'), ('TRUNCATE %I.%I CASCADE')) c (command)
 ORDER BY e.service, c.command;
SELECT pg_temp.ok(bool_and(pg_temp.outcome(e.login, c.command) = '42501'),
                  format('%s makes nothing in another schema, in public or in the catalog, and no schema', e.login))
  FROM expected e
 CROSS JOIN LATERAL (
       SELECT format('CREATE TABLE %I.more (id int)', o.schema)
         FROM (SELECT service FROM expected UNION ALL SELECT service || '_api' FROM expected) o (schema)
        WHERE o.schema NOT IN (e.service, e.service || '_api')
       UNION ALL
       VALUES ('CREATE TABLE public.more (id int)'), ('CREATE TABLE svc.more (id int)'),
              ('CREATE TABLE svc_triggers.more (id int)'), ('CREATE SCHEMA more'),
              ('DELETE FROM svc.service'), ('SELECT svc.create_service(''more'')')) c (command)
 GROUP BY e.service, e.login ORDER BY e.service;
SELECT pg_temp.ok(bool_and(pg_temp.outcome(e.login, format('SET ROLE %I', r.role)) = '42501'),
                  format('%s cannot become another service''s role or login', e.login))
  FROM expected e
  JOIN services s ON s.service <> e.service
  JOIN expected o ON o.service = s.service
 CROSS JOIN LATERAL (VALUES (s.owner), (s.writer), (s.reader), (o.login)) r (role)
 GROUP BY e.service, e.login ORDER BY e.service;

-- Contracts

SELECT pg_temp.ok((SELECT string_agg(a.attname, ',' ORDER BY a.attnum)
                     FROM pg_attribute a
                    WHERE a.attrelid = to_regclass(p.view) AND a.attnum > 0) = p.columns,
                  format('%s shows %s', p.view, p.columns))
  FROM published p ORDER BY p.view;
SELECT pg_temp.ok(count(*) = 8, 'these eight are all that is published') FROM svc.entities;
SELECT pg_temp.ok(array_agg(code ORDER BY code) = '{BOOKS5,COMEBACK,FREESHIP,LASTTHREE,SPRING25,WELCOME10}',
                  'promotion_api.promo_codes leaves out codes that are over, off or yet to come')
  FROM promotion_api.promo_codes;
SELECT pg_temp.ok(array_agg(service || '.' || coalesce(entity, '*') || ' for ' || consumer ORDER BY service, consumer, entity)
                  = '{auth.* for cart,auth.* for promotion,cart.* for promotion,product.* for cart,product.categories for promotion,product.products for promotion,promotion.* for cart}',
                  'svc.consumers says who reads what')
  FROM svc.consumers;
SELECT pg_temp.ok(pg_temp.outcome((:'prefix' || v.login)::name, 'SELECT count(*) FROM ' || v.view) = v.outcome,
                  format('%s %s %s', v.login, CASE v.outcome WHEN 'done' THEN 'reads' ELSE 'is refused' END, v.view))
  FROM (VALUES
        ('cart_user', 'auth_api.users', 'done'), ('cart_user', 'product_api.product_inventory', 'done'),
        ('cart_user', 'promotion_api.promo_codes', 'done'), ('promotion_user', 'auth_api.users', 'done'),
        ('promotion_user', 'product_api.products', 'done'), ('promotion_user', 'cart_api.carts', 'done'),
        ('promotion_user', 'product_api.product_inventory', '42501'), ('product_user', 'auth_api.users', '42501'),
        ('auth_user', 'product_api.products', '42501'), ('product_user', 'cart_api.carts', '42501')
       ) v (login, view, outcome);
SELECT pg_temp.ok(pg_temp.outcome((:'prefix' || 'cart_user')::name, c.command) = '42501', 'cart_user cannot: ' || c.command)
  FROM (VALUES ('UPDATE product_api.products SET price = 1'), ('DELETE FROM product_api.product_inventory')) c (command);
SELECT pg_temp.ok(pg_temp.outcome((:'prefix' || 'product_user')::name, 'ALTER TABLE product.products DROP COLUMN sku') = '2BP01',
                  'product_user cannot drop a column that is published');

-- Counters

SELECT pg_temp.ok(bool_and(c.product_count = (SELECT count(*) FROM product.products p
                                               WHERE p.category_id = c.id AND p.status = 'active')) AND sum(c.product_count) = 18,
                  'categories.product_count is the number of active products')
  FROM product.categories c;
SELECT pg_temp.ok(bool_and(c.usage_count = (SELECT count(*) FROM promotion.promo_usage u WHERE u.promo_code_id = c.id))
                  AND sum(c.usage_count) = 11,
                  'promo_codes.usage_count is the number of uses')
  FROM promotion.promo_codes c;
SELECT pg_temp.ok(bool_and(k.code_count = (SELECT count(*) FROM promotion.campaign_promo_codes c WHERE c.campaign_id = k.id)),
                  'promotion_campaigns.code_count is the number of codes')
  FROM promotion.promotion_campaigns k;
SELECT pg_temp.ok(bool_and(c.item_count = (SELECT count(*) FROM cart.cart_items i WHERE i.cart_id = c.id)),
                  'carts.item_count is the number of lines')
  FROM cart.carts c;
SELECT pg_temp.ok(bool_and(w.item_count = (SELECT count(*) FROM cart.wishlist_items i WHERE i.wishlist_id = w.id)),
                  'wishlists.item_count is the number of things')
  FROM cart.wishlists w;

SET SESSION AUTHORIZATION :"product_user";
UPDATE product.products SET status = 'active' WHERE sku = 'LAP-003';
UPDATE product.products SET category_id = (SELECT id FROM product.categories WHERE slug = 'phones') WHERE sku = 'LAP-001';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(c.product_count ORDER BY c.slug) = '{2,4}',
                  'products that change their state or category are counted where they are')
  FROM product.categories c WHERE c.slug IN ('laptops', 'phones');

SET SESSION AUTHORIZATION :"cart_user";
INSERT INTO cart.wishlist_items (wishlist_id, product_id)
SELECT w.id, p.id FROM cart.wishlists w, product_api.products p WHERE w.name = 'Some day' AND p.brand = 'Nordlys';
DELETE FROM cart.wishlist_items i USING cart.wishlists w WHERE w.id = i.wishlist_id AND w.name = 'Birthday';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(w.item_count ORDER BY w.name) = '{0,3,3,2}', 'things put on wishlists and taken off are counted')
  FROM cart.wishlists w;

SELECT pg_temp.ok(pg_temp.outcome(:'promotion_user', format(
           'INSERT INTO promotion.promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount)
            SELECT c.id, u.id, gen_random_uuid(), 999, 50
              FROM promotion.promo_codes c, auth_api.users u, generate_series(1, %s)
             WHERE c.code = ''LASTTHREE'' AND u.username = ''kenji''', v.uses)) = v.outcome,
                  format('LASTTHREE, used twice, can be used %s', v.description))
  FROM (VALUES (1, 'done', 'a third time'), (2, '23514', 'no fourth time')) v (uses, outcome, description);
SELECT pg_temp.ok(sum(n) = 0, 'a recount finds nothing to mend')
  FROM (VALUES ('product.products'), ('promotion.promo_usage'), ('promotion.campaign_promo_codes'),
               ('cart.cart_items'), ('cart.wishlist_items')) v (source)
 CROSS JOIN LATERAL svc.recount(v.source::regclass) n;

-- References

SELECT pg_temp.ok((SELECT array_agg(format('%s.%s: %s.%s, %s', r.relation, r.column_name, r.service, r.entity, r.on_delete)
                                    ORDER BY r.relation::text, r.column_name)
                     FROM svc.references_declared r
                    WHERE svc.owner_of(r.relation) = e.service AND r.mode = 'statement')
                  = (SELECT array_agg(format('%s.%s%s', e.service, f.place, f.target) ORDER BY f.place)
                       FROM referring f WHERE f.service = e.service),
                  format('ids in %s are checked against other services'' contracts', e.service))
  FROM expected e WHERE e.service IN ('cart', 'promotion') ORDER BY e.service;
SELECT pg_temp.ok(pg_temp.outcome((:'prefix' || v.login)::name, v.command) = v.outcome,
                  format('%s %s: %s', v.login, CASE v.outcome WHEN 'done' THEN 'can' ELSE 'cannot' END, v.command))
  FROM (VALUES
        ('cart_user', 'UPDATE cart.carts SET user_id = (SELECT id FROM auth_api.users WHERE username = ''kenji'') WHERE session_id IS NOT NULL', 'done'),
        ('cart_user', 'UPDATE cart.carts SET user_id = gen_random_uuid() WHERE session_id IS NOT NULL', '23503'),
        ('cart_user', 'INSERT INTO cart.carts (session_id) VALUES (''another guest'')', 'done'),
        ('cart_user', 'UPDATE cart.cart_items SET product_id = 999 WHERE id = 1', '23503'),
        ('cart_user', 'UPDATE cart.cart_items SET variant_id = 999 WHERE id = 1', '23503'),
        ('cart_user', 'INSERT INTO cart.wishlists (user_id) VALUES (gen_random_uuid())', '23503'),
        ('cart_user', 'UPDATE cart.wishlist_items SET product_id = product_id + 100', '23503'),
        ('cart_user', 'UPDATE cart.saved_carts SET user_id = gen_random_uuid()', '23503'),
        ('promotion_user', 'UPDATE promotion.promo_codes SET created_by = gen_random_uuid()', '23503'),
        ('promotion_user', 'UPDATE promotion.promo_codes SET product_ids = ''{1,2}'', category_ids = ''{}''', 'done'),
        ('promotion_user', 'UPDATE promotion.promo_codes SET product_ids = product_ids || 999::bigint', '23503'),
        ('promotion_user', 'UPDATE promotion.promo_codes SET category_ids = ''{999}'' WHERE code = ''BOOKS5''', '23503'),
        ('promotion_user', 'UPDATE promotion.promo_usage SET user_id = gen_random_uuid() WHERE id = 1', '23503'),
        ('promotion_user', 'UPDATE promotion.user_promo_eligibility SET user_id = gen_random_uuid()', '23503'),
        ('promotion_user', 'UPDATE promotion.promo_suggestions SET user_id = gen_random_uuid()', '23503')
       ) v (login, command, outcome);
SELECT pg_temp.ok(pg_temp.violation(:'cart_user', 'INSERT INTO cart.wishlist_items (wishlist_id, product_id) SELECT id, 999 FROM cart.wishlists')
                  = 'cart.wishlist_items.product_id wishlist_items_product_id_ref: Key (product_id)=(999) is not present in table "products".',
                  'a refusal reads as a foreign key''s, with table, column and constraint');
SELECT pg_temp.ok(bool_and(trigger = 'enabled' AND NOT needs_sweep) AND count(*) = 12, 'svc.reference_status has nothing to say')
  FROM svc.reference_status;

-- Timestamps

SET SESSION AUTHORIZATION :"auth_user";
UPDATE auth.users SET updated_at = '2001-01-01' WHERE username IN ('kenji', 'lucia');
UPDATE auth.user_sessions SET is_revoked = true WHERE session_token = 'session-0004';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(username::text ORDER BY username) = '{kenji,lucia}',
                  'users.updated_at is now where a row was updated, whatever the client wrote, and nowhere else')
  FROM auth.users WHERE updated_at = now();
SELECT pg_temp.ok(array_agg(session_token::text) = '{session-0004}', 'user_sessions.last_activity_at keeps itself, by svc.keep_updated_at')
  FROM auth.user_sessions WHERE last_activity_at = now();
SET SESSION AUTHORIZATION :"cart_user";
UPDATE cart.wishlists SET is_public = true WHERE name = 'Kitchen';
UPDATE cart.saved_carts SET name = 'Sometime' WHERE name = 'Later';
UPDATE cart.cart_view SET quantity = 2 WHERE product_sku = 'LAP-001';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(w.updated_at = now(), 'so does wishlists.updated_at') FROM cart.wishlists w WHERE name = 'Kitchen';
SELECT pg_temp.ok(array_agg(s.name::text) = '{Sometime}', 'so does saved_carts.updated_at')
  FROM cart.saved_carts s WHERE updated_at = now();
SELECT pg_temp.ok(count(*) = 1 AND min(v.line_total) = 2438, 'so does cart_view.refreshed_at, named in a trigger''s argument')
  FROM cart.cart_view v WHERE refreshed_at = now();

-- Expiry.  Where a worker runs it has been here already.

CREATE TEMPORARY VIEW kept (relation, expired, valid) AS
SELECT v.relation::regclass, count(*) FILTER (WHERE v.at < now()), count(*) FILTER (WHERE v.at >= now() OR v.at IS NULL)
  FROM (SELECT 'auth.user_sessions', expires_at FROM auth.user_sessions
        UNION ALL SELECT 'cart.saved_carts', expires_at FROM cart.saved_carts
        UNION ALL SELECT 'cart.reference_validation_log', validated_at + interval '90 days' FROM cart.reference_validation_log
        UNION ALL SELECT 'promotion.promo_suggestions', expires_at FROM promotion.promo_suggestions) v (relation, at)
 GROUP BY v.relation;
CREATE TEMPORARY TABLE before AS SELECT * FROM kept;

SELECT pg_temp.ok((SELECT array_agg(relation ORDER BY relation) FROM svc.retentions)
                  = (SELECT array_agg(relation ORDER BY relation) FROM before),
                  'four tables lose what has expired');
SET SESSION AUTHORIZATION :"auth_user";
SELECT string_agg(relation::text, ', ') AS relations, sum(deleted) AS deleted FROM svc.expire_now() \gset auth_expired_
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(:'auth_expired_relations' = 'auth.user_sessions', 'auth_user expires its own rows and nobody else''s');
CREATE TEMPORARY TABLE expired AS
SELECT x.relation, CASE x.relation WHEN 'auth.user_sessions'::regclass THEN :auth_expired_deleted ELSE x.deleted END AS deleted
  FROM svc.expire_now() x;
SELECT pg_temp.ok(e.deleted = b.expired AND k.expired = 0, format('%s: what had expired is gone', b.relation))
  FROM before b
  LEFT JOIN expired e USING (relation)
  LEFT JOIN kept k USING (relation)
 ORDER BY b.relation::text;
SELECT pg_temp.ok(b.valid > 0 AND k.valid = b.valid, format('%s: everything else is there', b.relation))
  FROM before b
  LEFT JOIN kept k USING (relation)
 ORDER BY b.relation::text;
SELECT pg_temp.ok(count(*) = 1, 'a cart saved without an end stays') FROM cart.saved_carts WHERE expires_at IS NULL;

-- All together

SELECT pg_temp.ok(count(*) = 0, 'svc.check_grants() has nothing to say') FROM svc.check_grants();
SELECT pg_temp.ok(count(*) = 0, 'svc.check_contracts() has nothing to say') FROM svc.check_contracts();
SELECT pg_temp.ok(bool_and(state = 'ok') AND count(*) = 13, 'svc.status() is ok for each service, counter and retention')
  FROM svc.status() WHERE item ~ '^(service|counter|retention) ';

ROLLBACK;
