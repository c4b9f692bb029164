-- Names of databases, roles and logins, from the variables that install.sql
-- describes; as_auth and so on are how a service's own login connects.
\if :{?prefix}
\else
  \set prefix ''
\endif
\if :{?host}
\else
  \set host 127.0.0.1
\endif
\if :{?password}
\else
  \set password demo
\endif

\set authdb :prefix authdb
\set restaurantdb :prefix restaurantdb
\set orderdb :prefix orderdb
\set paymentdb :prefix paymentdb

\set auth_login :prefix auth_service
\set restaurant_login :prefix restaurant_service
\set order_login :prefix order_service
\set payment_login :prefix payment_service

\set auth_password :password -auth
\set restaurant_password :password -restaurant
\set order_password :password -order
\set payment_password :password -payment

\set as_auth 'host=' :host ' dbname=' :authdb ' user=' :auth_login ' password=' :auth_password
\set as_restaurant 'host=' :host ' dbname=' :restaurantdb ' user=' :restaurant_login ' password=' :restaurant_password
\set as_order 'host=' :host ' dbname=' :orderdb ' user=' :order_login ' password=' :order_password
\set as_payment 'host=' :host ' dbname=' :paymentdb ' user=' :payment_login ' password=' :payment_password

-- Who runs this, and where: \connect comes back with these
\set super :USER
\set super_host :HOST
\set super_port :PORT
