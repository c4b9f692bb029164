-- Takes away what install.sql made, databases, data, roles and logins, with the
-- same variables: psql -X -d postgres -f remove.sql, as a superuser.  It goes on
-- after errors, so that it also takes away what an install.sql that stopped has
-- left.

\set ON_ERROR_STOP off
\set QUIET on
\ir names.sql
\o /dev/null

-- Nobody drops a service that others read or refer to: the readers go first
\connect :paymentdb :super :super_host :super_port
SELECT svc.drop_reference(reference) FROM svc.references_declared;
SELECT svc.disconnect('order');
\connect :orderdb :super :super_host :super_port
SELECT svc.drop_reference(reference) FROM svc.references_declared;
SELECT svc.disconnect('auth');
SELECT svc.disconnect('restaurant');
SELECT svc.revoke_contract('order', 'payment', 'orders');
\connect :restaurantdb :super :super_host :super_port
SELECT svc.drop_reference(reference) FROM svc.references_declared;
SELECT svc.disconnect('auth');
\connect :authdb :super :super_host :super_port
SELECT svc.revoke_contract('auth', 'order');
SELECT svc.revoke_contract('auth', 'restaurant', 'users');
\connect :restaurantdb :super :super_host :super_port
SELECT svc.revoke_contract('restaurant', 'order');

\connect postgres :super :super_host :super_port
SELECT svc.drop_service('payment', drop_objects => true, database => :'paymentdb');
SELECT svc.drop_service('order', drop_objects => true, database => :'orderdb');
SELECT svc.drop_service('restaurant', drop_objects => true, database => :'restaurantdb');
SELECT svc.drop_service('auth', drop_objects => true, database => :'authdb');
\o
\unset QUIET
