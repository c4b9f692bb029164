-- Checks what install.sql made: psql -X -d postgres -f test.sql, as a superuser,
-- with the same variables.  It prints a plan and one line a check, "ok - ..." or
-- "not ok - ...", and changes nothing: everything it tries is rolled back.

\set QUIET on
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
\ir names.sql

\echo 1..136

-- auth

\connect :authdb :super :super_host :super_port
\set service auth
\set database :authdb
\set schema public
\set owner :prefix auth_owner
\set login :auth_login
\set tables '{addresses,refresh_tokens,revoked_tokens,users}'
\set others '{' :restaurantdb ',' :orderdb ',' :paymentdb '}'
\ir ../checks.sql

SELECT pg_temp.ok(array_agg(entity || ': ' || array_to_string(columns, ',') ORDER BY entity)
                  = '{"addresses: id,user_id,label,street,city,postcode,country,latitude,longitude,instructions","users: id,full_name,phone,role,is_active"}',
                  'auth shows users and addresses, without e-mail and password')
  FROM svc.entities WHERE place = 'local';
SELECT pg_temp.ok(array_agg(consumer || coalesce(' ' || entity, '') || ' in ' || database ORDER BY consumer)
                  = ARRAY['order in ' || :'orderdb', 'restaurant users in ' || :'restaurantdb'],
                  'svc.consumers: order reads all of it, in ' || :'orderdb' || ', and restaurant its users')
  FROM svc.consumers;
SELECT pg_temp.ok(array_agg(service || '.' || store || ' ' || engine ORDER BY store) = '{"auth.sessions redis","auth.tokens redis"}',
                  'sessions and tokens are recorded as stores in Redis')
  FROM svc.stores;

