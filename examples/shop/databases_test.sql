-- Checks what databases.sql made: psql -X -d postgres -f databases_test.sql, as a
-- superuser.  It prints a plan and one line a check, "ok - ..." or
-- "not ok - ...", and changes nothing: everything it tries is rolled back.

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
\set admin :USER
\set admin_db :DBNAME
SET client_min_messages = warning;

\echo 1..163

-- The cluster

BEGIN;
\ir test_common.sql
SELECT pg_temp.ok(count(*) = 4 AND bool_and(s.form = 'database' AND s.database = :'prefix' || s.service || '_db'),
                  'svc.services of any database lists the four')
  FROM svc.services s
 WHERE s.database IN (:'auth_db', :'product_db', :'cart_db', :'promotion_db');
ROLLBACK;

-- What each service shows, to compare with what the others see of it
\connect :auth_db :admin
BEGIN;
\ir test_common.sql
SELECT jsonb_object_agg(view, pg_temp.rows_of(view)) AS shown FROM published WHERE service = 'auth' \gset
ROLLBACK;
\connect :product_db :admin
BEGIN;
\ir test_common.sql
SELECT :'shown'::jsonb || jsonb_object_agg(view, pg_temp.rows_of(view)) AS shown FROM published WHERE service = 'product' \gset
ROLLBACK;
\connect :cart_db :admin
BEGIN;
\ir test_common.sql
SELECT :'shown'::jsonb || jsonb_object_agg(view, pg_temp.rows_of(view)) AS shown FROM published WHERE service = 'cart' \gset
ROLLBACK;
\connect :promotion_db :admin
BEGIN;
\ir test_common.sql
SELECT :'shown'::jsonb || jsonb_object_agg(view, pg_temp.rows_of(view)) AS shown FROM published WHERE service = 'promotion' \gset
ROLLBACK;

-- auth

\set service auth
\set db :auth_db
\ir databases_test_service.sql

SELECT pg_temp.ok(array_agg(format('%s for %s', coalesce(entity, '*'), consumer) ORDER BY entity NULLS FIRST, consumer) = '{* for cart,* for promotion}',
                  'auth knows who reads it')
  FROM svc.consumers WHERE service = 'auth';
SET SESSION AUTHORIZATION :"auth_user";
UPDATE public.users SET updated_at = '2001-01-01' WHERE username IN ('kenji', 'lucia');
UPDATE public.user_sessions SET is_revoked = true WHERE session_token = 'session-0004';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(username::text ORDER BY username) = '{kenji,lucia}',
                  'users.updated_at is now where a row was updated, whatever the client wrote, and nowhere else')
  FROM public.users WHERE updated_at = now();
SELECT pg_temp.ok(array_agg(session_token::text) = '{session-0004}', 'user_sessions.last_activity_at keeps itself')
  FROM public.user_sessions WHERE last_activity_at = now();
SELECT pg_temp.ok(pg_temp.outcome(:'auth_user', 'ALTER TABLE public.users DROP COLUMN is_active') = '2BP01',
                  'auth_user cannot drop a column that is published');
SELECT count(*) AS expired FROM public.user_sessions WHERE expires_at < now() \gset
SET SESSION AUTHORIZATION :"auth_user";
SELECT string_agg(relation::text, ', ') AS relations, sum(deleted) AS deleted FROM svc.expire_now() \gset
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(:'relations' = 'user_sessions' AND :deleted = :expired AND count(*) = 10 AND min(expires_at) > now(),
                  'sessions that have expired go')
  FROM public.user_sessions;
ROLLBACK;

-- product

\set service product
\set db :product_db
\ir databases_test_service.sql

SELECT pg_temp.ok(array_agg(format('%s for %s', coalesce(entity, '*'), consumer) ORDER BY entity NULLS FIRST, consumer)
                  = '{* for cart,categories for promotion,products for promotion}',
                  'product knows who reads what of it')
  FROM svc.consumers WHERE service = 'product';
SELECT pg_temp.ok(bool_and(c.product_count = (SELECT count(*) FROM public.products p
                                               WHERE p.category_id = c.id AND p.status = 'active')) AND sum(c.product_count) = 18,
                  'categories.product_count is the number of active products')
  FROM public.categories c;
