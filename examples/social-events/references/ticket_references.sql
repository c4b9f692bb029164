-- The ticket service's ids of users and events, in a database of its own: what its
-- foreign keys were (../foreign_keys.sql).  Run as the service, when it is
-- connected to both.  Tickets are accounts: a foreign key kept who they name from
-- being deleted; nobody can in another database, so it is reported.

SELECT svc.create_reference('tickets', 'user_id', 'user', 'users');
SELECT svc.create_reference('tickets', 'event_id', 'event', 'events');