SELECT pg_temp.ok(sum(address_count) = 7 AND max(address_count) = 3, 'users.address_count counts addresses') FROM users;
SELECT pg_temp.ok(pg_temp.outcome(:'login', format(
           'INSERT INTO addresses (user_id, label, street, city, postcode, country)
            SELECT u.id, ''more '' || n, ''Uferweg 1'', ''Berlin'', ''10997'', ''DE''
              FROM users u, generate_series(1, %s) n WHERE u.email = ''greta@example.com''', v.more)) = v.outcome,
                  format('who has three addresses can have %s', v.description))
  FROM (VALUES (7, 'done', 'seven more'), (8, '23514', 'no eight more')) v (more, outcome, description);
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'INSERT INTO users (email, password_hash, full_name) VALUES (''ADA@example.com'', ''x'', ''Ada'')') = '23505',
                  'an e-mail address is one account, however it is typed');

SET SESSION AUTHORIZATION :"login";
UPDATE users SET updated_at = '2001-01-01' WHERE email = 'hugo@example.com';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(array_agg(email::text) = '{hugo@example.com}', 'users.updated_at is now where a row was updated, whatever the client wrote')
  FROM users WHERE updated_at = now();

SELECT pg_temp.ok(array_agg(relation::text || ' ' || keep ORDER BY relation::text) = '{"refresh_tokens 00:00:00","revoked_tokens 00:00:00"}',
                  'tokens go when they expire')
  FROM svc.retentions;
CREATE TEMPORARY TABLE expired AS SELECT x.relation::text AS relation, x.deleted FROM svc.expire_now() x;
SELECT pg_temp.ok(array_agg(relation || ' ' || deleted ORDER BY relation) IN ('{"refresh_tokens 3","revoked_tokens 2"}', '{"refresh_tokens 0","revoked_tokens 0"}'),
                  'three refresh tokens and two revoked ones had expired, if no worker has been here')
  FROM expired;
SELECT pg_temp.ok(count(*) = 5 AND count(revoked_at) = 1 AND bool_and(expires_at > now()), 'the others are there, also the one that was revoked')
  FROM refresh_tokens;
SELECT pg_temp.ok(count(*) = 2 AND bool_and(expires_at > now()), 'and tokens that are revoked stay so while somebody could use them') FROM revoked_tokens;
ROLLBACK;

-- restaurant

\connect :restaurantdb :super :super_host :super_port
\set service restaurant
\set database :restaurantdb
\set owner :prefix restaurant_owner
\set login :restaurant_login
\set tables '{items,menus,restaurants}'
\set others '{' :authdb ',' :orderdb ',' :paymentdb '}'
\ir ../checks.sql

SELECT pg_temp.ok(array_agg(entity || ': ' || array_to_string(columns, ',') ORDER BY entity)
                  = '{"items: id,menu_id,name,price,is_available","menus: id,restaurant_id,name,version,served_from,served_to","restaurants: id,name,slug,city,currency,is_open,delivery_fee,min_order"}',
                  'restaurant shows what can be ordered, not what it costs')
  FROM svc.entities WHERE place = 'local';
SELECT pg_temp.ok(array_agg(consumer || coalesce(' ' || entity, '') || ' in ' || database) = ARRAY['order in ' || :'orderdb'],
                  'svc.consumers: order reads all of it, in ' || :'orderdb')
  FROM svc.consumers;
SELECT pg_temp.ok(array_agg(format('%s.%s: %s.%s, %s', relation, column_name, service, entity, mode) ORDER BY column_name)
                  = '{"restaurants.owner_user_id: auth.users, async"}', 'ids of users are checked, by a worker')
  FROM svc.references_declared;
SELECT pg_temp.ok(array_agg(service || '.' || store || ' ' || engine) = '{"restaurant.menus redis"}', 'cached menus are recorded as a store in Redis')
  FROM svc.stores;
SELECT pg_temp.ok(count(*) = 6, 'restaurant_api.menus leaves out the menu that is not served') FROM restaurant_api.menus;

SELECT pg_temp.ok(array_agg(m.item_count ORDER BY m.id) = '{3,2,4,1,4,1,1}', 'menus.item_count counts what is to be had') FROM menus m;
SELECT pg_temp.ok(array_agg(r.menu_count ORDER BY r.id) = '{2,2,1,1}', 'restaurants.menu_count counts menus that are served') FROM restaurants r;
SELECT version AS version_before FROM menus WHERE name = 'Pizza' \gset
SET SESSION AUTHORIZATION :"login";
UPDATE items SET is_available = true WHERE name = 'Tartufo';
UPDATE menus SET is_active = true WHERE name = 'Winter';
RESET SESSION AUTHORIZATION;
SELECT pg_temp.ok(m.item_count = 4, 'an item that is back is counted') FROM menus m WHERE name = 'Pizza';
SELECT pg_temp.ok(m.version > :version_before, 'and moves the version under which the menu is cached') FROM menus m WHERE name = 'Pizza';
SELECT pg_temp.ok(m.updated_at = now(), 'and its updated_at') FROM menus m WHERE name = 'Pizza';
SELECT pg_temp.ok(r.menu_count = 2, 'so is a menu') FROM restaurants r WHERE slug = 'chettinad-house';
SELECT pg_temp.ok(i.indisvalid, 'the index that was built concurrently is valid')
  FROM pg_index i WHERE i.indexrelid = to_regclass('items_search_idx');
ROLLBACK;

-- order

\connect :orderdb :super :super_host :super_port
\set service order
\set database :orderdb
\set owner :prefix order_owner
\set login :order_login
\set tables '{order_items,orders}'
\set others '{' :authdb ',' :restaurantdb ',' :paymentdb '}'
\ir ../checks.sql

SELECT pg_temp.ok(array_agg(service || '.' || entity || ' ' || place ORDER BY service, entity)
                  = '{"auth.addresses foreign","auth.users foreign","order.orders local","restaurant.items foreign","restaurant.menus foreign","restaurant.restaurants foreign"}',
                  'svc.entities: five entities of others, one of its own')
  FROM svc.entities;
SELECT pg_temp.ok(count(*) = 2 AND bool_and(ok), 'both connections work' || coalesce(', but ' || string_agg(detail, '; ') FILTER (WHERE NOT ok), ''))
  FROM svc.check_connections();
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'SELECT * FROM ' || v.view) = 'done', 'order reads ' || v.view)
  FROM (VALUES ('auth_api.users'), ('auth_api.addresses'), ('restaurant_api.restaurants'), ('restaurant_api.menus'), ('restaurant_api.items')) v (view);
SELECT pg_temp.ok(pg_temp.outcome(:'login', c.command) = '42501', 'order cannot: ' || c.command)
  FROM (VALUES ('UPDATE auth_api.users SET is_active = false'), ('DELETE FROM restaurant_api.items'),
               ('SELECT * FROM auth_import.users'), ('SELECT * FROM pg_user_mapping')) c (command);
SELECT pg_temp.ok((SELECT count(*) FROM orders) = (SELECT count(*) FROM orders o
                                                     JOIN auth_api.users u ON u.id = o.user_id
                                                     JOIN auth_api.addresses a ON a.id = o.address_id AND a.user_id = u.id
                                                     JOIN restaurant_api.restaurants r ON r.id = o.restaurant_id),
                  'every order is of a user, goes to one of his addresses and comes from a restaurant');
SELECT pg_temp.ok(count(*) = 22 AND count(m.id) = 22, 'and every line is an item of a menu of that restaurant')
  FROM order_items l
  JOIN orders o ON o.id = l.order_id
  LEFT JOIN restaurant_api.items i ON i.id = l.item_id
  LEFT JOIN restaurant_api.menus m ON m.id = i.menu_id AND m.restaurant_id = o.restaurant_id;
SELECT pg_temp.ok(array_agg(format('%s.%s: %s.%s, %s', relation, column_name, service, entity, mode) ORDER BY column_name)
                  = '{"orders.address_id: auth.addresses, async","order_items.item_id: restaurant.items, async","orders.restaurant_id: restaurant.restaurants, async","orders.user_id: auth.users, async"}',
                  'these are checked, by a worker')
  FROM svc.references_declared;
SELECT pg_temp.ok(count(*) = 4 AND bool_and(EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum)),
                  'every id that belongs to another service has an index')
  FROM pg_attribute a
 WHERE a.attrelid IN ('orders'::regclass, 'order_items'::regclass)
   AND a.attname IN ('user_id', 'address_id', 'restaurant_id', 'item_id');
SELECT pg_temp.ok(bool_and(o.item_count = (SELECT count(*) FROM order_items i WHERE i.order_id = o.id)
                           AND o.total = o.delivery_fee + (SELECT sum(i.line_total) FROM order_items i WHERE i.order_id = o.id)),
                  'orders know how many lines they have, and their total')
  FROM orders o;
SELECT pg_temp.ok(pg_temp.outcome(:'login', format('UPDATE orders SET status = %L WHERE status = %L', v.becomes, v.was)) = v.outcome,
                  format('%s, %s: %s', v.was, v.becomes, v.outcome))
  FROM (VALUES ('on_the_way', 'delivered', 'done'), ('placed', 'cancelled', 'done'), ('on_the_way', 'cancelled', '23514'),
               ('delivered', 'placed', '23514')) v (was, becomes, outcome);
SELECT pg_temp.ok(array_agg(consumer || ' ' || entity || ' in ' || database) = ARRAY['payment orders in ' || :'paymentdb'],
                  'svc.consumers: payment reads orders, in ' || :'paymentdb')
  FROM svc.consumers WHERE service = 'order';
ROLLBACK;

-- payment

\connect :paymentdb :super :super_host :super_port
\set service payment
\set database :paymentdb
\set owner :prefix payment_owner
\set login :payment_login
\set tables '{payments,refunds}'
\set others '{' :authdb ',' :restaurantdb ',' :orderdb '}'
\ir ../checks.sql

SELECT pg_temp.ok(count(*) = 1 AND bool_and(ok), 'its connection works' || coalesce(', but ' || string_agg(detail, '; ') FILTER (WHERE NOT ok), ''))
  FROM svc.check_connections();
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'SELECT * FROM order_api.orders') = 'done', 'payment reads order_api.orders');
SELECT pg_temp.ok(count(*) = 13 AND bool_and(o.total = p.amount), 'what is paid is what the order costs')
  FROM payments p LEFT JOIN order_api.orders o ON o.id = p.order_id;
SELECT pg_temp.ok(array_agg(format('%s.%s: %s.%s, %s', relation, column_name, service, entity, mode))
                  = '{"payments.order_id: order.orders, async"}', 'that an order is there is checked, by a worker')
  FROM svc.references_declared;
SELECT pg_temp.ok(pg_temp.outcome(:'login', 'UPDATE order_api.orders SET total = 0') = '42501', 'payment cannot change that');
SELECT pg_temp.ok(count(*) = 0, 'it does not see where an order goes')
  FROM pg_attribute WHERE attrelid = 'order_api.orders'::regclass AND attname IN ('address_id', 'note');
SELECT pg_temp.ok(sum(refund_count) = 2, 'payments.refund_count counts refunds that did not fail') FROM payments;
SELECT pg_temp.ok(pg_temp.outcome(:'login', format(
           'INSERT INTO refunds (payment_id, amount, reason) SELECT id, amount - %s, ''too late'' FROM payments WHERE idempotency_key = ''order-02-1''', v.rest)) = v.outcome,
                  format('of a payment %s can be paid back', v.description))
  FROM (VALUES (590, 'done', 'all that is left'), (589, '23514', 'not a cent more')) v (rest, outcome, description);
SELECT pg_temp.ok(pg_temp.outcome(:'login',
           'INSERT INTO payments (order_id, amount, method, status, provider, idempotency_key)
            SELECT order_id, amount, method, status, provider, ''again'' FROM payments WHERE idempotency_key = ''order-01-1''') = '23505',
                  'no order is paid twice');
ROLLBACK;

-- All of them

\connect postgres :super :super_host :super_port
SELECT CASE WHEN array_agg(service || ' ' || form ORDER BY service) = '{auth database,order database,payment database,restaurant database}'
            THEN 'ok' ELSE 'not ok' END || ' - svc.services lists all four from any database of the cluster'
  FROM svc.services WHERE database IN (:'authdb', :'restaurantdb', :'orderdb', :'paymentdb');
