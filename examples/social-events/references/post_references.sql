-- The post service's ids of users and events, in a database of its own: what its
-- foreign keys were (../foreign_keys.sql).  Run as the service, when it is
-- connected to both.

SELECT svc.create_reference('posts', 'author_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('posts', 'event_id', 'event', 'events', on_delete => 'set_null');
SELECT svc.create_reference('posts', 'attached_event_id', 'event', 'events', on_delete => 'set_null');
SELECT svc.create_reference('comments', 'author_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('likes', 'user_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('reposts', 'user_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('bookmarks', 'user_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('shares', 'user_id', 'user', 'users', on_delete => 'delete');