SET SESSION AUTHORIZATION :"product_user";
UPDATE public.products SET status = 'active' WHERE sku = 'LAP-003';
UPDATE public.products SET category_id = (SELECT id FROM public.categories WHERE slug = 'phones') WHERE sku = 'LAP-001';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(c.product_count ORDER BY c.slug) = '{2,4}',
                  'products that change their state or category are counted where they are')
  FROM public.categories c WHERE c.slug IN ('laptops', 'phones');
ROLLBACK;

-- cart

\set service cart
\set db :cart_db
\ir databases_test_service.sql

SELECT pg_temp.ok(count(*) = 0, 'every customer, product and variant of a cart is known to its service')
  FROM public.carts c
  LEFT JOIN public.cart_items i ON i.cart_id = c.id
 WHERE (c.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM auth_api.users u WHERE u.id = c.user_id))
    OR (i.product_id IS NOT NULL AND NOT EXISTS (SELECT FROM product_api.products p WHERE p.id = i.product_id))
    OR (i.variant_id IS NOT NULL AND NOT EXISTS (SELECT FROM product_api.product_variants v WHERE v.id = i.variant_id));
SELECT pg_temp.ok((SELECT array_agg(format('%s: %s.%s, %s', format('%s.%s', r.relation, r.column_name), r.service, r.entity, r.on_delete) ORDER BY r.relation::text, r.column_name)
                     FROM svc.references_declared r WHERE r.mode = 'async')
                  = (SELECT array_agg(f.place || f.target ORDER BY f.place) FROM referring f WHERE f.service = :'service'),
                  'ids of other services are checked against their contracts, by a worker');
SELECT pg_temp.ok(bool_and(trigger = 'enabled') AND count(*) = 6, 'with triggers that are as declared') FROM svc.reference_status;
SELECT pg_temp.ok(bool_and((v.product_sku, v.product_name, v.variant_name, v.image_url)
                           IS NOT DISTINCT FROM (p.sku, p.name, x.name, m.url)) AND count(*) = 10,
                  'cart_view has what the product service shows')
  FROM public.cart_view v
  LEFT JOIN product_api.products p ON p.id = v.product_id
  LEFT JOIN product_api.product_variants x ON x.id = v.variant_id
  LEFT JOIN product_api.product_images m ON m.product_id = v.product_id;
SELECT pg_temp.ok(array_agg(code ORDER BY code) = '{BOOKS5,COMEBACK,FREESHIP,LASTTHREE,SPRING25,WELCOME10}',
                  'codes that are over, off or yet to come are not seen from here')
  FROM promotion_api.promo_codes;
SELECT pg_temp.ok(bool_and(c.item_count = (SELECT count(*) FROM public.cart_items i WHERE i.cart_id = c.id)),
                  'carts.item_count is the number of lines')
  FROM public.carts c;
SET SESSION AUTHORIZATION :"cart_user";
INSERT INTO public.wishlist_items (wishlist_id, product_id)
SELECT w.id, p.id FROM public.wishlists w, product_api.products p WHERE w.name = 'Some day' AND p.brand = 'Nordlys';
DELETE FROM public.wishlist_items i USING public.wishlists w WHERE w.id = i.wishlist_id AND w.name = 'Birthday';
UPDATE public.saved_carts SET name = 'Sometime' WHERE name = 'Later';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(w.item_count ORDER BY w.name) = '{0,3,3,2}', 'things put on wishlists and taken off are counted')
  FROM public.wishlists w;
SELECT pg_temp.ok(array_agg(s.name::text) = '{Sometime}', 'saved_carts.updated_at keeps itself')
  FROM public.saved_carts s WHERE updated_at = now();
SET SESSION AUTHORIZATION :"cart_user";
SELECT string_agg(relation || ' ' || deleted, ', ' ORDER BY relation::text) AS expired FROM svc.expire_now() \gset
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(:'expired' ~ '^reference_validation_log [02], saved_carts [02]$', 'saved carts and old log lines go, or a worker has taken them');
ROLLBACK;

-- promotion

