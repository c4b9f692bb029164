-- Food delivery: four services, each in a database of its own, in one cluster.
-- Run by a superuser, in this directory:
--
--   psql -X -d postgres -f install.sql
--
-- Variables (psql -v name=value):
--   prefix     put before the names of all databases and roles; none by default.
--              Both belong to the whole cluster, so a second copy needs one.
--   host       where the services' logins connect; 127.0.0.1 by default.  They
--              come with a password, so pg_hba.conf must ask for one there.
--   password   the logins' passwords are this, "-" and the service: demo-auth,
--              demo-restaurant, ...  For a machine that others reach, give one.

\set ON_ERROR_STOP on
\set QUIET on
\ir names.sql
SET client_min_messages = warning;
\o /dev/null

-- The services: databases, roles, logins.  Their one login also migrates, so
-- its level is owner.
CREATE EXTENSION IF NOT EXISTS svc_ownership;
SELECT svc.create_service('auth', database => :'authdb', role_prefix => :'prefix' || 'auth',
    login => :'auth_login', password => :'auth_password', login_level => 'owner',
    team => 'identity', description => 'Customers, couriers and their addresses');
SELECT svc.create_service('restaurant', database => :'restaurantdb', role_prefix => :'prefix' || 'restaurant',
    login => :'restaurant_login', password => :'restaurant_password', login_level => 'owner',
    team => 'partners', description => 'Restaurants, menus and what is on them');
SELECT svc.create_service('order', database => :'orderdb', role_prefix => :'prefix' || 'order',
    login => :'order_login', password => :'order_password', login_level => 'owner',
    team => 'ordering', description => 'Orders from the first click to the door');
SELECT svc.create_service('payment', database => :'paymentdb', role_prefix => :'prefix' || 'payment',
    login => :'payment_login', password => :'payment_password', login_level => 'owner',
    team => 'money', description => 'Payments and refunds');

-- Each service as its own login: its migrations, what it shows to others, what
-- it keeps in Redis, whose ids it holds.  One that reads others is connected to
-- them by a superuser before its data come, since these look ids up there.
\connect -reuse-previous=on :as_auth
SET client_min_messages = warning;
\set up `./up.sh services/auth-service/migrations`
:up
\ir contracts/auth.sql
\ir stores/auth.sql
\ir data/auth_data.sql

\connect :restaurantdb :super :super_host :super_port
SET client_min_messages = warning;
SELECT svc.connect('auth', database => :'authdb');

\connect -reuse-previous=on :as_restaurant
SET client_min_messages = warning;
\set up `./up.sh services/restaurant-service/migrations`
:up
\ir contracts/restaurant.sql
\ir stores/restaurant.sql
\ir references/restaurant.sql
\ir data/restaurant_data.sql

\connect :orderdb :super :super_host :super_port
SET client_min_messages = warning;
SELECT svc.connect('auth', database => :'authdb');
SELECT svc.connect('restaurant', database => :'restaurantdb');

\connect -reuse-previous=on :as_order
SET client_min_messages = warning;
\set up `./up.sh services/order-service/migrations`
:up
\ir contracts/order.sql
\ir references/order.sql
\ir data/order_data.sql

\connect :paymentdb :super :super_host :super_port
SET client_min_messages = warning;
SELECT svc.connect('order', database => :'orderdb');

\connect -reuse-previous=on :as_payment
SET client_min_messages = warning;
\set up `./up.sh services/payment-service/migrations`
:up
\ir references/payment.sql
\ir data/payment_data.sql

\connect postgres :super :super_host :super_port
\o
\unset QUIET
