-- The event service's ids of users, in a database of its own: what its foreign
-- keys were (../foreign_keys.sql).  Run as the service, when it is connected to
-- the user service.

SELECT svc.create_reference('events', 'host_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('event_attendees', 'user_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('event_qna', 'user_id', 'user', 'users', on_delete => 'delete');
SELECT svc.create_reference('event_qna', 'answered_by', 'user', 'users', on_delete => 'set_null');
SELECT svc.create_reference('reviews', 'reviewer_id', 'user', 'users', on_delete => 'delete');