\set service promotion
\set db :promotion_db
\ir databases_test_service.sql

SELECT pg_temp.ok(count(*) = 0, 'the customers, products and categories of promotions are known to their services')
  FROM public.promo_usage u
 WHERE NOT EXISTS (SELECT FROM auth_api.users a WHERE a.id = u.user_id);
SELECT pg_temp.ok(bool_and(c.product_ids <@ ARRAY(SELECT id FROM product_api.products)
                           AND c.category_ids <@ ARRAY(SELECT id FROM product_api.categories)),
                  'and so are products and categories')
  FROM public.promo_codes c;
SELECT pg_temp.ok((SELECT array_agg(format('%s: %s.%s, %s', format('%s.%s', r.relation, r.column_name), r.service, r.entity, r.on_delete) ORDER BY r.relation::text, r.column_name)
                     FROM svc.references_declared r WHERE r.mode = 'async')
                  = (SELECT array_agg(f.place || f.target ORDER BY f.place) FROM referring f WHERE f.service = :'service'),
                  'ids of other services are checked against their contracts, by a worker');
SELECT pg_temp.ok(bool_and(trigger = 'enabled') AND count(*) = 6, 'with triggers that are as declared') FROM svc.reference_status;
SELECT pg_temp.ok(bool_and(c.usage_count = (SELECT count(*) FROM public.promo_usage u WHERE u.promo_code_id = c.id))
                  AND sum(c.usage_count) = 11,
                  'promo_codes.usage_count is the number of uses')
  FROM public.promo_codes c;
SELECT pg_temp.ok(pg_temp.outcome(:'promotion_user', format(
           'INSERT INTO public.promo_usage (promo_code_id, user_id, cart_id, order_total, discount_amount)
            SELECT id, gen_random_uuid(), gen_random_uuid(), 999, 50
              FROM public.promo_codes, generate_series(1, %s) WHERE code = ''LASTTHREE''', v.uses)) = v.outcome,
                  format('LASTTHREE, used twice, can be used %s', v.description))
  FROM (VALUES (1, 'done', 'a third time'), (2, '23514', 'no fourth time')) v (uses, outcome, description);
SELECT pg_temp.ok(sum(n) = 0, 'a recount finds nothing to mend')
  FROM (VALUES ('public.promo_usage'), ('public.campaign_promo_codes')) v (source)
 CROSS JOIN LATERAL svc.recount(v.source::regclass) n;
SELECT jsonb_build_object('codes', (SELECT count(*) FROM public.promo_codes), 'uses', (SELECT sum(usage_count) FROM public.promo_codes)) AS new_shop \gset
ROLLBACK;

-- The legacy database

\connect :poc :admin
BEGIN;
\ir test_common.sql
SELECT pg_temp.ok(count(*) = 22 AND bool_and(c.relowner = to_regrole(:'poc_user')), 'poc has all 22 tables, and they belong to poc_user')
  FROM pg_class c
 WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace;
SELECT pg_temp.ok(count(*) = 11, 'with the foreign keys that lead from one service''s tables to another''s')
  FROM pg_constraint k
  JOIN expected a ON (SELECT relname FROM pg_class WHERE oid = k.conrelid) = ANY (a.tables)
  JOIN expected b ON (SELECT relname FROM pg_class WHERE oid = k.confrelid) = ANY (b.tables)
 WHERE k.contype = 'f' AND a.service <> b.service;
SELECT pg_temp.ok(NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'svc_ownership'), 'nothing in it is ours');
SELECT pg_temp.ok(bool_and(NOT has_database_privilege(e.login, :'poc', 'CONNECT')), 'no service''s login gets in')
  FROM expected e;
SELECT pg_temp.ok(NOT bool_or(has_database_privilege(:'poc_user', d.datname, 'CONNECT')), 'and its user does not get into theirs')
  FROM pg_database d WHERE d.datname IN (:'auth_db', :'product_db', :'cart_db', :'promotion_db');
SELECT pg_temp.ok(jsonb_build_object('codes', count(*), 'uses', sum(usage_count)) = :'new_shop', 'both have the same codes and uses')
  FROM promo_codes;
ROLLBACK;
\connect :admin_db :admin
